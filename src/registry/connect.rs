//! The way in: who are you, is there room, are you still who you were?

use super::door::{Command, ConnectRequest, Connected};
use super::handle::DeviceHandle;
use super::supervisor::{stopping, Asked, Registry};
use crate::auth::{Identified, NotIdentified};
use crate::device::clock;
use crate::device::link::died;
use crate::device::messages::{Admitted, ConnectReply, Mail, SessionAsked};
use crate::model::device::{Profile, ProfileRates};
use crate::model::ids::{DeviceId, SessionId};
use crate::model::reject::{Reason, Rejection};
use crate::model::Millis;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A session that ended early is forgotten so soon.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl Registry {
    /// Authenticates, and opens a session or a single request. Awaits the takeover of an older
    /// session. Refusals are counted and put into the device's stream here: callers only answer.
    pub async fn connect(&self, request: ConnectRequest) -> Result<Connected, Rejection> {
        let transport = request.transport;
        let peer = request.peer;
        self.let_in(request).await.map_err(|refused| {
            match refused.device {
                Some(device) => self.refuse_device(device, transport, &refused.rejection),
                None => self.refuse_stranger(transport, peer, &refused.rejection),
            }
            refused.rejection
        })
    }

    async fn let_in(&self, request: ConnectRequest) -> Result<Connected, NotIdentified> {
        if self.is_stopping() {
            return Err(NotIdentified {
                rejection: stopping(),
                device: None,
            });
        }
        let identified = self.identify(&request).await?;
        let device = identified.device.id;
        let rates = rates(&identified.profile);
        let lasts = request.session.is_some();
        let admitted = self
            .open(device, request, rates)
            .await
            .map_err(|rejection| {
                let device = Some(device);
                NotIdentified { rejection, device }
            })?;
        let handle = DeviceHandle::new(admitted.link);
        self.confirm(&identified, &handle).await?;
        if let Some(until) = identified.until.filter(|_| lasts) {
            self.end_when_due(&handle, until);
        }
        Ok(Connected {
            handle,
            profile: identified.profile.options,
            resumed: admitted.resumed,
            brief: identified.until.is_some(),
        })
    }

    /// Another one after each change that may alter who is let in, or how: a caller that keeps a
    /// single request's right to speak compares it with the one of before its `connect`.
    /// `None`: not counted.
    pub fn directory_version(&self) -> Option<u64> {
        self.0.identity.version()
    }

    /// Who it is; who is nobody may be slowed, and refused for a time.
    async fn identify(&self, request: &ConnectRequest) -> Result<Identified, NotIdentified> {
        let (strangers, peer) = (&self.0.strangers, request.peer);
        if let Err(rejection) = strangers.admit(peer, clock()) {
            let device = None;
            return Err(NotIdentified { rejection, device });
        }
        let identified = self.0.identity.identify(&request.presented).await;
        match &identified {
            Ok(_) => strangers.known(peer),
            Err(refused) => {
                if strangers.failed(peer, refused.rejection.reason, clock()) {
                    strangers.hold_back().await;
                }
            }
        }
        identified
    }

    /// What let the session in was rotated away, and is accepted no longer from `until` on.
    fn end_when_due(&self, handle: &DeviceHandle, until: Millis) {
        let registry = Arc::downgrade(&self.0);
        let (device, epoch, line) = (handle.device(), handle.epoch(), handle.line());
        tokio::spawn(async move {
            while line.strong_count() > 0 {
                let left = until.saturating_sub(clock());
                if left > 0 {
                    let left = Duration::from_millis(left.unsigned_abs());
                    tokio::time::sleep(left.min(LOOK_EVERY)).await;
                    continue;
                }
                if let Some(inner) = registry.upgrade() {
                    let command = Command::EndSession(epoch, Reason::CredentialsChanged);
                    // It ends by itself if nobody answers: the platform stops.
                    let _ = Registry(inner).call(device, command).await;
                }
                return;
            }
        });
    }

    /// Between `identify` and now the device may have been disabled, with nobody to tell.
    async fn confirm(
        &self,
        identified: &Identified,
        handle: &DeviceHandle,
    ) -> Result<(), NotIdentified> {
        let confirmed = self.0.identity.confirm(identified).await;
        if let Err(refused) = &confirmed {
            let reason = refused.rejection.reason.label().to_owned();
            handle
                .close(super::handle::SessionEnd {
                    reason,
                    ..Default::default()
                })
                .await;
        }
        confirmed
    }

    async fn open(
        &self,
        device: DeviceId,
        request: ConnectRequest,
        rates: Option<Box<ProfileRates>>,
    ) -> Result<Admitted, Rejection> {
        // A profile with rates of its own tells them each time.
        if request.session.is_none() && rates.is_none() {
            let desk = self.actors().desk(device);
            if let Some(link) = desk.and_then(|desk| desk.visit(request.transport)) {
                return Ok(Admitted {
                    link,
                    resumed: None,
                });
            }
        }
        let asked = request.session.map(|open| SessionAsked {
            client_id: open.client_id,
            clean_start: open.clean_start,
            expiry: open.expiry,
            downlinks: open.downlinks,
        });
        let (reply, answer) = oneshot::channel::<ConnectReply>();
        let mail = Mail::Connect {
            session: SessionId::new(),
            transport: request.transport,
            asked,
            rates,
            reply,
        };
        let patience = self.0.config.call_timeout.0 + self.0.config.takeover_timeout.0;
        match self.ask(device, mail, answer, patience).await {
            Asked::Answered(Some(answer)) => answer,
            Asked::Answered(None) => Err(Rejection::new(
                Reason::DeviceDeleted,
                "there is no such device any more",
            )),
            Asked::Died => Err(died()),
            Asked::TimedOut => Err(Rejection::new(
                Reason::Internal,
                "the device's actor did not answer in time",
            )),
        }
    }
}

/// What the profile says, if it says anything.
fn rates(profile: &Profile) -> Option<Box<ProfileRates>> {
    let silent = profile.rates == ProfileRates::default();
    (!silent).then(|| Box::new(profile.rates.clone()))
}
