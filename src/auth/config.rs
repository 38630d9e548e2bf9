//! `[admin]`: the first administrator, operator tokens, login throttling, the audit log, rotation.

use crate::model::rates::Rates;
use crate::model::units::{ByteSize, Period};
use serde::Deserialize;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub username: String,
    /// Empty: generated at first start and shown once.
    pub password: String,
    pub token_life: Period,
    pub refresh_life: Period,
    pub login_attempts: u32,
    pub login_window: Period,
    pub login_subjects: usize,
    pub login_delay: Period,
    pub max_operators: usize,
    pub max_api_keys: usize,
    pub audit_age: Period,
    pub audit_rows: usize,
    pub audit_strangers: Rates,
    pub rotation_overlap: Period,
    pub max_rotation_overlap: Period,
    pub known_tokens: usize,
    pub known_token_size: ByteSize,
}
