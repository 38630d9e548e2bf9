//! The acknowledgement table (contract/mqtt.md 5) and SUBACK codes (4), on the wire.

use crate::wire::*;
use serde_json::json;

const BAD_PAYLOADS: &[(&str, &str, &[u8])] = &[
    ("no JSON", TELEMETRY, b"not json"),
    ("empty", TELEMETRY, b""),
    ("a scalar", TELEMETRY, b"7"),
    ("cut", TELEMETRY, br#"{"a":"#),
    ("trailing", TELEMETRY, br#"{"a":1} x"#),
    ("a bad ts", TELEMETRY, br#"{"ts":"soon","values":{"a":1}}"#),
    ("an array of scalars", TELEMETRY, b"[1,2]"),
    (
        "an array of attributes",
        "v1/devices/me/attributes",
        br#"[{"a":1}]"#,
    ),
    (
        "no method",
        "v1/devices/me/rpc/request/1",
        br#"{"params":{}}"#,
    ),
    ("a word as id", "v1/devices/me/attributes/request/x", b"{}"),
    (
        "an id too large",
        "v1/devices/me/attributes/request/2147483648",
        b"{}",
    ),
];

#[test]
fn a_bad_payload_closes_the_older_levels_and_five_hears_0x99() {
    let (server, operator, device) = scene("");
    for (name, topic, payload) in BAD_PAYLOADS {
        let mut four = Wire::connected(&server, Level::Four, &device);
        four.send(&publish(Level::Four, 1, 5, topic, payload));
        println!("{name}");
        assert_eq!(four.until_closed(), b"", "{name}");
        let mut five = Wire::connected(&server, Level::Five, &device);
        five.send(&publish(Level::Five, 1, 5, topic, payload));
        assert_eq!(five.expect_puback(5), 0x99, "{name}");
        five.ping();
    }
    let rows = refusals(&operator, &device);
    for reason in ["bad_json", "bad_shape", "bad_timestamp", "bad_request_id"] {
        assert!(
            rows.iter().any(|row| row == reason),
            "no {reason} in {rows:?}"
        );
    }
    assert_eq!(operator.latest(&device.id), json!({}));
}

#[test]
fn an_unknown_topic_is_acknowledged_and_five_hears_0x90() {
    let (server, operator, device) = scene("");
    for topic in ["v1/devices/me/nonsense", "a", "v1/devices/other/telemetry"] {
        let mut four = Wire::connected(&server, Level::Four, &device);
        four.send(&publish(Level::Four, 1, 5, topic, b"{}"));
        four.expect(0x40, &[0, 5]);
        four.ping();
        let mut five = Wire::connected(&server, Level::Five, &device);
        five.send(&publish(Level::Five, 1, 5, topic, b"{}"));
        assert_eq!(five.expect_puback(5), 0x90);
        five.ping();
    }
    assert!(refusals(&operator, &device).contains(&"unknown_topic".to_owned()));
}

#[test]
fn a_gateway_topic_of_a_device_that_is_none_is_acknowledged_with_0x87() {
    let (server, operator, device) = scene("");
    let topic = "v1/gateway/telemetry";
    let mut four = Wire::connected(&server, Level::Four, &device);
    four.send(&publish(Level::Four, 1, 5, topic, b"{}"));
    four.expect(0x40, &[0, 5]);
    let mut five = Wire::connected(&server, Level::Five, &device);
    five.send(&publish(Level::Five, 1, 5, topic, b"{}"));
    assert_eq!(five.expect_puback(5), 0x87);
    assert!(refusals(&operator, &device).contains(&"not_a_gateway".to_owned()));
}

#[test]
fn an_empty_array_is_acknowledged() {
    let (server, _, device) = scene("");
    for level in LEVELS {
        let mut wire = Wire::connected(&server, level, &device);
        wire.send(&publish(level, 1, 5, TELEMETRY, b"[]"));
        assert_eq!(wire.expect_puback(5), 0, "{level:?}");
    }
}

#[test]
fn a_publish_at_qos_2_takes_the_whole_handshake_and_counts_once() {
    let (server, operator, device) = scene("");
    for (n, level) in LEVELS.into_iter().enumerate() {
        let mut wire = Wire::connected(&server, level, &device);
        let payload = format!("{{\"ts\":{},\"values\":{{\"twice\":{n}}}}}", 1000 + n);
        let mut bytes = publish(level, 2, 77, TELEMETRY, payload.as_bytes());
        wire.send(&bytes);
        wire.expect(0x50, &[0, 77]);
        // Lost PUBREC: the client repeats with DUP and must get it again.
        bytes[0] |= 0x08;
        wire.send(&bytes);
        wire.expect(0x50, &[0, 77]);
        wire.send(b"\x62\x02\0\x4d");
        wire.expect(0x70, &[0, 77]);
        wire.ping();
    }
    let saved = operator.history(&device.id, "twice");
    assert_eq!(
        saved,
        [(1000, json!(0)), (1001, json!(1)), (1002, json!(2))]
    );
}

#[test]
fn each_filter_of_a_subscribe_has_its_own_code() {
    let (server, _, device) = scene("");
    let filters: [(&str, u8, u8, u8); 9] = [
        ("v1/devices/me/attributes", 0, 0, 0),
        ("v1/devices/me/rpc/request/+", 1, 1, 1),
        ("v1/devices/me/rpc/response/+", 2, 1, 1),
        ("v2/a/res/j/+", 1, 1, 1),
        ("#", 1, 0x80, 0x8F),
        ("+/devices/me/attributes", 1, 0x80, 0x8F),
        (TELEMETRY, 1, 0x80, 0x8F),
        ("v1/devices/me/rpc/request/5", 1, 0x80, 0x8F),
        ("$share/g/v1/devices/me/attributes", 1, 0x80, 0x8F),
    ];
    for level in [Level::Four, Level::Five] {
        let mut wire = Wire::connected(&server, level, &device);
        let mut parts = vec![vec![0, 9]];
        if level == Level::Five {
            parts.push(vec![0]);
        }
        for (filter, qos, _, _) in filters {
            parts.push(text(filter));
            parts.push(vec![qos]);
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        wire.send(&packet(0x82, &parts));
        let (first, body) = wire.packet();
        let codes = filters.map(|(_, _, old, new)| if level == Level::Five { new } else { old });
        assert_eq!((first, &body[..2]), (0x90, &[0, 9][..]));
        assert_eq!(body[body.len() - codes.len()..], codes, "{level:?}");
        wire.ping();
    }
}

#[test]
fn attribute_responses_come_without_a_subscription_under_their_request_id() {
    let (server, _, device) = scene("");
    for level in LEVELS {
        let mut wire = Wire::connected(&server, level, &device);
        wire.send(&publish(
            level,
            1,
            1,
            "v1/devices/me/attributes",
            br#"{"fw":"1.2"}"#,
        ));
        assert_eq!(wire.expect_puback(1), 0);
        let request = "v1/devices/me/attributes/request/-42";
        wire.send(&publish(
            level,
            0,
            0,
            request,
            br#"{"clientKeys":"fw,none"}"#,
        ));
        let (first, body) = wire.packet();
        assert_eq!(first, 0x32, "QoS 1 without a subscription");
        let topic = text("v1/devices/me/attributes/response/-42");
        assert_eq!(&body[..topic.len()], topic);
        assert!(body.ends_with(br#"{"client":{"fw":"1.2"}}"#), "{body:02x?}");
    }
}
