//! How we are seen: logs, metrics, health. A log line and its counter are one call.

pub mod config;
pub mod health;
pub mod logs;
pub mod metrics;

pub use config::Config;
pub use metrics::Metrics;
