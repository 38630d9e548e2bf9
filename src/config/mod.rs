//! A bad setting stops at the door: `config.toml` is the manual and the compiled-in defaults.
//!
//! `load` reads the file and the environment, `layer` puts them over the defaults and names the
//! line of whatever does not fit, `validate` holds what no single key can tell.
//! Knows nothing of what the settings are for: each room owns its `Config`.

mod descriptors;
pub mod error;
pub mod layer;
pub mod load;
mod validate;

#[cfg(test)]
mod tests;

pub use descriptors::fit as fit_descriptors;
pub use error::ConfigError;
pub use load::load;

use serde::Deserialize;

/// The shipped `config.toml`, compiled in.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// One field a room. Every default stands in `config.toml`, none here.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub http: crate::transport::http::Config,
    pub mqtt: crate::transport::mqtt::Config,
    pub coap: crate::transport::coap::Config,
    pub payload: crate::model::json::Rules,
    pub store: crate::store::Config,
    pub admin: crate::auth::Config,
    pub registry: crate::registry::Config,
    pub device: crate::device::Config,
    pub api: crate::api::Config,
    pub log: crate::observability::Config,
}
