//! `[http]`: the door and its limits.

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
    pub workers: usize,
    pub max_body: ByteSize,
    pub max_rpc_body: ByteSize,
    pub body_memory: ByteSize,
    pub body_wait: Period,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub header_timeout: Period,
    pub body_timeout: Period,
    pub keep_alive: Period,
    pub default_poll: Period,
    pub max_poll: Period,
    pub proxy_protocol: bool,
    /// Who may send such a header.
    pub proxy_from: Balancers,
    pub tls: tls::Config,
}
