//! When sled's file is to be made anew: it does not shrink by itself, and uses room again late.
//!
//! ```text
//!  without a cap:   more than four times what it needs
//!  under a cap:     cap ▕ journal ▕ ahead ▕ new file ▕ old file, up to which a copy fits beside it
//!                                                     └ 70 % of that, and half as much again as needed
//! ```

use super::room::AHEAD;

/// What a record takes in a new file beside its key and value, and that file in percent of all.
const RECORD: u64 = 200;
const NEW: u64 = 115;
/// Files are let alone up to so many times what they need.
const LOOSE: u64 = 4;

/// Bytes each.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Of the whole data directory; 0 = no cap.
    pub limit: u64,
    /// What the journal may take of it.
    pub journal: u64,
    /// A smaller file is not worth it, without a cap.
    pub above: u64,
}

/// Bytes of a new file with so many records, which have so many bytes of keys and values.
pub fn new_file(records: u64, bytes: u64) -> u64 {
    bytes
        .saturating_add(records.saturating_mul(RECORD))
        .saturating_mul(NEW)
        / 100
}

impl Rule {
    /// Whether [`Rule::is_due`] must be asked: it takes a walk through all but the blocks.
    pub fn wants_to_know(&self, file: u64) -> bool {
        file > self.above || self.limit > 0 && file > self.both() / 4
    }

    /// `file`: bytes that sled's file has; `new`: that it would have.
    pub fn is_due(&self, file: u64, new: u64) -> bool {
        if file > self.above && file > new.saturating_mul(LOOSE) {
            return true;
        }
        let most = self.both().saturating_sub(new);
        self.limit > 0 && file > most / 10 * 7 && file > new.saturating_add(new / 2)
    }

    /// Whether a copy under way must hurry to stay below the cap.
    pub fn is_pressing(&self, file: u64, new: u64) -> bool {
        self.limit > 0 && file.saturating_add(new) > self.both() / 10 * 8
    }

    /// What old and new file may have together.
    fn both(&self) -> u64 {
        self.limit
            .saturating_sub(self.journal.saturating_add(AHEAD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn without_a_cap_only_a_big_file_that_is_mostly_room_is_due() {
        let rule = Rule {
            limit: 0,
            journal: 64 * MIB,
            above: 256 * MIB,
        };
        assert!(!rule.wants_to_know(256 * MIB));
        assert!(!rule.is_due(256 * MIB, MIB));
        assert!(!rule.is_due(400 * MIB, 100 * MIB));
        assert!(rule.is_due(401 * MIB, 100 * MIB));
    }

    #[test]
    fn under_a_cap_the_copy_begins_while_it_fits() {
        let rule = Rule {
            limit: 1_016 * MIB,
            journal: 100 * MIB,
            above: 1 << 40,
        };
        // 900 MiB for both.
        assert!(!rule.is_due(480 * MIB, 200 * MIB));
        assert!(rule.is_due(500 * MIB, 200 * MIB));
        assert!(!rule.is_due(600 * MIB, 450 * MIB), "it would be as big");
        assert!(rule.wants_to_know(300 * MIB) && !rule.wants_to_know(200 * MIB));
    }

    #[test]
    fn a_file_too_big_for_any_copy_below_the_cap_is_made_smaller_all_the_same() {
        let rule = Rule {
            limit: 128 * MIB,
            journal: 16 * MIB,
            above: 1 << 40,
        };
        assert!(rule.is_due(400 * MIB, 200 * MIB));
    }
}
