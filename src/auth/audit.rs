//! The audit log: who changed what, when, from where; and who was not let in. Durable, bounded by
//! age and by number.
//!
//! A row is written after what it tells of, and before that is answered. One that cannot be
//! written is logged: the change has happened, and its answer must say so.

use super::{Clock, Config};
use crate::model::audit::AuditRow;
use crate::model::ids::AuditId;
use crate::model::query::Page;
use crate::model::rates::Buckets;
use crate::model::Millis;
use crate::store::{Batch, Change, SharedStore, StoreError};
use parking_lot::Mutex;
use std::ops::Range;
use std::sync::Arc;

/// System record: how many rows there are and the time of the last one (u64 le, i64 le), written
/// with each row, so that a start need not walk over all of them. Two rows that are written at the
/// same moment may leave it one short: it is counted anew whenever rows are forgotten.
const COUNT: &str = "auth.audit_rows";
/// How often rows are looked at for their age.
const AGE_EVERY: Millis = 3_600_000;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct AuditLog(Arc<Inner>);

struct Inner {
    store: SharedStore,
    clock: Clock,
    most: usize,
    age: Millis,
    book: Mutex<Book>,
    trimming: tokio::sync::Mutex<()>,
}

struct Book {
    rows: usize,
    last: Millis,
    aged_at: Millis,
    strangers: Buckets,
    suppressed: u64,
}

impl AuditLog {
    pub(super) async fn open(
        config: &Config,
        store: SharedStore,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let (rows, last) = counted(&store).await?;
        let strangers = Buckets::new(config.audit_strangers.clone());
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            most: config.audit_rows,
            age: config.audit_age.millis(),
            book: Mutex::new(Book {
                rows,
                last,
                aged_at: Millis::MIN,
                strangers,
                suppressed: 0,
            }),
            trimming: tokio::sync::Mutex::new(()),
        })))
    }

    /// Writes a row; its id and time are set here.
    pub async fn record(&self, row: AuditRow) {
        let (row, rows) = self.dated(row);
        let count = Change::SystemPut {
            name: COUNT.into(),
            value: [(rows as u64).to_le_bytes(), row.at.to_le_bytes()].concat(),
        };
        let batch = Batch::of_system(vec![Change::AuditPut(row.clone()), count]);
        if let Err(error) = self.0.store.commit(batch).await {
            tracing::error!(
                %error, username = row.username, action = row.action, entity = row.entity,
                status = row.status, "a row of the audit log could not be written"
            );
            return;
        }
        if let Err(error) = self.trim().await {
            tracing::warn!(%error, "old rows of the audit log could not be forgotten");
        }
    }

    /// A row about somebody who is nobody here. They are bounded by `admin.audit_strangers`, so
    /// that strangers cannot flush the log; what was left out is told in the next one.
    pub async fn record_stranger(&self, mut row: AuditRow) {
        {
            let mut book = self.0.book.lock();
            if book.strangers.take(1, (self.0.clock)()).is_err() {
                book.suppressed += 1;
                return;
            }
            let left_out = std::mem::take(&mut book.suppressed);
            if left_out > 0 {
                row.detail = format!("{}; {left_out} like it were left out before", row.detail);
            }
        }
        self.record(row).await;
    }

    /// Rows whose time is in `range`, newest first.
    pub async fn read(
        &self,
        range: Range<Millis>,
        skip: usize,
        limit: usize,
    ) -> Result<Page<AuditRow>, StoreError> {
        self.0.store.audit(range, skip, limit).await
    }

    /// Each row has a time of its own, so that they keep their order. Also how many there are with
    /// this one.
    fn dated(&self, row: AuditRow) -> (AuditRow, usize) {
        let mut book = self.0.book.lock();
        book.last = (self.0.clock)().max(book.last.saturating_add(1));
        book.rows += 1;
        let row = AuditRow {
            id: AuditId::new(),
            at: book.last,
            ..row.bounded()
        };
        (row, book.rows)
    }

    async fn trim(&self) -> Result<(), StoreError> {
        let now = (self.0.clock)();
        let (many, old) = {
            let book = self.0.book.lock();
            let room = self.0.most + self.0.most / 16;
            let due = book.aged_at.saturating_add(AGE_EVERY) <= now;
            (book.rows > room, due)
        };
        if !many && !old {
            return Ok(());
        }
        let _one_at_a_time = self.0.trimming.lock().await;
        let whole = Millis::MIN..Millis::MAX;
        let mut gone = false;
        if old {
            let aged = Millis::MIN..now.saturating_sub(self.0.age);
            gone |= self.forget(aged, 0).await?;
            self.0.book.lock().aged_at = now;
        }
        if many {
            gone |= self.forget(whole.clone(), self.0.most).await?;
        }
        if gone || many {
            let left = self.0.store.audit(whole, 0, 0).await?;
            self.0.book.lock().rows = left.total;
        }
        Ok(())
    }

    /// All rows of the range but the newest `keep`; whether there were any.
    async fn forget(&self, range: Range<Millis>, keep: usize) -> Result<bool, StoreError> {
        let newest = self.0.store.audit(range, keep, 1).await?;
        let Some(row) = newest.rows.first() else {
            return Ok(false);
        };
        let upto = row.place();
        let batch = Batch::of_system(vec![Change::AuditExpire { upto }]);
        self.0.store.commit(batch).await.map(|_| true)
    }
}

/// How many rows there are, and the time of the last. Without a record of it, as directories of
/// earlier versions are, they are counted.
async fn counted(store: &SharedStore) -> Result<(usize, Millis), StoreError> {
    if let Some((rows, last)) = store.system(COUNT).await?.as_deref().and_then(count) {
        return Ok((rows, last));
    }
    let newest = store.audit(Millis::MIN..Millis::MAX, 0, 1).await?;
    let last = newest.rows.first().map_or(0, |row| row.at);
    Ok((newest.total, last))
}

/// Reads the record [`COUNT`].
fn count(record: &[u8]) -> Option<(usize, Millis)> {
    let (rows, last) = record.split_first_chunk::<8>()?;
    let last = Millis::from_le_bytes(last.try_into().ok()?);
    Some((usize::try_from(u64::from_le_bytes(*rows)).ok()?, last))
}
