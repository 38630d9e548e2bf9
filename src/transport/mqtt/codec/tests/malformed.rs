//! Bytes that are no packet: one named case per clause (`malformed.txt`), each with the error it
//! must give, whose code may be said in CONNACK or DISCONNECT.

use super::super::packet::{code, Connack, Disconnect, Level, Packet};
use super::super::{decode_connect, Codec, DecodeError, LONGEST_V31_CLIENT_ID};
use super::LEVELS;
use crate::model::reject::Reason;
use bytes::Bytes;
use DecodeError::*;

/// A frame with a right Remaining Length around `body`.
pub fn frame(first: u8, body: &[u8]) -> Bytes {
    assert!(body.len() < 16_384);
    let mut bytes = vec![first];
    if body.len() > 127 {
        bytes.push((body.len() % 128) as u8 | 0x80);
        bytes.push((body.len() / 128) as u8);
    } else {
        bytes.push(body.len() as u8);
    }
    bytes.extend_from_slice(body);
    bytes.into()
}

struct Case {
    name: &'static str,
    /// None: the first packet of a connection.
    levels: Option<Vec<Level>>,
    frame: Bytes,
    /// As `Debug` writes it.
    error: &'static str,
}

/// The cases under one heading of the table.
fn cases(heading: &str) -> Vec<Case> {
    let table = include_str!("malformed.txt");
    let section = table.split("## ").find(|text| text.starts_with(heading));
    let lines = section.expect("a section").lines().skip(1);
    let cases: Vec<Case> = lines.filter(|line| !line.is_empty()).map(case).collect();
    assert!(!cases.is_empty());
    cases
}

fn case(line: &'static str) -> Case {
    let fields: Vec<&'static str> = line.split('|').map(str::trim).collect();
    let [name, levels, bytes, error] = fields[..] else {
        panic!("not four fields: {line}");
    };
    let bytes: Vec<u8> = bytes
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).expect(line))
        .collect();
    let level = |word| match word {
        "3.1" => Level::V31,
        "3.1.1" => Level::V311,
        "5" => Level::V5,
        _ => panic!("no level: {line}"),
    };
    Case {
        name,
        levels: match levels {
            "connect" => None,
            "all" => Some(LEVELS.to_vec()),
            some => Some(some.split(' ').map(level).collect()),
        },
        frame: frame(bytes[0], &bytes[1..]),
        error,
    }
}

fn refuses(heading: &str) {
    for case in cases(heading) {
        let Some(levels) = &case.levels else {
            refuses_connect(&case);
            continue;
        };
        for level in levels {
            let found = Codec::new(*level).decode(case.frame.clone()).unwrap_err();
            let name = case.name;
            assert_eq!(format!("{found:?}"), case.error, "{name} at {level:?}");
            let last_words = Packet::Disconnect(Disconnect {
                reason: found.code(),
                ..Disconnect::default()
            });
            super::encoded(Level::V5, &last_words);
        }
    }
}

fn refuses_connect(case: &Case) {
    let found = decode_connect(case.frame.clone()).unwrap_err();
    assert_eq!(format!("{found:?}"), case.error, "{}", case.name);
    let again = Codec::new(Level::V5).decode(case.frame.clone());
    assert_eq!(again, Err(SecondConnect), "{}", case.name);
    let answer = Packet::Connack(Box::new(Connack {
        code: found.code(),
        ..Connack::default()
    }));
    super::encoded(Level::V5, &answer);
}

#[test]
fn a_fixed_header_must_be_one_that_the_level_knows() {
    refuses("a fixed header must be one that the level knows");
}

#[test]
fn a_publish_must_be_whole_and_name_one_topic() {
    refuses("a publish must be whole and name one topic");
}

#[test]
fn the_properties_of_a_publish_must_belong_there_once_and_in_range() {
    refuses("the properties of a publish must belong there once and in range");
}

#[test]
fn an_acknowledgement_holds_a_packet_id_and_no_surprise() {
    refuses("an acknowledgement holds a packet id and no surprise");
}

#[test]
fn a_subscribe_holds_filters_that_are_well_formed() {
    refuses("a subscribe holds filters that are well formed");
}

#[test]
fn an_unsubscribe_holds_filters_that_are_well_formed() {
    refuses("an unsubscribe holds filters that are well formed");
}

#[test]
fn packets_without_a_body_have_none() {
    refuses("packets without a body have none");
}

#[test]
fn what_servers_send_is_judged_as_strictly() {
    refuses("what servers send is judged as strictly");
}

#[test]
fn a_connect_must_be_whole_and_free_of_contradictions() {
    refuses("a connect must be whole and free of contradictions");
}

#[test]
fn every_section_of_the_table_is_a_test() {
    let sections = include_str!("malformed.txt").matches("## ").count();
    assert_eq!(sections, 9);
}

#[test]
fn the_first_packet_is_connect_or_nothing() {
    assert_eq!(decode_connect(Bytes::new()), Err(Truncated));
    assert_eq!(decode_connect(frame(0xC0, b"")), Err(NotConnect(12)));
    assert_eq!(
        decode_connect(frame(0x12, b"")),
        Err(HeaderFlags {
            packet_type: 1,
            flags: 2
        })
    );
}

#[test]
fn a_client_id_of_3_1_may_be_longer_than_its_23_characters_up_to_1024() {
    let connect = |length: usize| {
        let mut body = b"\0\x06MQIsdp\x03\x02\0\x0f".to_vec();
        body.extend_from_slice(&(length as u16).to_be_bytes());
        body.resize(body.len() + length, b'x');
        decode_connect(frame(0x10, &body)).map(|connect| connect.client_id.len())
    };
    for length in [0, 1, 23, 24, LONGEST_V31_CLIENT_ID] {
        assert_eq!(connect(length), Ok(length));
    }
    assert_eq!(connect(LONGEST_V31_CLIENT_ID + 1), Err(ClientId));
}

#[test]
fn every_error_names_its_clause_and_its_codes() {
    let too_large = TooLarge {
        size: 70_000,
        limit: 65_536,
    };
    assert_eq!(too_large.code(), code::PACKET_TOO_LARGE);
    assert_eq!(too_large.reason(), Reason::TooLarge);
    assert_eq!(Truncated.code(), code::MALFORMED_PACKET);
    assert_eq!(NoEntries.code(), code::PROTOCOL_ERROR);
    assert_eq!(NulCharacter.reason(), Reason::ProtocolViolation);
    assert_eq!(
        UnsupportedLevel(6).code(),
        code::UNSUPPORTED_PROTOCOL_VERSION
    );
    let text = HeaderFlags {
        packet_type: 8,
        flags: 0,
    }
    .to_string();
    assert!(
        text.contains("MQTT-2.2.2-2") && text.contains("type 8"),
        "{text}"
    );
    let text = too_large.to_string();
    assert!(text.contains("70000 bytes, at most 65536"), "{text}");
}
