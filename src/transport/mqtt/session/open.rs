//! An accepted session: its parts, and which input goes to which of them.

use super::deliver::Outbound;
use super::end::Doom;
use super::keepalive::Keepalive;
use super::outcome::{Pending, Then};
use super::publish::Inbound;
use super::subscribe::Table;
use super::{Effects, Input, Now, Settings};
use crate::model::device::ProfileOptions;
use crate::model::queue::Queue;
use crate::model::reject::Rejection;
use crate::model::uplink::Uplink;
use crate::transport::mqtt::codec::{Level, Packet};
use crate::transport::mqtt::error::Violation;
use std::time::Duration;

/// What an uplink on its way costs beside what it holds, in bytes: itself, its outcome, its places in
/// the lists of session and actor.
const UPLINK_COST: usize = 128;

/// What CONNECT said about the client's own limits.
pub(super) struct ClientLimits {
    pub level: Level,
    /// Its Receive Maximum, or our in-flight window if that is smaller.
    pub window: u16,
    /// Largest packet it takes, whole.
    pub max_packet: Option<u32>,
    /// False: no reason strings in acknowledgements.
    pub problem_information: bool,
}

pub(super) struct Open {
    pub client: ClientLimits,
    pub profile: ProfileOptions,
    pub keepalive: Keepalive,
    /// It outlives its connection.
    pub persistent: bool,
    pub table: Table,
    /// What waits for an outcome, in the order of `Effects::submit`.
    pub pending: Queue<Pending>,
    pub pending_bytes: usize,
    pub inbound: Inbound,
    pub outbound: Outbound,
    pub doom: Option<Box<Doom>>,
}

impl Open {
    pub fn new(
        client: ClientLimits,
        profile: ProfileOptions,
        keepalive: Keepalive,
        expiry: Duration,
    ) -> Self {
        Self {
            client,
            profile,
            keepalive,
            persistent: !expiry.is_zero(),
            table: Table::default(),
            pending: Queue::default(),
            pending_bytes: 0,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            doom: None,
        }
    }

    pub fn is_v5(&self) -> bool {
        self.client.level == Level::V5
    }

    /// It outlives its connection.
    pub fn is_persistent(&self) -> bool {
        self.persistent
    }

    pub fn takes_packets(&self, settings: &Settings) -> bool {
        self.doom.is_none() && self.pending_bytes < settings.outstanding_bytes
    }

    pub fn takes_downlinks(&self, settings: &Settings) -> bool {
        self.doom.is_none() && !self.outbound.is_full(settings)
    }

    pub fn lets_downlinks_wait(&self, settings: &Settings) -> bool {
        self.doom.is_none() && self.outbound.is_full(settings)
    }

    pub fn deadline(&self) -> Duration {
        match &self.doom {
            Some(doom) => doom.until,
            None => self.keepalive.deadline(),
        }
    }

    pub fn handle(&mut self, settings: &Settings, input: Input, now: Now, fx: &mut Effects) {
        match input {
            Input::Packet(packet) if self.doom.is_none() => {
                self.keepalive.heard(now);
                self.packet(settings, packet, now, fx);
            }
            Input::Connect { .. } => self.violated(Violation::SecondConnect, now, fx),
            Input::Malformed(error) | Input::BadConnect(error, _) => {
                let rejection = Rejection::new(error.reason(), error.to_string());
                self.fail(rejection, error.code(), now, fx);
            }
            Input::Outcomes(outcomes) => {
                fx.send.reserve(outcomes.len());
                for outcome in outcomes {
                    self.outcome(settings, outcome, now, fx);
                }
                self.finish_if_drained(fx);
            }
            Input::Written => self.written(fx),
            Input::Downlink(downlink) => self.downlink(settings, downlink, now, fx),
            Input::Tick => self.tick(settings, now, fx),
            Input::Gone(reason) => self.close(reason.to_owned(), None, fx),
            // A doomed session hears no packets; the registry answers only once.
            Input::Packet(_) | Input::Connected(_) | Input::Refused(_) => {}
        }
    }

    fn packet(&mut self, settings: &Settings, packet: Packet, now: Now, fx: &mut Effects) {
        match packet {
            Packet::Publish(publish) => self.publish(settings, publish.as_published(), now, fx),
            Packet::Puback(ack) => self.puback(ack, fx),
            Packet::Pubrel(ack) => self.pubrel(ack.packet_id, fx),
            Packet::Pubrec(ack) => self.pubrec(ack.packet_id, fx),
            // Nothing of ours is at QoS 2: a stray end of a handshake changes nothing.
            Packet::Pubcomp(_) => {}
            Packet::Subscribe(subscribe) => self.subscribe(settings, subscribe, fx),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe, fx),
            Packet::Pingreq => {
                // Who has to say that he is there has been quiet for a while.
                self.pending.release();
                fx.send.push(Packet::Pingresp);
                self.submit(Uplink::Activity, Then::Nothing, 0, fx);
            }
            Packet::Disconnect(disconnect) => self.disconnected(settings, disconnect, now, fx),
            Packet::Connect(_) => self.violated(Violation::SecondConnect, now, fx),
            Packet::Auth(_) => self.violated(Violation::Auth, now, fx),
            other => self.violated(Violation::ServersPacket(other.name()), now, fx),
        }
    }

    /// Sends `uplink` to the device; `then` happens with its outcome. `payload`: the length of what
    /// it was read out of.
    pub fn submit(&mut self, uplink: Uplink, then: Then, payload: usize, fx: &mut Effects) {
        let bytes = payload + uplink.memory() + UPLINK_COST;
        fx.submit.push(uplink);
        self.pending.push_back(Pending { then, bytes });
        self.pending_bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an idle connection keeps beside its task.
    #[test]
    fn an_idle_session_is_small() {
        let size = std::mem::size_of::<Open>();
        println!("session {size} bytes");
        assert!(size <= 192, "{size} bytes");
    }
}
