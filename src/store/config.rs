//! `[store]`: where the data lives and how much of the machine it may take.

use crate::model::units::ByteSize;
use serde::Deserialize;
use std::path::PathBuf;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub path: PathBuf,
    pub reserve: ByteSize,
    pub journal_segment: ByteSize,
    pub queue_bytes: ByteSize,
    pub cache: ByteSize,
    pub head_memory: ByteSize,
}
