//! How handlers reach a device: through the registry's door, every outcome made an answer.

use super::error::ApiError;
use super::params;
use super::ApiState;
use crate::auth::OperatorError;
use crate::model::device::Device;
use crate::model::ids::DeviceId;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::registry::{CallOutcome, Command, CommandReply};

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

    /// Counts what is refused here, before any actor hears of it.
    pub fn refuse(&self, rejection: &Rejection) {
        self.metrics.rejected(Transport::Rest, rejection.reason);
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
            self.metrics.rejected(Transport::Rest, reason);
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
