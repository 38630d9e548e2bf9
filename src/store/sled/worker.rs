//! A thread of the store's own that goes on until it is told to stop, and is waited for then.

use crate::store::error::StoreError;
use crate::store::journal::io;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;

/// What the thread asks between two pieces of work.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Stopped when it is dropped.
pub struct Worker {
    name: &'static str,
    stop: Stop,
    /// Makes the thread look at the stop sign.
    wake: Box<dyn Fn() + Send + Sync>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// `name`: of the thread, 15 bytes at most. Errors: `Io` when there can be no more threads.
    pub fn start(
        name: &'static str,
        wake: impl Fn() + Send + Sync + 'static,
        work: impl FnOnce(&Stop) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let stop = Stop::default();
        let told = stop.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || work(&told))
            .map_err(|e| io(&format!("starting the thread {name}"), e))?;
        Ok(Self {
            name,
            stop,
            wake: Box::new(wake),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends the thread after what it is at.
    pub fn stop(&self) {
        self.stop.0.store(true, Ordering::SeqCst);
        (self.wake)();
        if let Some(thread) = self.thread.lock().take() {
            if thread.join().is_err() {
                tracing::error!(thread = self.name, "a thread of the store panicked");
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}
