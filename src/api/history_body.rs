//! The body of a history answer, written piece by piece as its reader takes it: memory holds a few
//! chunks of points whatever was asked (contract/admin-rest.md 5).

use super::telemetry::{quote, write_point};
use crate::model::ids::DeviceId;
use crate::model::query::HistoryQuery;
use crate::model::telemetry::Point;
use crate::model::value::Key;
use crate::store::{PointStream, SharedStore, StoreError};
use actix_web::web::Bytes;
use futures_util::stream::{once, try_unfold, Stream, StreamExt};
use std::future::ready;

/// Bytes at which a piece is handed on.
const PIECE: usize = 32 << 10;
/// Bytes that a point takes, about.
const POINT: usize = 48;

/// Writes `{"key":[point,...],...}`; keys without points are left out.
pub struct Writer {
    store: SharedStore,
    device: DeviceId,
    query: HistoryQuery,
    strict: bool,
    keys: std::vec::IntoIter<Key>,
    current: Option<Series>,
    stage: Stage,
}

/// The key being written.
struct Series {
    key: Key,
    points: Box<dyn PointStream>,
    /// Its array has been begun.
    open: bool,
}

#[derive(PartialEq)]
enum Stage {
    Begin,
    /// Nothing written yet but `{`.
    Empty,
    Keys,
    Done,
}

impl Writer {
    pub fn new(
        store: SharedStore,
        device: DeviceId,
        keys: Vec<Key>,
        query: HistoryQuery,
        strict: bool,
    ) -> Self {
        Self {
            store,
            device,
            query,
            strict,
            keys: keys.into_iter(),
            current: None,
            stage: Stage::Begin,
        }
    }

    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// The next piece, never empty before the end.
    pub async fn next(&mut self) -> Result<Bytes, StoreError> {
        let mut out = String::new();
        if self.stage == Stage::Begin {
            out.push('{');
            self.stage = Stage::Empty;
        }
        while out.len() < PIECE && !self.is_done() {
            self.step(&mut out).await?;
        }
        Ok(Bytes::from(out))
    }

    /// All that is left, behind its first piece. An error cuts the connection: what was sent cannot
    /// be taken back, and must not look whole.
    pub fn behind(self, first: Bytes) -> impl Stream<Item = Result<Bytes, StoreError>> {
        let rest = try_unfold(self, |mut writer| async move {
            if writer.is_done() {
                return Ok(None);
            }
            let piece = writer.next().await.inspect_err(|error| {
                tracing::error!(device = %writer.device, %error, "a history answer is cut off");
            })?;
            Ok(Some((piece, writer)))
        });
        once(ready(Ok(first))).chain(rest)
    }

    /// One chunk of the current key, or on to the next key.
    async fn step(&mut self, out: &mut String) -> Result<(), StoreError> {
        let Some(mut series) = self.current.take() else {
            return self.next_key(out).await;
        };
        match series.points.next().await? {
            Some(points) => {
                self.write(&mut series, &points, out);
                self.current = Some(series);
            }
            None if series.open => out.push(']'),
            None => {}
        }
        // A million points are many chunks: devices served by this thread come in between.
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn next_key(&mut self, out: &mut String) -> Result<(), StoreError> {
        let Some(key) = self.keys.next() else {
            out.push('}');
            self.stage = Stage::Done;
            return Ok(());
        };
        let points = self.store.stream(self.device, &key, &self.query).await?;
        self.current = Some(Series {
            key,
            points,
            open: false,
        });
        Ok(())
    }

    fn write(&mut self, series: &mut Series, points: &[Point], out: &mut String) {
        out.reserve(points.len() * POINT);
        for point in points {
            if series.open {
                out.push(',');
            } else {
                self.open(&series.key, out);
                series.open = true;
            }
            write_point(point, self.strict, out);
        }
    }

    fn open(&mut self, key: &Key, out: &mut String) {
        if self.stage == Stage::Keys {
            out.push(',');
        }
        self.stage = Stage::Keys;
        quote(key, out);
        out.push_str(":[");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::query::Order;
    use crate::store::memory::MemoryStore;
    use futures_util::FutureExt;
    use std::sync::Arc;

    #[test]
    fn between_chunks_others_have_their_turn() {
        let query = HistoryQuery {
            range: 0..10,
            order: Order::Ascending,
            limit: 10,
        };
        let keys = vec![Key::const_new("k")];
        let store = Arc::new(MemoryStore::new());
        let mut writer = Writer::new(store, DeviceId::new(), keys, query, false);
        assert!(writer.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_read_that_fails_gives_no_piece() {
        let query = HistoryQuery {
            range: 0..10,
            order: Order::Ascending,
            limit: 10,
        };
        let store = MemoryStore::new();
        store.fail_reads(Some(StoreError::Full));
        let keys = vec![Key::const_new("k")];
        let mut writer = Writer::new(Arc::new(store), DeviceId::new(), keys, query, false);
        assert_eq!(writer.next().await, Err(StoreError::Full));
    }
}
