//! contract/admin-rest.md 4: devices one by one.

use crate::harness::{assert_error, ok, ok_empty, start, NOBODY};
use serde_json::{json, Value};

#[test]
fn a_device_is_made_from_a_name_and_read_back() {
    let api = start();
    let made = ok(api.post("/api/device", &json!({"name": "pump-7", "type": "pumps"})));
    assert_eq!(made["name"], "pump-7");
    assert_eq!(made["type"], "pumps");
    assert_eq!(made["label"], Value::Null);
    assert_eq!(made["disabled"], false);
    assert_eq!(made["id"]["entityType"], "DEVICE");
    assert_eq!(made["tenantId"]["entityType"], "TENANT");
    assert_eq!(
        made["customerId"]["id"],
        "13814000-1dd2-11b2-8080-808080808080"
    );
    assert_eq!(made["deviceProfileId"]["entityType"], "DEVICE_PROFILE");
    assert_eq!(made["deviceData"]["configuration"]["type"], "DEFAULT");
    assert!(made["createdTime"].is_i64());
    assert!(made["version"].is_u64());
    let id = made["id"]["id"].as_str().unwrap();
    assert_eq!(ok(api.get(&format!("/api/device/{id}"))), made);

    let info = ok(api.get(&format!("/api/device/info/{id}")));
    assert_eq!(info["deviceProfileName"], "pumps");
    assert_eq!(info["active"], false);
    assert_eq!(info["customerTitle"], Value::Null);
    assert_eq!(info["customerIsPublic"], false);
}

#[test]
fn the_token_of_a_new_device_can_be_chosen() {
    let api = start();
    let made = ok(api.post("/api/device?accessToken=tok-1", &json!({"name": "a"})));
    assert_eq!(made["type"], "default");
    let id = made["id"]["id"].as_str().unwrap();
    let credentials = ok(api.get(&format!("/api/device/{id}/credentials")));
    assert_eq!(credentials["credentialsId"], "tok-1");
    let taken = api.post("/api/device?accessToken=tok-1", &json!({"name": "b"}));
    assert_error(
        &taken,
        400,
        31,
        "Specified credentials are already registered!",
    );
}

#[test]
fn what_is_wrong_with_a_new_device_is_said_in_thingsboards_words() {
    let api = start();
    api.create_device("pump-7");
    let cases = [
        (json!({}), "Device name should be specified!"),
        (json!({"name": "  "}), "Device name should be specified!"),
        (
            json!({"name": "pump-7"}),
            "Device with such name already exists!",
        ),
        (
            json!({"name": "b", "deviceProfileId": {"entityType": "DEVICE_PROFILE", "id": NOBODY}}),
            "Device is referencing non existing device profile!",
        ),
        (json!({"name": "b", "additionalInfo": 1}), "additionalInfo"),
        (json!({"name": 1}), "Invalid request body"),
        (json!({"name": "b", "id": {"id": "x"}}), "Invalid UUID"),
        (json!([]), "Invalid request body"),
    ];
    for (body, text) in cases {
        assert_error(&api.post("/api/device", &body), 400, 31, text);
    }
    for query in ["nameConflictPolicy=X", "uniquifyStrategy=X"] {
        let answer = api.post(&format!("/api/device?{query}"), &json!({"name": "b"}));
        assert_error(&answer, 400, 31, "Invalid value of parameter");
    }
}

#[test]
fn a_taken_name_is_made_unique_when_asked() {
    let api = start();
    api.create_device("pump");
    let path = "/api/device?nameConflictPolicy=UNIQUIFY";
    let random = ok(api.post(path, &json!({"name": "pump"})));
    let name = random["name"].as_str().unwrap();
    assert!(name.starts_with("pump_") && name.len() > 5, "{name}");
    let path = format!("{path}&uniquifySeparator=-&uniquifyStrategy=INCREMENTAL");
    assert_eq!(
        ok(api.post(&path, &json!({"name": "pump"})))["name"],
        "pump-1"
    );
    assert_eq!(
        ok(api.post(&path, &json!({"name": "pump"})))["name"],
        "pump-2"
    );
}

#[test]
fn an_update_raises_the_version_and_a_stale_one_is_409() {
    let api = start();
    let made = ok(api.post("/api/device", &json!({"name": "a"})));
    let mut changed = made.clone();
    changed["label"] = json!("cellar");
    changed["additionalInfo"] = json!({"gateway": true, "z": 1, "a": 2});
    let saved = ok(api.post("/api/device", &changed));
    assert_eq!(saved["label"], "cellar");
    assert_eq!(saved["id"], made["id"]);
    assert!(saved["version"].as_u64() > made["version"].as_u64());
    assert_eq!(
        saved["additionalInfo"].to_string(),
        r#"{"gateway":true,"z":1,"a":2}"#
    );

    assert_error(
        &api.post("/api/device", &changed),
        409,
        35,
        "changed by someone else",
    );
    let unknown = json!({"id": {"id": NOBODY, "entityType": "DEVICE"}, "name": "b"});
    assert_error(&api.post("/api/device", &unknown), 404, 32, "is not found");
    let token = api.post("/api/device?accessToken=x", &saved);
    assert_error(&token, 400, 31, "accessToken is for new devices");
}

#[test]
fn a_device_comes_with_credentials_of_any_kind_in_one_call() {
    let api = start();
    let body = json!({
        "device": {"name": "a", "type": "default"},
        "credentials": {
            "credentialsType": "MQTT_BASIC",
            "credentialsValue": r#"{"clientId":"c7","userName":"u7","password":"p7"}"#,
        },
    });
    let made = ok(api.post("/api/device-with-credentials", &body));
    let id = made["id"]["id"].as_str().unwrap();
    let credentials = ok(api.get(&format!("/api/device/{id}/credentials")));
    assert_eq!(credentials["credentialsType"], "MQTT_BASIC");
    assert_eq!(
        credentials["credentialsId"],
        "d98329e5c4bd5eb46f8a19211595ec0aa39825c9b1bec20c7dcc444a40195aba"
    );

    let update = json!({
        "device": made,
        "credentials": {"credentialsType": "ACCESS_TOKEN", "credentialsId": "tok-2"},
    });
    ok(api.post("/api/device-with-credentials", &update));
    let credentials = ok(api.get(&format!("/api/device/{id}/credentials")));
    assert_eq!(credentials["credentialsId"], "tok-2");
    let missing = json!({"device": {"name": "b"}, "credentials": {}});
    let answer = api.post("/api/device-with-credentials", &missing);
    assert_error(
        &answer,
        400,
        31,
        "Device credentials type should be specified",
    );
    let unknown = json!({"device": {"name": "b"}, "credentials": {"credentialsType": "X"}});
    let answer = api.post("/api/device-with-credentials", &unknown);
    assert_error(&answer, 400, 31, "Unknown device credentials type");
}

#[test]
fn ids_that_are_none_are_400_and_unknown_ones_404() {
    let api = start();
    for (method, path) in [
        ("GET", "/api/device/{}"),
        ("DELETE", "/api/device/{}"),
        ("GET", "/api/device/info/{}"),
        ("GET", "/api/device/{}/credentials"),
        ("POST", "/api/device/{}/disable"),
        ("POST", "/api/device/{}/enable"),
        ("GET", "/api/device/{}/events"),
    ] {
        let answer = api.call(method, &path.replace("{}", "not-a-uuid"), "");
        assert_error(&answer, 400, 31, "Invalid UUID");
        let answer = api.call(method, &path.replace("{}", NOBODY), "");
        let text = format!("Device with id [{NOBODY}] is not found");
        assert_error(&answer, 404, 32, &text);
    }
}

#[test]
fn a_deleted_device_is_gone_with_its_name_and_its_token() {
    let api = start();
    let made = ok(api.post("/api/device?accessToken=tok", &json!({"name": "a"})));
    let path = format!("/api/device/{}", made["id"]["id"].as_str().unwrap());
    ok_empty(api.delete(&path));
    assert_eq!(api.get(&path).status, 404);
    assert_eq!(api.delete(&path).status, 404);
    assert_eq!(api.get("/api/tenant/device?deviceName=a").status, 404);
    ok(api.post("/api/device?accessToken=tok", &json!({"name": "a"})));
}

#[test]
fn a_disabled_device_says_so_until_it_is_enabled() {
    let api = start();
    let device = api.create_device("a");
    let path = format!("/api/device/{}", device.id);
    assert_eq!(
        ok(api.call("POST", &format!("{path}/disable"), ""))["disabled"],
        true
    );
    assert_eq!(ok(api.get(&path))["disabled"], true);
    // A tool that does not know the field leaves it alone.
    let update = json!({"id": {"id": device.id}, "name": "a", "label": "x"});
    assert_eq!(ok(api.post("/api/device", &update))["disabled"], true);
    assert_eq!(
        ok(api.call("POST", &format!("{path}/enable"), ""))["disabled"],
        false
    );
    assert_eq!(ok(api.get(&path))["disabled"], false);
}

#[test]
fn a_full_store_is_503_with_retry_after_until_space_returns() {
    let api = start();
    api.store
        .fail_commits(Some(industryos_iot::store::StoreError::Full));
    let body = json!({"name": "a"});
    assert_error(&api.post("/api/device", &body), 503, 2, "store_full");
    let wait = api.header("POST", "/api/device", &body.to_string(), "retry-after");
    assert!(wait.is_some_and(|seconds| seconds.parse::<u64>().is_ok()));
    api.store.fail_commits(None);
    ok(api.post("/api/device", &body));
}
