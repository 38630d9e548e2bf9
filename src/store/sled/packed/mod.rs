//! The small tables: all records of devices, credentials, attributes, commands and operators with
//! their indexes. Their changes are gathered in memory, since the journal has them already, and
//! reach sled together, in leaves of many records.
//!
//! ```text
//!   Tx ─▶ gathered ─▶ frozen ─▶ draining ─▶ leaves in sled
//!            └────────────┴───── read over ─────┘
//! ```
//!
//! The ranges of blocks stand in leaves too (one by one they took two thirds of sled's pages, and of
//! what it keeps in memory for each), but are written with their blocks, in one batch.

pub mod draining;
pub mod gathered;
pub mod leaf;
mod migrate;
pub mod rows;
pub mod write;

pub use gathered::Gathered;
pub use migrate::complete;
