//! What a device says, once its protocol's bytes are understood, and what comes back.

use super::attributes::{AttributeReply, AttributeRequest};
use super::downlink::DownlinkId;
use super::reject::Rejection;
use super::session::Subscriptions;
use super::telemetry::Telemetry;
use super::value::{Key, Value, ALLOCATION, ENTRY};
use bytes::Bytes;

/// One message of a session towards its device actor. Applied in the order they were sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Uplink {
    /// Outcome: `Done` once on disk.
    Telemetry(Telemetry),
    /// CLIENT scope. Outcome: `Done` once on disk.
    Attributes {
        entries: Vec<(Key, Value)>,
        nulls_skipped: u32,
    },
    /// Outcome: `Attributes`.
    AttributeRequest(AttributeRequest),
    /// Any bytes. Outcome: `Done`, also for a late or unknown id (which is recorded).
    RpcReply { request_id: i32, body: Bytes },
    /// Client-side RPC. `params` is JSON text. Outcome: `RpcResult`.
    RpcCall { method: String, params: Box<str> },
    /// The session's whole new set of subscriptions. Outcome: `Done` once effective (and, for a
    /// persistent session, on disk); what was pending follows as downlinks.
    Subscribe(Subscriptions),
    /// How a downlink fared. No answer is waited for. Outcome: `Done`.
    Delivery { id: DownlinkId, step: DeliveryStep },
    /// A ping or another sign of life. Outcome: `Done`.
    Activity,
    /// The transport refused something of this device: counted and put in its event stream.
    /// Outcome: `Done`.
    Refused(Rejection),
}

impl Uplink {
    /// Bytes of memory behind it, about, beside texts: those are no longer than the payload they
    /// came in.
    pub fn memory(&self) -> usize {
        match self {
            Uplink::Telemetry(telemetry) => telemetry.memory(),
            Uplink::Attributes { entries, .. } => entries.len() * ENTRY + ALLOCATION,
            Uplink::AttributeRequest(request) => [&request.client, &request.shared]
                .into_iter()
                .flatten()
                .map(|keys| keys.len() * size_of::<Key>() + ALLOCATION)
                .sum(),
            _ => 0,
        }
    }
}

/// Steps of a downlink on its way (contract/rpc.md 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStep {
    /// Written to the socket, an acknowledgement is expected (QoS 1, CON).
    Sent,
    /// Acknowledged by the device, or written where no acknowledgement exists.
    Delivered,
    /// No acknowledgement in time, or the message could not be written (e.g. over the client's
    /// Maximum Packet Size).
    Failed,
}

/// The answer to one uplink, in the order of the uplinks.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Done,
    Attributes(AttributeReply),
    /// JSON text.
    RpcResult(Box<str>),
    Refused(Rejection),
}
