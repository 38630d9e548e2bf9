//! How we are seen: logs, metrics, health. A log line and its counter are one call.

mod budgets;
pub mod config;
pub mod health;
pub mod logs;
pub mod metrics;

pub use budgets::BudgetMeter;
pub use config::Config;
pub use metrics::Metrics;
