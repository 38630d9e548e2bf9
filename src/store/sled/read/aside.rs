//! Long reads on threads of their own, few at a time: whoever shares a thread with an operator's
//! question (devices, above all) must not wait until a million points or devices have been read.
//!
//! What takes very long is cut into turns by its caller, so that the next in line is not kept waiting.

use super::super::engine::Engine;
use super::super::SledStore;
use crate::store::error::StoreError;
use crate::store::journal::io;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Long reads at once; who asks next waits in line, without a thread.
pub const AT_ONCE: usize = 2;

type Work = Box<dyn FnOnce() + Send>;

/// The threads, and the line before them. They end when this is dropped.
pub struct Asides {
    line: mpsc::Sender<Work>,
    /// Works asked for, and done.
    #[cfg(test)]
    counts: Arc<[std::sync::atomic::AtomicUsize; 2]>,
}

impl Asides {
    pub fn start() -> Result<Self, StoreError> {
        let (line, waiting) = mpsc::channel();
        let waiting = Arc::new(parking_lot::Mutex::new(waiting));
        for _ in 0..AT_ONCE {
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name("read".into())
                .spawn(move || while serve(&waiting) {})
                .map_err(|e| io("starting a thread", e))?;
        }
        Ok(Self {
            line,
            #[cfg(test)]
            counts: Default::default(),
        })
    }

    /// Puts work in line. It is left out when nobody wants its answer any more.
    pub fn run<T: Send + 'static>(
        &self,
        engine: Arc<Engine>,
        work: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (done, answer) = oneshot::channel();
        #[cfg(test)]
        let counted = self.count();
        let run = move || {
            #[cfg(test)]
            let _counted = counted;
            if done.is_closed() {
                return;
            }
            let found = work(&engine);
            drop(engine);
            // The operator may have hung up.
            let _ = done.send(found);
        };
        // The threads live as long as the line; without them the answer is dropped.
        let _ = self.line.send(Box::new(run));
        answer
    }

    /// Counts a work as asked for now, and as done when what comes back is dropped.
    #[cfg(test)]
    fn count(&self) -> impl Drop {
        use std::sync::atomic::{AtomicUsize, Ordering};
        struct Counted(Arc<[AtomicUsize; 2]>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0[1].fetch_add(1, Ordering::SeqCst);
            }
        }
        self.counts[0].fetch_add(1, Ordering::SeqCst);
        Counted(self.counts.clone())
    }

    /// Works asked for, and done.
    #[cfg(test)]
    pub fn counts(&self) -> (usize, usize) {
        let count = |n: usize| self.counts[n].load(std::sync::atomic::Ordering::SeqCst);
        (count(0), count(1))
    }
}

/// Does the next work; `false` when there will be none.
fn serve(waiting: &parking_lot::Mutex<mpsc::Receiver<Work>>) -> bool {
    let work = waiting.lock().recv();
    let Ok(work) = work else {
        return false;
    };
    if std::panic::catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("a read panicked");
    }
    true
}

impl SledStore {
    /// Errors: those of `work`; `Closed` when it panicked.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.asides.run(self.parts.engine.clone(), work);
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}
