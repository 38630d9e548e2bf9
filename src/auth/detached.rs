//! Work that is finished even when the one who asked for it goes away.
//!
//! A web request's future is dropped when its client hangs up. A change that was checked under a
//! lock must not lose that lock while its commit is under way, so it runs as a task of its own.

use crate::store::StoreError;
use std::future::Future;

/// Runs `work` as a task and waits for it.
pub(super) async fn detached<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::Io("the change was interrupted".into()).into()),
    }
}
