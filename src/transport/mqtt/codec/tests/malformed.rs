//! Bytes that are no packet: one named case per clause, each with the error it must give.

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

const ALL: &[Level] = &LEVELS;
const THREE: &[Level] = &[Level::V31, Level::V311];
const STRICT: &[Level] = &[Level::V311, Level::V5];
const FIVE: &[Level] = &[Level::V5];

type Case = (
    &'static str,
    &'static [Level],
    u8,
    &'static [u8],
    DecodeError,
);

fn refuses(cases: &[Case]) {
    for (name, levels, first, body, error) in cases {
        for level in *levels {
            let found = Codec::new(*level).decode(frame(*first, body));
            assert_eq!(found, Err(*error), "{name} at {level:?}");
        }
        // Its code may be said in DISCONNECT.
        let reason = error.code();
        let last_words = Packet::Disconnect(Disconnect {
            reason,
            ..Disconnect::default()
        });
        super::encoded(Level::V5, &last_words);
    }
}

fn header(packet_type: u8, flags: u8) -> DecodeError {
    HeaderFlags { packet_type, flags }
}

#[test]
fn a_fixed_header_must_be_one_that_the_level_knows() {
    refuses(&[
        ("type 0", ALL, 0x00, b"", ReservedType(0)),
        ("AUTH before 5", THREE, 0xF0, b"", ReservedType(15)),
        (
            "MQTT-3.3.1-4: QoS 3",
            ALL,
            0x36,
            b"\0\x01a\0\x01",
            PublishQos,
        ),
        (
            "MQTT-3.3.1-2: DUP at QoS 0",
            ALL,
            0x38,
            b"\0\x01a\0\x01",
            DupWithoutQos,
        ),
        ("MQTT-2.2.2-2: CONNECT", ALL, 0x11, b"", header(1, 1)),
        (
            "MQTT-2.2.2-2: PUBACK",
            STRICT,
            0x42,
            b"\0\x01",
            header(4, 2),
        ),
        (
            "MQTT-2.2.2-2: PUBREC",
            STRICT,
            0x51,
            b"\0\x01",
            header(5, 1),
        ),
        (
            "MQTT-3.6.1-1: PUBREL",
            STRICT,
            0x60,
            b"\0\x01",
            header(6, 0),
        ),
        (
            "MQTT-3.6.1-1: PUBREL with DUP",
            STRICT,
            0x6A,
            b"\0\x01",
            header(6, 10),
        ),
        (
            "MQTT-2.2.2-2: PUBCOMP",
            STRICT,
            0x78,
            b"\0\x01",
            header(7, 8),
        ),
        (
            "MQTT-3.8.1-1: SUBSCRIBE",
            STRICT,
            0x80,
            b"\0\x01\0\x01a\0",
            header(8, 0),
        ),
        (
            "MQTT-3.10.1-1: UNSUBSCRIBE",
            STRICT,
            0xA3,
            b"\0\x01\0\x01a",
            header(10, 3),
        ),
        ("MQTT-2.2.2-2: PINGREQ", STRICT, 0xC1, b"", header(12, 1)),
        (
            "MQTT-3.14.1-1: DISCONNECT",
            STRICT,
            0xE8,
            b"",
            header(14, 8),
        ),
        ("MQTT-3.15.1-1: AUTH", FIVE, 0xF1, b"", header(15, 1)),
    ]);
}

#[test]
fn a_publish_must_be_whole_and_name_one_topic() {
    refuses(&[
        ("no topic at all", ALL, 0x30, b"", Truncated),
        ("half a topic length", ALL, 0x30, b"\0", Truncated),
        (
            "topic shorter than its length",
            ALL,
            0x30,
            b"\0\x05abc",
            Truncated,
        ),
        (
            "MQTT-4.7.3-1: empty topic",
            THREE,
            0x30,
            b"\0\0",
            EmptyTopic,
        ),
        (
            "MQTT-3.3.2-2: plus",
            ALL,
            0x30,
            b"\0\x03a/+\0",
            WildcardInTopic,
        ),
        (
            "MQTT-3.3.2-2: hash",
            ALL,
            0x30,
            b"\0\x01#\0",
            WildcardInTopic,
        ),
        (
            "MQTT-1.5.3-1: not UTF-8",
            ALL,
            0x30,
            b"\0\x02\xc3\x28\0",
            InvalidUtf8,
        ),
        (
            "MQTT-1.5.3-1: surrogate",
            ALL,
            0x30,
            b"\0\x03\xed\xa0\x80\0",
            InvalidUtf8,
        ),
        (
            "MQTT-1.5.3-1: overlong NUL",
            ALL,
            0x30,
            b"\0\x02\xc0\x80\0",
            InvalidUtf8,
        ),
        (
            "MQTT-1.5.3-2: NUL",
            ALL,
            0x30,
            b"\0\x03a\0b\0",
            NulCharacter,
        ),
        ("no packet id", ALL, 0x32, b"\0\x01a", Truncated),
        ("half a packet id", ALL, 0x32, b"\0\x01a\0", Truncated),
        (
            "MQTT-2.3.1-1: packet id 0",
            ALL,
            0x32,
            b"\0\x01a\0\0\0",
            PacketIdZero,
        ),
        (
            "MQTT-2.3.1-1: packet id 0 at QoS 2",
            ALL,
            0x34,
            b"\0\x01a\0\0\0",
            PacketIdZero,
        ),
    ]);
}

#[test]
fn the_properties_of_a_publish_must_belong_there_once_and_in_range() {
    refuses(&[
        ("no property length", FIVE, 0x30, b"\0\x01a", Truncated),
        (
            "properties beyond the packet",
            FIVE,
            0x30,
            b"\0\x01a\x05",
            Truncated,
        ),
        (
            "MQTT-1.5.5-1: long zero",
            FIVE,
            0x30,
            b"\0\x01a\x80\0",
            LongLength,
        ),
        (
            "five length bytes",
            FIVE,
            0x30,
            b"\0\x01a\xff\xff\xff\xff\x01",
            RemainingLength,
        ),
        (
            "MQTT-4.7.3-1: empty topic, no alias",
            FIVE,
            0x30,
            b"\0\0\0",
            EmptyTopic,
        ),
        (
            "MQTT-3.3.2-8: alias 0",
            FIVE,
            0x30,
            b"\0\x01a\x03\x23\0\0",
            TopicAliasZero,
        ),
        (
            "alias twice",
            FIVE,
            0x30,
            b"\0\x01a\x06\x23\0\x01\x23\0\x01",
            PropertyTwice(0x23),
        ),
        ("alias cut", FIVE, 0x30, b"\0\x01a\x02\x23\0\x01", Truncated),
        (
            "payload format 2",
            FIVE,
            0x30,
            b"\0\x01a\x02\x01\x02",
            PropertyValue(1),
        ),
        (
            "MQTT-3.3.2-14",
            FIVE,
            0x30,
            b"\0\x01a\x04\x08\0\x01#",
            WildcardInTopic,
        ),
        (
            "empty response topic",
            FIVE,
            0x30,
            b"\0\x01a\x03\x08\0\0",
            EmptyTopic,
        ),
        (
            "MQTT-3.3.4-6",
            FIVE,
            0x30,
            b"\0\x01a\x02\x0b\x01",
            PropertyUnknown(0x0b),
        ),
        (
            "receive maximum",
            FIVE,
            0x30,
            b"\0\x01a\x03\x21\0\x01",
            PropertyUnknown(0x21),
        ),
        (
            "no such property",
            FIVE,
            0x30,
            b"\0\x01a\x02\x7f\0",
            PropertyUnknown(0x7f),
        ),
        (
            "two-byte identifier",
            FIVE,
            0x30,
            b"\0\x01a\x02\x80\x01",
            PropertyUnknown(0x80),
        ),
        (
            "user property cut",
            FIVE,
            0x30,
            b"\0\x01a\x04\x26\0\x01k",
            Truncated,
        ),
        (
            "NUL in it",
            FIVE,
            0x30,
            b"\0\x01a\x06\x26\0\x01\0\0\0",
            NulCharacter,
        ),
    ]);
}

#[test]
fn an_acknowledgement_holds_a_packet_id_and_no_surprise() {
    refuses(&[
        ("PUBACK without id", ALL, 0x40, b"", Truncated),
        ("PUBACK with half an id", ALL, 0x40, b"\0", Truncated),
        ("PUBACK of 0", ALL, 0x40, b"\0\0", PacketIdZero),
        ("PUBREC of 0", ALL, 0x50, b"\0\0", PacketIdZero),
        ("PUBREL of 0", ALL, 0x62, b"\0\0", PacketIdZero),
        ("PUBCOMP of 0", ALL, 0x70, b"\0\0", PacketIdZero),
        ("a code before 5", THREE, 0x40, b"\0\x01\0", TrailingBytes),
        (
            "MQTT-3.4.2-1: unknown code",
            FIVE,
            0x40,
            b"\0\x01\x92",
            ReasonCode(0x92),
        ),
        (
            "MQTT-3.6.2-1: PUBACK's code",
            FIVE,
            0x62,
            b"\0\x01\x10",
            ReasonCode(0x10),
        ),
        (
            "properties cut",
            FIVE,
            0x40,
            b"\0\x01\0\x04\x1f\0",
            Truncated,
        ),
        ("trailing", FIVE, 0x40, b"\0\x01\0\0\0", TrailingBytes),
        (
            "alias in PUBACK",
            FIVE,
            0x40,
            b"\0\x01\0\x03\x23\0\x01",
            PropertyUnknown(0x23),
        ),
        (
            "reason twice",
            FIVE,
            0x40,
            b"\0\x01\0\x06\x1f\0\0\x1f\0\0",
            PropertyTwice(0x1f),
        ),
    ]);
}

#[test]
fn a_subscribe_holds_filters_that_are_well_formed() {
    refuses(&[
        ("no id", THREE, 0x82, b"", Truncated),
        (
            "MQTT-2.3.1-1: id 0",
            THREE,
            0x82,
            b"\0\0\0\x01a\0",
            PacketIdZero,
        ),
        ("MQTT-3.8.3-3: no filter", THREE, 0x82, b"\0\x01", NoEntries),
        ("no options", THREE, 0x82, b"\0\x01\0\x01a", Truncated),
        ("filter cut", THREE, 0x82, b"\0\x01\0\x04a\0", Truncated),
        (
            "MQTT-3.8.3-4: QoS 3",
            THREE,
            0x82,
            b"\0\x01\0\x01a\x03",
            SubscribeOptions,
        ),
        (
            "MQTT-3.8.3-4: a bit of 5",
            THREE,
            0x82,
            b"\0\x01\0\x01a\x04",
            SubscribeOptions,
        ),
        (
            "MQTT-4.7.3-1: empty",
            THREE,
            0x82,
            b"\0\x01\0\0\0",
            FilterSyntax,
        ),
        (
            "MQTT-4.7.1-2: a/#/b",
            THREE,
            0x82,
            b"\0\x01\0\x05a/#/b\0",
            FilterSyntax,
        ),
        (
            "MQTT-4.7.1-2: a#",
            THREE,
            0x82,
            b"\0\x01\0\x02a#\0",
            FilterSyntax,
        ),
        (
            "MQTT-4.7.1-3: a+",
            THREE,
            0x82,
            b"\0\x01\0\x02a+\0",
            FilterSyntax,
        ),
        (
            "MQTT-1.5.3-2: NUL",
            THREE,
            0x82,
            b"\0\x01\0\x02a\0\0",
            NulCharacter,
        ),
        (
            "second one bad",
            THREE,
            0x82,
            b"\0\x01\0\x01a\0\0\x01b\x03",
            SubscribeOptions,
        ),
        ("no properties", FIVE, 0x82, b"\0\x01", Truncated),
        (
            "MQTT-3.8.3-2: no filter",
            FIVE,
            0x82,
            b"\0\x01\0",
            NoEntries,
        ),
        (
            "MQTT-3.8.3-5: bits 6, 7",
            FIVE,
            0x82,
            b"\0\x01\0\0\x01a\x40",
            SubscribeOptions,
        ),
        (
            "QoS 3",
            FIVE,
            0x82,
            b"\0\x01\0\0\x01a\x03",
            SubscribeOptions,
        ),
        (
            "retain handling 3",
            FIVE,
            0x82,
            b"\0\x01\0\0\x01a\x30",
            SubscribeOptions,
        ),
        (
            "MQTT-3.8.3-4",
            FIVE,
            0x82,
            b"\0\x01\0\0\x0a$share/g/a\x04",
            NoLocalShared,
        ),
        (
            "identifier 0",
            FIVE,
            0x82,
            b"\0\x01\x02\x0b\0\0\x01a\0",
            PropertyValue(0x0b),
        ),
        (
            "identifier twice",
            FIVE,
            0x82,
            b"\0\x01\x04\x0b\x01\x0b\x01\0\x01a\0",
            PropertyTwice(0x0b),
        ),
        (
            "reason string",
            FIVE,
            0x82,
            b"\0\x01\x03\x1f\0\0\0\x01a\0",
            PropertyUnknown(0x1f),
        ),
    ]);
}

#[test]
fn an_unsubscribe_holds_filters_that_are_well_formed() {
    refuses(&[
        (
            "MQTT-3.10.3-2: no filter",
            THREE,
            0xA2,
            b"\0\x01",
            NoEntries,
        ),
        (
            "MQTT-3.10.3-2: no filter",
            FIVE,
            0xA2,
            b"\0\x01\0",
            NoEntries,
        ),
        ("id 0", THREE, 0xA2, b"\0\0\0\x01a", PacketIdZero),
        ("filter cut", THREE, 0xA2, b"\0\x01\0\x02a", Truncated),
        (
            "MQTT-4.7.1-2: #/a",
            THREE,
            0xA2,
            b"\0\x01\0\x03#/a",
            FilterSyntax,
        ),
        (
            "identifier",
            FIVE,
            0xA2,
            b"\0\x01\x02\x0b\x01\0\x01a",
            PropertyUnknown(0x0b),
        ),
    ]);
}

#[test]
fn packets_without_a_body_have_none() {
    refuses(&[
        ("PINGREQ", ALL, 0xC0, b"\0", TrailingBytes),
        ("PINGRESP", ALL, 0xD0, b"\0", TrailingBytes),
        ("DISCONNECT", THREE, 0xE0, b"\0", TrailingBytes),
        ("DISCONNECT code", FIVE, 0xE0, b"\x01", ReasonCode(1)),
        (
            "DISCONNECT properties cut",
            FIVE,
            0xE0,
            b"\0\x05\x11\0\0",
            Truncated,
        ),
        ("DISCONNECT trailing", FIVE, 0xE0, b"\0\0\0", TrailingBytes),
        (
            "DISCONNECT alias",
            FIVE,
            0xE0,
            b"\0\x03\x23\0\x01",
            PropertyUnknown(0x23),
        ),
        ("AUTH code", FIVE, 0xF0, b"\x01\0", ReasonCode(1)),
        (
            "AUTH without method",
            FIVE,
            0xF0,
            b"\x18\0",
            AuthenticationMethod,
        ),
        ("AUTH without properties", FIVE, 0xF0, b"\x18", Truncated),
    ]);
}

#[test]
fn what_servers_send_is_judged_as_strictly() {
    refuses(&[
        ("CONNACK cut", ALL, 0x20, b"\0", Truncated),
        ("CONNACK flags", ALL, 0x20, b"\x02\0\0", ConnackFlags),
        ("MQTT-3.2.2-4", THREE, 0x20, b"\x01\x05", ConnackFlags),
        ("CONNACK code", THREE, 0x20, b"\0\x06", ReasonCode(6)),
        ("CONNACK code", FIVE, 0x20, b"\0\x01\0", ReasonCode(1)),
        ("CONNACK trailing", THREE, 0x20, b"\0\0\0", TrailingBytes),
        (
            "CONNACK maximum QoS 2",
            FIVE,
            0x20,
            b"\0\0\x02\x24\x02",
            PropertyValue(0x24),
        ),
        ("SUBACK empty", THREE, 0x90, b"\0\x01", NoEntries),
        ("SUBACK code", THREE, 0x90, b"\0\x01\x03", ReasonCode(3)),
        ("SUBACK code", FIVE, 0x90, b"\0\x01\0\x03", ReasonCode(3)),
        ("UNSUBACK trailing", THREE, 0xB0, b"\0\x01\0", TrailingBytes),
        ("UNSUBACK code", FIVE, 0xB0, b"\0\x01\0\x01", ReasonCode(1)),
    ]);
}

#[test]
fn a_connect_must_be_whole_and_free_of_contradictions() {
    let cases: &[(&str, &[u8], DecodeError)] = &[
        ("empty", b"", Truncated),
        (
            "MQTT-3.1.2-1: name",
            b"\0\x04MQTX\x04\x02\0\0\0\0",
            ProtocolName,
        ),
        (
            "MQTT-3.1.2-1: case",
            b"\0\x04mqtt\x04\x02\0\0\0\0",
            ProtocolName,
        ),
        (
            "MQTT-3.1.2-2: level 6",
            b"\0\x04MQTT\x06\x02\0\0\0\0",
            UnsupportedLevel(6),
        ),
        (
            "3 under the name of 4",
            b"\0\x04MQTT\x03\x02\0\0\0\0",
            UnsupportedLevel(3),
        ),
        (
            "4 under the name of 3",
            b"\0\x06MQIsdp\x04\x02\0\0\0\0",
            UnsupportedLevel(4),
        ),
        (
            "a bridge's level",
            b"\0\x04MQTT\x84\x02\0\0\0\0",
            UnsupportedLevel(0x84),
        ),
        (
            "MQTT-3.1.2-3: reserved",
            b"\0\x04MQTT\x04\x03\0\0\0\0",
            ConnectFlags,
        ),
        (
            "MQTT-3.1.2-14: will QoS 3",
            b"\0\x04MQTT\x04\x1e\0\0\0\0\0\x01a\0\0",
            WillFlags,
        ),
        (
            "MQTT-3.1.2-13: QoS, no will",
            b"\0\x04MQTT\x04\x0a\0\0\0\0",
            WillFlags,
        ),
        (
            "MQTT-3.1.2-15: retain, no will",
            b"\0\x04MQTT\x04\x22\0\0\0\0",
            WillFlags,
        ),
        ("no keepalive", b"\0\x04MQTT\x04\x02\0", Truncated),
        ("no client id", b"\0\x04MQTT\x04\x02\0\0", Truncated),
        (
            "client id cut",
            b"\0\x04MQTT\x04\x02\0\0\0\x03ab",
            Truncated,
        ),
        (
            "NUL in client id",
            b"\0\x04MQTT\x04\x02\0\0\0\x01\0",
            NulCharacter,
        ),
        (
            "client id not UTF-8",
            b"\0\x04MQTT\x04\x02\0\0\0\x01\xff",
            InvalidUtf8,
        ),
        (
            "user name missing",
            b"\0\x04MQTT\x04\x82\0\0\0\0",
            Truncated,
        ),
        (
            "user name not UTF-8",
            b"\0\x04MQTT\x04\x82\0\0\0\0\0\x01\xff",
            InvalidUtf8,
        ),
        (
            "password missing",
            b"\0\x04MQTT\x04\xc2\0\0\0\0\0\x01u",
            Truncated,
        ),
        (
            "password cut",
            b"\0\x04MQTT\x04\xc2\0\0\0\0\0\x01u\0\x02p",
            Truncated,
        ),
        ("will missing", b"\0\x04MQTT\x04\x06\0\0\0\0", Truncated),
        (
            "will message missing",
            b"\0\x04MQTT\x04\x06\0\0\0\0\0\x01a",
            Truncated,
        ),
        (
            "will topic empty",
            b"\0\x04MQTT\x04\x06\0\0\0\0\0\0\0\0",
            EmptyTopic,
        ),
        (
            "will topic wild",
            b"\0\x04MQTT\x04\x06\0\0\0\0\0\x01#\0\0",
            WildcardInTopic,
        ),
        ("trailing", b"\0\x04MQTT\x04\x02\0\0\0\0\0", TrailingBytes),
        (
            "user name unflagged",
            b"\0\x04MQTT\x04\x02\0\0\0\0\0\x01u",
            TrailingBytes,
        ),
        ("5: no properties", b"\0\x04MQTT\x05\x02\0\0", Truncated),
        (
            "5: receive maximum 0",
            b"\0\x04MQTT\x05\x02\0\0\x03\x21\0\0\0\0",
            PropertyValue(0x21),
        ),
        (
            "5: packet size 0",
            b"\0\x04MQTT\x05\x02\0\0\x05\x27\0\0\0\0\0\0",
            PropertyValue(0x27),
        ),
        (
            "5: flag 2",
            b"\0\x04MQTT\x05\x02\0\0\x02\x17\x02\0\0",
            PropertyValue(0x17),
        ),
        (
            "5: data, no method",
            b"\0\x04MQTT\x05\x02\0\0\x03\x16\0\0\0\0",
            AuthenticationData,
        ),
        (
            "5: alias",
            b"\0\x04MQTT\x05\x02\0\0\x03\x23\0\x01\0\0",
            PropertyUnknown(0x23),
        ),
        (
            "5: twice",
            b"\0\x04MQTT\x05\x02\0\0\x06\x22\0\0\x22\0\0\0\0",
            PropertyTwice(0x22),
        ),
        (
            "5: will property",
            b"\0\x04MQTT\x05\x06\0\0\0\0\0\x03\x23\0\x01\0\x01a\0\0",
            PropertyUnknown(0x23),
        ),
        ("3.1: name cut", b"\0\x06MQIs", Truncated),
        (
            "3.1: will QoS 3",
            b"\0\x06MQIsdp\x03\x1e\0\0\0\0\0\x01a\0\0",
            WillFlags,
        ),
    ];
    for (name, body, error) in cases {
        assert_eq!(decode_connect(frame(0x10, body)), Err(*error), "{name}");
        let again = Codec::new(Level::V5).decode(frame(0x10, body));
        assert_eq!(again, Err(SecondConnect), "{name}");
        // Its code may be said in CONNACK.
        let code = error.code();
        let answer = Packet::Connack(Box::new(Connack {
            code,
            ..Connack::default()
        }));
        super::encoded(Level::V5, &answer);
    }
}

#[test]
fn the_first_packet_is_connect_or_nothing() {
    assert_eq!(decode_connect(Bytes::new()), Err(Truncated));
    assert_eq!(decode_connect(frame(0xC0, b"")), Err(NotConnect(12)));
    assert_eq!(decode_connect(frame(0x12, b"")), Err(header(1, 2)));
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
