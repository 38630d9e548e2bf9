//! Which points are too old, from profiles and clock.

use super::door::{Limit, Limits};
use crate::model::device::Profile;
use crate::model::Millis;

/// Points outlive their retention by at most this part of it: a device's blocks are touched so
/// often at most, and not for each single point.
const SLACK: Millis = 24;
const SHORTEST_PAUSE: Millis = 1_000;
const LONGEST_PAUSE: Millis = 600_000;

pub struct Rules {
    pub limits: Limits,
    /// Milliseconds between two passes over the devices; `None` = everything is kept for ever.
    pub pause: Option<Millis>,
}

/// `retention`: of profiles that say nothing, in ms; 0 = for ever.
pub fn rules(profiles: &[Profile], retention: Millis, now: Millis) -> Rules {
    let of = |profile: &Profile| match profile.retention {
        Some(seconds) => i64::try_from(seconds).map_or(Millis::MAX, |s| s.saturating_mul(1000)),
        None => retention,
    };
    let kept = profiles.iter().map(of).filter(|keep| *keep > 0);
    let shortest = kept.chain((retention > 0).then_some(retention)).min();
    let named = profiles.iter();
    Rules {
        limits: Limits {
            profiles: named.map(|one| (one.id, limit(of(one), now))).collect(),
            otherwise: limit(retention, now),
        },
        pause: shortest.map(|keep| (keep / SLACK).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)),
    }
}

fn limit(keep: Millis, now: Millis) -> Option<Limit> {
    let before = now.saturating_sub(keep);
    (keep > 0).then(|| Limit {
        before,
        due: before.saturating_sub(keep / SLACK),
    })
}
