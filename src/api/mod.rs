//! The operator REST (contract/admin-rest.md): a file per resource.

pub mod config;

pub use config::Config;
