//! A bad setting stops at the door: `config.toml` is the manual and the compiled-in defaults.

use serde::Deserialize;

/// One field a room. Every default stands in `config.toml`, none here.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub http: crate::transport::http::Config,
    pub mqtt: crate::transport::mqtt::Config,
    pub payload: crate::model::json::Rules,
    pub store: crate::store::Config,
    pub admin: crate::auth::Config,
    pub registry: crate::registry::Config,
    pub device: crate::device::Config,
    pub api: crate::api::Config,
    pub log: crate::observability::Config,
}
