//! What only the memory engine offers: injected failures, the gate, the counters.

use super::MemoryStore;
use crate::model::ids::Incarnation;
use crate::store::contract::{contract_suite, Harness};
use crate::store::{Batch, Change, Log, OperatorStore, SharedStore, StoreError};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;

/// Keeps the data over restarts as a disk would.
struct InMemory(Mutex<MemoryStore>);

#[async_trait]
impl Harness for InMemory {
    fn new() -> Self {
        Self(Mutex::new(MemoryStore::new()))
    }

    async fn open(&self) -> SharedStore {
        let mut kept = self.0.lock();
        *kept = kept.reopened();
        Arc::new(kept.clone())
    }
}

mod contract {
    use super::*;
    contract_suite!(InMemory);
}

fn note(name: &str) -> Batch {
    Batch::of_system(vec![Change::SystemPut {
        name: name.to_owned(),
        value: vec![1],
    }])
}

#[tokio::test]
async fn an_injected_failure_refuses_commits_and_keeps_nothing_until_it_is_lifted() {
    let store = MemoryStore::new();
    store.fail_commits(Some(StoreError::Full));
    assert_eq!(store.commit(note("a")).await, Err(StoreError::Full));
    assert_eq!(store.health(), Err(StoreError::Full));
    assert_eq!(store.system("a").await, Ok(None));
    assert_eq!(store.commits(), 0);
    store.fail_commits(None);
    assert_eq!(store.commit(note("a")).await, Ok(1));
    assert_eq!(store.health(), Ok(()));
    assert_eq!(store.system("a").await, Ok(Some(vec![1])));
}

#[tokio::test]
async fn injected_read_failures_end_when_lifted() {
    let store = MemoryStore::new();
    let broken = StoreError::Io("injected".into());
    store.fail_reads(Some(broken.clone()));
    assert_eq!(store.system("a").await, Err(broken));
    store.fail_reads(None);
    assert_eq!(store.system("a").await, Ok(None));
}

#[tokio::test]
async fn a_gate_holds_commits_back_and_lets_them_through_in_the_order_of_their_calls() {
    let store = MemoryStore::new();
    let gate = store.gate();
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(note("a")).await })
        })
        .collect();
    while store.waiting_commits() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.commits(), 0);
    assert_eq!(store.system("a").await, Ok(None));
    drop(gate);
    for (index, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), Ok(index as u64 + 1));
    }
    assert_eq!(store.waiting_commits(), 0);
}

#[tokio::test]
async fn a_reopened_store_has_the_data_the_node_and_the_next_incarnation() {
    let store = MemoryStore::new();
    store.commit(note("a")).await.unwrap();
    store.close().await.unwrap();
    let again = store.reopened();
    assert_eq!(again.identity(), (store.identity().0, Incarnation(2)));
    assert_eq!(again.system("a").await, Ok(Some(vec![1])));
    assert_eq!(again.commit(note("b")).await, Ok(2));
}
