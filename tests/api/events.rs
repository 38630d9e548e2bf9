//! What operators' changes do to live sessions at once, and what the device's stream says.

use crate::harness::{assert_error, ok, ok_empty, start, Api, NOBODY};
use industryos_iot::model::downlink::DownlinkBody;
use industryos_iot::model::reject::Reason;
use serde_json::{json, Value};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

fn kinds(api: &Api, device: &str) -> Vec<String> {
    let rows = ok(api.get(&format!("/api/device/{device}/events")));
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| row["kind"].as_str().expect("kind").to_owned())
        .collect()
}

#[test]
fn a_disabled_device_loses_its_session_at_once_and_gets_none_until_enabled() {
    let api = start();
    let device = api.create_device("a");
    let mut session = api.connect(&device.token).expect("a session");
    let path = format!("/api/device/{}", device.id);
    ok(api.call("POST", &format!("{path}/disable"), ""));
    assert_eq!(session.hear_close(), Reason::DeviceDisabled);
    let refused = api.connect(&device.token).map(|_| ());
    assert_eq!(refused, Err(Reason::DeviceDisabled));
    let rows = ok(api.get(&format!("{path}/events")));
    let refusal = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["kind"] == "refused");
    let refusal = refusal.expect("a row that says why");
    assert_eq!(refusal["reason"], "device_disabled");
    assert_eq!(refusal["transport"], "mqtt");
    ok(api.call("POST", &format!("{path}/enable"), ""));
    api.connect(&device.token).expect("a session again");
}

/// Sends a call and hangs up while its commit is held back.
fn hang_up(api: &Api, method: &str, path: &str, body: &str) {
    let gate = api.store.gate();
    let mut stream = TcpStream::connect(api.address).expect("connect");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nX-Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        api.token,
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("write");
    crate::common::wait_for("the commit to wait", || {
        (api.store.waiting_commits() > 0).then_some(())
    });
    // A reset, not a polite end: the server drops what it does for this connection.
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).expect("linger");
    drop(stream);
    // There is one worker: it has seen the hang-up when it has answered these.
    for _ in 0..5 {
        ok(api.get("/api/auth/user"));
    }
    drop(gate);
}

#[test]
fn a_caller_that_hangs_up_does_not_leave_a_disabled_device_connected() {
    let api = start();
    let device = api.create_device("a");
    let mut session = api.connect(&device.token).expect("a session");
    let path = format!("/api/device/{}/disable", device.id);
    hang_up(&api, "POST", &path, "");
    assert_eq!(session.hear_close(), Reason::DeviceDisabled);
}

#[test]
fn a_caller_that_hangs_up_does_not_keep_old_credentials_connected() {
    let api = start();
    let device = api.create_device("a");
    let mut session = api.connect(&device.token).expect("a session");
    let mut record = ok(api.get(&format!("/api/device/{}/credentials", device.id)));
    record["credentialsId"] = json!("tok-2");
    hang_up(&api, "POST", "/api/device/credentials", &record.to_string());
    assert_eq!(session.hear_close(), Reason::CredentialsChanged);
}

#[test]
fn new_credentials_end_the_session_and_the_same_ones_do_not() {
    let api = start();
    let device = api.create_device("a");
    let mut session = api.connect(&device.token).expect("a session");
    let mut record = ok(api.get(&format!("/api/device/{}/credentials", device.id)));
    ok(api.post("/api/device/credentials", &record));
    // Still there: it hears of a shared attribute.
    ok_empty(api.post(&api.plugin(&device, "SHARED_SCOPE"), &json!({"a": 1})));
    let heard = session.hear().body;
    assert!(
        matches!(heard, DownlinkBody::AttributesChanged { .. }),
        "{heard:?}"
    );

    record["credentialsId"] = json!("tok-2");
    ok(api.post("/api/device/credentials", &record));
    assert_eq!(session.hear_close(), Reason::CredentialsChanged);
    let old = api.connect(&device.token).map(|_| ());
    assert_eq!(old, Err(Reason::CredentialsUnknown));
    api.connect("tok-2").expect("a session");
}

#[test]
fn a_deleted_device_loses_its_session() {
    let api = start();
    let device = api.create_device("a");
    let mut session = api.connect(&device.token).expect("a session");
    ok_empty(api.delete(&format!("/api/device/{}", device.id)));
    assert_eq!(session.hear_close(), Reason::DeviceDeleted);
    assert_eq!(api.get(&format!("/api/device/{}", device.id)).status, 404);
}

#[test]
fn shared_changes_reach_the_device_and_server_ones_do_not() {
    let api = start();
    let device = api.create_device("a");
    let mut session = api.connect(&device.token).expect("a session");
    ok_empty(api.post(&api.plugin(&device, "SERVER_SCOPE"), &json!({"s": 1})));
    ok_empty(api.post(
        &api.plugin(&device, "SHARED_SCOPE"),
        &json!({"a": 1, "b": "x"}),
    ));
    let DownlinkBody::AttributesChanged {
        updated, deleted, ..
    } = session.hear().body
    else {
        panic!("no attributes");
    };
    let keys: Vec<&str> = updated.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!((keys, deleted.len()), (vec!["a", "b"], 0));
}

#[test]
fn the_stream_tells_newest_first_what_happened_and_takes_a_limit() {
    let api = start();
    let device = api.create_device("a");
    assert_eq!(kinds(&api, &device.id), Vec::<String>::new());
    ok_empty(api.post(
        &api.plugin(&device, "timeseries/ANY"),
        &json!({"t": 1, "h": 2}),
    ));
    ok_empty(api.post(&api.plugin(&device, "SHARED_SCOPE"), &json!({"a": 1})));
    ok_empty(api.delete(&api.plugin(&device, "SHARED_SCOPE?keys=a")));
    let told = kinds(&api, &device.id);
    assert_eq!(
        told,
        ["attributes_deleted", "attributes_saved", "telemetry_saved"]
    );
    let rows = ok(api.get(&format!("/api/device/{}/events?limit=1", device.id)));
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let row = &rows[0];
    assert_eq!(row["transport"], "rest");
    assert_eq!(row["reason"], Value::Null);
    assert!(row["detail"].as_str().unwrap().contains("SHARED_SCOPE"));
    assert!(row["ts"].as_i64().unwrap() > 1_700_000_000_000);
    api.call("POST", &api.plugin(&device, "timeseries/ANY"), "{");
    let rows = ok(api.get(&format!("/api/device/{}/events?limit=1", device.id)));
    assert_eq!(rows[0]["kind"], "refused");
    assert_eq!(rows[0]["reason"], "bad_json");
    let path = format!("/api/device/{}/events?limit=x", device.id);
    assert_error(&api.get(&path), 400, 31, "'limit'");
    assert_eq!(api.get(&format!("/api/device/{NOBODY}/events")).status, 404);
}
