//! Carries what the actors of one thread commit to the store, many batches in one call: one wake of
//! the journal and one wake back for all of them, and the actors are woken on their own thread.
//!
//! It goes when the thread has run out of other work, or with a full bag. While a bag is under way
//! the next one is filled, as the log itself would have it wait: it goes when the first is back, and
//! what those say who were waiting for that one goes along.

use super::turn::clock;
use super::turn_direct::Flight;
use crate::model::Millis;
use crate::store::{Batch, SharedStore, StoreError};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::oneshot;

/// Batches in a bag that goes even if another is under way.
const FULL: usize = 1024;
/// Rounds of the event loop that a bag is filled for, at most, with nothing under way.
const ROUNDS: usize = 8;

/// Who waits for a batch.
pub enum Waiter {
    Task(oneshot::Sender<Result<(), StoreError>>),
    Turn(Flight),
}

impl Waiter {
    fn tell(self, result: Result<(), StoreError>, now: Millis) {
        match self {
            // An actor that died does not wait any more.
            Waiter::Task(done) => drop(done.send(result)),
            Waiter::Turn(flight) => flight.land(result, now),
        }
    }
}

/// Batches with those who wait for them.
#[derive(Default)]
struct Bag {
    batches: Vec<Batch>,
    waiters: Vec<Waiter>,
}

pub struct Courier {
    store: SharedStore,
    bag: RefCell<Bag>,
    /// Somebody waits for the bag to be filled, and brings it then.
    leaving: Cell<bool>,
    under_way: Cell<usize>,
}

thread_local! {
    static OF_THREAD: RefCell<Option<Rc<Courier>>> = const { RefCell::new(None) };
}

impl Courier {
    /// This thread has an event loop that a courier can run in.
    pub fn runs_here() -> bool {
        thread_local! {
            static RUNS: bool = actix::Arbiter::try_current().is_some();
        }
        RUNS.with(|runs| *runs)
    }

    /// The one of this thread and store.
    pub fn of_thread(store: &SharedStore) -> Rc<Self> {
        OF_THREAD.with_borrow_mut(|held| match held {
            Some(courier) if Arc::ptr_eq(&courier.store, store) => courier.clone(),
            _ => {
                let courier = Rc::new(Self::new(store.clone()));
                *held = Some(courier.clone());
                courier
            }
        })
    }

    fn new(store: SharedStore) -> Self {
        Self {
            store,
            bag: RefCell::default(),
            leaving: Cell::new(false),
            under_way: Cell::new(0),
        }
    }

    /// As the log's `commit`. Must be called on the courier's own thread, in its event loop.
    pub async fn commit(self: &Rc<Self>, batch: Batch) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        self.bring(batch, Waiter::Task(done));
        // A store that panicked answers nobody.
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// As `commit`, with somebody who is told.
    pub fn bring(self: &Rc<Self>, batch: Batch, waiter: Waiter) {
        let count = {
            let mut bag = self.bag.borrow_mut();
            bag.batches.push(batch);
            bag.waiters.push(waiter);
            bag.batches.len()
        };
        let may_go = self.under_way.get() == 0 || count >= FULL;
        if may_go && !self.leaving.replace(true) {
            actix::spawn(self.clone().gather());
        }
    }

    /// Lets whoever is awake on this thread put something in, then goes.
    async fn gather(self: Rc<Self>) {
        let mut before = self.count();
        for _ in 0..ROUNDS {
            // Sockets that are readable are read meanwhile, ...
            tokio::task::yield_now().await;
            // ... and what they brought reaches its actors.
            step_back().await;
            let count = self.count();
            if count == before || count >= FULL {
                break;
            }
            before = count;
        }
        self.leaving.set(false);
        let bag = self.bag.take();
        self.carry(bag).await;
    }

    async fn carry(self: Rc<Self>, bag: Bag) {
        let trip = Trip::begin(&self);
        let results = self.store.commit_all(bag.batches).await;
        drop(trip);
        let now = clock();
        for (waiter, result) in bag.waiters.into_iter().zip(results) {
            waiter.tell(result.map(|_| ()), now);
        }
        // Who has been answered soon says more: a bag that takes that along saves a commit.
        if self.count() > 0 && self.under_way.get() == 0 && !self.leaving.replace(true) {
            actix::spawn(self.clone().gather());
        }
    }

    fn count(&self) -> usize {
        self.bag.borrow().batches.len()
    }
}

/// A bag on its way.
struct Trip<'a>(&'a Courier);

impl<'a> Trip<'a> {
    fn begin(courier: &'a Courier) -> Self {
        courier.under_way.set(courier.under_way.get() + 1);
        Self(courier)
    }
}

impl Drop for Trip<'_> {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
        if std::thread::panicking() {
            // The store panicked: who waits for a bag that nobody would bring hears of it.
            drop(self.0.bag.take());
        }
    }
}

/// To the end of the thread's queue, without a look at the sockets.
async fn step_back() {
    let mut behind = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut behind, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::DeviceId;
    use crate::store::memory::MemoryStore;
    use crate::store::{AttributeStore, Change};
    use futures_util::future::join_all;

    fn batch(device: DeviceId, value: String) -> Batch {
        let change = Change::AttributesPut {
            device,
            scope: crate::model::attributes::Scope::Server,
            at: 0,
            entries: vec![("a".into(), crate::model::value::Value::Text(value.into()))],
        };
        Batch::of_device(device, vec![change])
    }

    #[actix::test]
    async fn everybody_is_answered_for_himself_also_those_who_came_while_a_bag_was_under_way() {
        let memory = MemoryStore::new();
        let store: SharedStore = Arc::new(memory.clone());
        let courier = Courier::of_thread(&store);
        let gate = memory.gate();
        let commit = |value: String| {
            let (courier, device) = (courier.clone(), DeviceId::new());
            actix::spawn(async move { (device, courier.commit(batch(device, value)).await) })
        };
        let mut tasks: Vec<_> = (0..50).map(|n| commit(n.to_string())).collect();
        while memory.waiting_commits() == 0 {
            tokio::task::yield_now().await;
        }
        tasks.push(commit("x".repeat(1 << 20)));
        tasks.extend((51..60).map(|n| commit(n.to_string())));
        tokio::task::yield_now().await;
        assert_eq!((courier.under_way.get(), courier.count()), (1, 10));
        drop(gate);
        for (n, task) in join_all(tasks).await.into_iter().enumerate() {
            let (device, result) = task.unwrap();
            assert_eq!(result.is_ok(), n != 50, "{n}: {result:?}");
            let scope = crate::model::attributes::Scope::Server;
            let found = memory.attributes(device, scope, None).await.unwrap();
            assert_eq!(found.len(), usize::from(n != 50), "{n}");
        }
        assert_eq!((courier.under_way.get(), courier.count()), (0, 0));
    }

    #[actix::test]
    async fn what_is_said_upon_an_answer_goes_along_with_what_gathered_before_it() {
        let memory = MemoryStore::new();
        let store: SharedStore = Arc::new(memory.clone());
        let courier = Courier::of_thread(&store);
        let state = |courier: &Courier| (courier.under_way.get(), courier.count());
        let commit = |value: &str| {
            let (courier, value) = (courier.clone(), value.to_owned());
            actix::spawn(async move { courier.commit(batch(DeviceId::new(), value)).await })
        };
        let gate = memory.gate();
        let first = commit("first");
        while memory.waiting_commits() == 0 {
            tokio::task::yield_now().await;
        }
        let gathered = commit("gathered");
        tokio::task::yield_now().await;
        assert_eq!(state(&courier), (1, 1));
        drop(gate);
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(state(&courier), (0, 1), "it has left before the answer");
        let gate = memory.gate();
        let next = commit("next");
        while memory.waiting_commits() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(state(&courier), (1, 0));
        drop(gate);
        assert_eq!(gathered.await.unwrap(), Ok(()));
        assert_eq!(next.await.unwrap(), Ok(()));
    }

    #[actix::test]
    async fn a_full_bag_goes_though_another_is_under_way() {
        let memory = MemoryStore::new();
        let store: SharedStore = Arc::new(memory.clone());
        let courier = Courier::of_thread(&store);
        let gate = memory.gate();
        let commit = |n: usize| {
            let (courier, device) = (courier.clone(), DeviceId::new());
            actix::spawn(async move { courier.commit(batch(device, n.to_string())).await })
        };
        let mut tasks = vec![commit(0)];
        while memory.waiting_commits() == 0 {
            tokio::task::yield_now().await;
        }
        tasks.extend((0..FULL).map(commit));
        // Far more rounds than a bag is filled for: it stays here only if it waits for the other.
        for _ in 0..1_000 {
            if memory.waiting_commits() == 2 {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(courier.under_way.get(), 2);
        drop(gate);
        for task in join_all(tasks).await {
            assert_eq!(task.unwrap(), Ok(()));
        }
    }
}
