//! Words about sessions: which transport, what is subscribed, what a resumed one remembers.

use serde::{Deserialize, Serialize};

/// How a message came in; the `transport` label of metrics and events.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Transport {
    Mqtt,
    Http,
    Coap,
    Lwm2m,
    /// The operator REST, which writes telemetry and attributes for a device.
    Rest,
}

impl Transport {
    pub const ALL: [Transport; 5] = [
        Transport::Mqtt,
        Transport::Http,
        Transport::Coap,
        Transport::Lwm2m,
        Transport::Rest,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Transport::Mqtt => "mqtt",
            Transport::Http => "http",
            Transport::Coap => "coap",
            Transport::Lwm2m => "lwm2m",
            Transport::Rest => "rest",
        }
    }
}

/// What a session wants to hear without asking. Which wire form (topic, QoS) it uses is the
/// transport's own business, kept in `wire` by it for persistent sessions.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subscriptions {
    /// SHARED attribute changes.
    pub attributes: bool,
    /// Server-side RPC.
    pub rpc: bool,
    /// Opaque to everyone but the transport that wrote it (at most 4 KiB).
    pub wire: Vec<u8>,
}

/// A persistent session at rest (MQTT clean session false, or Session Expiry above 0).
/// One a device: another client id's session replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSession {
    pub client_id: String,
    pub subscriptions: Subscriptions,
    /// Epoch ms when it ends; `i64::MAX` = never. Set when the connection closes.
    pub expires_at: i64,
    /// SHARED revision up to which the device has acknowledged changes: later ones are its queue.
    pub acknowledged: u64,
    /// Unacknowledged QoS 1 and 2 state, opaque to everyone but the transport (bounded by its
    /// in-flight window). For retransmission with DUP.
    pub inflight: Vec<u8>,
}
