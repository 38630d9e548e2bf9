//! A connection moves to its device's thread once CONNECT has told which device it is: from then on
//! nothing of it crosses threads (design.md 4, "Actors").

use super::connection::{Connection, Unread};
use super::conversation::Conversation;
use super::gate::Pass;
use super::seats::NEVER;
use super::wire::Parted;
use crate::model::queue::Queue;
use crate::registry::{Credit, DeviceHandle, DownlinkReceiver, Ticket};
use bytes::BytesMut;
use std::io;

/// A connection between two threads: everything but what belongs to a runtime.
pub(super) struct Moving {
    wire: Parted,
    talk: Conversation,
    pass: Pass,
    credit: Credit,
    input: Option<Box<BytesMut>>,
    output: Option<Box<Unread>>,
    handle: Option<DeviceHandle>,
    tickets: Queue<Ticket>,
    downlinks: Option<DownlinkReceiver>,
    told: bool,
}

impl Moving {
    /// Goes on in the runtime of the caller. Error: the socket is gone.
    pub fn arrive(self) -> io::Result<Connection> {
        let wire = self.wire.arrive()?;
        Ok(Connection {
            wire,
            // It is then set to what the session wants.
            wakes_at: NEVER,
            listens: false,
            talk: self.talk,
            pass: self.pass,
            credit: self.credit,
            input: self.input,
            output: self.output,
            handle: self.handle,
            tickets: self.tickets,
            downlinks: self.downlinks,
            told: self.told,
        })
    }
}

impl Connection {
    /// Leaves this runtime. `None`: the socket is gone, and with it everything.
    pub(super) fn depart(self) -> Option<Moving> {
        let wire = self.wire.depart()?;
        Some(Moving {
            wire,
            talk: self.talk,
            pass: self.pass,
            credit: self.credit,
            input: self.input,
            output: self.output,
            handle: self.handle,
            tickets: self.tickets,
            downlinks: self.downlinks,
            told: self.told,
        })
    }
}
