//! Points of a series as they are read: chunk by chunk, so that a million never sit in memory.

use super::error::StoreError;
use crate::model::telemetry::Point;
use async_trait::async_trait;

/// Most points in one chunk: some 80 KiB.
pub const CHUNK: usize = 2_048;

/// Points on their way. An engine reads at most a chunk or two ahead of its reader, and nothing
/// more once this is dropped.
#[async_trait]
pub trait PointStream: Send {
    /// The next points: at least one, at most [`CHUNK`]. `None` at the end, and after an error.
    async fn next(&mut self) -> Result<Option<Vec<Point>>, StoreError>;
}
