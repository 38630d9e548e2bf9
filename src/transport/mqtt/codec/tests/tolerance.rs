//! Legal, odd or merely old packets that must pass: what real devices send.

use super::super::packet::*;
use super::super::{decode_connect, level_of, DecodeError};
use super::malformed::frame;
use super::{decoded, LEVELS};
use bytes::Bytes;

fn connect(body: &[u8]) -> Connect {
    decode_connect(frame(0x10, body)).unwrap()
}

#[test]
fn pubsubclients_connect_with_a_token_and_no_password_passes() {
    // PubSubClient 2.8: client.connect("ESP8266", "A1_TEST_TOKEN", NULL), keepalive 15.
    let found = connect(b"\0\x04MQTT\x04\x82\0\x0f\0\x07ESP8266\0\x0dA1_TEST_TOKEN");
    let mut expected = Connect::new(Level::V311, "ESP8266");
    expected.keepalive = 15;
    expected.user_name = Some("A1_TEST_TOKEN".into());
    assert_eq!(found, expected);
}

#[test]
fn a_password_is_any_bytes() {
    let found = connect(b"\0\x04MQTT\x04\xc2\0\0\0\0\0\x01u\0\x03\0\xff\xfe");
    assert_eq!(found.password.as_deref(), Some(&b"\0\xff\xfe"[..]));
}

#[test]
fn a_password_without_a_user_name_is_left_to_the_session() {
    for body in [
        &b"\0\x04MQTT\x04\x42\0\0\0\0\0\x01p"[..],
        b"\0\x04MQTT\x05\x42\0\0\0\0\0\0\x01p",
    ] {
        let found = connect(body);
        assert_eq!(
            (found.user_name, found.password),
            (None, Some(b"p".to_vec()))
        );
    }
}

#[test]
fn a_3_1_client_may_flag_a_user_name_and_leave_it_out() {
    let found = connect(b"\0\x06MQIsdp\x03\xc2\0\x0f\0\x01c");
    assert_eq!(
        (found.level, found.user_name, found.password),
        (Level::V31, None, None)
    );
    let found = connect(b"\0\x06MQIsdp\x03\xc2\0\x0f\0\x01c\0\x01u");
    assert_eq!(
        (found.user_name.as_deref(), found.password),
        (Some("u"), None)
    );
}

#[test]
fn a_3_1_client_may_repeat_with_dup_and_leave_will_bits_set() {
    let found = connect(b"\0\x06MQIsdp\x03\x2a\0\x0f\0\x01c");
    assert!(!found.will);
    assert!(decoded(Level::V31, b"\x8a\x06\0\x01\0\x01a\x01").is_ok());
    assert!(decoded(Level::V31, b"\x6a\x02\0\x01").is_ok());
}

#[test]
fn an_empty_client_id_passes_with_and_without_clean_start() {
    let bodies: [&[u8]; 6] = [
        b"\0\x04MQTT\x04\x02\0\0\0\0",
        b"\0\x04MQTT\x04\0\0\0\0\0",
        b"\0\x04MQTT\x05\x02\0\0\0\0\0",
        b"\0\x04MQTT\x05\0\0\0\0\0\0",
        b"\0\x06MQIsdp\x03\x02\0\0\0\0",
        b"\0\x06MQIsdp\x03\0\0\0\0\0",
    ];
    for body in bodies {
        assert!(connect(body).client_id.is_empty());
    }
}

#[test]
fn a_will_is_read_past_at_every_level() {
    let bodies: [&[u8]; 3] = [
        b"\0\x06MQIsdp\x03\xae\0\0\0\x01c\0\x03w/t\0\x02\xff\xfe\0\x01u",
        b"\0\x04MQTT\x04\xb6\0\0\0\x01c\0\x03w/t\0\0\0\x01u",
        // A will delay, and a will that expires at once.
        b"\0\x04MQTT\x05\xae\0\0\0\0\x01c\x0a\x18\0\0\0\x05\x02\0\0\0\0\0\x03w/t\0\x01m\0\x01u",
    ];
    for body in bodies {
        let found = connect(body);
        assert!(found.will);
        assert_eq!(
            (&*found.client_id, found.user_name.as_deref()),
            ("c", Some("u"))
        );
    }
}

#[test]
fn user_properties_may_repeat() {
    let body = b"\0\x01a\x0e\x26\0\x01k\0\x01v\x26\0\x01k\0\x01vpayload";
    let Ok(Packet::Publish(publish)) = decoded(Level::V5, &frame(0x30, body)) else {
        panic!("refused");
    };
    assert_eq!(&publish.payload[..], b"payload");
}

#[test]
fn the_short_forms_of_five_mean_success() {
    let puback = decoded(Level::V5, b"\x40\x02\0\x01");
    assert_eq!(puback, Ok(Packet::Puback(Ack::new(1))));
    assert_eq!(decoded(Level::V5, b"\x40\x04\0\x01\0\0"), puback);
    let normal = Ok(Packet::Disconnect(Disconnect::default()));
    assert_eq!(decoded(Level::V5, b"\xe0\0"), normal);
    assert_eq!(decoded(Level::V5, b"\xe0\x01\0"), normal);
    assert_eq!(
        decoded(Level::V5, b"\xf0\0"),
        Ok(Packet::Auth(Auth::default()))
    );
}

#[test]
fn topics_at_the_edges_of_the_specification_pass() {
    for topic in [
        "/",
        "a//b",
        " ",
        "$SYS/x",
        "\u{feff}a",
        "a\u{7f}",
        "\u{10ffff}",
    ] {
        for level in LEVELS {
            let packet = Packet::Publish(Publish::new(topic, "x"));
            assert_eq!(decoded(level, &super::encoded(level, &packet)), Ok(packet));
        }
    }
}

#[test]
fn a_remaining_length_of_four_bytes_for_a_short_packet_passes_below_five_only() {
    let long = b"\xc0\x80\x80\0";
    assert_eq!(decoded(Level::V31, long), Ok(Packet::Pingreq));
    assert_eq!(decoded(Level::V311, long), Ok(Packet::Pingreq));
    assert_eq!(decoded(Level::V5, long), Err(DecodeError::LongLength));
}

#[test]
fn the_level_of_a_bad_connect_is_known_for_its_answer() {
    let bad = frame(0x10, b"\0\x04MQTT\x05\x03\0\0\0\0\0");
    assert_eq!(level_of(&bad), Ok(Level::V5));
    assert_eq!(decode_connect(bad), Err(DecodeError::ConnectFlags));
    assert_eq!(level_of(&Bytes::new()), Err(DecodeError::Truncated));
}

#[test]
fn neither_token_nor_password_nor_payload_is_shown() {
    let mut connect = Connect::new(Level::V311, "id");
    connect.user_name = Some("TOKEN_SECRET".into());
    connect.password = Some(b"PASSWORD_SECRET".to_vec());
    let publish = Publish::new("t", "PAYLOAD_SECRET");
    let shown = format!(
        "{:?} {:?}",
        Packet::Connect(Box::new(connect)),
        Packet::Publish(publish)
    );
    assert!(
        !shown.contains("SECRET") && !shown.contains("83, 83"),
        "{shown}"
    );
}
