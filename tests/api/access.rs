//! Who may do what at the operator REST: roles, API keys, the list of users.

use crate::common::operator::{Answer, Operator};
use crate::harness::{assert_shape, ok, start, start_with, Api, ADMIN, NOBODY, PASSWORD};
use serde_json::{json, Value};

const OTHER: &str = "another-password-for-tests";

fn new_user(api: &Api, name: &str, role: &str) -> String {
    let order = json!({"email": name, "role": role, "password": OTHER});
    let made = ok(api.post("/api/user", &order));
    made["id"]["id"].as_str().expect("id").to_owned()
}

fn new_key(operator: &Operator, order: Value) -> Value {
    ok(operator.post("/api/apiKey", &order))
}

fn with_key(api: &Api, key: &str, method: &str, path: &str, body: &str) -> Answer {
    let header = format!("ApiKey {key}");
    api.with_headers(method, path, &[("X-Authorization", &header)], body)
}

/// What the roles are meant to be, said once more and in other words than the server's table.
fn may(role: &str, method: &str, path: &str) -> bool {
    let users = path.starts_with("/api/user") && path != "/api/user/devices";
    let of_administrators = users || path.starts_with("/api/audit");
    let own_account = path.starts_with("/api/auth/") || path.starts_with("/api/apiKey");
    let secret = path == "/api/device/{deviceId}/credentials";
    match role {
        "ADMINISTRATOR" => true,
        "OPERATOR" => !of_administrators,
        "VIEWER" => !of_administrators && (own_account || (method == "GET" && !secret)),
        "reading key" => may("OPERATOR", method, path) && method == "GET",
        other => panic!("{other}"),
    }
}

#[test]
fn every_call_is_open_to_its_roles_and_to_nobody_else() {
    let api = start();
    for role in ["VIEWER", "OPERATOR", "ADMINISTRATOR"] {
        new_user(&api, role, role);
    }
    let operator = Operator::login(&api.base, "OPERATOR", OTHER);
    let order = json!({"readOnly": true});
    let key = new_key(&operator, order)["value"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut refused = 0;
    for (method, template) in industryos_iot::api::routes() {
        if ["/api/auth/login", "/api/auth/token", "/api/openapi.json"].contains(&template) {
            continue;
        }
        let path = template
            .replace("{entityType}", "DEVICE")
            .replace("{scope}", "SERVER_SCOPE")
            .replace("{ttl}", "0");
        let path = path.split('/').map(|part| match part.starts_with('{') {
            true => NOBODY,
            false => part,
        });
        let path = path.collect::<Vec<_>>().join("/");
        for role in ["VIEWER", "OPERATOR", "ADMINISTRATOR", "reading key"] {
            // A new login each time: some calls end theirs.
            let answer = match role {
                "reading key" => with_key(&api, &key, &method, &path, ""),
                role => Operator::login(&api.base, role, OTHER).call(&method, &path, ""),
            };
            let place = format!("{role}: {method} {template}: {}", answer.text);
            assert_ne!(answer.status, 401, "{place}");
            assert_eq!(
                answer.status != 403,
                may(role, &method, template),
                "{place}"
            );
            if answer.status == 403 {
                assert_shape(&answer);
                assert_eq!(answer.json["errorCode"], 20, "{place}");
                refused += 1;
            }
        }
    }
    assert!(refused > 60, "{refused}");
}

#[test]
fn users_are_made_listed_changed_disabled_and_deleted() {
    let api = start();
    let made = ok(api.post(
        "/api/user",
        &json!({"email": "vera", "authority": "CUSTOMER_USER"}),
    ));
    assert_eq!(
        (&made["role"], &made["authority"]),
        (&json!("VIEWER"), &json!("CUSTOMER_USER"))
    );
    let password = made["generatedPassword"].as_str().expect("shown once");
    let id = made["id"]["id"].as_str().unwrap();
    let vera = Operator::login(&api.base, "vera", password);
    assert_eq!(ok(vera.get("/api/auth/user"))["role"], "VIEWER");
    let again = json!({"email": "VERA", "role": "VIEWER"});
    let taken = api.post("/api/user", &again);
    assert_eq!((taken.status, &taken.json["errorCode"]), (400, &json!(31)));
    let listed = ok(api.get("/api/users?pageSize=10&page=0"));
    assert_eq!(listed["totalElements"], 2);
    assert!(
        !listed.to_string().to_lowercase().contains("password"),
        "{listed}"
    );
    let change = json!({"id": made["id"], "email": "vera", "role": "OPERATOR", "firstName": "V"});
    let changed = ok(api.post("/api/user", &change));
    assert_eq!(
        (&changed["role"], &changed["firstName"]),
        (&json!("OPERATOR"), &json!("V"))
    );
    assert_eq!(
        vera.post("/api/device", &json!({"name": "d"})).status,
        200,
        "at once"
    );
    let set = format!("/api/user/{id}/password");
    assert_eq!(api.post(&set, &json!({"password": "short"})).status, 400);
    ok_empty(api.post(&set, &json!({"password": OTHER})));
    assert_eq!(
        vera.get("/api/auth/user").status,
        401,
        "its tokens are void"
    );
    let vera = Operator::login(&api.base, "vera", OTHER);
    let enable = format!("/api/user/{id}/userCredentialsEnabled?userCredentialsEnabled=");
    ok_empty(api.post(&format!("{enable}false"), &Value::Null));
    assert_eq!(vera.get("/api/auth/user").status, 401);
    let body = json!({"username": "vera", "password": OTHER}).to_string();
    let refused = api.anonymous("POST", "/api/auth/login", &body);
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json["message"], "User account is not active");
    ok_empty(api.post(&format!("{enable}true"), &Value::Null));
    Operator::login(&api.base, "vera", OTHER);
    ok_empty(api.delete(&format!("/api/user/{id}")));
    assert_eq!(api.get(&format!("/api/user/{id}")).status, 404);
    assert_eq!(api.anonymous("POST", "/api/auth/login", &body).status, 401);
}

fn ok_empty(answer: Answer) {
    assert_eq!((answer.status, &*answer.text), (200, ""));
}

#[test]
fn an_administrator_that_is_read_and_written_back_stays_one_and_the_last_one_stays() {
    let api = start();
    let me = ok(api.get("/api/auth/user"));
    assert_eq!(
        me["authority"], "TENANT_ADMIN",
        "what ThingsBoard's tools ask for"
    );
    let mut back = me.clone();
    back.as_object_mut().unwrap().remove("role");
    assert_eq!(ok(api.post("/api/user", &back))["role"], "ADMINISTRATOR");
    back["role"] = json!("VIEWER");
    let refused = api.post("/api/user", &back);
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json["message"],
        "At least one enabled administrator must remain"
    );
    let id = me["id"]["id"].as_str().unwrap();
    assert_eq!(api.delete(&format!("/api/user/{id}")).status, 400);
    let disable = format!("/api/user/{id}/userCredentialsEnabled?userCredentialsEnabled=false");
    assert_eq!(api.post(&disable, &Value::Null).status, 400);
    ok(api.get("/api/auth/user"));
}

#[test]
fn an_api_key_is_shown_once_works_until_it_is_revoked_and_is_listed_without_itself() {
    let api = start();
    let made = new_key(&api, json!({"description": "dashboard"}));
    let key = made["value"].as_str().expect("shown once");
    assert_eq!(made["expirationTime"], 0);
    let me = with_key(&api, key, "GET", "/api/auth/user", "");
    assert_eq!(ok(me)["email"], ADMIN);
    let create = with_key(&api, key, "POST", "/api/device", r#"{"name":"by key"}"#);
    assert_eq!(create.status, 200, "{}", create.text);
    let listed = api.get("/api/apiKeys?pageSize=10&page=0");
    assert!(
        !listed.text.contains(key) && !listed.text.contains("value"),
        "{}",
        listed.text
    );
    assert_eq!(listed.json["data"][0]["description"], "dashboard");
    // A key makes no keys, and changes no password: it would outlive its own end.
    let more = with_key(&api, key, "POST", "/api/apiKey", "{}");
    assert_eq!(more.status, 403);
    let change = json!({"currentPassword": PASSWORD, "newPassword": OTHER}).to_string();
    let change = with_key(&api, key, "POST", "/api/auth/changePassword", &change);
    assert_eq!(change.status, 403);
    // The scheme stands in X-Authorization only.
    let header = format!("ApiKey {key}");
    let elsewhere = [("Authorization", header.as_str())];
    assert_eq!(
        api.with_headers("GET", "/api/auth/user", &elsewhere, "")
            .status,
        401
    );
    let id = made["id"]["id"].as_str().unwrap();
    ok_empty(api.delete(&format!("/api/apiKey/{id}")));
    let after = with_key(&api, key, "GET", "/api/auth/user", "");
    assert_eq!((after.status, &after.json["errorCode"]), (401, &json!(10)));
}

#[test]
fn keys_end_at_their_time_and_others_are_neither_seen_nor_revoked() {
    let api = start();
    new_user(&api, "vera", "VIEWER");
    let vera = Operator::login(&api.base, "vera", OTHER);
    let above = vera.post("/api/apiKey", &json!({"role": "OPERATOR"}));
    assert_eq!(above.status, 403);
    let past = vera.post("/api/apiKey", &json!({"expirationTime": 1}));
    assert_eq!(past.status, 400);
    let mine = new_key(&api, json!({"description": "the administrator's"}));
    let id = mine["id"]["id"].as_str().unwrap();
    assert_eq!(vera.delete(&format!("/api/apiKey/{id}")).status, 404);
    assert_eq!(
        ok(vera.get("/api/apiKeys?pageSize=10&page=0"))["totalElements"],
        0
    );
    let soon = industryos_iot::auth::system_clock()() + 300;
    let order = json!({"expirationTime": soon});
    let key = new_key(&vera, order)["value"].as_str().unwrap().to_owned();
    assert_eq!(
        with_key(&api, &key, "GET", "/api/auth/user", "").status,
        200
    );
    let ended = crate::common::wait::wait_for("the key's end", || {
        let answer = with_key(&api, &key, "GET", "/api/auth/user", "");
        (answer.status == 401).then_some(answer)
    });
    assert_eq!(
        (&ended.json["errorCode"], ended.json["message"].as_str()),
        (&json!(15), Some("API key has expired"))
    );
    assert_eq!(
        ok(api.get("/api/apiKeys?pageSize=10&page=0"))["totalElements"],
        2
    );
}

#[test]
fn a_stranger_who_guesses_an_operators_password_does_not_lock_the_operator_out() {
    let api = start_with(|config| config.admin.login_attempts = 3);
    // All of it from one address: the one the operator has logged in from before.
    let wrong = |name: &str| {
        let body = json!({"username": name, "password": "wrong"}).to_string();
        api.anonymous("POST", "/api/auth/login", &body).status
    };
    let statuses: Vec<u16> = (0..5).map(|n| wrong(&format!("user {n}"))).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    Operator::login(&api.base, ADMIN, PASSWORD);
}
