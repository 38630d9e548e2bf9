//! Structured logs through `tracing`, to standard error: a human form and one JSON object a line.

use super::config::{Config, Format};
use std::io::IsTerminal;

/// Installs the process-wide subscriber. `RUST_LOG`, when set, wins over `log.level`.
///
/// Errors: a filter that cannot be read (the text names it), or a subscriber that is already there.
pub fn install(config: &Config) -> Result<(), String> {
    let from_environment = std::env::var("RUST_LOG")
        .ok()
        .filter(|text| !text.is_empty());
    let filter = match from_environment {
        Some(text) => super::config::filter(&text)?,
        None => config.filter()?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are for people; a file or a collector gets plain text.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.format {
        Format::Human => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| error.to_string())
}
