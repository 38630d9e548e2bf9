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
        let rows = store.audit(Millis::MIN..Millis::MAX, 0, 1).await?;
        let strangers = Buckets::new(config.audit_strangers.clone());
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            most: config.audit_rows,
            age: config.audit_age.millis(),
            book: Mutex::new(Book {
                rows: rows.total,
                last: rows.rows.first().map_or(0, |row| row.at),
                aged_at: Millis::MIN,
                strangers,
                suppressed: 0,
            }),
            trimming: tokio::sync::Mutex::new(()),
        })))
    }

    /// Writes a row; its id and time are set here.
    pub async fn record(&self, row: AuditRow) {
        let row = self.dated(row);
        let put = Change::AuditPut(row.clone());
        let batch = Batch::of_system(vec![put]);
        if let Err(error) = self.0.store.commit(batch).await {
            tracing::error!(
                %error, username = row.username, action = row.action, entity = row.entity,
                status = row.status, "a row of the audit log could not be written"
            );
            return;
        }
        self.0.book.lock().rows += 1;
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

    /// Each row has a time of its own, so that they keep their order.
    fn dated(&self, row: AuditRow) -> AuditRow {
        let mut book = self.0.book.lock();
        book.last = (self.0.clock)().max(book.last.saturating_add(1));
        AuditRow {
            id: AuditId::new(),
            at: book.last,
            ..row.bounded()
        }
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
        if old {
            self.forget(Millis::MIN..now.saturating_sub(self.0.age), 0)
                .await?;
            self.0.book.lock().aged_at = now;
        }
        if many {
            self.forget(whole.clone(), self.0.most).await?;
        }
        let left = self.0.store.audit(whole, 0, 0).await?;
        self.0.book.lock().rows = left.total;
        Ok(())
    }

    /// All rows of the range but the newest `keep`.
    async fn forget(&self, range: Range<Millis>, keep: usize) -> Result<(), StoreError> {
        let newest = self.0.store.audit(range, keep, 1).await?;
        let Some(row) = newest.rows.first() else {
            return Ok(());
        };
        let upto = row.place();
        let batch = Batch::of_system(vec![Change::AuditExpire { upto }]);
        self.0.store.commit(batch).await.map(|_| ())
    }
}
