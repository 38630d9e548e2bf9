//! The framer: limits before bytes, nothing kept but a part of a frame.

use super::super::packet::*;
use super::super::{DecodeError, Framer};
use super::samples::packets;
use super::{encoded, LEVELS};
use bytes::{BufMut, Bytes, BytesMut};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn framer(limit: usize) -> Framer {
    let mut framer = Framer::new(limit);
    framer.set_level(Level::V5);
    framer
}

#[test]
fn a_publish_at_exactly_the_limit_passes_and_one_byte_more_does_not() {
    let limit = 65_536;
    let publish = |size: usize| {
        let packet = Packet::Publish(Publish::new("t", vec![b'x'; size - 1 - 3 - 3]));
        let bytes = encoded(Level::V311, &packet);
        assert_eq!(bytes.len(), size);
        bytes
    };
    let mut framer = Framer::new(limit);
    framer.set_level(Level::V311);
    let mut buffer = BytesMut::from(&publish(limit)[..]);
    assert_eq!(
        framer.next(&mut buffer).unwrap().map(|frame| frame.len()),
        Some(limit)
    );

    let size = limit + 1;
    let larger = publish(size);
    let mut buffer = BytesMut::from(&larger[..3]);
    assert_eq!(
        framer.next(&mut buffer),
        Ok(None),
        "the length is not whole yet"
    );
    buffer.put_slice(&larger[3..4]);
    let refused = Err(DecodeError::TooLarge { size, limit });
    assert_eq!(
        framer.next(&mut buffer),
        refused,
        "refused before any of its payload came"
    );
}

#[test]
fn the_largest_length_is_refused_without_reserving_for_it() {
    let mut buffer = BytesMut::from(&[0x30, 0xff, 0xff, 0xff, 0x7f][..]);
    let capacity = buffer.capacity();
    let refused = framer(1 << 20).next(&mut buffer);
    assert!(matches!(
        refused,
        Err(DecodeError::TooLarge {
            size: 268_435_460,
            ..
        })
    ));
    assert_eq!(buffer.capacity(), capacity);
}

#[test]
fn a_length_of_five_bytes_is_refused_as_soon_as_it_is_seen() {
    for last in [0x80, 0x81, 0xff] {
        let mut buffer = BytesMut::from(&[0x30, 0xff, 0xff, 0xff][..]);
        assert_eq!(framer(100).next(&mut buffer), Ok(None));
        buffer.put_u8(last);
        assert_eq!(
            framer(100).next(&mut buffer),
            Err(DecodeError::RemainingLength)
        );
    }
}

#[test]
fn a_bad_first_byte_is_refused_without_waiting_for_more() {
    let cases = [
        (0x00, DecodeError::ReservedType(0)),
        (0x36, DecodeError::PublishQos),
        (
            0x80,
            DecodeError::HeaderFlags {
                packet_type: 8,
                flags: 0,
            },
        ),
    ];
    for (first, error) in cases {
        let mut buffer = BytesMut::from(&[first][..]);
        assert_eq!(framer(100).next(&mut buffer), Err(error));
    }
}

#[test]
fn before_the_level_is_known_only_connect_passes() {
    let framer = Framer::new(100);
    let found = |bytes: &[u8]| framer.next(&mut BytesMut::from(bytes));
    assert_eq!(found(&[]), Ok(None));
    assert_eq!(found(&[0x10]), Ok(None));
    assert_eq!(found(&[0x10, 0]), Ok(Some(Bytes::from_static(&[0x10, 0]))));
    assert_eq!(found(&[0xC0, 0]), Err(DecodeError::NotConnect(12)));
    assert_eq!(found(&[0x00, 0]), Err(DecodeError::ReservedType(0)));
    assert_eq!(
        found(b"GET / HTTP/1.1\r\n"),
        Err(DecodeError::NotConnect(4))
    );
    // A TLS ClientHello on the plain port looks like CONNECT with flags.
    let refused = Err(DecodeError::HeaderFlags {
        packet_type: 1,
        flags: 6,
    });
    assert_eq!(found(&[0x16, 3, 1]), refused);
}

#[test]
fn auth_is_a_frame_in_five_only() {
    for level in LEVELS {
        let mut framer = Framer::new(100);
        framer.set_level(level);
        let found = framer.next(&mut BytesMut::from(&[0xF0, 0][..]));
        assert_eq!(found.is_ok(), level == Level::V5);
    }
}

#[test]
fn every_packet_comes_out_whole_whatever_the_sizes_of_the_reads() {
    let mut random = StdRng::seed_from_u64(7);
    for level in LEVELS {
        let frames: Vec<Bytes> = packets(level).iter().map(|p| encoded(level, p)).collect();
        let stream = frames.concat();
        for _ in 0..500 {
            let largest = random.random_range(1..40);
            let mut framer = Framer::new(stream.len());
            framer.set_level(level);
            let (mut buffer, mut rest, mut found) = (BytesMut::new(), &stream[..], vec![]);
            while !rest.is_empty() {
                let (now, later) = rest.split_at(random.random_range(1..=largest).min(rest.len()));
                buffer.put_slice(now);
                rest = later;
                while let Some(frame) = framer.next(&mut buffer).unwrap() {
                    found.push(frame);
                }
            }
            assert!(buffer.is_empty());
            assert_eq!(found, frames);
        }
    }
}
