//! The HTTP device API (contract/http.md), and the HTTP server other rooms mount their routes on.

pub mod config;

pub use config::Config;
