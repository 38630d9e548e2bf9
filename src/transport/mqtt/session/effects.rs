//! What a session asks its listener to do.

use super::connect::ConnectAs;
use crate::model::reject::Rejection;
use crate::model::uplink::Uplink;
use crate::registry::handle::SessionEnd;
use crate::transport::mqtt::codec::Packet;

/// Collected over the packets of one read. The listener submits, then writes, then closes.
#[derive(Default)]
pub struct Effects {
    /// In this order on the wire.
    pub send: Vec<Packet>,
    /// In this order to the device, as one message; their outcomes come back as `Outcomes`.
    pub submit: Vec<Uplink>,
    /// Ask the registry; answer with `Connected` or `Refused`.
    pub connect: Option<Box<ConnectAs>>,
    /// A refusal before anybody was authenticated: to be counted and logged.
    pub stranger: Option<Rejection>,
    /// Write what is in `send`, then close; nothing more will come.
    pub close: Option<SessionEnd>,
}
