//! What a persistent session remembers of its unacknowledged publishes, and how a resumed one
//! goes on (MQTT 3.1.1 and 5 section 4.4).

use super::deliver::Flight;
use super::open::Open;
use super::outcome::Then;
use super::subscribe::Table;
use super::{Effects, Settings};
use crate::model::downlink::DownlinkId;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::StoredSession;
use crate::model::uplink::Uplink;
use crate::transport::mqtt::codec::QoS;
use crate::transport::mqtt::mapping::downlink::Message;
use serde::{Deserialize, Serialize};

/// Payload bytes kept for a resumption; with a journal batch of at most 1 MiB in mind.
const MOST_BYTES: usize = 256 * 1024;
/// First byte of the format.
const VERSION: u8 = 1;

/// Kept in `StoredSession::inflight` behind the version byte (postcard).
#[derive(Serialize, Deserialize, Default)]
struct Saved {
    /// QoS 2 packet ids of the client that wait for PUBREL.
    received: Vec<u16>,
    flights: Vec<SavedFlight>,
}

#[derive(Serialize, Deserialize)]
struct SavedFlight {
    /// 0: not sent yet.
    packet_id: u16,
    downlink: Option<DownlinkId>,
    topic: String,
    payload: Vec<u8>,
}

impl Open {
    /// Unacknowledged publishes, answers that were not sent yet, and the rest of a downlink that
    /// was sent in part. Other downlinks that were not sent stay with the device actor.
    pub fn save(&mut self, fx: &mut Effects) -> Vec<u8> {
        let mut saved = Saved {
            received: self.inbound.received(),
            flights: Vec::new(),
        };
        let flights = &self.outbound.flights;
        let begun = |flight: &Flight| {
            let same = |sent: &Flight| sent.downlink == flight.downlink;
            flight.packet_id != 0 || flights.iter().any(same)
        };
        let waiting = self.outbound.waiting.iter();
        let waiting = waiting.filter(|flight| flight.downlink.is_none() || begun(flight));
        let (mut bytes, mut lost, mut cut) = (0, 0, Vec::new());
        for flight in flights.iter().chain(waiting) {
            bytes += flight.message.payload.len() + flight.message.topic.len();
            if bytes <= MOST_BYTES {
                saved.flights.push(SavedFlight::from(flight));
            } else if let Some(id) = flight.downlink {
                cut.push(id);
            } else {
                lost += 1;
            }
        }
        // Of a downlink that is not kept whole the actor is to send all again.
        for flight in &mut saved.flights {
            flight.downlink = flight.downlink.filter(|id| !cut.contains(id));
        }
        if lost > 0 {
            let detail = format!("{lost} unacknowledged answers are too large to be kept");
            let rejection = Rejection::new(Reason::QueueFull, detail);
            self.submit(Uplink::Refused(rejection), Then::Nothing, 0, fx);
        }
        if saved.received.is_empty() && saved.flights.is_empty() {
            return Vec::new();
        }
        // Serialising plain vectors cannot fail; an empty state would only mean no DUPs.
        postcard::to_extend(&saved, vec![VERSION]).unwrap_or_default()
    }

    /// Goes on with a stored session: its subscriptions, and its publishes again, with DUP.
    pub fn resume(&mut self, settings: &Settings, stored: StoredSession, fx: &mut Effects) {
        self.table = Table::restore(&stored.subscriptions.wire);
        let saved = match stored.inflight.split_first() {
            Some((&VERSION, bytes)) => postcard::from_bytes(bytes).unwrap_or_default(),
            _ => Saved::default(),
        };
        self.inbound.restore(saved.received);
        for flight in saved.flights {
            let flight = Flight::from(flight);
            // Discarded as if it had been sent (MQTT-3.1.2-25), but not silently.
            match self.fits(settings, &flight.message, QoS::AtLeastOnce) {
                Ok(()) => self.outbound.wait(flight),
                Err(row) => self.submit(Uplink::Refused(row), Then::Nothing, 0, fx),
            }
        }
        self.pump(fx);
    }
}

impl From<&Flight> for SavedFlight {
    fn from(flight: &Flight) -> Self {
        Self {
            packet_id: flight.packet_id,
            downlink: flight.downlink,
            topic: flight.message.topic.to_string(),
            payload: flight.message.payload.to_vec(),
        }
    }
}

impl From<SavedFlight> for Flight {
    fn from(saved: SavedFlight) -> Self {
        Self {
            packet_id: saved.packet_id,
            dup: saved.packet_id != 0,
            downlink: saved.downlink,
            message: Message {
                topic: saved.topic.into(),
                payload: saved.payload.into(),
            },
        }
    }
}
