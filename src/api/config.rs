//! `[api]`: limits of the operator REST.

use crate::model::units::{ByteSize, Period};
use serde::Deserialize;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub max_body: ByteSize,
    pub max_rpc_body: ByteSize,
    pub max_login_body: ByteSize,
    pub body_timeout: Period,
    pub max_page_size: usize,
    pub max_intervals: usize,
    pub max_history_points: usize,
}
