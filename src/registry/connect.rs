//! The way in: who are you, is there room, are you still who you were?

use super::door::{ConnectRequest, Connected};
use super::handle::DeviceHandle;
use super::supervisor::{stopping, Asked, Registry};
use crate::auth::{Identified, NotIdentified};
use crate::device::link::died;
use crate::device::messages::{Admitted, ConnectReply, Mail, SessionAsked};
use crate::model::ids::{DeviceId, SessionId};
use crate::model::reject::{Reason, Rejection};
use tokio::sync::oneshot;

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
        let identified = self.0.identity.identify(&request.presented).await?;
        let device = identified.device.id;
        let admitted = self.open(device, request).await.map_err(|rejection| {
            let device = Some(device);
            NotIdentified { rejection, device }
        })?;
        let handle = DeviceHandle::new(admitted.link);
        self.confirm(&identified, &handle).await?;
        Ok(Connected {
            handle,
            profile: identified.profile.options,
            resumed: admitted.resumed,
        })
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

    async fn open(&self, device: DeviceId, request: ConnectRequest) -> Result<Admitted, Rejection> {
        if request.session.is_none() {
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
