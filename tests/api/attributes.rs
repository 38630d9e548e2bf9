//! Attributes as operators write, read and delete them (contract/admin-rest.md 5).

use crate::harness::{assert_error, ok, ok_empty, start, NOBODY};
use serde_json::{json, Value};

fn values(answer: &Value) -> Vec<(String, Value)> {
    let rows = answer.as_array().expect("a list").iter();
    rows.map(|row| {
        assert!(row["lastUpdateTs"].as_i64().unwrap() > 1_700_000_000_000);
        (
            row["key"].as_str().unwrap().to_owned(),
            row["value"].clone(),
        )
    })
    .collect()
}

#[test]
fn attributes_are_typed_and_kept_apart_by_scope() {
    let api = start();
    let device = api.create_device("a");
    let server = json!({"a": 42, "d": 42.0, "s": "x", "b": false, "j": {"z": 1, "a": [2]}});
    ok_empty(api.post(&api.plugin(&device, "SERVER_SCOPE"), &server));
    ok_empty(api.post(
        &api.plugin(&device, "attributes/SHARED_SCOPE"),
        &json!({"a": 1}),
    ));
    let short = format!("/api/plugins/telemetry/{}/SHARED_SCOPE", device.id);
    ok_empty(api.post(&short, &json!({"c": 2})));

    let text = api
        .get(&api.plugin(&device, "values/attributes/SERVER_SCOPE?keys=d,j"))
        .text;
    assert!(text.contains(r#""value":42.0"#), "{text}");
    assert!(text.contains(r#""value":{"z":1,"a":[2]}"#), "{text}");
    let shared = ok(api.get(&api.plugin(&device, "values/attributes/SHARED_SCOPE")));
    assert_eq!(
        values(&shared),
        [("a".into(), json!(1)), ("c".into(), json!(2))]
    );
    let both = ok(api.get(&api.plugin(&device, "values/attributes?keys=a")));
    assert_eq!(
        values(&both),
        [("a".into(), json!(1)), ("a".into(), json!(42))]
    );
    let none = ok(api.get(&api.plugin(&device, "values/attributes/CLIENT_SCOPE")));
    assert_eq!(none, json!([]));

    let keys = ok(api.get(&api.plugin(&device, "keys/attributes/SHARED_SCOPE")));
    assert_eq!(keys, json!(["a", "c"]));
    let keys = ok(api.get(&api.plugin(&device, "keys/attributes")));
    for key in ["a", "active", "b", "c", "d", "j", "s"] {
        assert!(
            keys.as_array().unwrap().contains(&json!(key)),
            "{key} in {keys}"
        );
    }
}

#[test]
fn attributes_are_deleted_in_every_scope_and_path_form() {
    let api = start();
    let device = api.create_device("a");
    for scope in ["SERVER_SCOPE", "SHARED_SCOPE"] {
        ok_empty(api.post(
            &api.plugin(&device, scope),
            &json!({"a": 1, "b": 2, "c,d": 3}),
        ));
    }
    ok_empty(api.delete(&api.plugin(&device, "SERVER_SCOPE?keys=a,none")));
    ok_empty(api.delete(&api.plugin(&device, "SERVER_SCOPE?key=c%2Cd")));
    let short = format!("/api/plugins/telemetry/{}/SHARED_SCOPE?keys=b", device.id);
    ok_empty(api.delete(&short));
    ok_empty(api.delete(&api.plugin(&device, "CLIENT_SCOPE?keys=a")));
    let keys = |scope: &str| ok(api.get(&api.plugin(&device, &format!("keys/attributes/{scope}"))));
    assert!(!keys("SERVER_SCOPE")
        .as_array()
        .unwrap()
        .contains(&json!("a")));
    assert!(keys("SERVER_SCOPE")
        .as_array()
        .unwrap()
        .contains(&json!("b")));
    assert_eq!(keys("SHARED_SCOPE"), json!(["a", "c,d"]));
    assert_error(
        &api.delete(&api.plugin(&device, "SERVER_SCOPE")),
        400,
        31,
        "Empty keys: []",
    );
}

#[test]
fn what_is_wrong_with_attributes_is_said_in_thingsboards_words() {
    let api = start();
    let device = api.create_device("a");
    let short = format!("/api/plugins/telemetry/{}", device.id);
    let long = format!("/api/plugins/telemetry/DEVICE/{}", device.id);
    for base in [short, long.clone(), format!("{long}/attributes")] {
        for (scope, body, text) in [
            ("CLIENT_SCOPE", r#"{"a":1}"#, "Invalid scope: CLIENT_SCOPE"),
            ("ANY", r#"{"a":1}"#, "Invalid scope: ANY"),
            ("SERVER_SCOPE", "", "Invalid JSON"),
            ("SERVER_SCOPE", "{", "Invalid JSON"),
            ("SERVER_SCOPE", "[1]", "Request is not a JSON object"),
            ("SERVER_SCOPE", "5", "Request is not a JSON object"),
            (
                "SERVER_SCOPE",
                "{}",
                "No attributes data found in request body!",
            ),
            ("SERVER_SCOPE", r#"{" ":1}"#, "Key cannot be blank"),
            ("SERVER_SCOPE", r#"{"a":null}"#, "null is no value"),
        ] {
            let answer = api.call("POST", &format!("{base}/{scope}"), body);
            assert_error(&answer, 400, 31, text);
        }
    }
    for (method, rest) in [
        ("GET", "values/attributes/ANY"),
        ("GET", "keys/attributes/ANY"),
        ("DELETE", "ANY?keys=a"),
    ] {
        let answer = api.call(method, &api.plugin(&device, rest), "");
        assert_error(&answer, 400, 31, "Invalid scope: ANY");
    }
}

#[test]
fn entities_that_are_none_are_refused() {
    let api = start();
    for (method, rest) in [
        ("GET", "keys/attributes"),
        ("GET", "keys/attributes/SERVER_SCOPE"),
        ("GET", "values/attributes"),
        ("GET", "values/attributes/SERVER_SCOPE"),
        ("POST", "SERVER_SCOPE"),
        ("POST", "attributes/SERVER_SCOPE"),
        ("DELETE", "SERVER_SCOPE?keys=a"),
    ] {
        let call = |entity: &str| {
            let path = format!("/api/plugins/telemetry/{entity}/{rest}");
            api.call(method, &path, r#"{"a":1}"#)
        };
        assert_error(
            &call(&format!("TENANT/{NOBODY}")),
            400,
            31,
            "of type DEVICE",
        );
        assert_error(&call("DEVICE/x"), 400, 31, "Invalid UUID");
        let text = "Device with requested id wasn't found!";
        assert_error(&call(&format!("DEVICE/{NOBODY}")), 404, 32, text);
    }
    for method in ["POST", "DELETE"] {
        let call = |id: &str| {
            let path = format!("/api/plugins/telemetry/{id}/SERVER_SCOPE?keys=a");
            api.call(method, &path, r#"{"a":1}"#)
        };
        assert_error(&call("x"), 400, 31, "Invalid UUID");
        assert_error(
            &call(NOBODY),
            404,
            32,
            "Device with requested id wasn't found!",
        );
    }
}
