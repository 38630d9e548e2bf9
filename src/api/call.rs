//! How handlers reach a device: through the registry's door, every outcome made an answer.

use super::body;
use super::error::ApiError;
use super::params;
use super::ApiState;
use crate::auth::OperatorError;
use crate::model::device::Device;
use crate::model::ids::DeviceId;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::model::units::ByteSize;
use crate::registry::{CallOutcome, Command, CommandReply};
use actix_web::web::{Bytes, Payload};
use std::future::Future;

/// Runs work of several steps to its end, also when the client hangs up meanwhile (its handler is
/// dropped then): saved credentials without the end of the old sessions would be half a change.
pub async fn to_the_end<T: 'static>(
    work: impl Future<Output = Result<T, ApiError>> + 'static,
) -> Result<T, ApiError> {
    let finished = actix_web::rt::spawn(work).await;
    finished.unwrap_or_else(|_| Err(ApiError::internal("Internal error")))
}

impl ApiState {
    /// The device that an id names, in the words of the telemetry and RPC controllers.
    /// Errors: 400 no UUID, 404 unknown.
    pub async fn device(&self, id: &str) -> Result<Device, ApiError> {
        let id = params::id(id, DeviceId::parse)?;
        let device = self.store.device(id).await?;
        device.ok_or_else(ApiError::no_such_device)
    }

    /// The device of `{entityType}/{entityId}`. There are no other entities than devices.
    pub async fn entity(&self, kind: &str, id: &str) -> Result<Device, ApiError> {
        if kind != "DEVICE" {
            return Err(ApiError::bad(
                "Only entities of type DEVICE are served here",
            ));
        }
        self.device(id).await
    }

    /// Carries out a command that answers `Done`.
    pub async fn done(&self, device: DeviceId, command: Command) -> Result<(), ApiError> {
        match self.registry.call(device, command).await {
            CallOutcome::Reply(CommandReply::Refused(rejection)) => Err(rejection.into()),
            CallOutcome::Reply(_) => Ok(()),
            other => Err(unreachable(&other)),
        }
    }

    /// Ends live sessions after a change that says they must.
    pub async fn end_sessions(
        &self,
        device: DeviceId,
        why: Option<Reason>,
    ) -> Result<(), ApiError> {
        match why {
            Some(reason) => self.done(device, Command::EndSessions(reason)).await,
            None => Ok(()),
        }
    }

    /// A body about this device. What is wrong with it goes into the device's stream.
    pub async fn body(
        &self,
        device: DeviceId,
        payload: Payload,
        limit: ByteSize,
    ) -> Result<Bytes, ApiError> {
        match body::read(payload, self, limit.bytes()).await {
            Ok(body) => Ok(body),
            Err(rejection) => Err(self.refuse(device, rejection).await.into()),
        }
    }

    /// Counts what is refused here, and puts it into the device's stream.
    pub async fn refuse(&self, device: DeviceId, rejection: Rejection) -> Rejection {
        let told = Command::Refused(rejection.clone());
        // The caller hears the refusal whatever becomes of its row.
        let _ = self.registry.call(device, told).await;
        rejection
    }

    /// Counts what is refused about no device.
    pub fn count(&self, reason: Reason) {
        self.metrics.rejected(Transport::Rest, reason);
    }

    /// Counts a failed login. Never logs who or with what.
    pub fn login_refused(&self, error: OperatorError) -> ApiError {
        let reason = match error {
            OperatorError::Throttled { .. } => Some(Reason::RateLimited),
            OperatorError::BadLogin | OperatorError::CurrentPasswordWrong => {
                Some(Reason::PasswordWrong)
            }
            _ => None,
        };
        if let Some(reason) = reason {
            self.count(reason);
        }
        error.into()
    }
}

/// The call did not reach the device's actor.
pub fn unreachable(outcome: &CallOutcome) -> ApiError {
    match outcome {
        CallOutcome::NobodyHome => ApiError::no_such_device(),
        CallOutcome::Moved(_) => ApiError::unavailable("Another node owns this device"),
        CallOutcome::TimedOut => ApiError::unavailable("The device's actor did not answer in time"),
        CallOutcome::Reply(_) => ApiError::internal("Internal error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[actix_web::test]
    async fn work_goes_on_when_the_one_who_asked_is_gone() {
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let handler = actix_web::rt::spawn(to_the_end(async move {
            begun.send(()).unwrap();
            may_go_on.await.unwrap();
            done.send("all of it").unwrap();
            Ok(())
        }));
        has_begun.await.unwrap();
        handler.abort();
        assert!(handler.await.unwrap_err().is_cancelled());
        go_on.send(()).unwrap();
        assert_eq!(is_done.await, Ok("all of it"));
    }
}
