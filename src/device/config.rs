//! `[device]`: activity, pending RPCs, how long an idle actor stays.

use crate::model::rates::Rates;
use crate::model::units::Period;
use serde::Deserialize;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub idle_after: Period,
    pub sessions: usize,
    pub inactivity_timeout: Period,
    pub activity_report_every: Period,
    pub pending_rpcs: usize,
    pub pending_polls: usize,
    pub rpc_ack_timeout: Period,
    pub rpc_retries: u32,
    pub max_session_expiry: Period,
    /// Of a device whose profile says nothing.
    pub message_rate: Rates,
    pub point_rate: Rates,
}
