//! Histories streamed: how far they read ahead, and what stays when their reader goes away.

use super::{config, message, open, put};
use crate::model::ids::DeviceId;
use crate::model::query::{HistoryQuery, Order};
use crate::store::sled::SledStore;
use crate::store::stream::{PointStream, CHUNK};
use crate::store::{Log, StoreError, TimeseriesStore};
use tempfile::TempDir;

const POINTS: i64 = 30_000;

async fn filled(store: &SledStore) -> DeviceId {
    let device = DeviceId::new();
    for part in 0..POINTS / 1_000 {
        let messages = (part * 1_000..(part + 1) * 1_000).map(|n| message(device, n));
        put(store, device, messages.collect()).await;
    }
    device
}

async fn started(store: &SledStore, device: DeviceId) -> Box<dyn PointStream> {
    let query = HistoryQuery {
        range: 0..i64::MAX,
        order: Order::Ascending,
        limit: usize::MAX,
    };
    store.stream(device, "count", &query).await.unwrap()
}

/// Waits until nothing stands in line; how many works were done so far.
async fn settled(store: &SledStore) -> usize {
    loop {
        let (asked, done) = store.asides.counts();
        if asked == done {
            return done;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_is_at_most_one_chunk_ahead_of_its_reader() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let device = filled(&store).await;
    let mut stream = started(&store, device).await;
    let mut read = 0;
    for taken in 0.. {
        let stretches = settled(&store).await;
        assert!(
            stretches <= taken + 1,
            "{stretches} when {taken} were taken"
        );
        let Some(chunk) = stream.next().await.unwrap() else {
            break;
        };
        assert!(!chunk.is_empty() && chunk.len() <= CHUNK);
        read += chunk.len();
    }
    assert_eq!(read, POINTS as usize);
}

#[tokio::test]
async fn streams_that_nobody_reads_hold_no_place_and_end_with_their_reader() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let device = filled(&store).await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        idle.push(started(&store, device).await);
    }
    let mut second = started(&store, device).await;
    let mut read = 0;
    while let Some(chunk) = second.next().await.unwrap() {
        read += chunk.len();
    }
    assert_eq!(read, POINTS as usize);
    let mut cut_off = started(&store, device).await;
    assert!(cut_off.next().await.unwrap().is_some());
    drop((idle, cut_off));
    let done = settled(&store).await;
    tokio::task::yield_now().await;
    assert_eq!(settled(&store).await, done, "somebody goes on reading");
}

#[tokio::test]
async fn a_stream_ends_when_its_store_is_gone() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let device = filled(&store).await;
    let mut stream = started(&store, device).await;
    store.close().await.unwrap();
    drop(store);
    let store = open(&config(directory.path()));
    assert!(matches!(stream.next().await, Ok(Some(_))), "read ahead");
    assert_eq!(stream.next().await, Err(StoreError::Closed));
    assert_eq!(stream.next().await, Ok(None));
    drop(store);
}
