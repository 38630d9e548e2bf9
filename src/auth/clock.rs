//! The time of day, as a thing that tests can hold still.

use crate::model::Millis;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Epoch ms, now.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// The machine's clock.
pub fn system() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
        })
    })
}
