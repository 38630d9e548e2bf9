//! How much of the points may stay, so that the data directory keeps to its size.
//!
//! The engine's file is made anew beside the old one when it has become large (see `sled::compact`):
//! old and new file must fit below the cap together, and between two such times the file grows to
//! more than twice of what is in it. So the points get a fifth of the cap, whatever the files have
//! at the moment; the oldest tenth of that goes when it is full.
//!
//! ```text
//!  points   ╱|╱|╱|  between 18 and 20 %       disk   ╱▌╱▌╱▌  from 25 to 60 %, and to 90 % while
//!                   of the cap                               both files are there
//! ```
//!
//! Should the directory grow above the cap all the same (what is no point may take it, or the disk
//! have no room for a new file), each new height takes a tenth of what the points have.

use crate::model::Millis;

/// Points have this part of the cap.
const SHARE: u64 = 5;
/// How much the directory must grow to count as a new height, or to be measured again, in parts of
/// the cap.
const STEP: u64 = 25;
/// Points always keep this part of the cap: what is no point is not theirs to make good.
const FLOOR: u64 = 16;
/// How often the points are measured while the directory does not grow.
const MEASURE_EVERY: Millis = 10_000;

pub struct Cap {
    /// Bytes; 0 = none.
    limit: u64,
    /// Sizes up to here were answered already.
    height: u64,
    /// Bytes of blocks that stay when there are too many.
    budget: u64,
    /// Points above the budget could not be dropped.
    owed: bool,
    /// The size at the last measuring.
    measured: u64,
    next_measure: Millis,
}

impl Cap {
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            height: limit,
            budget: full_budget(limit),
            owed: false,
            measured: 0,
            next_measure: Millis::MIN,
        }
    }

    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether [`Cap::keep`] must be asked; it is not for free.
    pub fn wants_to_know(&mut self, disk: u64, now: Millis) -> bool {
        if self.limit == 0 || disk <= self.limit / SHARE && !self.owed {
            return false;
        }
        let grown = disk > self.measured.saturating_add(self.limit / STEP);
        if grown || self.owed || disk > self.height || now >= self.next_measure {
            self.measured = disk;
            self.next_measure = now.saturating_add(MEASURE_EVERY);
            return true;
        }
        // What it grows by from here on counts.
        self.measured = self.measured.min(disk);
        false
    }

    /// Bytes of blocks that may stay, when that is less than there are. `disk`: size of the
    /// directory; `live`: bytes of its blocks.
    pub fn keep(&mut self, disk: u64, live: u64) -> Option<u64> {
        if disk < self.limit / 4 * 3 {
            self.height = self.limit;
            self.budget = full_budget(self.limit);
        }
        let mut most = self.budget / 9 * 10;
        if disk > self.height {
            self.height = disk.saturating_add(self.limit / STEP);
            let fits = self.budget.min(live) / 10 * 9;
            self.budget = fits.max(self.limit / FLOOR);
            most = self.budget;
        }
        if std::mem::take(&mut self.owed) {
            most = self.budget;
        }
        (live > most).then_some(self.budget)
    }

    /// What [`Cap::keep`] said was not done, or in part only.
    pub fn not_done(&mut self) {
        self.owed = true;
    }
}

fn full_budget(limit: u64) -> u64 {
    limit / SHARE / 10 * 9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_below_the_cap_and_without_one_nothing_is_asked() {
        let mut cap = Cap::new(1_000);
        assert!(!cap.wants_to_know(200, 0));
        assert!(!Cap::new(0).wants_to_know(u64::MAX, 0));
    }

    #[test]
    fn points_are_measured_now_and_then_and_when_the_directory_grows() {
        let mut cap = Cap::new(1_000);
        assert!(cap.wants_to_know(300, 0));
        assert!(!cap.wants_to_know(340, 1), "it was measured just now");
        assert!(cap.wants_to_know(341, 2));
        assert!(cap.wants_to_know(341, 2 + MEASURE_EVERY));
        // A smaller file took its place.
        assert!(!cap.wants_to_know(250, 3 + MEASURE_EVERY));
        assert!(cap.wants_to_know(291, 4 + MEASURE_EVERY));
    }

    #[test]
    fn points_get_a_fifth_of_the_cap_and_the_oldest_tenth_of_it_goes() {
        let mut cap = Cap::new(1_000);
        assert_eq!(cap.keep(500, 200), None);
        assert_eq!(cap.keep(500, 201), Some(180));
        assert_eq!(cap.keep(900, 180), None);
        assert_eq!(cap.keep(1_000, 200), None);
    }

    #[test]
    fn above_the_cap_a_new_height_takes_a_tenth_and_the_same_height_takes_nothing_more() {
        let mut cap = Cap::new(1_000);
        assert_eq!(cap.keep(1_010, 180), Some(162));
        assert_eq!(cap.keep(1_050, 162), None);
        assert_eq!(cap.keep(1_051, 162), Some(144));
        assert_eq!(cap.keep(700, 170), None, "and it is all forgotten");
        assert_eq!(cap.keep(700, 201), Some(180));
    }

    #[test]
    fn what_was_not_done_is_asked_for_again_and_no_more_than_that() {
        let mut cap = Cap::new(1_000);
        assert_eq!(cap.keep(900, 400), Some(180));
        cap.not_done();
        assert!(cap.wants_to_know(900, 1));
        assert_eq!(cap.keep(900, 190), Some(180));
        assert!(!cap.wants_to_know(900, 2));
        assert_eq!(cap.keep(900, 190), None);
    }

    #[test]
    fn points_keep_a_sixteenth_of_the_cap_whatever_the_file_does() {
        let mut cap = Cap::new(1_600);
        assert_eq!(cap.keep(99_000, 110), Some(100));
        assert_eq!(cap.keep(100_000, 100), None);
    }
}
