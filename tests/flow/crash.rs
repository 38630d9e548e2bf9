//! kill -9 seen from the doors: what HTTP and REST acknowledged survives, also when killed while starting.

use crate::common::operator::{agent, request};
use crate::common::server::Server;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn everything_acknowledged_over_http_and_rest_survives_a_kill() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("survivor");
    let url = format!("{}/api/v1/{}", server.http(), device.token);
    let agent = agent();
    for n in 0..50 {
        let body = json!({"ts": 1_700_000_000_000i64 + n, "values": {"n": n}}).to_string();
        assert_eq!(
            request(&agent, "POST", &format!("{url}/telemetry"), &[], &body).status,
            200
        );
    }
    let shared = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
    assert_eq!(operator.post(&shared, &json!({"target": 5})).status, 200);
    let rpc = format!("/api/rpc/oneway/{}", device.id);
    let order = json!({"method": "later", "params": {}, "persistent": true, "expirationTime": 4_000_000_000_000i64});
    let accepted = operator.post(&rpc, &order);
    assert_eq!(accepted.status, 200, "{}", accepted.text);
    let folder = server.kill();

    let server = Server::start_in(folder, "", &[]);
    let operator = server.operator();
    let expected: Vec<_> = (0..50).map(|n| (1_700_000_000_000 + n, json!(n))).collect();
    assert_eq!(operator.history(&device.id, "n"), expected);
    let url = format!(
        "{}/api/v1/{}/attributes?sharedKeys=target",
        server.http(),
        device.token
    );
    assert_eq!(
        request(&agent, "GET", &url, &[], "").json,
        json!({"shared": {"target": 5}})
    );
    let id = accepted.json["rpcId"].as_str().expect("rpcId");
    let record = operator.get(&format!("/api/rpc/persistent/{id}"));
    assert_eq!(
        (record.status, &record.json["status"]),
        (200, &json!("QUEUED")),
        "{}",
        record.text
    );
    // The command still reaches the device.
    let poll = format!(
        "{}/api/v1/{}/rpc?timeout=10000",
        server.http(),
        device.token
    );
    assert_eq!(
        request(&agent, "GET", &poll, &[], "").json["method"],
        "later"
    );
}

#[test]
fn kills_during_start_up_again_and_again_lose_nothing() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("patient");
    let url = format!("{}/api/v1/{}/telemetry", server.http(), device.token);
    for n in 0..20 {
        let body = json!({"ts": 1_700_000_000_000i64 + n, "values": {"n": n}}).to_string();
        assert_eq!(request(&agent(), "POST", &url, &[], &body).status, 200);
    }
    let mut folder = server.kill();
    for round in 0..20u64 {
        let mut child = Server::command(folder.path(), "", &[])
            .spawn()
            .expect("start");
        let moment = Instant::now() + Duration::from_millis(round * 7);
        while Instant::now() < moment {
            std::thread::yield_now();
        }
        child.kill().expect("kill");
        child.wait().expect("wait");
    }
    for _ in 0..2 {
        let server = Server::start_in(folder, "", &[]);
        assert_eq!(server.operator().history(&device.id, "n").len(), 20);
        folder = server.kill();
    }
}
