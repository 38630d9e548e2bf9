//! Reading the one sled tree. A value too long for one record stands in chunks (see `keys`): sled
//! puts 16 values on a page and moves pages over 128 KiB into files of their own, which cost a
//! sync each.
//!
//! ```text
//!  short value:  version 1 ... | bytes        (version below 0xF0)
//!  long value:   0xF0 | chunks u32 le | crc32 u32 le      the bytes are in the chunks
//! ```

use super::compactor::Written;
use super::keys;
use super::twin::Twin;
use crate::model::ids::{Partition, PARTITIONS};
use crate::observability::Metrics;
use crate::store::error::StoreError;
use parking_lot::{Mutex, RwLock};
use sled::IVec;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Longest value in one record: 16 of them and some keys stay below 128 KiB.
pub const LONGEST: usize = 7 << 10;
/// First byte of the record that stands for a long value.
pub const LONG: u8 = 0xf0;

/// A value as it is read back.
pub type Bytes = IVec;

pub(super) fn failed(error: sled::Error) -> StoreError {
    if let sled::Error::Io(error) = &error {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return StoreError::Full;
        }
    }
    StoreError::Io(format!("sled: {error}"))
}

#[derive(Clone)]
pub struct Table {
    /// All is in its default tree.
    pub(super) db: Arc<RwLock<sled::Db>>,
    /// While a smaller copy is made.
    pub(super) twin: Arc<Mutex<Option<Twin>>>,
    pub(super) written: Arc<Written>,
    moves: Arc<[Moves; PARTITIONS as usize]>,
    /// Counts what is damaged.
    pub(super) metrics: Metrics,
}

/// How often blocks of a partition have begun to move, and have moved.
#[derive(Default)]
struct Moves {
    begun: AtomicU64,
    done: AtomicU64,
}

/// Blocks of these partitions are moved as long as this exists.
pub struct Moving<'a> {
    moves: Vec<&'a Moves>,
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        for moves in &self.moves {
            moves.done.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Table {
    pub fn new(db: sled::Db, metrics: Metrics) -> Self {
        let moves = Arc::new(std::array::from_fn(|_| Moves::default()));
        Self {
            db: Arc::new(RwLock::new(db)),
            twin: Arc::default(),
            written: Arc::default(),
            moves,
            metrics,
        }
    }

    /// The tree of the moment: asked for anew at each look, for a copy may have taken its place.
    pub fn tree(&self) -> sled::Tree {
        (**self.db.read()).clone()
    }

    /// As [`Table::tree`], all of it.
    pub(super) fn db(&self) -> sled::Db {
        self.db.read().clone()
    }

    /// Says that blocks of these partitions are about to move.
    pub fn moving(&self, partitions: Vec<u8>) -> Moving<'_> {
        let moves = partitions.into_iter();
        let moves: Vec<&Moves> = moves
            .filter_map(|p| self.moves.get(usize::from(p)))
            .collect();
        for moves in &moves {
            moves.begun.fetch_add(1, Ordering::SeqCst);
        }
        Moving { moves }
    }

    /// A number that changes whenever blocks of the partition move; `None` while they do.
    pub fn moves(&self, partition: Partition) -> Option<u64> {
        let moves = self.moves.get(usize::from(partition.0))?;
        let done = moves.done.load(Ordering::SeqCst);
        (moves.begun.load(Ordering::SeqCst) == done).then_some(done)
    }

    /// A long value that cannot be put together is reported, counted, and given as an empty one,
    /// which no decoder takes: like every other record that is damaged.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        // A long value may be replaced between its record and its chunks: look again then.
        for _ in 0..8 {
            let Some(value) = self.tree().get(key).map_err(failed)? else {
                return Ok(None);
            };
            match long_header(&value) {
                None => return Ok(Some(value)),
                Some(header) => {
                    if let Some(bytes) = self.gather(key, header)? {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
        tracing::error!("a long value cannot be put together");
        self.metrics.damaged_block();
        Ok(Some(Bytes::default()))
    }

    /// All keys with this prefix, in order, with their values; long values are put together.
    pub fn scan(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<(IVec, Bytes), StoreError>> + '_ {
        let rows = self.tree().scan_prefix(prefix);
        rows.filter_map(move |row| {
            let (key, value) = match row {
                Ok(row) => row,
                Err(error) => return Some(Err(failed(error))),
            };
            if long_header(&value).is_none() {
                return Some(Ok((key, value)));
            }
            // `None`: removed in the meantime.
            let whole = self.get(&key).transpose()?;
            Some(whole.map(|value| (key, value)))
        })
    }

    fn gather(&self, key: &[u8], header: (u32, u32)) -> Result<Option<Bytes>, StoreError> {
        let (chunks, crc) = header;
        let mut bytes = Vec::new();
        for number in 0..chunks {
            match self.tree().get(keys::chunk(key, number)).map_err(failed)? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
        let whole = crc32fast::hash(&bytes) == crc;
        Ok(whole.then(|| bytes.into()))
    }
}

/// (chunks, crc32) when the record stands for a long value.
pub(super) fn long_header(value: &[u8]) -> Option<(u32, u32)> {
    let (first, rest) = value.split_first()?;
    if *first != LONG {
        return None;
    }
    let (chunks, rest) = rest.split_first_chunk::<4>()?;
    let (crc, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*chunks), u32::from_le_bytes(*crc)))
}
