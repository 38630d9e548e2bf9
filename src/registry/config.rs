//! `[registry]`: where actors live, and how long a call may take.

use super::scheduling::Scheduling;
use crate::model::rates::Rates;
use crate::model::units::{ByteSize, Period};
use serde::Deserialize;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// 0 = one a core.
    pub arbiters: usize,
    pub scheduling: Scheduling,
    pub call_timeout: Period,
    pub takeover_timeout: Period,
    pub stop_timeout: Period,
    pub in_flight: ByteSize,
    /// Per arbiter.
    pub queued_calls: usize,
    pub events_kept_per_device: usize,
    pub events_kept: usize,
    pub event_listener_queue: usize,
    /// Of all devices together.
    pub message_rate: Rates,
    pub point_rate: Rates,
    /// Attempts of one address that have not authenticated.
    pub address_rate: Rates,
    pub failure_window: Period,
    /// 0 = never.
    pub slow_after: u32,
    pub slow_by: Period,
    /// At a time; more are answered at once.
    pub held_back: usize,
    /// 0 = never.
    pub refuse_after: u32,
    pub refuse_for: Period,
    pub addresses: usize,
}
