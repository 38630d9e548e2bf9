//! The RPCs that wait for one device, and where each of them is.

use super::messages::PollId;
use crate::model::downlink::{Downlink, DownlinkBody, DownlinkId};
use crate::model::ids::{DeviceId, Epoch, RpcId};
use crate::model::rpc::{RpcOrder, RpcRecord, RpcState};
use crate::model::scarce::Scarce;
use crate::model::Millis;
use std::sync::Arc;

/// Whoever an RPC was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taker {
    Session(Epoch),
    Poll(PollId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// For somebody to take it.
    Waiting,
    /// Handed to a line; nothing heard of it yet.
    Offered(Taker),
    /// Written; the device acknowledges by then.
    Sent { to: Taker, ack_by: Millis },
    /// The device has it and owes a reply.
    Delivered,
    /// It could not be given to this session; another one may.
    Parked,
}

#[derive(Clone, Debug)]
pub struct PendingRpc {
    pub order: Arc<RpcOrder>,
    pub request_id: i32,
    pub state: RpcState,
    /// Unacknowledged tries so far.
    pub attempts: u32,
    pub place: Place,
    /// Somebody took it before, and whether the device got it is not known.
    pub tried: bool,
}

impl PendingRpc {
    pub fn record(&self, device: DeviceId, response: Option<Box<str>>, now: Millis) -> RpcRecord {
        RpcRecord {
            device,
            order: (*self.order).clone(),
            request_id: self.request_id,
            state: self.state,
            attempts: self.attempts,
            response,
            updated: now,
        }
    }

    /// What a taker gets. The same try has the same id, whoever gets it.
    pub fn downlink(&self) -> Downlink {
        Downlink {
            id: downlink_id(self.request_id, self.attempts),
            body: DownlinkBody::Rpc {
                request_id: self.request_id,
                method: self.order.method.clone(),
                params: self.order.params.clone(),
                redelivery: self.tried,
            },
        }
    }
}

const RPC_FLAG: u64 = 1 << 63;

/// Bit 63: an RPC; bits 32 to 62: unacknowledged tries before; bits 0 to 31: request id.
pub fn downlink_id(request_id: i32, attempts: u32) -> DownlinkId {
    let attempts = u64::from(attempts & 0x7fff_ffff);
    RPC_FLAG | (attempts << 32) | u64::from(request_id as u32)
}

/// The request id that a downlink's id names; `None` when it is no RPC.
pub fn request_id_of(id: DownlinkId) -> Option<i32> {
    (id & RPC_FLAG != 0).then_some(id as u32 as i32)
}

/// Oldest first.
#[derive(Clone, Debug, Default)]
pub struct Rpcs {
    pub(super) pending: Scarce<PendingRpc>,
    pub(super) next_id: i32,
    /// First request id that is not reserved yet.
    pub(super) reserved: i32,
}

/// Request ids are reserved in blocks: one commit for so many RPCs.
const BLOCK: i32 = 100;

impl Rpcs {
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub fn has_lightweight(&self) -> bool {
        self.pending.iter().any(|rpc| !rpc.order.persistent)
    }

    pub fn by_id(&self, id: RpcId) -> Option<usize> {
        self.pending.iter().position(|rpc| rpc.order.id == id)
    }

    pub fn by_request(&self, request_id: i32) -> Option<usize> {
        let mut pending = self.pending.iter();
        pending.position(|rpc| rpc.request_id == request_id)
    }

    /// A request id that was never used (2,147,483,647 RPCs later: not pending), and the new
    /// reservation if one is needed.
    pub fn take_id(&mut self) -> (i32, Option<i32>) {
        let mut newest = None;
        loop {
            let (id, reserve) = self.next();
            newest = reserve.or(newest);
            if self.by_request(id).is_none() {
                return (id, newest);
            }
        }
    }

    fn next(&mut self) -> (i32, Option<i32>) {
        let mut reserve = None;
        if self.next_id == i32::MAX {
            self.next_id = 0;
            self.reserved = 0;
        }
        if self.next_id >= self.reserved {
            self.reserved = self.next_id.saturating_add(BLOCK);
            reserve = Some(self.reserved);
        }
        let id = self.next_id;
        self.next_id += 1;
        (id, reserve)
    }

    /// The session is over or wants no RPC any more: what it had and did not answer waits again.
    pub fn release(&mut self, epoch: Epoch) {
        for rpc in self.pending.iter_mut() {
            let had = match rpc.place {
                Place::Offered(to) | Place::Sent { to, .. } => to == Taker::Session(epoch),
                Place::Parked => true,
                Place::Waiting | Place::Delivered => false,
            };
            if had {
                rpc.place = Place::Waiting;
            }
        }
    }

    /// Somebody subscribes: what was delivered and not answered is sent again, and marked so
    /// (contract/rpc.md 2).
    pub fn revive(&mut self) {
        for rpc in self.pending.iter_mut() {
            if matches!(rpc.place, Place::Delivered | Place::Parked) {
                rpc.place = Place::Waiting;
            }
        }
    }

    pub fn has_waiting(&self) -> bool {
        let mut pending = self.pending.iter();
        pending.any(|rpc| rpc.place == Place::Waiting)
    }

    pub fn next_deadline(&self) -> Option<Millis> {
        self.pending
            .iter()
            .map(|rpc| match rpc.place {
                Place::Sent { ack_by, .. } if rpc.order.persistent => ack_by.min(rpc.order.expires),
                _ => rpc.order.expires,
            })
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_start_at_zero_and_are_reserved_before_they_are_used() {
        let mut rpcs = Rpcs::default();
        assert_eq!(rpcs.take_id(), (0, Some(100)));
        for id in 1..100 {
            assert_eq!(rpcs.take_id(), (id, None));
        }
        assert_eq!(rpcs.take_id(), (100, Some(200)));
    }

    #[test]
    fn request_ids_wrap_to_zero_before_they_overflow() {
        let mut rpcs = Rpcs {
            next_id: i32::MAX - 1,
            reserved: i32::MAX - 1,
            ..Rpcs::default()
        };
        assert_eq!(rpcs.take_id(), (i32::MAX - 1, Some(i32::MAX)));
        assert_eq!(rpcs.take_id(), (0, Some(100)));
    }

    #[test]
    fn a_downlink_id_tells_the_request_and_the_try() {
        for id in [0, 7, i32::MAX, -1, i32::MIN] {
            assert_eq!(request_id_of(downlink_id(id, 3)), Some(id));
            assert_ne!(downlink_id(id, 0), downlink_id(id, 1));
        }
        assert_eq!(request_id_of(42), None);
    }
}
