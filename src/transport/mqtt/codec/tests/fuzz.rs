//! Mutated packets with a fixed seed: no panic, no frame above the limit, no memory beyond what was
//! read, and whatever is accepted means the same after another round.

use super::super::packet::*;
use super::super::{decode_connect, Codec, DecodeError, Framer};
use super::samples::packets;
use super::{encoded, LEVELS};
use bytes::{Bytes, BytesMut};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const INPUTS: usize = 200_000;
const LIMIT: usize = 4_096;

#[test]
fn two_hundred_thousand_mutated_streams_neither_panic_nor_grow() {
    let mut random = StdRng::seed_from_u64(0x1907);
    let seeds: Vec<(Level, Bytes)> = LEVELS
        .into_iter()
        .flat_map(|level| {
            packets(level)
                .into_iter()
                .map(move |p| (level, encoded(level, &p)))
        })
        .collect();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..INPUTS {
        let (level, seed) = &seeds[random.random_range(0..seeds.len())];
        let mut bytes = seed.to_vec();
        for _ in 0..random.random_range(1..=4) {
            mutate(&mut bytes, &mut random);
        }
        match run(*level, &bytes) {
            Ok(()) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    // Both ways were really walked.
    assert!(
        accepted > INPUTS / 20,
        "{accepted} accepted, {refused} refused"
    );
    assert!(
        refused > INPUTS / 5,
        "{accepted} accepted, {refused} refused"
    );
}

/// Frames and decodes a whole stream; errors end it as they end a connection.
fn run(level: Level, bytes: &[u8]) -> Result<(), DecodeError> {
    let _ = decode_connect(Bytes::copy_from_slice(bytes));
    let _ = Codec::new(level).decode(Bytes::copy_from_slice(bytes));
    let mut framer = Framer::new(LIMIT);
    framer.set_level(level);
    let mut buffer = BytesMut::from(bytes);
    let capacity = buffer.capacity();
    while let Some(frame) = framer.next(&mut buffer)? {
        assert!(frame.len() <= LIMIT);
        assert!(buffer.capacity() <= capacity, "the framer reserved memory");
        let packet = Codec::new(level).decode(frame)?;
        means_the_same_again(level, packet);
    }
    assert!(buffer.capacity() <= capacity, "the framer reserved memory");
    Ok(())
}

fn means_the_same_again(level: Level, mut packet: Packet) {
    match &mut packet {
        // Written without its will, and at its own level only.
        Packet::Connect(connect) if connect.level != level => return,
        Packet::Connect(connect) => connect.will = false,
        // An empty AUTH is read, but never written.
        Packet::Auth(Auth { method: None, .. }) => return,
        _ => {}
    }
    let mut out = BytesMut::new();
    let written = Codec::new(level).encode(&packet, &mut out);
    assert_eq!(written, Ok(()), "{level:?} {packet:?}");
    assert_eq!(
        Codec::new(level).decode(out.freeze()),
        Ok(packet),
        "{level:?}"
    );
}

fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
    if bytes.is_empty() {
        bytes.push(random.random());
        return;
    }
    let at = random.random_range(0..bytes.len());
    match random.random_range(0..8) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.random(),
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
        3 => bytes.truncate(at),
        4 => bytes.insert(at, random.random()),
        5 => {
            bytes.remove(at);
        }
        6 => {
            let copy = bytes[at..].to_vec();
            bytes.extend_from_slice(&copy);
        }
        // Right lengths around wrong bodies reach deepest.
        _ => {
            if (2..130).contains(&bytes.len()) {
                bytes[1] = (bytes.len() - 2) as u8;
            }
        }
    }
}

#[test]
fn every_truncation_of_every_packet_is_refused_or_a_packet_of_its_own() {
    for level in LEVELS {
        for packet in packets(level) {
            let whole = encoded(level, &packet);
            for end in 0..whole.len() {
                let cut = whole.slice(..end);
                assert_eq!(Codec::new(level).decode(cut), Err(DecodeError::Truncated));
            }
            let body = &whole[whole.len() - body_length(&whole)..];
            for end in 0..body.len().min(16_383) {
                let short = super::malformed::frame(whole[0], &body[..end]);
                match Codec::new(level).decode(short) {
                    // The one packet that is written longer than need be.
                    Ok(other) if other == Packet::Disconnect(Disconnect::default()) => {}
                    Ok(other) => assert_ne!(other, packet, "{level:?} cut at {end}"),
                    Err(error) => assert!(!error.clause().is_empty()),
                }
            }
        }
    }
}

#[test]
fn a_connect_cut_anywhere_is_refused_by_3_1_1_and_5() {
    for level in [Level::V311, Level::V5] {
        for packet in packets(level) {
            let Packet::Connect(_) = packet else { continue };
            let whole = encoded(level, &packet);
            let body = &whole[whole.len() - body_length(&whole)..];
            for end in 0..body.len() {
                let short = super::malformed::frame(0x10, &body[..end]);
                assert!(decode_connect(short).is_err(), "{level:?} cut at {end}");
            }
        }
    }
}

fn body_length(frame: &[u8]) -> usize {
    let length_bytes = frame[1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    frame.len() - 1 - length_bytes
}
