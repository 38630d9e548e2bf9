//! Limits: packet size, connections, subscriptions, what a client may have unacknowledged.

use crate::common::wait_for;
use crate::wire::*;
use serde_json::json;

/// A JSON object of exactly `size` bytes.
fn payload(size: usize) -> Vec<u8> {
    let mut bytes = br#"{"big":""#.to_vec();
    bytes.resize(size - 2, b'x');
    bytes.extend_from_slice(b"\"}");
    bytes
}

/// A publish whose whole packet has `size` bytes (above 16,386).
fn sized(level: Level, size: usize) -> Vec<u8> {
    let empty = publish(level, 1, 9, TELEMETRY, b"").len() - 2;
    let bytes = publish(level, 1, 9, TELEMETRY, &payload(size - empty - 4));
    assert_eq!(bytes.len(), size);
    bytes
}

#[test]
fn a_publish_at_exactly_the_limit_is_stored_and_one_byte_more_is_refused_unread() {
    let (server, operator, device) = scene("[mqtt]\nmax_packet = \"20KiB\"");
    let limit = 20 * 1024;
    for level in LEVELS {
        let mut wire = Wire::connected(&server, level, &device);
        wire.send(&sized(level, limit));
        assert_eq!(wire.expect_puback(9), 0, "{level:?}");
        // The header alone: the server does not wait for a payload that it will not take.
        wire.send(&sized(level, limit + 1)[..4]);
        wire.expect_end(level, 0x95);
    }
    assert!(refusals(&operator, &device).contains(&"too_large".to_owned()));
    assert_eq!(rejected(&operator, "too_large"), 3.0);
}

#[test]
fn a_length_of_a_quarter_gigabyte_costs_the_server_nothing() {
    let (server, operator, device) = scene("");
    let before = memory(server.pid());
    let mut wires = Vec::new();
    for _ in 0..50 {
        let mut stranger = Wire::open(&server);
        stranger.send(b"\x10\xff\xff\xff\x7f\0\x04MQTT");
        wires.push(stranger);
    }
    for wire in &mut wires {
        assert_eq!(wire.until_closed(), b"");
    }
    let grown = memory(server.pid()).saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    assert_eq!(rejected(&operator, "too_large"), 50.0);
    Wire::connected(&server, Level::Four, &device).ping();
}

/// Resident bytes of a process.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap() * 1024
}

#[test]
fn one_connection_too_many_is_refused_with_a_code_and_room_returns() {
    let (server, operator, device) = scene("[mqtt]\nmax_connections = 2");
    let other = operator.create_device("other");
    let first = Wire::connected(&server, Level::Four, &device);
    let _second = Wire::connected(&server, Level::Four, &other);
    let third = operator.create_device("third");
    for (level, code) in [(Level::Four, 3), (Level::Five, 0x9F)] {
        let mut wire = Wire::open(&server);
        wire.send(&connect(level, &third.token));
        wire.expect_connack(code);
    }
    assert_eq!(rejected(&operator, "too_many_connections"), 2.0);
    drop(first);
    wait_for("room for a connection", || {
        let mut wire = Wire::open(&server);
        wire.send(&connect(Level::Four, &third.token));
        (wire.packet().1 == [0, 0]).then_some(())
    });
}

#[test]
fn strangers_of_one_address_are_limited_until_they_are_known() {
    let (server, _, device) = scene("[mqtt]\nmax_unauthenticated_per_address = 3");
    let mut strangers: Vec<Wire> = (0..3).map(|_| Wire::open(&server)).collect();
    // Each is accepted for sure once it was served a byte of patience: the fourth is closed.
    let mut fourth = Wire::open(&server);
    assert_eq!(fourth.until_closed(), b"");
    let mut known = strangers.pop().unwrap();
    known.send(&connect(Level::Four, &device.token));
    known.expect_connack(0);
    let mut fifth = Wire::connected(&server, Level::Five, &device);
    fifth.ping();
}

#[test]
fn more_than_the_receive_maximum_ends_a_session_of_five() {
    let (server, operator, device) = scene("[mqtt]\nreceive_maximum = 5");
    let mut wire = Wire::connected(&server, Level::Five, &device);
    // QoS 2 publishes stay open until PUBREL, so these do pile up.
    let all: Vec<u8> = (1..=6)
        .flat_map(|id| publish(Level::Five, 2, id, TELEMETRY, br#"{"a":1}"#))
        .collect();
    wire.send(&all);
    let rest = wire.until_closed();
    let received = rest.chunks(4).take_while(|four| four[0] == 0x50).count();
    assert_eq!(received, 5, "{rest:02x?}");
    let last = last_words(&rest[received * 4..]);
    assert_eq!(last, Some(0x93), "{rest:02x?}");
    assert_eq!(operator.latest(&device.id), json!({"a": 1}));
}

#[test]
fn more_filters_than_allowed_are_refused_one_by_one() {
    let (server, _, device) = scene("[mqtt]\nmax_subscriptions = 2");
    for (level, refused) in [(Level::Four, 0x80), (Level::Five, 0x97)] {
        let mut wire = Wire::connected(&server, level, &device);
        let filters = [
            "v1/devices/me/attributes",
            "v1/devices/me/rpc/request/+",
            "v1/devices/me/rpc/response/+",
        ];
        let codes: Vec<u8> = filters
            .iter()
            .map(|filter| {
                wire.send(&subscribe(level, 5, filter, 1));
                let (first, body) = wire.packet();
                assert_eq!(first, 0x90);
                *body.last().unwrap()
            })
            .collect();
        assert_eq!(codes, [1, 1, refused], "{level:?}");
    }
}

#[test]
fn a_device_over_its_rate_is_told_so_in_five_and_closed_before() {
    let (server, operator, device) = scene("[device]\nmessage_rate = \"3:1h\"");
    let say = |level, id| publish(level, 1, id, TELEMETRY, b"{\"t\":1}");
    let mut wire = Wire::connected(&server, Level::Five, &device);
    for id in 1..=3 {
        wire.send(&say(Level::Five, id));
        assert_eq!(wire.expect_puback(id), 0);
    }
    wire.send(&say(Level::Five, 4));
    let (_, body) = wire.packet();
    assert_eq!(body[..3], [0, 4, 0x97]);
    let told = String::from_utf8_lossy(&body);
    assert!(told.contains("3:1h: room again in"), "{told}");
    wire.ping();
    let mut old = Wire::connected(&server, Level::Four, &device);
    old.send(&say(Level::Four, 1));
    assert_eq!(old.until_closed(), b"", "no PUBACK");
    assert_eq!(rejected(&operator, "rate_limited"), 2.0);
    assert!(refusals(&operator, &device).contains(&"rate_limited".to_owned()));
}

#[test]
fn an_address_that_guesses_is_refused_for_a_time_with_a_code() {
    let settings = "[registry]\nslow_after = 0\nrefuse_after = 3\nrefuse_for = \"1h\"";
    let (server, operator, device) = scene(settings);
    let mut known = Wire::connected(&server, Level::Four, &device);
    for (level, code) in [(Level::Four, 5), (Level::Five, 0x86), (Level::Four, 5)] {
        let mut wire = Wire::open(&server);
        wire.send(&connect(level, "a guess"));
        wire.expect_connack(code);
    }
    for (level, code) in [(Level::Four, 3), (Level::Five, 0x9F)] {
        let mut wire = Wire::open(&server);
        wire.send(&connect(level, &device.token));
        wire.expect_connack(code);
    }
    assert_eq!(rejected(&operator, "rate_limited"), 2.0);
    known.ping();
}
