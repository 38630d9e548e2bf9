//! What real devices do: clients that never read, that send before CONNACK, that are old.

use crate::common::wait_for;
use crate::wire::*;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn pubsubclient_publishes_without_ever_reading() {
    let (server, operator, device) = scene("");
    // connect(id, token, NULL), then publish(topic, payload): QoS 0, header and body in one write.
    let mut wire = Wire::open(&server);
    let fields = [text("ESP8266Client-1a2b"), text(&device.token)];
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    wire.send(&connect_with(Level::Four, 0x82, 15, &fields));
    wire.send(&publish(
        Level::Four,
        0,
        0,
        TELEMETRY,
        br#"{"temperature":25.5}"#,
    ));
    wire.send(&publish(
        Level::Four,
        0,
        0,
        TELEMETRY,
        br#"{"humidity":61}"#,
    ));
    wait_for("both values", || {
        (operator.latest(&device.id) == json!({"temperature": 25.5, "humidity": 61})).then_some(())
    });
}

#[test]
fn packets_before_connack_are_answered_in_order_after_it() {
    let (server, operator, device) = scene("");
    for level in LEVELS {
        let mut wire = Wire::open(&server);
        let burst = [
            connect(level, &device.token),
            subscribe(level, 1, "v1/devices/me/attributes", 1),
            publish(level, 1, 2, TELEMETRY, br#"{"early":1}"#),
            b"\xc0\0".to_vec(),
        ];
        wire.send(&burst.concat());
        wire.expect_connack(0);
        // Answers that wait for the disk may come behind those that do not.
        let mut firsts: Vec<u8> = (0..3).map(|_| wire.packet().0).collect();
        firsts.sort_unstable();
        assert_eq!(firsts, [0x40, 0x90, 0xD0], "{level:?}");
    }
    assert_eq!(operator.latest(&device.id), json!({"early": 1}));
}

#[test]
fn packets_behind_a_connect_that_is_refused_do_nothing() {
    let (server, operator, device) = scene("");
    let mut wire = Wire::open(&server);
    let publish = publish(Level::Four, 1, 1, TELEMETRY, br#"{"stolen":1}"#);
    wire.send(&[connect(Level::Four, "wrong"), publish].concat());
    wire.expect_connack(5);
    assert_eq!(wire.until_closed(), b"");
    assert_eq!(operator.latest(&device.id), json!({}));
}

#[test]
fn a_3_1_client_with_a_long_client_id_publishes_and_subscribes() {
    let (server, operator, device) = scene("");
    let mut wire = Wire::open(&server);
    let id = text("mosq-a-client-id-of-more-than-23-characters");
    wire.send(&connect_with(
        Level::Three,
        0x82,
        60,
        &[&id, &text(&device.token)],
    ));
    wire.expect(0x20, &[0, 0]);
    wire.send(&publish(Level::Three, 1, 7, TELEMETRY, br#"{"old":true}"#));
    wire.expect(0x40, &[0, 7]);
    // DUP on SUBSCRIBE is 3.1's own way to repeat.
    let mut again = subscribe(Level::Three, 8, "v1/devices/me/rpc/request/+", 1);
    again[0] |= 0x08;
    wire.send(&again);
    wire.expect(0x90, &[0, 8, 1]);
    assert_eq!(operator.latest(&device.id), json!({"old": true}));
}

#[test]
fn any_split_of_the_bytes_gives_the_same_answers() {
    let (server, operator, device) = scene("");
    let mut stream = Vec::new();
    for n in 1..=40u16 {
        let payload = format!("{{\"n\":{n}}}");
        stream.extend(publish(Level::Four, 1, n, TELEMETRY, payload.as_bytes()));
    }
    for size in [1, 2, 3, 7, 64, 1000] {
        let mut wire = Wire::connected(&server, Level::Four, &device);
        for part in stream.chunks(size) {
            wire.send(part);
        }
        for n in 1..=40u16 {
            wire.expect(0x40, &n.to_be_bytes());
        }
    }
    assert_eq!(operator.latest(&device.id), json!({"n": 40}));
}

#[test]
fn silence_beyond_one_and_a_half_keepalives_ends_the_session() {
    let (server, operator, device) = scene("");
    for level in LEVELS {
        let mut wire = Wire::open(&server);
        let start = Instant::now();
        let fields = [text("quiet"), text(&device.token)];
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        wire.send(&connect_with(level, 0x82, 1, &fields));
        wire.expect_connack(0);
        wire.expect_end(level, 0x8D);
        let lived = start.elapsed();
        assert!(lived >= Duration::from_millis(1450), "{level:?}: {lived:?}");
    }
    assert!(refusals(&operator, &device).contains(&"keepalive_expired".to_owned()));
}

#[test]
fn any_packet_keeps_a_session_alive() {
    let (server, _, device) = scene("");
    let mut wire = Wire::open(&server);
    let fields = [text("lively"), text(&device.token)];
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    wire.send(&connect_with(Level::Four, 0x82, 1, &fields));
    wire.expect_connack(0);
    let end = Instant::now() + Duration::from_secs(3);
    let mut n = 0u16;
    while Instant::now() < end {
        n += 1;
        wire.send(&publish(Level::Four, 1, n, TELEMETRY, br#"{"a":1}"#));
        wire.expect(0x40, &n.to_be_bytes());
        std::thread::sleep(Duration::from_millis(300));
    }
    wire.ping();
}
