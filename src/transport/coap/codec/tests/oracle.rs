//! The same bytes read by `coap-lite`: what both read is the same, and nothing panics.

use super::*;
use coap_lite::Packet;

/// True: both read it, alike.
fn agree(bytes: &[u8]) -> bool {
    let (ours, theirs) = (decode(bytes), Packet::from_bytes(bytes));
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else {
        return false;
    };
    assert_eq!(theirs.header.message_id, ours.id, "{bytes:02x?}");
    assert_eq!(theirs.get_token(), ours.token.as_slice(), "{bytes:02x?}");
    assert_eq!(theirs.payload, ours.payload, "{bytes:02x?}");
    let mut options: Vec<(u16, Vec<u8>)> = Vec::new();
    for (number, values) in theirs.options() {
        options.extend(values.iter().map(|value| (*number, value.clone())));
    }
    let own: Vec<_> = ours.options.iter().map(|(n, v)| (n, v.to_vec())).collect();
    assert_eq!(options, own, "{bytes:02x?}");
    true
}

#[test]
fn mutated_messages_are_read_as_the_oracle_reads_them() {
    let mut draw = Draw(0x1234_5678_9abc_def1);
    let whole = full();
    let mut read = 0;
    for _ in 0..100_000 {
        let mut bytes = whole.clone();
        for _ in 0..=draw.below(3) {
            let at = draw.below(bytes.len());
            match draw.below(3) {
                0 => bytes[at] = draw.next() as u8,
                1 => bytes.truncate(at.max(4)),
                _ => bytes.insert(at, draw.next() as u8),
            }
        }
        read += usize::from(agree(&bytes));
    }
    assert!(read > 10_000, "{read}");
}

#[test]
fn a_million_random_datagrams_are_read_or_refused() {
    let mut draw = Draw(0xfeed_beef_1234_5678);
    let mut read = 0;
    for _ in 0..1_000_000 {
        let mut bytes = draw.bytes(40);
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x3f | 0x40;
        }
        if let Ok(message) = decode(&bytes) {
            read += 1;
            let _ = message.options.iter().count();
        }
    }
    assert!(read > 1_000, "{read}");
}
