//! Old points go: by their profile's retention, and when the data directory comes to its cap.

use crate::common::operator::{agent, request};
use crate::common::server::Server;
use crate::common::wait_for;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_millis() as i64
}

#[test]
fn points_older_than_their_profile_says_go_and_the_latest_value_stays() {
    let server = Server::start();
    let operator = server.operator();
    let short =
        json!({"name": "short", "profileData": {"configuration": {"storageTtlSeconds": 3600}}});
    assert_eq!(operator.post("/api/deviceProfile", &short).status, 200);
    let made = operator.post("/api/device", &json!({"name": "a", "type": "short"}));
    let device = made.json["id"]["id"].as_str().unwrap().to_owned();
    let other = operator.create_device("kept for ever");
    let now = now();
    let rows = json!([
        {"ts": now - 7_200_000, "values": {"t": 1, "gone": 1}},
        {"ts": now - 60_000, "values": {"t": 2}},
    ]);
    for device in [&device, &other.id] {
        let path = format!("/api/plugins/telemetry/DEVICE/{device}/timeseries/ANY");
        assert_eq!(operator.post(&path, &rows).status, 200);
    }
    wait_for("the old point to go", || {
        (operator.history(&device, "t").len() == 1).then_some(())
    });
    assert_eq!(operator.history(&device, "t"), [(now - 60_000, json!(2))]);
    assert_eq!(operator.history(&device, "gone"), []);
    assert_eq!(operator.latest(&device), json!({"t": 2, "gone": 1}));
    assert_eq!(operator.history(&other.id, "t").len(), 2);
    wait_for("the expiry to be counted", || {
        (operator.metric("expiries_total{cause=\"age\"}") == 1.0).then_some(())
    });
    assert!(operator.metric("data_bytes") > 0.0);
}

#[test]
fn at_the_cap_the_oldest_points_go_and_log_metric_and_stream_say_so() {
    let server = Server::start_with(
        "[store]\nmax_size = \"128MiB\"\njournal_segment = \"1MiB\"\njournal_size = \"8MiB\"\nhead_memory = \"1MiB\"\n",
    );
    let operator = server.operator();
    let device = operator.create_device("chatty");
    let url = format!("{}/api/v1/{}/telemetry", server.http(), device.token);
    let (agent, base) = (agent(), now() - 100_000_000);
    let mut seed = 1u64;
    let mut noise = || {
        let letter = |_| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            char::from(b'A' + ((seed >> 33) % 57) as u8)
                .to_string()
                .replace('\\', "x")
        };
        (0..2_000).map(letter).collect::<String>()
    };
    let dropped = || operator.metric("expired_rows_total{cause=\"size\"}");
    let mut sent = 0;
    while dropped() == 0.0 {
        assert!(sent < 200_000, "nothing was dropped");
        let rows = (sent..sent + 200).map(|n| json!({"ts": base + n, "values": {"t": noise()}}));
        let body = json!(rows.collect::<Vec<_>>()).to_string();
        assert_eq!(request(&agent, "POST", &url, &[], &body).status, 200);
        sent += 200;
    }
    let rows = wait_for("the row in the stream", || {
        let rows = operator.events(&device.id);
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|row| row["kind"] == "telemetry_dropped")
            .collect();
        (!rows.is_empty()).then_some(rows)
    });
    assert_eq!(rows[0]["reason"], "max_size");
    assert!(
        server.stderr().contains("store.max_size"),
        "{}",
        server.stderr()
    );
    assert!(operator.metric("expired_bytes_total{cause=\"size\"}") > 0.0);
    let path = format!(
        "/api/plugins/telemetry/DEVICE/{}/values/timeseries?keys=t&startTs=0&endTs=9000000000000&limit=1&orderBy=ASC",
        device.id
    );
    let first = operator.get(&path).json["t"][0]["ts"].as_i64().unwrap();
    assert!(first > base, "the oldest point is still there");
    assert!(operator.latest(&device.id)["t"].is_string());
}
