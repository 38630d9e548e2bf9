//! Whether the writer begins the next commit at once. Pure: what the last one was goes in.
//!
//! A client that waits for each acknowledgement is heard again only after it. With many of them the
//! log falls into a rhythm of small commits, half of the clients in each, and each commit costs the
//! processor as much as ten messages. So after a commit of many small batches the writer gives those
//! it has answered a moment to come back: no longer than that commit would have kept them waiting.

use std::time::Duration;

/// Fewer batches are not worth a wait: the writer goes on at once, and an acknowledgement takes no
/// longer than a commit.
const MANY: usize = 8;
/// Encoded bytes of a group above which it is the bytes that cost, and not the commit.
const SMALL: usize = 128 << 10;
/// In times of what the last commit took.
const WAIT: u32 = 2;

/// What the writer waits for before it begins a commit with what is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub batches: usize,
    pub at_most: Duration,
}

impl Wanted {
    /// Something.
    pub const ANY: Wanted = Wanted {
        batches: 1,
        at_most: Duration::ZERO,
    };

    /// After a commit of so many batches and encoded bytes, which `took` so long. `most`: the
    /// longest wait that the settings allow.
    pub fn after(batches: usize, bytes: usize, took: Duration, most: Duration) -> Wanted {
        if batches < MANY || bytes > SMALL {
            return Wanted::ANY;
        }
        Wanted {
            batches,
            at_most: took.saturating_mul(WAIT).min(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_micros(300);
    const MOST: Duration = Duration::from_millis(1);

    #[test]
    fn few_clients_and_large_groups_are_never_kept_waiting() {
        assert_eq!(Wanted::after(MANY - 1, 1_000, TOOK, MOST), Wanted::ANY);
        assert_eq!(Wanted::after(500, SMALL + 1, TOOK, MOST), Wanted::ANY);
    }

    #[test]
    fn those_who_were_answered_may_come_back_within_the_time_that_is_allowed() {
        let wanted = Wanted::after(50, 9_000, TOOK, MOST);
        assert_eq!((wanted.batches, wanted.at_most), (50, 2 * TOOK));
        let slow = Duration::from_millis(40);
        assert_eq!(Wanted::after(50, 9_000, slow, MOST).at_most, MOST);
        let never = Wanted::after(50, 9_000, TOOK, Duration::ZERO);
        assert_eq!(never.at_most, Duration::ZERO);
    }
}
