//! `[log]`: level and form.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

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

impl Config {
    /// Errors: what is wrong with `level`.
    pub fn filter(&self) -> Result<EnvFilter, String> {
        filter(&self.level)
    }
}

/// A filter from its text. actix-http reports every malformed request as an error of its own; such
/// a request is a peer's fault that the HTTP door counts, so these lines come only when asked for.
pub(super) fn filter(text: &str) -> Result<EnvFilter, String> {
    const QUIET: &str = "actix_http::h1::dispatcher=off";
    let whole = match text.contains("actix_http") {
        true => text.to_owned(),
        false => format!("{text},{QUIET}"),
    };
    EnvFilter::try_new(whole).map_err(|error| format!("log filter `{text}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_peers_malformed_requests_are_no_errors_of_ours_unless_asked_for() {
        let text = |level: &str| filter(level).expect("a filter").to_string();
        for level in ["info", "warn", "debug,sled=info"] {
            assert!(text(level).contains("actix_http::h1::dispatcher=off"));
        }
        assert!(!text("info,actix_http=error").contains("=off"));
        assert!(filter("a=[[").is_err());
    }
}
