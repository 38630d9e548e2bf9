//! Malformed packets on a live connection: each ends it with its code, a row and a count, and the
//! server serves the next one. The codec's own table holds every clause; these are its ways out.

use crate::wire::*;

/// Name, whole packet at 3.1.1, whole packet at 5, code of DISCONNECT.
type Case = (&'static str, &'static [u8], &'static [u8], u8);

const CASES: &[Case] = &[
    ("reserved type 0", b"\0\0", b"\0\0", 0x81),
    (
        "QoS 3",
        b"\x36\x06\0\x01a\0\x01x",
        b"\x36\x07\0\x01a\0\x01\0x",
        0x81,
    ),
    (
        "DUP at QoS 0",
        b"\x38\x04\0\x01ax",
        b"\x38\x05\0\x01a\0x",
        0x81,
    ),
    (
        "SUBSCRIBE flags",
        b"\x80\x06\0\x01\0\x01a\0",
        b"\x80\x07\0\x01\0\0\x01a\0",
        0x81,
    ),
    (
        "length of five bytes",
        b"\x30\xff\xff\xff\xff\x01",
        b"\x30\xff\xff\xff\xff\x01",
        0x81,
    ),
    ("topic cut", b"\x30\x03\0\x09a", b"\x30\x03\0\x09a", 0x81),
    (
        "topic not UTF-8",
        b"\x30\x04\0\x02\xc3\x28",
        b"\x30\x05\0\x02\xc3\x28\0",
        0x81,
    ),
    (
        "NUL in the topic",
        b"\x30\x05\0\x03a\0b",
        b"\x30\x06\0\x03a\0b\0",
        0x81,
    ),
    ("empty topic", b"\x30\x03\0\0x", b"\x30\x04\0\0\0x", 0x82),
    (
        "wildcard in the topic",
        b"\x30\x04\0\x01#x",
        b"\x30\x05\0\x01#\0x",
        0x90,
    ),
    (
        "packet id 0",
        b"\x32\x06\0\x01a\0\0x",
        b"\x32\x07\0\x01a\0\0\0x",
        0x82,
    ),
    ("no filter", b"\x82\x02\0\x01", b"\x82\x03\0\x01\0", 0x82),
    (
        "bad filter",
        b"\x82\x07\0\x01\0\x02a#\0",
        b"\x82\x08\0\x01\0\0\x02a#\0",
        0x8F,
    ),
    (
        "subscribe to QoS 3",
        b"\x82\x06\0\x01\0\x01a\x03",
        b"\x82\x07\0\x01\0\0\x01a\x03",
        0x81,
    ),
    ("PUBACK of 0", b"\x40\x02\0\0", b"\x40\x02\0\0", 0x82),
    ("PINGREQ with a body", b"\xc0\x01\0", b"\xc0\x01\0", 0x81),
    ("a server's packet", b"\xd0\0", b"\xd0\0", 0x82),
    ("AUTH", b"\xf0\0", b"\xf0\0", 0x82),
];

#[test]
fn each_malformed_packet_ends_the_connection_with_its_code_and_a_row() {
    let (server, operator, device) = scene("");
    for (name, four, five, code) in CASES {
        for (level, bytes) in [(Level::Four, four), (Level::Five, five)] {
            // AUTH is a packet of 5: below it, a reserved type.
            let mut wire = Wire::connected(&server, level, &device);
            wire.send(bytes);
            println!("{name} at {level:?}");
            wire.expect_end(level, *code);
        }
    }
    let expected = CASES.len() * 2;
    assert_eq!(rejected(&operator, "protocol_violation"), expected as f64);
    let rows = refusals(&operator, &device);
    let rows = rows.iter().filter(|reason| *reason == "protocol_violation");
    assert!(rows.count() > 0);
    Wire::connected(&server, Level::Four, &device).ping();
}

#[test]
fn what_is_no_mqtt_at_all_is_closed_without_a_word() {
    let (server, operator, device) = scene("");
    let strangers: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"\xc0\0",
        b"\0\0\0\0",
        b"\x10\x0c\0\x04MQTX\x04\x02\0\x3c\0\0",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ];
    for bytes in strangers {
        let mut wire = Wire::open(&server);
        wire.send(bytes);
        assert_eq!(wire.until_closed(), b"", "{bytes:02x?}");
    }
    assert_eq!(rejected(&operator, "protocol_violation"), 6.0);
    Wire::connected(&server, Level::Five, &device).ping();
}

#[test]
fn a_malformed_connect_of_five_is_told_so() {
    let (server, _, _) = scene("");
    let mut wire = Wire::open(&server);
    // The reserved connect flag is set.
    wire.send(b"\x10\x0e\0\x04MQTT\x05\x03\0\x3c\0\0\x01x");
    wire.expect_connack(0x81);
    assert_eq!(wire.until_closed(), b"");
}

#[test]
fn what_came_before_the_fault_is_still_acknowledged() {
    let (server, operator, device) = scene("");
    for level in LEVELS {
        let mut wire = Wire::connected(&server, level, &device);
        let good = publish(level, 1, 3, TELEMETRY, br#"{"kept":1}"#);
        wire.send(&[good, b"\0\0".to_vec()].concat());
        assert_eq!(wire.expect_puback(3), 0, "{level:?}");
        wire.expect_end(level, 0x81);
    }
    assert_eq!(operator.latest(&device.id), serde_json::json!({"kept": 1}));
}
