//! `[mqtt]`: the door and its limits.

use crate::model::units::{ByteSize, Period};
use crate::transport::proxy::Balancers;
use crate::transport::tls;
use serde::Deserialize;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub enabled: bool,
    pub bind: String,
    /// 0 = one a core.
    pub workers: usize,
    pub max_packet: ByteSize,
    pub max_connections: usize,
    pub max_unauthenticated_per_address: usize,
    pub connect_timeout: Period,
    pub max_keepalive: Period,
    pub receive_maximum: u16,
    pub inflight_window: u16,
    pub topic_alias_maximum: u16,
    pub max_subscriptions: usize,
    pub outstanding_bytes: ByteSize,
    pub write_timeout: Period,
    pub proxy_protocol: bool,
    /// Who may send such a header.
    pub proxy_from: Balancers,
    pub tls: tls::Config,
}
