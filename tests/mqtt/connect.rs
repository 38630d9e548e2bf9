//! CONNECT and CONNACK (contract/mqtt.md 2): who gets in, and with what code others are refused.

use crate::common::operator::NewDevice;
use crate::wire::*;
use std::time::{Duration, Instant};

#[test]
fn every_level_connects_with_the_token_as_user_name_and_no_password() {
    let (server, _, device) = scene("");
    for level in LEVELS {
        let mut wire = Wire::open(&server);
        wire.send(&connect(level, &device.token));
        let (first, body) = wire.packet();
        assert_eq!((first, &body[..2]), (0x20, &[0, 0][..]), "{level:?}");
        assert_eq!(body.len() == 2, level != Level::Five);
        wire.ping();
    }
}

#[test]
fn refusals_have_the_codes_of_the_contract() {
    let (server, operator, _) = scene("");
    let id = text("raw");
    let empty = text("");
    let unknown = text("no-such-token");
    let secret = text("secret");
    // Name, connect flags, fields, CONNACK code below 5 and at 5.
    type Case<'a> = (&'a str, u8, Vec<&'a [u8]>, u8, u8);
    let cases: [Case; 6] = [
        ("unknown token", 0x82, vec![&id, &unknown], 5, 0x86),
        (
            "unknown token with password",
            0xC2,
            vec![&id, &unknown, &secret],
            5,
            0x86,
        ),
        ("empty user name", 0x82, vec![&id, &empty], 4, 0x87),
        (
            "password without user name",
            0x42,
            vec![&id, &secret],
            4,
            0x86,
        ),
        ("client id only", 0x02, vec![&id], 2, 0x85),
        ("nothing", 0x02, vec![&empty], 4, 0x87),
    ];
    for (name, flags, fields, old, new) in cases {
        for (level, code) in [(Level::Four, old), (Level::Five, new)] {
            let mut wire = Wire::open(&server);
            wire.send(&connect_with(level, flags, 60, &fields));
            let (first, body) = wire.packet();
            assert_eq!(
                (first, &body[..2]),
                (0x20, &[0, code][..]),
                "{name} at {level:?}"
            );
            assert_eq!(wire.until_closed(), b"", "{name}: nothing follows");
        }
    }
    assert!(rejected(&operator, "credentials_unknown") >= 4.0);
}

#[test]
fn an_empty_client_id_is_given_one_in_five_and_accepted_clean_in_four() {
    let (server, _, device) = scene("");
    let fields = [text(""), text(&device.token)];
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    let mut five = Wire::open(&server);
    five.send(&connect_with(Level::Five, 0x80, 60, &fields));
    let (_, body) = five.packet();
    assert_eq!(body[1], 0);
    let assigned = body.windows(2).position(|two| two == [0x12, 0]);
    assert!(
        assigned.is_some(),
        "no Assigned Client Identifier: {body:02x?}"
    );

    let mut four = Wire::open(&server);
    four.send(&connect_with(Level::Four, 0x82, 60, &fields));
    four.expect_connack(0);
    let mut unclean = Wire::open(&server);
    unclean.send(&connect_with(Level::Four, 0x80, 60, &fields));
    unclean.expect(0x20, &[0, 2]);
    assert_eq!(unclean.until_closed(), b"");
}

#[test]
fn a_level_that_nobody_speaks_is_refused_with_code_1() {
    let (server, _, _) = scene("");
    for connect in [
        &b"\x10\x0d\0\x04MQTT\x06\x02\0\x3c\0\x01x"[..],
        // A bridge of mosquitto tries this first.
        b"\x10\x0d\0\x04MQTT\x84\x02\0\x3c\0\x01x",
    ] {
        let mut wire = Wire::open(&server);
        wire.send(connect);
        wire.expect(0x20, &[0, 1]);
        assert_eq!(wire.until_closed(), b"");
    }
}

#[test]
fn a_second_connect_ends_the_connection() {
    let (server, operator, device) = scene("");
    for level in LEVELS {
        let mut wire = Wire::connected(&server, level, &device);
        wire.send(&connect(level, &device.token));
        wire.expect_end(level, 0x82);
    }
    assert!(refusals(&operator, &device).contains(&"protocol_violation".to_owned()));
}

#[test]
fn a_second_session_of_the_device_takes_over_and_the_first_is_told() {
    let (server, _, device) = scene("");
    for level in LEVELS {
        let mut first = Wire::connected(&server, level, &device);
        let mut second = Wire::connected(&server, Level::Four, &device);
        first.expect_end(level, 0x8E);
        second.ping();
    }
}

#[test]
fn who_never_sends_connect_is_closed_in_time() {
    let (server, operator, device) = scene("[mqtt]\nconnect_timeout = \"400ms\"");
    let connect = connect(Level::Four, &device.token);
    for begun in [0, 1, 2, connect.len() - 1] {
        let start = Instant::now();
        let mut wire = Wire::open(&server);
        wire.send(&connect[..begun]);
        assert_eq!(wire.until_closed(), b"");
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_millis(390),
            "{begun} bytes: {waited:?}"
        );
        assert!(
            waited < Duration::from_secs(10),
            "{begun} bytes: {waited:?}"
        );
    }
    assert_eq!(rejected(&operator, "too_slow"), 4.0);
}

#[test]
fn a_connect_that_drips_in_byte_by_byte_is_taken() {
    let (server, _, device) = scene("");
    for level in LEVELS {
        let mut wire = Wire::open(&server);
        for byte in connect(level, &device.token) {
            wire.send(&[byte]);
        }
        wire.expect_connack(0);
    }
}

#[test]
fn a_disabled_device_is_refused_and_its_session_ended() {
    let (server, operator, device) = scene("");
    let mut live = Wire::connected(&server, Level::Five, &device);
    let path = format!("/api/device/{}/disable", device.id);
    assert_eq!(operator.call("POST", &path, "").status, 200);
    live.expect_end(Level::Five, 0x98);
    for (level, code) in [(Level::Four, 5), (Level::Five, 0x87)] {
        let mut wire = Wire::open(&server);
        wire.send(&connect(level, &device.token));
        wire.expect_connack(code);
    }
}

#[test]
fn a_rotated_token_ends_the_session_and_only_the_new_one_connects() {
    let (server, operator, device) = scene("");
    let credentials = format!("/api/device/{}/credentials", device.id);
    let mut token = device.token.clone();
    let code = |level, token: &str| {
        let mut wire = Wire::open(&server);
        wire.send(&connect(level, token));
        let (_, body) = wire.packet();
        body[1]
    };
    for (level, refused) in [(Level::Four, 5), (Level::Five, 0x86)] {
        for overlap in [0, 3600] {
            let live = NewDevice {
                token: token.clone(),
                ..device.clone()
            };
            let mut live = Wire::connected(&server, level, &live);
            let mut record = operator.get(&credentials).json;
            let next = format!("rotated-{level:?}-{overlap}");
            record["credentialsId"] = serde_json::json!(next);
            let path = format!("/api/device/credentials?overlapSeconds={overlap}");
            assert_eq!(operator.post(&path, &record).status, 200);
            live.expect_end(level, 0x98);
            let old = if overlap == 0 { refused } else { 0 };
            assert_eq!(code(level, &token), old, "the old one, {overlap} s");
            assert_eq!(code(level, &next), 0);
            token = next;
        }
    }
    let told = refusals(&operator, &device);
    assert!(told.is_empty(), "an unknown token is nobody's: {told:?}");
}
