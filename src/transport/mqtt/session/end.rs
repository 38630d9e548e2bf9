//! How a session ends: on the client's word, on the platform's, by a violation, by silence
//! (contract/mqtt.md 2, "Session takeover and closure").
//!
//! A session that the platform ends is first *doomed*: it takes no more packets, but the outcomes
//! of what it took still arrive and are acknowledged (and the refusal's own row is recorded);
//! then DISCONNECT (MQTT 5) and the end.

use super::open::Open;
use super::outcome::Then;
use super::{Effects, Now, Settings};
use crate::model::reject::{Reason, Rejection};
use crate::model::uplink::Uplink;
use crate::registry::handle::SessionEnd;
use crate::transport::mqtt::codec::packet::Disconnect;
use crate::transport::mqtt::codec::{code, Packet};
use crate::transport::mqtt::error::Violation;
use crate::transport::mqtt::mapping::codes;
use std::time::Duration;

/// How long a doomed session waits for outcomes: below `registry.takeover_timeout`, so that a
/// session that was taken over ends in time.
const DRAIN: Duration = Duration::from_millis(1500);

pub(super) struct Doom {
    /// For DISCONNECT.
    code: u8,
    /// For the `Disconnected` event, and in DISCONNECT.
    reason: String,
    pub until: Duration,
}

impl Open {
    pub fn violated(&mut self, violation: Violation, now: Now, fx: &mut Effects) {
        self.fail(violation.rejection(), violation.code(), now, fx);
    }

    /// The client is at fault: a row in its stream, then the end.
    pub fn fail(&mut self, rejection: Rejection, code: u8, now: Now, fx: &mut Effects) {
        if self.doom.is_some() {
            return;
        }
        let reason = rejection.to_string();
        self.submit(Uplink::Refused(rejection), Then::Nothing, 0, fx);
        self.doom(code, reason, now, fx);
    }

    /// No more packets; ends once everything taken has its outcome.
    pub fn doom(&mut self, code: u8, reason: String, now: Now, fx: &mut Effects) {
        if self.doom.is_none() {
            let until = now.mono + DRAIN;
            self.doom = Some(Box::new(Doom {
                code,
                reason,
                until,
            }));
        }
        self.finish_if_drained(fx);
    }

    /// The platform ends the session.
    pub fn told_to_close(&mut self, reason: Reason, now: Now, fx: &mut Effects) {
        let text = reason.label().replace('_', " ");
        self.doom(codes::disconnect(reason), text, now, fx);
    }

    pub fn finish_if_drained(&mut self, fx: &mut Effects) {
        if self.pending.is_empty() {
            self.finish(fx);
        }
    }

    fn finish(&mut self, fx: &mut Effects) {
        let Some(doom) = self.doom.take() else {
            return;
        };
        if self.is_v5() {
            let reason_string = self.reason_string(&doom.reason);
            fx.send.push(Packet::Disconnect(Disconnect {
                reason: doom.code,
                session_expiry: None,
                reason_string,
            }));
        }
        self.close(doom.reason, None, fx);
    }

    /// The end itself. What a persistent session must remember goes with it.
    pub fn close(&mut self, reason: String, expiry: Option<Duration>, fx: &mut Effects) {
        if let Some(expiry) = expiry {
            self.persistent = !expiry.is_zero();
        }
        let inflight = if self.is_persistent() {
            self.save(fx)
        } else {
            Vec::new()
        };
        fx.close = Some(SessionEnd {
            reason,
            inflight,
            expiry,
        });
    }

    /// DISCONNECT from the client; in MQTT 5 it may change the session's expiry.
    pub fn disconnected(
        &mut self,
        settings: &Settings,
        packet: Disconnect,
        now: Now,
        fx: &mut Effects,
    ) {
        let expiry = packet.session_expiry.map(|seconds| match seconds {
            u32::MAX => settings.max_session_expiry,
            seconds => Duration::from_secs(u64::from(seconds)).min(settings.max_session_expiry),
        });
        if !self.is_persistent() && expiry.is_some_and(|expiry| !expiry.is_zero()) {
            return self.violated(Violation::ExpiryRaised, now, fx);
        }
        let reason = match packet.reason {
            code::SUCCESS | code::DISCONNECT_WITH_WILL => "client disconnected".to_owned(),
            other => format!("client disconnected with code {other:#04x}"),
        };
        self.close(reason, expiry, fx);
    }

    pub fn tick(&mut self, settings: &Settings, now: Now, fx: &mut Effects) {
        if let Some(doom) = &self.doom {
            if now.mono >= doom.until {
                self.finish(fx);
            }
        } else if !self.takes_packets(settings) {
            // We do not read it, so we cannot hold its silence against it.
            self.keepalive.heard(now);
        } else if self.keepalive.is_over(now) {
            let detail = "nothing heard within 1.5 times the keepalive";
            let rejection = Rejection::new(Reason::KeepaliveExpired, detail);
            self.fail(rejection, code::KEEP_ALIVE_TIMEOUT, now, fx);
        }
    }
}
