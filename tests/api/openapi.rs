//! The document at `/api/openapi.json` is true: it is walked, and every call in it is made.

use crate::common::operator::{Answer, NewDevice, Operator};
use crate::credentials::certificate;
use crate::harness::{assert_shape, ok, start, start_with, Api, ADMIN, NOBODY, PASSWORD};
use serde_json::{json, Value};
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

/// One operation of the document.
struct Operation {
    method: String,
    path: String,
    says: Value,
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().expect("paths");
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("item").iter();
        methods.map(|(method, says)| Operation {
            method: method.to_uppercase(),
            path: path.clone(),
            says: says.clone(),
        })
    });
    each.collect()
}

/// What a call needs.
#[derive(Clone, Debug, Default)]
struct Call {
    path: String,
    body: String,
    /// By somebody who may not.
    forbidden: bool,
}

/// The things that calls are about.
struct World {
    api: Api,
    online: NewDevice,
    offline: NewDevice,
    rpc: String,
    device: Value,
    credentials: Value,
    profile: Value,
    user: String,
    key: String,
    /// May look, and nothing else.
    reader: String,
}

impl World {
    fn new() -> Self {
        let api = start_with(|config| {
            config.admin.login_attempts = 3;
            config.api.max_body = industryos_iot::model::units::ByteSize(100_000);
        });
        let online = api.create_device("online");
        api.connect(&online.token).expect("a session").serve();
        let offline = api.create_device("offline");
        let device = ok(api.get(&format!("/api/device/{}", offline.id)));
        let credentials = ok(api.get(&format!("/api/device/{}/credentials", offline.id)));
        let profile = ok(api.post("/api/deviceProfile", &json!({"name": "pumps"})));
        let mut world = World {
            api,
            online,
            offline,
            rpc: String::new(),
            device,
            credentials,
            profile,
            user: String::new(),
            key: String::new(),
            reader: String::new(),
        };
        world.user = world.new_user();
        world.key = world.new_key()["id"]["id"].as_str().unwrap().to_owned();
        world.reader = world.new_key()["value"].as_str().unwrap().to_owned();
        world.new_rpc();
        world
    }

    fn new_rpc(&mut self) {
        let body = json!({"method": "m", "persistent": true, "timeout": 60_000});
        let path = format!("/api/rpc/twoway/{}", self.offline.id);
        let taken = ok(self.api.post(&path, &body));
        self.rpc = taken["rpcId"].as_str().expect("rpcId").to_owned();
    }

    fn new_user(&self) -> String {
        let made = ok(self.api.post("/api/user", &user()));
        made["id"]["id"].as_str().expect("id").to_owned()
    }

    /// A viewer's, for reading only.
    fn new_key(&self) -> Value {
        let order = json!({"description": "k", "role": "VIEWER", "readOnly": true});
        ok(self.api.post("/api/apiKey", &order))
    }

    /// The path with its parameters: ids of things that exist, or `id` for all of them.
    fn path(&self, template: &str, id: Option<&str>) -> String {
        let profile = self.profile["id"]["id"].as_str().unwrap();
        template
            .replace("{entityType}", "DEVICE")
            .replace("{entityId}", id.unwrap_or(&self.offline.id))
            .replace("{deviceId}", id.unwrap_or(&self.offline.id))
            .replace("{deviceProfileId}", id.unwrap_or(profile))
            .replace("{rpcId}", id.unwrap_or(&self.rpc))
            .replace("{userId}", id.unwrap_or(&self.user))
            .replace("{apiKeyId}", id.unwrap_or(&self.key))
            .replace("{scope}", "SERVER_SCOPE")
            .replace("{ttl}", "0")
    }

    /// A call that must succeed.
    fn good(&self, operation: &Operation) -> Call {
        let mut call = Call {
            path: self.path(&operation.path, None),
            ..Call::default()
        };
        match (operation.method.as_str(), operation.path.as_str()) {
            ("POST", "/api/auth/login") => call.body = login(PASSWORD),
            ("POST", "/api/auth/token") => {
                let pair = self
                    .api
                    .anonymous("POST", "/api/auth/login", &login(PASSWORD));
                call.body = json!({"refreshToken": pair.json["refreshToken"]}).to_string();
            }
            ("POST", "/api/auth/changePassword") => {
                call.body =
                    json!({"currentPassword": PASSWORD, "newPassword": PASSWORD}).to_string();
            }
            ("POST", "/api/device") => call.body = json!({"name": unique()}).to_string(),
            ("POST", "/api/device-with-credentials") => {
                call.body = with_credentials(json!({"name": unique()})).to_string();
            }
            ("POST", "/api/device/credentials") => call.body = self.credentials.to_string(),
            ("POST", "/api/device/{deviceId}/credentials/certificate") => {
                let other = self.api.create_device(&unique());
                call.path = call.path.replace(&self.offline.id, &other.id);
                let certificate = certificate(&unique()).certificate.to_pem();
                call.body = String::from_utf8(certificate.unwrap()).unwrap();
            }
            ("POST", "/api/deviceProfile") => call.body = json!({"name": unique()}).to_string(),
            ("POST", "/api/user") => call.body = user().to_string(),
            ("POST", "/api/user/{userId}/password") => {
                call.body = json!({"password": "long-enough"}).to_string();
            }
            ("DELETE", "/api/user/{userId}") => {
                call.path = format!("/api/user/{}", self.new_user());
            }
            ("POST", "/api/apiKey") => call.body = json!({"description": "k"}).to_string(),
            ("DELETE", "/api/apiKey/{apiKeyId}") => {
                let made = self.new_key();
                call.path = format!("/api/apiKey/{}", made["id"]["id"].as_str().unwrap());
            }
            ("POST", path) if path.contains("rpc") => {
                call.path = call.path.replace(&self.offline.id, &self.online.id);
                call.body = json!({"method": "m", "params": {}}).to_string();
            }
            ("POST", path) if path.contains("telemetry") => {
                call.body = json!({"t": 1}).to_string();
            }
            ("DELETE", path) if path.ends_with("timeseries/delete") => {
                call.path += "?keys=t&deleteAllDataForKeys=true";
            }
            ("DELETE", path) if path.contains("telemetry") => call.path += "?keys=t",
            ("DELETE", "/api/device/{deviceId}") => {
                call.path = format!("/api/device/{}", self.api.create_device(&unique()).id);
            }
            ("DELETE", "/api/deviceProfile/{deviceProfileId}") => {
                let made = self
                    .api
                    .post("/api/deviceProfile", &json!({"name": unique()}));
                let id = made.json["id"]["id"].as_str().unwrap().to_owned();
                call.path = format!("/api/deviceProfile/{id}");
            }
            ("GET", "/api/tenant/device") => call.path += "?deviceName=offline",
            ("GET", "/api/devices") => call.path += &format!("?deviceIds={}", self.offline.id),
            ("GET", path) if path.ends_with("history") => call.path += "?startTs=0&endTs=1",
            ("GET", path) if is_page(path) => call.path += "?pageSize=10&page=0",
            _ => {}
        }
        call
    }

    /// A call that must end with this status.
    fn failing(&self, operation: &Operation, status: u16) -> Call {
        let good = self.good(operation);
        let path = operation.path.as_str();
        let body = |body: Value| Call {
            body: body.to_string(),
            ..good.clone()
        };
        match status {
            403 => Call {
                forbidden: true,
                ..good
            },
            400 if path.contains('{') => Call {
                path: self.path(path, Some("x")),
                ..good
            },
            400 if operation.method == "POST" => Call {
                body: "{".to_owned(),
                ..good
            },
            400 => Call {
                path: path.to_owned(),
                ..good
            },
            404 if path.contains('{') => {
                let query = good.path.split_once('?').map_or("", |(_, query)| query);
                Call {
                    path: format!("{}?{query}", self.path(path, Some(NOBODY))),
                    ..good
                }
            }
            404 if operation.method == "GET" => Call {
                path: format!("{path}?deviceName=nobody"),
                ..good
            },
            404 if path == "/api/device/credentials" => {
                let mut record = self.credentials.clone();
                record["deviceId"]["id"] = json!(NOBODY);
                body(record)
            }
            404 => body(self.entity(path, json!({"id": {"id": NOBODY}, "name": "x"}))),
            409 if path.contains("rpc") => Call {
                path: self.path(path, None),
                body: rpc("m"),
                forbidden: false,
            },
            409 if path == "/api/device/credentials" => {
                let mut record = self.credentials.clone();
                record["version"] = json!(999);
                record["credentialsId"] = json!("other");
                body(record)
            }
            409 => {
                let mut record = match path {
                    "/api/deviceProfile" => self.profile.clone(),
                    _ => self.device.clone(),
                };
                record["version"] = json!(999);
                body(self.entity(path, record))
            }
            406 => Call {
                body: rpc("text"),
                ..good
            },
            408 if path.contains("oneway") => Call {
                body: rpc("lost"),
                ..good
            },
            408 => Call {
                body: rpc("silent"),
                ..good
            },
            504 => Call {
                path: self.path(path, None),
                body: rpc("m"),
                forbidden: false,
            },
            413 => Call {
                body: format!("\"{}\"", "x".repeat(100_001)),
                ..good
            },
            401 if path == "/api/auth/login" => body(json!({"username": "x", "password": "y"})),
            401 if path == "/api/auth/token" => body(json!({"refreshToken": "x"})),
            429 if path == "/api/auth/login" => Call {
                body: login("wrong"),
                ..good
            },
            429 => body(json!({"currentPassword": "wrong", "newPassword": "long-enough"})),
            other => panic!("{path}: no way known to get {other}"),
        }
    }

    fn entity(&self, path: &str, record: Value) -> Value {
        match path {
            "/api/device-with-credentials" => with_credentials(record),
            _ => record,
        }
    }

    fn call(&self, operation: &Operation, call: &Call) -> Answer {
        if call.forbidden {
            let key = format!("ApiKey {}", self.reader);
            let headers = [("X-Authorization", key.as_str())];
            let (method, path) = (&operation.method, &call.path);
            return self.api.with_headers(method, path, &headers, &call.body);
        }
        // These two end the session they are called in.
        let session =
            operation.path.ends_with("logout") || operation.path.ends_with("changePassword");
        if session && call.body.contains("wrong") {
            self.api.call(&operation.method, &call.path, &call.body)
        } else if session {
            let other = Operator::login(&self.api.base, ADMIN, PASSWORD);
            other.call(&operation.method, &call.path, &call.body)
        } else {
            self.api.call(&operation.method, &call.path, &call.body)
        }
    }
}

fn user() -> Value {
    json!({"email": unique(), "authority": "CUSTOMER_USER"})
}

fn login(password: &str) -> String {
    json!({"username": ADMIN, "password": password}).to_string()
}

fn with_credentials(device: Value) -> Value {
    json!({
        "device": device,
        "credentials": {"credentialsType": "ACCESS_TOKEN", "credentialsId": unique()},
    })
}

fn rpc(method: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64;
    json!({"method": method, "expirationTime": now + 400}).to_string()
}

fn unique() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn is_page(path: &str) -> bool {
    let ends = [
        "/devices",
        "/deviceInfos",
        "/all",
        "/deviceProfiles",
        "/deviceProfileInfos",
        "/users",
        "/apiKeys",
        "/audit/logs",
    ];
    path != "/api/devices"
        && (ends.iter().any(|end| path.ends_with(end)) || path.contains("persistent/device"))
}

fn document(api: &Api) -> Value {
    ok(api.anonymous("GET", "/api/openapi.json", ""))
}

#[test]
fn every_route_is_documented_and_every_documented_call_is_a_route() {
    let api = start();
    let documented: BTreeSet<(String, String)> = operations(&document(&api))
        .into_iter()
        .map(|operation| (operation.method, operation.path))
        .collect();
    let routes: BTreeSet<(String, String)> = industryos_iot::api::routes()
        .into_iter()
        .map(|(method, path)| (method, path.to_owned()))
        .collect();
    assert_eq!(documented, routes);
    assert!(documented.len() > 50, "{}", documented.len());
    // Methods beside the documented ones do not exist.
    for (_, path) in &documented {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let known = documented.contains(&(method.to_owned(), path.clone()));
            let answer = api.anonymous(method, path, "");
            let missing =
                [404, 405].contains(&answer.status) || answer.text.contains("method not supported");
            assert_eq!(missing, !known, "{method} {path}: {}", answer.text);
        }
    }
}

#[test]
fn calls_need_a_token_exactly_where_the_document_says_so() {
    let api = start();
    for operation in operations(&document(&api)) {
        let answer = api.anonymous(&operation.method, &operation.path, "");
        let closed = operation.says["security"].is_array();
        let place = format!("{} {}", operation.method, operation.path);
        assert_eq!(answer.status == 401, closed, "{place}: {}", answer.text);
        if closed {
            assert_shape(&answer);
            assert!(operation.says["responses"]["401"].is_object(), "{place}");
        }
    }
}

#[test]
fn every_documented_success_comes_and_has_the_documented_shape() {
    let mut world = World::new();
    let document = document(&world.api);
    let mut all = operations(&document);
    // Voids every other token: last.
    all.sort_by_key(|operation| operation.path.ends_with("changePassword"));
    for operation in all {
        let place = format!("{} {}", operation.method, operation.path);
        let answer = world.call(&operation, &world.good(&operation));
        assert_eq!(answer.status, 200, "{place}: {}", answer.text);
        match operation.says["responses"]["200"].pointer("/content/application~1json/schema") {
            None => assert_eq!(answer.text, "", "{place}"),
            Some(schema) => fits(&document, schema, &answer.json, &place),
        }
        world.profile = match place.as_str() {
            "POST /api/deviceProfile/{deviceProfileId}/default" => answer.json,
            _ => world.profile,
        };
        if operation.method == "DELETE" && operation.path.contains("{rpcId}") {
            world.new_rpc();
        }
    }
}

#[test]
fn every_documented_failure_comes_in_the_one_error_shape() {
    let world = World::new();
    let (mut walked, mut last) = (0, Vec::new());
    for operation in operations(&document(&world.api)) {
        let statuses = operation.says["responses"].as_object().expect("responses");
        for status in statuses
            .keys()
            .filter_map(|status| status.parse::<u16>().ok())
        {
            let guarded = status == 401 && operation.says["security"].is_array();
            if status == 429 {
                last.push((
                    operation.method.clone(),
                    operation.path.clone(),
                    operation.says.clone(),
                ));
            } else if status != 200 && !guarded {
                let call = world.failing(&operation, status);
                let answer = world.call(&operation, &call);
                let place = format!("{} {}", operation.method, operation.path);
                assert_eq!(answer.status, status, "{place}: {}", answer.text);
                assert_shape(&answer);
                walked += 1;
            }
        }
    }
    assert!(walked > 80, "{walked}");
    // Throttling last: it shuts the door for the others.
    for (method, path, says) in last {
        let operation = Operation { method, path, says };
        let call = world.failing(&operation, 429);
        let mut answer = world.call(&operation, &call);
        for _ in 0..4 {
            answer = world.call(&operation, &call);
        }
        assert_eq!(answer.status, 429, "{}: {}", operation.path, answer.text);
        assert_shape(&answer);
    }
}

/// Whether a value has the documented type, and no member that is not documented.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let found = document.pointer(reference.trim_start_matches('#'));
        return fits(document, found.expect("a component"), value, place);
    }
    if let (Some(properties), Some(members)) = (schema["properties"].as_object(), value.as_object())
    {
        for (name, member) in members {
            let property = properties.get(name);
            let property = property.unwrap_or_else(|| panic!("{place}: {name} is not documented"));
            fits(document, property, member, &format!("{place}.{name}"));
        }
        for name in properties.keys() {
            assert!(members.contains_key(name), "{place}: {name} is missing");
        }
    }
    if let (Some(items), Some(elements)) = (schema.get("items"), value.as_array()) {
        for element in elements {
            fits(document, items, element, place);
        }
    }
    let right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string() || value.is_null(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    assert!(right, "{place}: {value} is no {schema}");
}
