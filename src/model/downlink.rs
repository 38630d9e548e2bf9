//! What the platform says to a session on its own account.

use super::attributes::Revision;
use super::reject::Reason;
use super::value::{Key, Value};

/// Names one downlink of a device, stable over sessions and restarts: what is offered again after
/// a resumption because its fate is unknown comes under the same id. A transport that retransmits
/// it by itself (MQTT: DUP, from `StoredSession::inflight`) skips such a copy, and may report the
/// fate of an id it got in an earlier session. A try after a time-out has a new id.
pub type DownlinkId = u64;

/// One message towards a session. Its fate comes back as `Uplink::Delivery`.
#[derive(Clone, Debug, PartialEq)]
pub struct Downlink {
    pub id: DownlinkId,
    pub body: DownlinkBody,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DownlinkBody {
    /// SHARED scope changes, merged up to `revision`. Either list may be empty, not both.
    /// On the wire updates and deletions are two messages; Delivered means both.
    AttributesChanged {
        revision: Revision,
        updated: Vec<(Key, Value)>,
        deleted: Vec<Key>,
    },
    /// Server-side RPC. `params` is JSON text, forwarded byte for byte.
    /// `redelivery`: it was sent before and its fate is unknown.
    Rpc {
        request_id: i32,
        method: String,
        params: Box<str>,
        redelivery: bool,
    },
    /// The session must end; the transport says why in its own terms and closes.
    Close(Reason),
}
