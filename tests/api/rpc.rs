//! Server-side RPC over REST (contract/rpc.md 1 and 4).

use crate::common::operator::NewDevice;
use crate::harness::{assert_error, ok, ok_empty, start, start_with, Api, NOBODY};
use serde_json::{json, Value};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const V1: &str = "/api/plugins/rpc";
const V2: &str = "/api/rpc";

fn in_ms(ms: u64) -> u64 {
    let at = SystemTime::now() + Duration::from_millis(ms);
    at.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn online(api: &Api) -> NewDevice {
    let device = api.create_device("online");
    api.connect(&device.token).expect("a session").serve();
    device
}

#[test]
fn a_two_way_rpc_answers_the_devices_json_as_it_is() {
    let api = start();
    let device = online(&api);
    for base in [V1, V2] {
        let path = format!("{base}/twoway/{}", device.id);
        let body = r#"{"method":"setGpio","params":{"z":1,"a":"12"}}"#;
        let answer = api.call("POST", &path, body);
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.text,
            r#"{"method":"setGpio","params":{"z":1,"a":"12"}}"#
        );
        let answer = api.call("POST", &path, r#"{"method":"bare"}"#);
        assert_eq!(answer.text, r#"{"method":"bare","params":null}"#);
        ok_empty(api.post(&path, &json!({"method": "empty"})));
        let text = api.post(&path, &json!({"method": "text"}));
        assert_error(&text, 406, 2, "not JSON");
    }
}

#[test]
fn an_rpc_may_come_as_text() {
    let api = start();
    let device = online(&api);
    let bearer = format!("Bearer {}", api.token);
    let headers = [
        ("X-Authorization", bearer.as_str()),
        ("Content-Type", "text/plain"),
    ];
    let path = format!("{V2}/twoway/{}", device.id);
    let answer = api.with_headers("POST", &path, &headers, r#"{"method":"m","params":1}"#);
    assert_eq!(ok(answer), json!({"method": "m", "params": 1}));
}

#[test]
fn a_one_way_rpc_is_200_when_it_was_delivered() {
    let api = start();
    let device = online(&api);
    for base in [V1, V2] {
        let path = format!("{base}/oneway/{}", device.id);
        ok_empty(api.post(&path, &json!({"method": "silent", "params": {}})));
    }
}

#[test]
fn an_offline_device_is_504_or_409_when_the_time_is_over_and_not_before() {
    let api = start();
    let device = api.create_device("offline");
    for (base, status) in [(V2, 504), (V1, 409)] {
        for kind in ["oneway", "twoway"] {
            let body = json!({"method": "m", "expirationTime": in_ms(300)});
            let before = Instant::now();
            let answer = api.post(&format!("{base}/{kind}/{}", device.id), &body);
            assert_error(&answer, status, 2, "No active connection");
            assert!(before.elapsed() >= Duration::from_millis(290));
        }
    }
}

#[test]
fn a_timeout_below_five_seconds_is_five_seconds() {
    let api = start();
    let device = api.create_device("offline");
    let before = Instant::now();
    let body = json!({"method": "m", "timeout": 10});
    let answer = api.post(&format!("{V2}/oneway/{}", device.id), &body);
    assert_eq!(answer.status, 504);
    assert!(before.elapsed() >= Duration::from_millis(4_990));
}

#[test]
fn a_device_that_comes_in_time_gets_the_rpc() {
    let api = start();
    let device = api.create_device("late");
    let url = format!("{}{V2}/twoway/{}", api.base, device.id);
    let bearer = format!("Bearer {}", api.token);
    let asking = std::thread::spawn(move || {
        let agent = crate::common::operator::agent();
        let headers = [("X-Authorization", bearer.as_str())];
        crate::common::operator::request(&agent, "POST", &url, &headers, r#"{"method":"m"}"#)
    });
    let mut session = api.connect(&device.token).expect("a session");
    assert_eq!(session.take_rpc(), "m");
    assert_eq!(asking.join().unwrap().status, 200);
}

#[test]
fn a_device_that_stays_silent_is_504_or_408() {
    let api = start();
    let device = online(&api);
    for (base, status) in [(V2, 504), (V1, 408)] {
        for (kind, method) in [("twoway", "silent"), ("oneway", "lost")] {
            let body = json!({"method": method, "expirationTime": in_ms(500)});
            let answer = api.post(&format!("{base}/{kind}/{}", device.id), &body);
            assert_error(&answer, status, 2, "did not answer in time");
        }
    }
}

#[test]
fn an_rpc_that_is_none_is_400() {
    let api = start();
    let device = api.create_device("a");
    for base in [V1, V2] {
        for kind in ["oneway", "twoway"] {
            let path = format!("{base}/{kind}/{}", device.id);
            for body in [
                "",
                "{",
                "[]",
                "{}",
                r#"{"method":5}"#,
                r#"{"method":"m","timeout":"x"}"#,
            ] {
                assert_error(
                    &api.call("POST", &path, body),
                    400,
                    31,
                    "Invalid request body",
                );
            }
            let long = format!(r#"{{"method":"m","params":"{}"}}"#, "x".repeat(65_536));
            assert_error(&api.call("POST", &path, &long), 413, 31, "65536");
            let unknown = api.post(&format!("{base}/{kind}/{NOBODY}"), &json!({"method": "m"}));
            assert_error(&unknown, 404, 32, "Device with requested id wasn't found!");
            let none = api.post(&format!("{base}/{kind}/x"), &json!({"method": "m"}));
            assert_error(&none, 400, 31, "Invalid UUID");
        }
    }
}

fn persistent(api: &Api, device: &NewDevice, method: &str) -> String {
    let body =
        json!({"method": method, "params": {"pin": 7}, "persistent": true, "timeout": 60_000});
    let taken = ok(api.post(&format!("{V2}/twoway/{}", device.id), &body));
    taken["rpcId"].as_str().expect("rpcId").to_owned()
}

fn record(api: &Api, id: &str) -> Value {
    ok(api.get(&format!("/api/rpc/persistent/{id}")))
}

#[test]
fn a_persistent_rpc_waits_for_its_device_and_keeps_its_reply() {
    let api = start();
    let device = api.create_device("a");
    let id = persistent(&api, &device, "first");
    let queued = record(&api, &id);
    assert_eq!(queued["id"], json!({"entityType": "RPC", "id": id}));
    assert_eq!(queued["deviceId"]["id"], json!(device.id));
    assert_eq!(queued["status"], "QUEUED");
    assert_eq!(queued["response"], Value::Null);
    let request = &queued["request"];
    assert_eq!(
        request["body"],
        json!({"method": "first", "params": r#"{"pin":7}"#})
    );
    assert_eq!(request["oneway"], false);
    assert_eq!(request["persisted"], true);
    assert_eq!(request["retries"], 5);

    api.connect(&device.token).expect("a session").serve();
    let done = crate::common::wait_for("the reply", || {
        let record = record(&api, &id);
        (record["status"] == "SUCCESSFUL").then_some(record)
    });
    assert_eq!(
        done["response"],
        json!({"method": "first", "params": {"pin": 7}})
    );
}

#[test]
fn persistent_rpcs_are_listed_by_state_and_withdrawn() {
    let api = start();
    let device = api.create_device("a");
    let first = persistent(&api, &device, "first");
    let second = persistent(&api, &device, "second");
    let path = format!("/api/rpc/persistent/device/{}?pageSize=1&page=0", device.id);
    let page = ok(api.get(&format!(
        "{path}&rpcStatus=QUEUED&sortProperty=createdTime&sortOrder=ASC"
    )));
    assert_eq!(page["totalElements"], 2);
    assert_eq!(page["hasNext"], true);
    assert_eq!(page["data"][0]["id"]["id"], json!(first));
    assert_eq!(
        ok(api.get(&format!("{path}&rpcStatus=FAILED")))["totalElements"],
        0
    );
    assert_eq!(
        ok(api.get(&format!("{path}&textSearch=SECOND")))["totalElements"],
        1
    );
    for word in ["DELETED", "x"] {
        let answer = api.get(&format!("{path}&rpcStatus={word}"));
        assert_error(&answer, 400, 31, "'rpcStatus'");
    }

    ok_empty(api.delete(&format!("/api/rpc/persistent/{first}")));
    let gone = api.get(&format!("/api/rpc/persistent/{first}"));
    assert_error(&gone, 404, 32, "is not found");
    let again = api.delete(&format!("/api/rpc/persistent/{first}"));
    assert_error(&again, 404, 32, "is not found");
    // What was withdrawn does not reach the device.
    let mut session = api.connect(&device.token).expect("a session");
    assert_eq!(session.take_rpc(), "second");
    assert!(!second.is_empty());

    assert_error(&api.get("/api/rpc/persistent/x"), 400, 31, "Invalid UUID");
    let unknown = format!("/api/rpc/persistent/device/{NOBODY}?pageSize=1&page=0");
    assert_error(
        &api.get(&unknown),
        404,
        32,
        "Device with requested id wasn't found!",
    );
    let missing = format!("/api/rpc/persistent/device/{}", device.id);
    assert_error(&api.get(&missing), 400, 31, "'pageSize' is not present");
}

#[test]
fn more_rpcs_than_may_wait_are_429() {
    let api = start_with(|config| config.device.pending_rpcs = 2);
    let device = api.create_device("a");
    persistent(&api, &device, "1");
    persistent(&api, &device, "2");
    let body = json!({"method": "3", "persistent": true});
    let answer = api.post(&format!("{V2}/twoway/{}", device.id), &body);
    assert_error(&answer, 429, 33, "Too many requests");
}
