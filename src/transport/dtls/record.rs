//! A datagram's first record, as far as it tells whom the datagram is for (RFC 6347, section 4.1).
//!
//! ```text
//!  0      1       3      5              11     13
//! +------+-------+------+--------------+------+----------------
//! | type |version|epoch | sequence     |length| fragment …
//! +------+-------+------+--------------+------+----------------
//! handshake, epoch 0:   13    14       17     19        22        25
//!                      +-----+--------+------+---------+---------+------+--------+----
//!                      | 1   | length | seq  | offset  | length  | ver. | random | …
//!                      +-----+--------+------+---------+---------+------+--------+----
//! ```

const HEADER: usize = 13;
const RANDOM: usize = 27;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum First {
    /// With the first bytes of its random, the same when it is sent again.
    Hello([u8; 8]),
    /// In the clear, of a handshake under way or of one that has just ended.
    Clear,
    /// Under a key.
    Sealed,
}

/// `None`: not DTLS.
pub(super) fn first(datagram: &[u8]) -> Option<First> {
    let header = datagram.get(..HEADER)?;
    let (kind, major, epoch) = (header.first()?, header.get(1)?, header.get(3..5)?);
    if !(20..=25).contains(kind) || *major != 254 {
        return None;
    }
    if epoch != [0, 0] {
        return Some(First::Sealed);
    }
    let hello = *kind == HANDSHAKE && datagram.get(HEADER) == Some(&CLIENT_HELLO);
    match datagram.get(RANDOM..RANDOM + 8) {
        Some(random) if hello => Some(First::Hello(random.try_into().ok()?)),
        _ => Some(First::Clear),
    }
}

/// Whether any record of the datagram is under a key.
pub(super) fn has_sealed(mut datagram: &[u8]) -> bool {
    while let Some(header) = datagram.get(..HEADER) {
        if header.get(3..5) != Some(&[0, 0][..]) {
            return true;
        }
        let length = match header.get(11..13) {
            Some(&[high, low]) => usize::from(high) << 8 | usize::from(low),
            _ => return false,
        };
        datagram = datagram.get(HEADER + length..).unwrap_or(&[]);
    }
    false
}

/// A fatal alert in the clear, as a handshake under way hears it (RFC 5246, section 7.2).
pub(super) fn alert(description: u8) -> Vec<u8> {
    // Above what the handshake has used of this epoch's sequence numbers.
    let sequence = [0, 0, 0, 1, 0, 0];
    let mut record = vec![21, 254, 253, 0, 0];
    record.extend(sequence);
    record.extend([0, 2, 2, description]);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, fragment: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 1, 0];
        bytes.push(fragment.len() as u8);
        bytes.extend(fragment);
        bytes
    }

    #[test]
    fn hellos_what_is_in_the_clear_and_what_is_sealed_are_told_apart() {
        let mut hello = vec![1];
        hello.extend([0; 13]);
        hello.extend(1..=32);
        let random = [1, 2, 3, 4, 5, 6, 7, 8];
        let hello = record(22, 0, &hello);
        assert_eq!(first(&hello), Some(First::Hello(random)));
        assert_eq!(first(&record(22, 0, &[16; 40])), Some(First::Clear));
        assert_eq!(first(&record(20, 0, &[1])), Some(First::Clear));
        assert_eq!(first(&record(23, 1, &[0; 30])), Some(First::Sealed));
        // A hello under a key asks for a renegotiation, which there is none.
        let mut again = hello.clone();
        again[4] = 1;
        assert_eq!(first(&again), Some(First::Sealed));
        for length in 0..hello.len() {
            let cut = first(&hello[..length]);
            assert!(cut != Some(First::Sealed), "{length}");
        }
        assert_eq!(first(b"\x40\x01\x00\x01plain CoAP, by mistake"), None);
        assert_eq!(first(&record(22, 0, &[])[..12]), None);
    }

    #[test]
    fn a_sealed_record_is_found_behind_others() {
        let mut both = record(20, 0, &[1]);
        assert!(!has_sealed(&both));
        both.extend(record(22, 1, &[0; 40]));
        assert!(has_sealed(&both));
        assert!(!has_sealed(&both[..14 + 12]));
    }
}
