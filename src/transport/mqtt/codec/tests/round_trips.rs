//! What is encoded decodes to the same, at every level.

use super::super::packet::*;
use super::super::{decode_connect, Codec, EncodeError, Framer};
use super::samples::packets;
use super::{decoded, encoded, LEVELS};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

#[test]
fn every_packet_survives_encoding_and_decoding_at_every_level() {
    for level in LEVELS {
        for packet in packets(level) {
            let bytes = encoded(level, &packet);
            assert_eq!(decoded(level, &bytes), Ok(packet.clone()), "{level:?}");
            if let Packet::Connect(connect) = packet {
                assert_eq!(decode_connect(bytes), Ok(*connect));
            }
        }
    }
}

#[test]
fn the_acknowledgements_of_the_hot_path_are_four_bytes_long() {
    for level in LEVELS {
        assert_eq!(
            &encoded(level, &Packet::Puback(Ack::new(0x1234)))[..],
            [0x40, 2, 0x12, 0x34]
        );
        assert_eq!(
            &encoded(level, &Packet::Pubrel(Ack::new(1)))[..],
            [0x62, 2, 0, 1]
        );
    }
}

#[test]
fn a_payload_is_a_slice_of_its_frame_and_not_a_copy() {
    for level in LEVELS {
        let frame = encoded(level, &Packet::Publish(Publish::new("t", "payload")));
        let end = frame.as_ptr_range().end;
        let Ok(Packet::Publish(publish)) = Codec::new(level).decode(frame) else {
            panic!("not a publish");
        };
        assert_eq!(publish.payload.as_ptr_range().end, end);
    }
}

#[test]
fn what_cannot_be_written_leaves_the_buffer_as_it_was() {
    let long = "x".repeat(65_536);
    let cases = [
        (
            Packet::Publish(Publish::new(long.as_str(), "")),
            EncodeError::FieldTooLong,
        ),
        (Packet::Publish(Publish::new("a/+", "")), EncodeError::Value),
        (Packet::Publish(Publish::new("a\0", "")), EncodeError::Value),
        (Packet::Publish(Publish::new("", "")), EncodeError::Value),
        (
            Packet::Publish(Publish::new("a", "").at_least_once(0)),
            EncodeError::PacketId,
        ),
        (
            Packet::Publish(Publish {
                packet_id: Some(1),
                ..Publish::new("a", "")
            }),
            EncodeError::PacketId,
        ),
        (
            Packet::Publish(Publish {
                dup: true,
                ..Publish::new("a", "")
            }),
            EncodeError::Value,
        ),
        (Packet::Puback(Ack::new(0)), EncodeError::PacketId),
        (
            Packet::Suback(Suback {
                packet_id: 0,
                codes: vec![0],
            }),
            EncodeError::PacketId,
        ),
        (
            Packet::Suback(Suback {
                packet_id: 1,
                codes: vec![],
            }),
            EncodeError::Value,
        ),
        (
            Packet::Suback(Suback {
                packet_id: 1,
                codes: vec![3],
            }),
            EncodeError::Value,
        ),
        (
            Packet::Unsubscribe(Unsubscribe {
                packet_id: 1,
                filters: vec![long.as_str().into()],
            }),
            EncodeError::FieldTooLong,
        ),
    ];
    for level in LEVELS {
        for (packet, error) in &cases {
            let mut out = BytesMut::from(&b"before"[..]);
            let result = Codec::new(level).encode(packet, &mut out);
            assert_eq!(result, Err(*error), "{level:?} {packet:?}");
            assert_eq!(&out[..], b"before");
        }
    }
}

#[test]
fn the_peers_maximum_packet_size_is_kept_to_the_byte() {
    for level in LEVELS {
        let whole = |packet: &Packet| packet.without_reason_string().is_none();
        for packet in packets(level).into_iter().filter(whole) {
            let size = encoded(level, &packet).len();
            let mut out = BytesMut::new();
            let codec = Codec::new(level).with_peer_limit(Some(size as u32));
            assert_eq!(codec.encode(&packet, &mut out), Ok(()));
            let codec = codec.with_peer_limit(Some(size as u32 - 1));
            let limit = size - 1;
            let refused = codec.encode(&packet, &mut out);
            assert_eq!(
                refused,
                Err(EncodeError::TooLarge { size, limit }),
                "{packet:?}"
            );
            assert_eq!(out.len(), size);
        }
    }
}

#[test]
fn a_reason_string_that_the_peer_has_no_room_for_is_left_out() {
    for packet in packets(Level::V5) {
        let Some(shorter) = packet.without_reason_string() else {
            continue;
        };
        let room = encoded(Level::V5, &packet).len() as u32 - 1;
        let mut out = BytesMut::from(&b"before"[..]);
        let codec = Codec::new(Level::V5).with_peer_limit(Some(room));
        assert_eq!(codec.encode(&packet, &mut out), Ok(()));
        assert_eq!(&out[..6], b"before");
        assert_eq!(decoded(Level::V5, &out[6..]), Ok(shorter));
    }
}

#[test]
fn refusals_of_five_become_the_one_failure_of_three() {
    let suback = Packet::Suback(Suback {
        packet_id: 1,
        codes: vec![1, 0x8F],
    });
    assert_eq!(&encoded(Level::V311, &suback)[..], [0x90, 4, 0, 1, 1, 0x80]);
}

fn topics() -> impl Strategy<Value = String> {
    "[^+#\\x00]{1,40}"
}

fn any_publish() -> impl Strategy<Value = Publish> {
    let payload = proptest::collection::vec(any::<u8>(), 0..2000);
    let ids = (any::<bool>(), 0u8..3, any::<bool>(), 1u16..);
    let extras = (
        proptest::option::of(1u16..),
        proptest::option::of(any::<u32>()),
    );
    (topics(), payload, ids, extras).prop_map(|(topic, payload, ids, extras)| {
        let qos = QoS::from_bits(ids.1).unwrap();
        Publish {
            dup: ids.0 && qos != QoS::AtMostOnce,
            qos,
            retain: ids.2,
            packet_id: (qos != QoS::AtMostOnce).then_some(ids.3),
            topic_alias: extras.0,
            message_expiry: extras.1,
            ..Publish::new(topic, payload)
        }
    })
}

proptest! {
    #[test]
    fn any_publish_survives_every_level(publish in any_publish()) {
        for level in LEVELS {
            let bytes = encoded(level, &Packet::Publish(publish.clone()));
            let mut expected = publish.clone();
            if level != Level::V5 {
                expected.topic_alias = None;
                expected.message_expiry = None;
            }
            prop_assert_eq!(decoded(level, &bytes), Ok(Packet::Publish(expected)));
        }
    }

    #[test]
    fn any_connect_survives_every_level(
        client_id in "[^\\x00]{0,50}",
        user_name in proptest::option::of("[^\\x00]{0,50}"),
        password in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50)),
        clean_start in any::<bool>(),
        keepalive in any::<u16>(),
        session_expiry in any::<u32>(),
        receive_maximum in 1u16..,
        maximum_packet_size in proptest::option::of(1u32..),
    ) {
        for level in LEVELS {
            let mut connect = Connect::new(level, client_id.as_str());
            connect.user_name = user_name.clone();
            connect.password = password.clone();
            connect.clean_start = clean_start;
            connect.keepalive = keepalive;
            connect.session_expiry = if clean_start { 0 } else { u32::MAX };
            if level == Level::V5 {
                connect.session_expiry = session_expiry;
                connect.receive_maximum = receive_maximum;
                connect.maximum_packet_size = maximum_packet_size;
            }
            let bytes = encoded(level, &Packet::Connect(Box::new(connect.clone())));
            prop_assert_eq!(decode_connect(bytes), Ok(connect));
        }
    }

    #[test]
    fn a_stream_gives_the_same_frames_however_its_bytes_are_split(
        publishes in proptest::collection::vec(any_publish(), 1..12),
        cuts in proptest::collection::vec(1usize..700, 1..200),
    ) {
        for level in LEVELS {
            let frames: Vec<Bytes> = publishes
                .iter()
                .map(|publish| encoded(level, &Packet::Publish(publish.clone())))
                .collect();
            let stream = frames.concat();
            let mut framer = Framer::new(1 << 20);
            framer.set_level(level);
            let (mut buffer, mut at, mut found) = (BytesMut::new(), 0, Vec::new());
            for cut in cuts.iter().cycle() {
                let to = (at + cut).min(stream.len());
                buffer.extend_from_slice(&stream[at..to]);
                at = to;
                while let Some(frame) = framer.next(&mut buffer).unwrap() {
                    found.push(frame);
                }
                if at == stream.len() {
                    break;
                }
            }
            prop_assert!(buffer.is_empty());
            prop_assert_eq!(&found, &frames);
        }
    }
}
