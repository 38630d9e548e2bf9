//! The audit log over the REST: every change and failed login is in it, and no secret.

use crate::common::operator::Operator;
use crate::harness::{ok, start, start_with, Api, ADMIN, PASSWORD};
use serde_json::{json, Value};

fn rows(api: &Api) -> Vec<Value> {
    let page = ok(api.get("/api/audit/logs?pageSize=1000&page=0"));
    page["data"].as_array().expect("rows").clone()
}

fn find<'a>(rows: &'a [Value], action: &str) -> &'a Value {
    let found = rows.iter().find(|row| row["action"] == action);
    found.unwrap_or_else(|| panic!("no {action} in {rows:#?}"))
}

#[test]
fn changes_are_told_with_who_what_when_and_from_where() {
    let api = start();
    let before = industryos_iot::auth::system_clock()();
    let device = api.create_device("pump-7");
    let path = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
    ok_status(api.post(&path, &json!({"target": 21})).status);
    let credentials = ok(api.get(&format!("/api/device/{}/credentials", device.id)));
    let mut rotated = credentials.clone();
    rotated["credentialsId"] = json!("a-new-secret-token");
    ok(api.post("/api/device/credentials", &rotated));
    let unknown = "/api/device/00000000-0000-4000-8000-000000000000";
    assert_eq!(api.delete(unknown).status, 404);
    ok_status(api.delete(&format!("/api/device/{}", device.id)).status);
    let rows = rows(&api);
    let made = find(&rows, "POST /api/device");
    assert_eq!(made["userName"], ADMIN);
    assert_eq!(made["from"], "127.0.0.1");
    assert_eq!(made["via"], "PASSWORD");
    assert_eq!(made["actionStatus"], "SUCCESS");
    assert_eq!(made["entity"], format!("DEVICE {} pump-7", device.id));
    assert!(made["createdTime"].as_i64().unwrap() >= before);
    let attributes = "POST /api/plugins/telemetry/{entityType}/{entityId}/{scope}";
    let entity = find(&rows, attributes)["entity"].as_str().unwrap();
    assert!(
        entity.contains(&device.id) && entity.contains("SHARED_SCOPE"),
        "{entity}"
    );
    let deleted = find(&rows, "DELETE /api/device/{deviceId}");
    assert_eq!(
        deleted["entity"],
        format!("DEVICE {} pump-7", device.id),
        "the newest first"
    );
    let failed = rows
        .iter()
        .find(|row| row["status"] == 404)
        .expect("failures are told");
    assert_eq!(failed["actionStatus"], "FAILURE");
    assert!(failed["detail"].as_str().unwrap().contains("is not found"));
    let all = serde_json::to_string(&rows).unwrap();
    for secret in ["a-new-secret-token", &device.token, PASSWORD, &api.token] {
        assert!(!all.contains(secret), "{secret}");
    }
    // Reading is no change.
    assert!(rows
        .iter()
        .all(|row| !row["action"].as_str().unwrap().starts_with("GET")));
}

fn ok_status(status: u16) {
    assert_eq!(status, 200);
}

#[test]
fn logins_are_told_and_failed_ones_without_what_was_typed_into_the_wrong_field() {
    let api = start_with(|config| {
        config.admin.audit_strangers = industryos_iot::model::rates::Rates::parse("3:1h").unwrap();
    });
    let login = |name: &str, password: &str| {
        let body = json!({"username": name, "password": password}).to_string();
        api.anonymous("POST", "/api/auth/login", &body).status
    };
    assert_eq!(login(ADMIN, "wrong"), 401);
    assert_eq!(login("my-own-password!", "x"), 401);
    for _ in 0..4 {
        assert_eq!(login("nobody", "x"), 401);
    }
    let rows = rows(&api);
    let logins: Vec<&Value> = rows
        .iter()
        .filter(|row| row["action"] == "POST /api/auth/login")
        .collect();
    let failed: Vec<_> = logins.iter().filter(|row| row["status"] == 401).collect();
    assert_eq!(failed.len(), 3, "strangers are bounded");
    assert_eq!(failed[2]["userName"], ADMIN);
    assert_eq!(
        failed[2]["userId"],
        Value::Null,
        "it was not the administrator"
    );
    assert_eq!(failed[1]["userName"], "");
    assert_eq!(logins.last().unwrap()["status"], 200);
    assert_eq!(logins.last().unwrap()["userName"], ADMIN);
    assert!(!serde_json::to_string(&rows)
        .unwrap()
        .contains("my-own-password!"));
}

#[test]
fn a_key_is_named_by_its_id_and_who_was_refused_is_told() {
    let api = start();
    let key = ok(api.post(
        "/api/apiKey",
        &json!({"readOnly": true, "description": "reader"}),
    ));
    let header = format!("ApiKey {}", key["value"].as_str().unwrap());
    let headers = [("X-Authorization", header.as_str())];
    let refused = api.with_headers("POST", "/api/device", &headers, r#"{"name":"x"}"#);
    assert_eq!(refused.status, 403);
    let rows = rows(&api);
    let row = find(&rows, "POST /api/device");
    assert_eq!(
        (&row["via"], &row["apiKeyId"]),
        (&json!("API_KEY"), &key["id"]["id"])
    );
    assert_eq!(
        (&row["status"], &row["userName"]),
        (&json!(403), &json!(ADMIN))
    );
    let made = find(&rows, "POST /api/apiKey");
    assert!(made["entity"].as_str().unwrap().ends_with("reader"));
    assert!(!serde_json::to_string(&rows)
        .unwrap()
        .contains(key["value"].as_str().unwrap()));
}

#[test]
fn the_log_is_paged_by_time_newest_first() {
    let api = start();
    for n in 0..7 {
        api.create_device(&format!("d{n}"));
    }
    let all = rows(&api);
    let times: Vec<i64> = all
        .iter()
        .map(|row| row["createdTime"].as_i64().unwrap())
        .collect();
    assert!(times.windows(2).all(|pair| pair[0] > pair[1]), "{times:?}");
    let page = ok(api.get("/api/audit/logs?pageSize=3&page=1"));
    assert_eq!(page["data"], json!(all[3..6]));
    assert_eq!(page["totalElements"], all.len());
    let (start, end) = (times[4], times[1]);
    let path = format!("/api/audit/logs?pageSize=9&page=0&startTime={start}&endTime={end}");
    assert_eq!(ok(api.get(&path))["data"], json!(all[2..5]));
    let vera = json!({"email": "vera", "role": "OPERATOR", "password": "long-enough"});
    ok(api.post("/api/user", &vera));
    let vera = Operator::login(&api.base, "vera", "long-enough");
    assert_eq!(vera.get("/api/audit/logs?pageSize=9&page=0").status, 403);
}
