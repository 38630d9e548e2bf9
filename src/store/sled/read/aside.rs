//! Long reads on threads of their own, few at a time: whoever shares a thread with an operator's
//! question (devices, above all) must not wait until a million points or devices have been read.

use super::super::engine::Engine;
use super::super::SledStore;
use crate::store::error::StoreError;
use crate::store::journal::io;
use tokio::sync::oneshot;

/// Long reads at once; who asks next waits without a thread.
pub const AT_ONCE: usize = 2;

impl SledStore {
    /// Errors: those of `work`; `Io` when there is no thread to be had.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.asides.clone().acquire_owned().await;
        // Nobody closes the semaphore.
        let turn = turn.map_err(|_| StoreError::Closed)?;
        let engine = self.parts.engine.clone();
        let (done, answer) = oneshot::channel();
        let run = move || {
            let found = work(&engine);
            drop((engine, turn));
            // The operator may have hung up.
            let _ = done.send(found);
        };
        std::thread::Builder::new()
            .name("read".into())
            .spawn(run)
            .map_err(|e| io("starting a thread", e))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}
