//! When the data directory is too big, and how much of the points it may keep.
//!
//! The directory takes several times what its blocks hold, and its file does not shrink: dropped
//! room is used again by later writes, after a while. So the size on disk alone cannot say how much
//! to drop. It says *when*: each time it grows to a new height above 85 % of the cap, the points
//! get a tenth less than they have; between such heights they keep what they got.
//!
//! ```text
//!  disk   ────╱────────╱─── new height: 10 % less        points   ╱|╱|     ╱|╱| between 90 and 100 %
//!            85 %                                                 budget   of their budget
//! ```

use crate::model::Millis;

/// Points are dropped from this part of the cap on, so that the cap itself holds meanwhile.
const SOFT_PERCENT: u64 = 85;
/// How much the directory must grow to count as a new height, in parts of the cap.
const STEP: u64 = 25;
/// Points always keep this part of the cap: what sled and the journal take beside them is not
/// theirs to make good.
const FLOOR: u64 = 16;
/// How often the points are measured while the directory does not grow.
const MEASURE_EVERY: Millis = 10_000;

/// From this size on a start makes the directory small again, if it can.
pub fn start_of_shrinking(limit: u64) -> u64 {
    limit / 100 * SOFT_PERCENT
}

pub struct Cap {
    /// Bytes; 0 = none.
    limit: u64,
    /// Sizes up to here were answered already.
    height: u64,
    /// Bytes of blocks that may stay; `None` = the directory was never too big.
    budget: Option<u64>,
    /// Points above the budget could not be dropped.
    owed: bool,
    next_measure: Millis,
}

impl Cap {
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            height: start_of_shrinking(limit),
            budget: None,
            owed: false,
            next_measure: Millis::MIN,
        }
    }

    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether [`Cap::keep`] must be asked; it is not for free.
    pub fn wants_to_know(&mut self, disk: u64, now: Millis) -> bool {
        if self.limit == 0 {
            return false;
        }
        let due = self.budget.is_some() && now >= self.next_measure;
        if due || self.owed || disk > self.height {
            self.next_measure = now.saturating_add(MEASURE_EVERY);
            return true;
        }
        false
    }

    /// Bytes of blocks that may stay, when that is less than there are. `disk`: size of the
    /// directory; `live`: bytes of its blocks.
    pub fn keep(&mut self, disk: u64, live: u64) -> Option<u64> {
        if disk > self.height {
            self.height = disk.saturating_add(self.limit / STEP);
            let had = self.budget.map_or(live, |budget| budget.min(live));
            let mut fits = had / 10 * 9;
            if disk > self.limit && self.budget.is_none() {
                let part = u128::from(fits) * u128::from(self.limit) / u128::from(disk);
                fits = u64::try_from(part).unwrap_or(fits);
            }
            let fits = fits.max(self.limit / FLOOR);
            self.budget = Some(fits);
            return (live > fits).then_some(fits);
        }
        let budget = self.budget?;
        let owed = std::mem::take(&mut self.owed);
        let most = if owed { budget } else { budget / 9 * 10 };
        (live > most).then_some(budget)
    }

    /// What [`Cap::keep`] said was not done, or in part only.
    pub fn not_done(&mut self) {
        self.owed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_cap_and_without_one_nothing_is_asked() {
        let mut cap = Cap::new(1_000);
        assert!(!cap.wants_to_know(850, 0));
        assert!(!Cap::new(0).wants_to_know(u64::MAX, 0));
    }

    #[test]
    fn a_new_height_takes_a_tenth_and_the_same_height_takes_nothing_more() {
        let mut cap = Cap::new(1_000);
        assert!(cap.wants_to_know(900, 0));
        assert_eq!(cap.keep(900, 400), Some(360));
        assert!(!cap.wants_to_know(900, 1), "it was measured just now");
        assert!(cap.wants_to_know(900, MEASURE_EVERY));
        assert_eq!(cap.keep(900, 360), None);
        assert_eq!(cap.keep(900, 401), Some(360), "over the budget by a tenth");
        assert_eq!(cap.keep(935, 360), None, "no new height yet");
        assert_eq!(cap.keep(950, 360), Some(324));
    }

    #[test]
    fn what_was_not_done_is_asked_for_again_and_no_more_than_that() {
        let mut cap = Cap::new(1_000);
        assert_eq!(cap.keep(900, 400), Some(360));
        cap.not_done();
        assert!(cap.wants_to_know(900, 1));
        assert_eq!(cap.keep(900, 380), Some(360));
        assert!(!cap.wants_to_know(900, 2));
        assert_eq!(cap.keep(900, 380), None);
    }

    #[test]
    fn above_the_cap_itself_the_points_shrink_in_proportion() {
        let mut cap = Cap::new(1_000);
        assert_eq!(cap.keep(2_000, 400), Some(180));
        assert_eq!(cap.keep(9_000, 180), Some(162), "only the first time");
    }

    #[test]
    fn points_keep_a_sixteenth_of_the_cap_whatever_the_file_does() {
        let mut cap = Cap::new(1_600);
        assert_eq!(cap.keep(99_000, 110), Some(100));
        assert_eq!(cap.keep(100_000, 100), None);
    }
}
