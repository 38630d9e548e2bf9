//! The store's promise: nothing acknowledged is lost.
//!
//! Everything written goes through [`Log::commit`] as a [`Batch`]: the journal is the log, the
//! engine's tables are a pure function of it (design.md 7.6). When `commit` returns `Ok`, the
//! batch is on disk and every read begun afterwards sees it. Engines: `memory` (the oracle, for
//! tests), `sled` (journal in front, sled behind). Both pass `contract`.
//!
//! Knows nothing of: protocols, sessions, actors, HTTP.

pub mod aggregate;
pub mod batch;
pub mod config;
#[cfg(test)]
pub(crate) mod contract;
pub mod error;
pub mod journal;
pub mod memory;
#[cfg(test)]
pub(crate) mod moments;
pub mod paging;
mod pulse;
pub mod retention;
pub mod sled;
pub mod stream;
pub mod traits;

pub use batch::{Batch, Change};
pub use config::Config;
pub use error::StoreError;
pub use retention::{Keeper, RetentionStore};
pub use stream::PointStream;
pub use traits::*;
