//! What only MQTT 5 has: announcements in CONNACK, topic aliases, the client's own packet limit,
//! enhanced authentication that is not offered.

use crate::wire::*;
use serde_json::json;

/// Properties of a packet that ends with them: identifier → value, for those of fixed length.
fn properties(mut bytes: &[u8]) -> Vec<(u8, u32)> {
    let mut found = Vec::new();
    let length = usize::from(bytes[0]);
    bytes = &bytes[1..];
    assert_eq!(length, bytes.len(), "short properties only");
    while let [id, rest @ ..] = bytes {
        let width = match id {
            0x24 | 0x25 | 0x28..=0x2A => 1,
            0x13 | 0x21 | 0x22 => 2,
            0x11 | 0x27 => 4,
            other => panic!("unexpected property {other:#04x}"),
        };
        let value = rest[..width]
            .iter()
            .fold(0, |n, byte| n << 8 | u32::from(*byte));
        found.push((*id, value));
        bytes = &rest[width..];
    }
    found.sort_unstable();
    found
}

#[test]
fn connack_announces_what_the_platform_takes() {
    let settings = "[mqtt]\nmax_packet = \"20KiB\"\nreceive_maximum = 7\ntopic_alias_maximum = 3\nmax_keepalive = \"50s\"";
    let (server, _, device) = scene(settings);
    let mut wire = Wire::open(&server);
    wire.send(&connect(Level::Five, &device.token));
    let (_, body) = wire.packet();
    let found = properties(&body[2..]);
    for expected in [
        (0x13, 50),
        (0x21, 7),
        (0x22, 3),
        (0x25, 0),
        (0x27, 20 * 1024),
        (0x29, 0),
        (0x2A, 0),
    ] {
        assert!(found.contains(&expected), "no {expected:?} in {found:?}");
    }
    assert!(!found.contains(&(0x28, 0)), "filters with + are served");
    assert!(!found.contains(&(0x24, 0)), "QoS 1 is served");
}

/// PUBLISH at QoS 1 with Topic Alias.
fn aliased(id: u16, topic: &str, alias: u16, payload: &[u8]) -> Vec<u8> {
    let [high, low] = alias.to_be_bytes();
    let properties = [3, 0x23, high, low];
    packet(
        0x32,
        &[&text(topic), &id.to_be_bytes(), &properties, payload],
    )
}

#[test]
fn a_topic_alias_stands_for_its_topic_until_it_is_set_anew() {
    let (server, operator, device) = scene("");
    let mut wire = Wire::connected(&server, Level::Five, &device);
    wire.send(&aliased(1, TELEMETRY, 1, br#"{"a":1}"#));
    wire.send(&aliased(2, "", 1, br#"{"a":2}"#));
    wire.send(&aliased(
        3,
        "v1/devices/me/attributes",
        1,
        br#"{"attribute":3}"#,
    ));
    wire.send(&aliased(4, "", 1, br#"{"attribute":4}"#));
    for id in 1..=4 {
        assert_eq!(wire.expect_puback(id), 0);
    }
    assert_eq!(operator.latest(&device.id), json!({"a": 2}));
}

#[test]
fn an_alias_out_of_range_or_unknown_ends_the_connection() {
    let (server, _, device) = scene("[mqtt]\ntopic_alias_maximum = 3");
    for (topic, alias, code) in [(TELEMETRY, 0, 0x94), (TELEMETRY, 4, 0x94), ("", 2, 0x82)] {
        let mut wire = Wire::connected(&server, Level::Five, &device);
        wire.send(&aliased(1, topic, alias, b"{}"));
        wire.expect_end(Level::Five, code);
    }
}

#[test]
fn an_answer_larger_than_the_client_takes_is_not_sent_and_the_session_lives() {
    let (server, _, device) = scene("");
    let mut wire = Wire::open(&server);
    // Maximum Packet Size 64.
    let body = [
        &b"\0\x04MQTT\x05\x82\0\x3c\x05\x27\0\0\0\x40"[..],
        &text("small"),
        &text(&device.token),
    ];
    wire.send(&packet(0x10, &body));
    wire.expect_connack(0);
    let value = "x".repeat(100);
    let attributes = format!("{{\"long\":\"{value}\",\"s\":1}}");
    let topic = "v1/devices/me/attributes";
    wire.send(&publish(Level::Five, 1, 1, topic, attributes.as_bytes()));
    assert_eq!(wire.expect_puback(1), 0);
    let ask = |keys: &str| format!("{{\"clientKeys\":\"{keys}\"}}").into_bytes();
    let request = |id: u16| format!("{topic}/request/{id}");
    wire.send(&publish(Level::Five, 0, 0, &request(1), &ask("long")));
    wire.send(&publish(Level::Five, 0, 0, &request(2), &ask("s")));
    let (first, body) = wire.packet();
    assert_eq!(first & 0xF0, 0x30);
    assert!(body.ends_with(br#"{"client":{"s":1}}"#), "{body:02x?}");
    wire.ping();
}

#[test]
fn enhanced_authentication_is_refused_as_a_bad_method() {
    let (server, _, device) = scene("");
    let mut wire = Wire::open(&server);
    let body = [
        &b"\0\x04MQTT\x05\x82\0\x3c\x04\x15\0\x01K"[..],
        &text("id"),
        &text(&device.token),
    ];
    wire.send(&packet(0x10, &body));
    wire.expect_connack(0x8C);
    assert_eq!(wire.until_closed(), b"");
}

#[test]
fn a_stopping_server_says_so() {
    let (server, _, device) = scene("");
    let mut five = Wire::connected(&server, Level::Five, &device);
    let (status, _folder) = server.terminate();
    assert!(status.success(), "{status}");
    five.expect_end(Level::Five, 0x8B);
}

#[test]
fn a_dozen_unused_properties_change_nothing() {
    let (server, operator, device) = scene("");
    let mut wire = Wire::connected(&server, Level::Five, &device);
    let mut properties = b"\x01\x01\x02\0\0\0\x05\x03\0\x01c\x08\0\x01r\x09\0\x01d".to_vec();
    for _ in 0..12 {
        properties.extend_from_slice(b"\x26\0\x01k\0\x01v");
    }
    let length = [properties.len() as u8];
    let parts = [
        &text(TELEMETRY),
        &[0, 1][..],
        &length,
        &properties,
        br#"{"a":1}"#,
    ];
    wire.send(&packet(0x32, &parts));
    assert_eq!(wire.expect_puback(1), 0);
    assert_eq!(operator.latest(&device.id), json!({"a": 1}));
}
