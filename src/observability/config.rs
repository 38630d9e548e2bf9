//! `[log]`: level and form.

use serde::Deserialize;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A `tracing` filter, e.g. `info` or `info,industryos_iot::transport=debug`.
    pub level: String,
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Human,
    Json,
}
