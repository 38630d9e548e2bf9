//! What can go wrong in the store, and which reason a peer hears.

use crate::model::reject::{Reason, Rejection};
use std::path::PathBuf;

/// Errors of reads and commits. No variant holds user data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The disk is full or below `store.reserve`. Ends when space returns; nothing was kept.
    Full,
    /// The batch is larger than the log takes (1 MiB encoded).
    BatchTooLarge { bytes: usize },
    /// Reading or writing failed; the text names the operation and the OS error.
    Io(String),
    /// A record or block failed its checksum or cannot be decoded; it was skipped, never served.
    Damaged(String),
    /// Another process holds the data directory.
    Locked(PathBuf),
    /// The store is closing.
    Closed,
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Full => f.write_str("the disk is full or below store.reserve"),
            StoreError::BatchTooLarge { bytes } => {
                write!(f, "batch of {bytes} bytes is over 1 MiB")
            }
            StoreError::Io(what) => write!(f, "store input/output failed: {what}"),
            StoreError::Damaged(what) => write!(f, "damaged data: {what}"),
            StoreError::Locked(path) => {
                write!(
                    f,
                    "another process holds the data directory {}",
                    path.display()
                )
            }
            StoreError::Closed => f.write_str("the store is closing"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        let reason = match error {
            StoreError::Full => Reason::StoreFull,
            StoreError::BatchTooLarge { .. } => Reason::TooLarge,
            StoreError::Closed => Reason::ShuttingDown,
            _ => Reason::StoreFailed,
        };
        Rejection::new(reason, error.to_string())
    }
}
