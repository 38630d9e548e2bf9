//! The journal: the log that makes an acknowledgement true (design.md 4 "Store" and 7.6 to 7.8).
//!
//! A directory of segments, each a run of frames; one thread writes. Whatever arrives while a
//! commit is being synced forms the next one, so no timer is needed. The engine behind it
//! ([`Apply`]) turns batches into tables and says up to which sequence segments may be dropped.
//!
//! Knows nothing of: tables, sled, what a change means.

mod blocks;
pub mod bound;
pub mod bundle;
mod encode;
pub mod frame;
pub mod queue;
pub mod replay;
pub mod segment;
pub mod space;
pub mod writer;

#[cfg(test)]
mod tests;

pub use frame::DedupId;
pub use writer::{Journal, Settings};

use super::batch::Batch;
use super::error::StoreError;
use super::traits::LogSequence;

/// What stands behind the journal.
pub trait Apply: Send + Sync + 'static {
    /// Makes synced batches visible, in the order given. Called from the writer's thread only.
    /// An error means the tables no longer follow the log: the journal takes nothing more then.
    fn apply(&self, group: &[(LogSequence, &Batch)]) -> Result<(), StoreError>;

    /// Whether what is behind can take another group. Asked before the group is written; an error
    /// refuses it whole.
    fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The writer began another segment, or waits until it may: the moment to think about a
    /// checkpoint.
    fn segment_rolled(&self) {}
}

/// "what: the error" of the operating system, as [`StoreError::Io`] wants it.
pub(crate) fn io(what: &str, error: std::io::Error) -> StoreError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return StoreError::Full;
    }
    StoreError::Io(format!("{what}: {error}"))
}
