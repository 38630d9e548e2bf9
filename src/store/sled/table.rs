//! Reading the one sled tree: most records from leaves (see `packed`), all others as they stand.

use super::compactor::Written;
use super::packed::rows::Held;
use super::packed::{leaf, write, Gathered};
use super::twin::Twin;
use super::{keys, long};
use crate::model::ids::{Partition, PARTITIONS};
use crate::observability::Metrics;
use crate::store::error::StoreError;
use parking_lot::{Mutex, RwLock};
use sled::IVec;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

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

/// How often [`let_go`] looks at a record.
const LOOKS: usize = 3;

/// For whoever walks through the tree. sled looks for pages that it may forget with each 64th look at
/// one of a 256th of them: a walk, which looks at each page once, would leave 16,384 pages in memory
/// whatever its cache may take (620 MB of blocks were seen, with a cache of 4 MB). A few looks more
/// at each record take no time beside the first, and leave a tenth of that.
pub(super) fn let_go(tree: &sled::Tree, key: &[u8]) -> Result<(), StoreError> {
    for _ in 0..LOOKS {
        tree.contains_key(key).map_err(failed)?;
    }
    Ok(())
}

#[derive(Clone)]
pub struct Table {
    /// All is in its default tree.
    pub(super) db: Arc<RwLock<sled::Db>>,
    /// While a smaller copy is made.
    pub(super) twin: Arc<Mutex<Option<Twin>>>,
    pub(super) written: Arc<Written>,
    /// Changes of small records on their way to sled.
    pub(super) gathered: Arc<RwLock<Gathered>>,
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
            gathered: Arc::default(),
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

    /// All records as they stand in the tree from one key to another, or to the end.
    pub fn walk(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<(IVec, IVec), StoreError>> {
        let tree = self.tree();
        let to = to.map_or(Bound::Unbounded, |to| Bound::Excluded(to.to_vec()));
        let rows = tree.range((Bound::Included(from.to_vec()), to));
        rows.map(move |row| {
            let (key, value) = row.map_err(failed)?;
            let_go(&tree, &key)?;
            Ok((key, value))
        })
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
            let value = match self.held(key)? {
                None => return Ok(None),
                Some(Held::Whole(value)) => return Ok(Some(value)),
                Some(Held::Stored(value)) => value,
            };
            if let Some(bytes) = self.whole(key, value)? {
                return Ok(Some(bytes));
            }
        }
        tracing::error!("a long value cannot be put together");
        self.metrics.damaged_block();
        Ok(Some(Bytes::default()))
    }

    fn held(&self, key: &[u8]) -> Result<Option<Held>, StoreError> {
        if !keys::is_in_leaves(key) {
            let value = self.tree().get(key).map_err(failed)?;
            return Ok(value.map(Held::Stored));
        }
        // Held to the end: a record on its way to sled is seen in one place or the other.
        let gathered = self.gathered.read();
        if let Some(change) = gathered.get(key) {
            return Ok(change.map(|value| Held::Whole(value.into())));
        }
        let Some((name, bytes)) = write::leaf_of(&self.tree(), key)? else {
            return Ok(None);
        };
        match leaf::find(write::begin_of(&name), &bytes, key) {
            Ok(value) => Ok(value.map(|value| Held::Stored(value.into()))),
            Err(leaf::Damaged) => {
                self.report_leaf();
                Ok(Some(Held::Whole(Bytes::default())))
            }
        }
    }

    /// All keys with this prefix, in order, with their values; long values are put together.
    pub fn scan(
        &self,
        prefix: &[u8],
    ) -> Box<dyn Iterator<Item = Result<(IVec, Bytes), StoreError>> + '_> {
        if keys::is_in_leaves(prefix) {
            let rows = self.rows_with(prefix);
            return Box::new(rows.map(|row| row.map(|(key, value)| (key.into(), value))));
        }
        let rows = self.tree().scan_prefix(prefix);
        Box::new(rows.filter_map(move |row| {
            let (key, value) = match row {
                Ok(row) => row,
                Err(error) => return Some(Err(failed(error))),
            };
            if long::header(&value).is_none() {
                return Some(Ok((key, value)));
            }
            // `None`: removed in the meantime.
            let whole = self.get(&key).transpose()?;
            Some(whole.map(|value| (key, value)))
        }))
    }

    /// A value as it stands in its record, put together should it be long; `None` when its chunks
    /// are not those of the record.
    pub(super) fn whole(&self, key: &[u8], value: IVec) -> Result<Option<Bytes>, StoreError> {
        let Some((chunks, crc)) = long::header(&value) else {
            return Ok(Some(value));
        };
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
