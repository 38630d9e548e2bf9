//! Where a device's turn lies while nobody has it, and the mail that waits for it.
//!
//! One turn at a time, whoever has it. What only adds points is done right where it was sent
//! (`turn_direct`), without a switch to the actor's task; everything else, and every timer, is the
//! actor's. All mail of a session goes over the desk, so it keeps its order whoever does it.

use super::actor::DeviceActor;
use super::courier::Courier;
use super::link::Link;
use super::messages::{Letter, Mail, Speaker};
use super::turn::{Outside, Turn};
use super::turn_direct::{self, Letters};
use crate::model::ids::{DeviceId, Epoch, Partition};
use crate::model::session::Transport;
use crate::model::Millis;
use actix::Addr;
use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};

/// Letters of one turn, so that one busy device leaves room for its neighbours on the thread.
const LETTERS: usize = 64;
/// Bytes in the log of one direct turn.
const BYTES: usize = 256 * 1024;

/// Tells the actor to look at its desk.
pub struct Ring;

impl actix::Message for Ring {
    type Result = ();
}

/// Tells the actor that a turn of it panicked elsewhere.
pub struct Broken;

impl actix::Message for Broken {
    type Result = ();
}

pub struct Desk {
    pub device: DeviceId,
    /// The device's; found by a hash of its id.
    pub partition: Partition,
    pub life: Epoch,
    pub outside: Arc<Outside>,
    /// Letters that the registry sent and that are not dealt with.
    pub open: AtomicUsize,
    actor: OnceLock<Addr<DeviceActor>>,
    top: Mutex<Top>,
}

#[derive(Default)]
struct Top {
    /// `None` while somebody has it.
    turn: Option<Box<Turn>>,
    inbox: VecDeque<Letter>,
    /// When the actor's timer rings.
    timer: Option<Millis>,
    /// The actor has been told and has not come yet.
    rung: bool,
    /// The actor is gone: nothing is taken any more.
    closed: bool,
}

/// What somebody may do now.
pub(super) type Next = Option<(Box<Turn>, Letters)>;

impl Desk {
    pub fn new(device: DeviceId, life: Epoch, outside: Arc<Outside>) -> Arc<Self> {
        Arc::new(Self {
            device,
            partition: device.partition(),
            life,
            outside,
            open: AtomicUsize::new(0),
            actor: OnceLock::new(),
            top: Mutex::default(),
        })
    }

    /// Only the first call counts.
    pub fn belongs_to(&self, actor: Addr<DeviceActor>) {
        let _ = self.actor.set(actor);
    }

    /// The letter has its place in the device's order when this returns. It is dropped if the actor
    /// is gone.
    pub fn post(self: &Arc<Self>, letter: Letter) {
        let mut top = self.top.lock();
        if top.closed {
            drop(top);
            return;
        }
        if !Courier::runs_here() {
            top.inbox.push_back(letter);
            if top.turn.is_some() {
                self.ring(&mut top);
            }
            return;
        }
        if letter.is_plain() && top.inbox.is_empty() {
            if let Some(turn) = top.turn.take_if(|turn| turn.is_simple()) {
                drop(top);
                return turn_direct::go(self, Some((turn, Letters::from_buf([letter]))));
            }
        }
        top.inbox.push_back(letter);
        let next = self.next(top);
        turn_direct::go(self, next);
    }

    /// Admits a single request of a device whose profile says nothing about rates, here and now;
    /// `None` where it has to wait for its place, or the actor to hear that the profile says
    /// nothing any more.
    pub fn visit(self: &Arc<Self>, transport: Transport) -> Option<Link> {
        let turn = self.idle_turn(|turn| !turn.has_profiled_limits())?;
        turn_direct::visit(self, turn, transport)
    }

    /// A single request is over. False: the actor has to be told.
    pub(super) fn depart(self: &Arc<Self>, from: Speaker) -> bool {
        let turn = if from.visitor {
            self.idle_turn(|_| true)
        } else {
            None
        };
        turn.is_some_and(|turn| turn_direct::depart(self, turn, from))
    }

    /// The turn, if nobody has it, no mail waits, and it is fit.
    fn idle_turn(&self, fit: impl FnOnce(&Turn) -> bool) -> Option<Box<Turn>> {
        if !Courier::runs_here() {
            return None;
        }
        let mut top = self.top.lock();
        if top.closed || !top.inbox.is_empty() {
            return None;
        }
        top.turn.take_if(|turn| turn.is_simple() && fit(turn))
    }

    /// Mail that reached the actor.
    pub fn leave(&self, letter: Letter) {
        let mut top = self.top.lock();
        if top.closed {
            drop(top);
            return;
        }
        top.inbox.push_back(letter);
    }

    /// For the actor: the turn and its mail; and whether there is more than that.
    pub fn take(&self) -> Option<(Box<Turn>, VecDeque<Letter>, bool)> {
        let mut top = self.top.lock();
        top.rung = false;
        if top.inbox.is_empty() {
            return None;
        }
        let turn = top.turn.take()?;
        // All of it, if it may: an idle desk keeps no room for mail.
        let count = top.inbox.len().min(LETTERS);
        let rest = top.inbox.split_off(count);
        let letters = std::mem::replace(&mut top.inbox, rest);
        Some((turn, letters, !top.inbox.is_empty()))
    }

    /// A turn is over.
    pub(super) fn put_back(self: &Arc<Self>, turn: Box<Turn>) -> Next {
        let wake = turn.next_wake();
        let mut top = self.top.lock();
        if top.closed {
            drop(top);
            drop(turn);
            return None;
        }
        let early = wake.is_some_and(|wake| top.timer.is_none_or(|timer| wake < timer));
        top.turn = Some(turn);
        if early {
            self.ring(&mut top);
        }
        self.next(top)
    }

    /// What can be done by whoever is here; otherwise the actor is told.
    fn next(&self, mut top: MutexGuard<'_, Top>) -> Next {
        let first_is_plain = top.inbox.front()?.is_plain();
        let turn = top.turn.as_ref()?;
        if !first_is_plain || !turn.is_simple() {
            self.ring(&mut top);
            return None;
        }
        let turn = top.turn.take()?;
        let (mut letters, mut bytes) = (Letters::new(), 0);
        while letters.len() < LETTERS {
            let fits = |letter: &Letter| letter.plain().is_some_and(|more| bytes + more <= BYTES);
            if !top.inbox.front().is_some_and(fits) {
                break;
            }
            let Some(letter) = top.inbox.pop_front() else {
                break;
            };
            bytes += letter.plain().unwrap_or_default();
            letters.push(letter);
        }
        if top.inbox.is_empty() {
            top.inbox = VecDeque::new();
        }
        Some((turn, letters))
    }

    fn ring(&self, top: &mut Top) {
        if !std::mem::replace(&mut top.rung, true) {
            if let Some(actor) = self.actor.get() {
                actor.do_send(Ring);
            }
        }
    }

    /// Has the actor look at what is due, behind the mail that waits.
    pub(super) fn ask_actor(&self) {
        let mut top = self.top.lock();
        if !top.closed {
            top.inbox.push_back(Mail::Tick.into());
            self.ring(&mut top);
        }
    }

    /// When the turn that lies here must be looked at.
    pub fn wake(&self) -> Option<Millis> {
        let top = self.top.lock();
        top.turn.as_ref().and_then(|turn| turn.next_wake())
    }

    pub fn set_timer(&self, timer: Option<Millis>) {
        self.top.lock().timer = timer;
    }

    /// The actor may go if no mail waits and `agreed` says so: then nothing more is taken.
    pub fn retire(&self, agreed: impl FnOnce() -> bool) -> bool {
        let mut top = self.top.lock();
        let goes = top.inbox.is_empty() && agreed();
        top.closed |= goes;
        goes
    }

    /// The actor is gone; whoever waits for an answer hears of it.
    pub fn close(&self) {
        let mut top = self.top.lock();
        top.closed = true;
        let left = (top.turn.take(), std::mem::take(&mut top.inbox));
        drop(top);
        drop(left);
    }

    /// A turn panicked, or its commit is lost: the actor ends as if it had panicked itself. Whoever
    /// hears of it and calls again finds it off the list.
    pub(super) fn break_down(&self) {
        self.outside.host.died(self.device, self.life);
        self.close();
        if let Some(actor) = self.actor.get() {
            actor.do_send(Broken);
        }
    }
}
