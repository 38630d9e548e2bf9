//! An operator at the REST API: what tests need of it, over plain HTTP.

use serde_json::{json, Value};
use ureq::Agent;

/// A logged-in operator.
pub struct Operator {
    pub base: String,
    pub token: String,
    agent: Agent,
}

/// A device with the token of its access-token credentials.
#[derive(Clone, Debug)]
pub struct NewDevice {
    pub id: String,
    pub token: String,
}

/// Status and body of an answer; an empty or non-JSON body is `Value::Null` with `text` kept.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
    pub json: Value,
}

/// An agent that reports statuses instead of turning them into errors.
pub fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}

/// One request without login; `body` is sent as it is.
pub fn request(
    agent: &Agent,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut builder = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.body(body.to_owned()).expect("request");
    let mut response = agent
        .run(request)
        .unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().expect("body");
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, text, json }
}

impl Operator {
    pub fn login(base: &str, username: &str, password: &str) -> Self {
        let agent = agent();
        let body = json!({"username": username, "password": password}).to_string();
        let answer = request(
            &agent,
            "POST",
            &format!("{base}/api/auth/login"),
            &[],
            &body,
        );
        assert_eq!(answer.status, 200, "login: {}", answer.text);
        let token = answer.json["token"].as_str().expect("token").to_owned();
        Operator {
            base: base.to_owned(),
            token,
            agent,
        }
    }

    pub fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("X-Authorization", bearer.as_str())];
        request(
            &self.agent,
            method,
            &format!("{}{path}", self.base),
            &headers,
            body,
        )
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &body.to_string())
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, "")
    }

    /// A new device; its token is made up by the platform and read back.
    pub fn create_device(&self, name: &str) -> NewDevice {
        let made = self.post("/api/device", &json!({"name": name, "type": "default"}));
        assert_eq!(made.status, 200, "create: {}", made.text);
        let id = made.json["id"]["id"].as_str().expect("id").to_owned();
        let credentials = self.get(&format!("/api/device/{id}/credentials"));
        let token = credentials.json["credentialsId"]
            .as_str()
            .expect("token")
            .to_owned();
        NewDevice { id, token }
    }

    /// Latest values of the device, typed: `{"key": value}`.
    pub fn latest(&self, device: &str) -> Value {
        let path = format!(
            "/api/plugins/telemetry/DEVICE/{device}/values/timeseries?useStrictDataTypes=true"
        );
        let answer = self.get(&path);
        assert_eq!(answer.status, 200, "latest: {}", answer.text);
        let series = answer.json.as_object().expect("object").iter();
        series
            .map(|(key, points)| (key.clone(), points[0]["value"].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// All points of one key in ascending order: (ts, value).
    pub fn history(&self, device: &str, key: &str) -> Vec<(i64, Value)> {
        let path = format!(
            "/api/plugins/telemetry/DEVICE/{device}/values/timeseries?keys={key}&startTs=0&endTs=9000000000000&limit=1000000&orderBy=ASC&useStrictDataTypes=true"
        );
        let answer = self.get(&path);
        assert_eq!(answer.status, 200, "history: {}", answer.text);
        let points = answer.json[key].as_array().cloned().unwrap_or_default();
        points
            .iter()
            .map(|point| (point["ts"].as_i64().expect("ts"), point["value"].clone()))
            .collect()
    }

    /// Rows of the device's event stream.
    pub fn events(&self, device: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/device/{device}/events?limit=1000"));
        assert_eq!(answer.status, 200, "events: {}", answer.text);
        answer
            .json
            .as_array()
            .or(answer.json["data"].as_array())
            .cloned()
            .unwrap_or_default()
    }

    /// Value of one sample of `/metrics`, 0 when it is not there yet.
    pub fn metric(&self, sample: &str) -> f64 {
        let answer = self.get("/metrics");
        let line = answer
            .text
            .lines()
            .find(|line| line.starts_with(sample) && line[sample.len()..].starts_with(' '));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0.0)
    }
}
