//! Why a configuration is refused: always the key, and the line where there is one.

use std::fmt;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// 1-based line of the file.
    Line { file: PathBuf, line: usize },
    /// Name of the environment variable.
    Environment(String),
    /// The compiled-in default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { file, line } => write!(f, "{}:{line}", file.display()),
            Place::Environment(name) => write!(f, "environment variable {name}"),
            Place::Default => f.write_str("built-in default"),
        }
    }
}

/// One line for the person who wrote the setting. Values of `admin.password` never appear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The file cannot be read; the text is the operating system's.
    Unreadable { file: PathBuf, why: String },
    /// Not TOML.
    Syntax { place: Place, why: String },
    UnknownKey {
        place: Place,
        key: String,
        nearest: Option<String>,
    },
    /// Known key, impossible value.
    BadValue {
        place: Place,
        key: String,
        why: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { file, why } => {
                write!(f, "cannot read configuration {}: {why}", file.display())
            }
            ConfigError::Syntax { place, why } => write!(f, "{place}: {why}"),
            ConfigError::UnknownKey {
                place,
                key,
                nearest: Some(nearest),
            } => {
                write!(f, "{place}: unknown key `{key}`; did you mean `{nearest}`?")
            }
            ConfigError::UnknownKey {
                place,
                key,
                nearest: None,
            } => {
                write!(f, "{place}: unknown key `{key}`")
            }
            ConfigError::BadValue { place, key, why } => write!(f, "{place}: `{key}`: {why}"),
        }
    }
}

impl std::error::Error for ConfigError {}
