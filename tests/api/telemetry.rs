//! Telemetry as operators save, read and delete it (contract/admin-rest.md 5).

use crate::common::operator::NewDevice;
use crate::harness::{assert_error, ok, ok_empty, start, start_with, Api, NOBODY};
use serde_json::{json, Value};

fn save(api: &Api, device: &NewDevice, body: Value) {
    ok_empty(api.post(&api.plugin(device, "timeseries/ANY"), &body));
}

fn latest(api: &Api, device: &NewDevice, query: &str) -> Value {
    ok(api.get(&api.plugin(device, &format!("values/timeseries?{query}"))))
}

#[test]
fn values_are_strings_unless_strict_types_are_asked_for() {
    let api = start();
    let device = api.create_device("a");
    let values = json!({"d": 42.0, "l": 73, "b": true, "s": "x \"y\"", "j": {"z": [1], "a": 2}});
    save(&api, &device, json!({"ts": 5, "values": values}));
    let found = latest(&api, &device, "");
    let value = |key: &str| found[key][0]["value"].clone();
    assert_eq!(value("d"), "42.0");
    assert_eq!(value("l"), "73");
    assert_eq!(value("b"), "true");
    assert_eq!(value("s"), "x \"y\"");
    assert_eq!(value("j"), r#"{"z":[1],"a":2}"#);
    assert_eq!(found["d"][0]["ts"], 5);

    // Python's clients write `True`.
    let strict = latest(&api, &device, "useStrictDataTypes=True");
    assert_eq!(strict["j"], json!([{"ts": 5, "value": {"z": [1], "a": 2}}]));
    assert_eq!(strict["l"][0]["value"], 73);
    assert_eq!(strict["d"][0]["value"].to_string(), "42.0");
}

#[test]
fn a_missing_key_is_null_as_of_now_and_keys_are_named_in_two_ways() {
    let api = start();
    let device = api.create_device("a");
    save(
        &api,
        &device,
        json!({"ts": 5, "values": {"t": 1, "h": 2, "a,b": 3}}),
    );
    let found = latest(&api, &device, "keys=t,nothing");
    assert_eq!(found["t"], json!([{"ts": 5, "value": "1"}]));
    assert_eq!(found["nothing"][0]["value"], Value::Null);
    assert!(found["nothing"][0]["ts"].as_i64().unwrap() > 1_700_000_000_000);
    let found = latest(&api, &device, "key=a%2Cb&key=h&keys=t");
    assert_eq!(
        found,
        json!({"a,b": [{"ts": 5, "value": "3"}], "h": [{"ts": 5, "value": "2"}]})
    );
    let keys = ok(api.get(&api.plugin(&device, "keys/timeseries")));
    assert_eq!(keys, json!(["a,b", "h", "t"]));
}

#[test]
fn every_shape_that_devices_send_can_be_saved_with_any_content_type() {
    let api = start();
    let device = api.create_device("a");
    let path = api.plugin(&device, "timeseries/ANY");
    let bearer = format!("Bearer {}", api.token);
    for (kind, body) in [
        ("text/plain", r#"[{"x":1},{"ts":7,"values":{"y":2}}]"#),
        (
            "application/x-www-form-urlencoded",
            r#"{"ts":7,"values":{"z":2}}"#,
        ),
        ("", r#"{"w":1}"#),
    ] {
        let headers = [("X-Authorization", bearer.as_str()), ("Content-Type", kind)];
        ok_empty(api.with_headers("POST", &path, &headers, body));
    }
    ok_empty(api.post(&api.plugin(&device, "timeseries/ANY/0"), &json!({"v": 1})));
    let found = latest(&api, &device, "");
    let keys: Vec<_> = found.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["v", "w", "x", "y", "z"]);
}

#[test]
fn what_is_wrong_with_telemetry_is_said_and_nothing_is_saved() {
    let api = start();
    let device = api.create_device("a");
    let path = api.plugin(&device, "timeseries/ANY");
    let invalid = "Unable to parse time series payload: Invalid JSON body!";
    for (body, text) in [
        ("", invalid),
        ("{", invalid),
        ("5", invalid),
        (r#"{"ts":1,"values":5}"#, invalid),
        ("{}", "No time series data found in request body!"),
        ("[]", "No time series data found in request body!"),
        (r#"{"a":1,"b":null}"#, "null is no value"),
        (r#"{" ":1}"#, "Key cannot be blank"),
        (r#"{"ts":"x","values":{"a":1}}"#, "ts"),
    ] {
        assert_error(&api.call("POST", &path, body), 400, 31, text);
    }
    let long = format!(r#"{{"{}":1}}"#, "k".repeat(256));
    assert_eq!(api.call("POST", &path, &long).status, 400);
    let ttl = api.post(
        &api.plugin(&device, "timeseries/ANY/soon"),
        &json!({"a": 1}),
    );
    assert_error(&ttl, 400, 31, "ttl");
    assert_eq!(latest(&api, &device, ""), json!({}));
    let metrics = api.metrics.render();
    assert!(
        metrics.contains(r#"rejected_total{transport="rest",reason="bad_json"}"#),
        "{metrics}"
    );
}

#[test]
fn entities_that_are_none_are_refused() {
    let api = start();
    for (method, rest) in [
        ("GET", "keys/timeseries"),
        ("GET", "values/timeseries"),
        ("GET", "values/timeseries?keys=a&startTs=0&endTs=1"),
        ("GET", "values/timeseries/history?keys=a&startTs=0&endTs=1"),
        ("POST", "timeseries/ANY"),
        (
            "DELETE",
            "timeseries/delete?keys=a&deleteAllDataForKeys=true",
        ),
    ] {
        let call = |entity: &str| {
            api.call(
                method,
                &format!("/api/plugins/telemetry/{entity}/{rest}"),
                "",
            )
        };
        assert_error(&call(&format!("ASSET/{NOBODY}")), 400, 31, "of type DEVICE");
        assert_error(&call("DEVICE/x"), 400, 31, "Invalid UUID");
        let text = "Device with requested id wasn't found!";
        assert_error(&call(&format!("DEVICE/{NOBODY}")), 404, 32, text);
    }
}

#[test]
fn a_save_is_answered_after_its_commit_and_a_full_store_is_503() {
    let api = start();
    let device = api.create_device("a");
    let path = api.plugin(&device, "timeseries/ANY");
    let gate = api.store.gate();
    let (base, token) = (api.base.clone(), api.token.clone());
    let url = format!("{base}{path}");
    let saving = std::thread::spawn(move || {
        let bearer = format!("Bearer {token}");
        let agent = crate::common::operator::agent();
        let headers = [("X-Authorization", bearer.as_str())];
        crate::common::operator::request(&agent, "POST", &url, &headers, r#"{"t":1}"#)
    });
    crate::common::wait_for("the commit to wait", || {
        (api.store.waiting_commits() > 0).then_some(())
    });
    assert!(!saving.is_finished());
    drop(gate);
    ok_empty(saving.join().unwrap());

    api.store
        .fail_commits(Some(industryos_iot::store::StoreError::Full));
    let answer = api.post(&path, &json!({"t": 2}));
    assert_error(&answer, 503, 2, "store_full");
    let wait = api.header("POST", &path, r#"{"t":2}"#, "retry-after");
    assert!(wait.is_some());
    api.store.fail_commits(None);
    ok_empty(api.post(&path, &json!({"t": 3})));
}

#[test]
fn points_are_deleted_by_time_or_altogether() {
    let api = start();
    let device = api.create_device("a");
    let points: Vec<Value> = (1..=5)
        .map(|n| json!({"ts": n, "values": {"t": n, "h": n}}))
        .collect();
    save(&api, &device, json!(points));
    let delete =
        |query: &str| api.delete(&api.plugin(&device, &format!("timeseries/delete?{query}")));
    ok_empty(delete("keys=t&startTs=2&endTs=5"));
    let times = |key: &str| -> Vec<i64> {
        api.history(&device.id, key)
            .iter()
            .map(|point| point.0)
            .collect()
    };
    assert_eq!(times("t"), [1, 5]);
    assert_eq!(times("h"), [1, 2, 3, 4, 5]);
    ok_empty(delete(
        "keys=h&startTs=5&endTs=6&rewriteLatestIfDeleted=true",
    ));
    assert_eq!(latest(&api, &device, "keys=h")["h"][0]["ts"], 4);
    ok_empty(delete("keys=t,h&deleteAllDataForKeys=true"));
    assert_eq!(
        ok(api.get(&api.plugin(&device, "keys/timeseries"))),
        json!([])
    );

    assert_error(&delete(""), 400, 31, "Empty keys: []");
    let times =
        "When deleteAllDataForKeys is false, start and end timestamp values shouldn't be empty";
    assert_error(&delete("keys=t"), 400, 31, times);
    assert_error(&delete("keys=t&startTs=1"), 400, 31, times);
    assert_error(&delete("keys=t&startTs=x&endTs=1"), 400, 31, "'startTs'");
}

#[test]
fn the_size_of_a_body_is_a_setting() {
    let api = start_with(|config| {
        config.api.max_body = industryos_iot::model::units::ByteSize(1_000);
    });
    let device = api.create_device("a");
    let body = json!({"t": "x".repeat(1_000)});
    let answer = api.post(&api.plugin(&device, "timeseries/ANY"), &body);
    assert_error(
        &answer,
        413,
        31,
        "Payload size exceeds the limit of 1000 bytes",
    );
}

#[test]
fn a_ttl_is_taken_where_it_is_what_happens_and_refused_where_it_would_be_ignored() {
    let api = start();
    let pumps = json!({"name": "pumps",
        "profileData": {"configuration": {"storageTtlSeconds": 3600}}});
    ok(api.post("/api/deviceProfile", &pumps));
    let pump = ok(api.post("/api/device", &json!({"name": "p", "type": "pumps"})));
    let pump = pump["id"]["id"].as_str().unwrap();
    let save = |device: &str, ttl: &str| {
        let path = format!("/api/plugins/telemetry/DEVICE/{device}/timeseries/ANY/{ttl}");
        api.post(&path, &json!({"v": 1}))
    };
    ok_empty(save(pump, "3600"));
    ok_empty(save(pump, "0"));
    assert_error(&save(pump, "60"), 400, 31, "storageTtlSeconds");
    assert_error(&save(pump, "-1"), 400, 31, "ttl");
    let device = api.create_device("kept for ever");
    let refused = save(&device.id, "3600");
    assert_error(&refused, 400, 31, "storageTtlSeconds");
    assert!(refused.json["detail"]
        .as_str()
        .unwrap()
        .contains("kept 0 seconds"));
    assert_eq!(latest(&api, &device, ""), json!({}));
}
