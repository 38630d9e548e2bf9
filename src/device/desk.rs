//! Where a device's turn lies while nobody has it, and the mail that waits for it.
//!
//! One turn at a time, whoever has it. What only adds points is done right where it was sent
//! (`turn_direct`), without a switch to the actor's task; everything else is the actor's, who is called
//! when there is some and goes when there has been none for a while. All mail of a device goes over
//! the desk, so it keeps its order whoever does it.

use super::actor::{DeviceActor, Seed};
use super::courier::Courier;
use super::link::Link;
use super::messages::{Letter, Mail, Speaker};
use super::turn::{Home, Outside, Turn};
use super::turn_direct::{self, Letters};
use crate::model::ids::{DeviceId, Epoch, Partition};
use crate::model::session::Transport;
use crate::model::Millis;
use actix::{Addr, ArbiterHandle};
use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::atomic::AtomicU32;
use std::sync::Arc;

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

/// Small on purpose: there is one for every device that is connected.
pub struct Desk {
    pub device: DeviceId,
    /// The device's; found by a hash of its id.
    pub partition: Partition,
    /// Where its actor lives: an index of `Outside::homes`.
    home: u16,
    pub life: Epoch,
    pub outside: Arc<Outside>,
    /// Letters that the registry sent and that are not dealt with.
    pub open: AtomicU32,
    top: Mutex<Top>,
}

struct Top {
    /// `None` while somebody has it.
    turn: Option<Box<Turn>>,
    inbox: VecDeque<Letter>,
    /// When its alarm rings; `NEVER`: none is set.
    alarm: Millis,
    /// While there is one.
    actor: Option<Box<Addr<DeviceActor>>>,
    /// The actor has been told or called, and has not come yet.
    rung: bool,
    /// Nothing is taken any more.
    closed: bool,
}

const NEVER: Millis = Millis::MAX;

impl Default for Top {
    fn default() -> Self {
        Self {
            turn: None,
            inbox: VecDeque::new(),
            alarm: NEVER,
            actor: None,
            rung: false,
            closed: false,
        }
    }
}

/// What somebody may do now.
pub(super) type Next = Option<(Box<Turn>, Letters)>;

impl Desk {
    /// An actor is called at once, to load the mind. `home`: an index of `Outside::homes`.
    pub fn open(device: DeviceId, life: Epoch, home: usize, seed: Seed) -> Arc<Self> {
        let desk = Arc::new(Self {
            device,
            partition: device.partition(),
            home: u16::try_from(home).unwrap_or_default(),
            life,
            outside: seed.outside.clone(),
            open: AtomicU32::new(0),
            top: Mutex::new(Top {
                rung: true,
                ..Top::default()
            }),
        });
        DeviceActor::call(desk.clone(), Some(seed));
        desk
    }

    fn home(&self) -> Option<&Home> {
        self.outside.homes.get(usize::from(self.home))
    }

    pub(super) fn arbiter(&self) -> Option<ArbiterHandle> {
        self.home().map(|home| home.arbiter.clone())
    }

    /// An actor has come.
    pub(super) fn belongs_to(&self, actor: Addr<DeviceActor>) {
        self.top.lock().actor = Some(Box::new(actor));
    }

    /// The actor may go, if there is nothing for it to do: the next letter calls another.
    pub(super) fn let_go(&self) -> bool {
        let mut top = self.top.lock();
        let idle = !top.rung && top.inbox.is_empty();
        if idle {
            top.actor = None;
        }
        idle
    }

    #[cfg(test)]
    pub fn has_actor(&self) -> bool {
        self.top.lock().actor.is_some()
    }

    /// Nothing is taken any more.
    pub fn is_closed(&self) -> bool {
        self.top.lock().closed
    }

    /// A letter for the actor, whatever it says.
    pub fn deliver(self: &Arc<Self>, letter: Letter) {
        let mut top = self.top.lock();
        if top.closed {
            drop(top);
            return;
        }
        top.inbox.push_back(letter);
        self.ring(top);
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
                self.ring(top);
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
        top.turn = Some(turn);
        self.set_alarm(&mut top, wake);
        self.next(top)
    }

    /// What can be done by whoever is here; otherwise the actor is told.
    fn next(self: &Arc<Self>, mut top: MutexGuard<'_, Top>) -> Next {
        let first_is_plain = top.inbox.front()?.is_plain();
        let turn = top.turn.as_ref()?;
        if !first_is_plain || !turn.is_simple() {
            self.ring(top);
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

    /// Has the actor come, or calls one.
    fn ring(self: &Arc<Self>, mut top: MutexGuard<'_, Top>) {
        if std::mem::replace(&mut top.rung, true) {
            return;
        }
        match &top.actor {
            Some(actor) => actor.do_send(Ring),
            None => {
                drop(top);
                DeviceActor::call(self.clone(), None);
            }
        }
    }

    /// Has the actor look at what is due, behind the mail that waits.
    pub(super) fn ask_actor(self: &Arc<Self>) {
        self.deliver(Mail::Tick.into());
    }

    /// One alarm a desk: an earlier time moves it, a later one lets it ring in vain.
    fn set_alarm(self: &Arc<Self>, top: &mut Top, wake: Option<Millis>) {
        let Some(wake) = wake.filter(|wake| *wake < top.alarm) else {
            return;
        };
        let before = std::mem::replace(&mut top.alarm, wake);
        if let Some(home) = self.home() {
            let instead_of = Some(before).filter(|before| *before != NEVER);
            home.alarms.set(wake, self, instead_of);
        }
    }

    /// The alarm that was set to `at`: the actor is called if something is due by now.
    pub(super) fn rings(self: &Arc<Self>, at: Millis, now: Millis) {
        let mut top = self.top.lock();
        if top.closed || top.alarm != at {
            return;
        }
        top.alarm = NEVER;
        // Whoever has the turn sets the alarm again when it is back.
        let Some(turn) = &top.turn else { return };
        match turn.next_wake() {
            Some(wake) if wake <= now => {
                top.inbox.push_back(Mail::Tick.into());
                self.ring(top);
            }
            wake => self.set_alarm(&mut top, wake),
        }
    }

    /// The desk is closed for good if no mail waits.
    pub fn retire(&self) -> bool {
        let mut top = self.top.lock();
        let goes = top.inbox.is_empty();
        top.closed |= goes;
        goes
    }

    /// Whoever waits for an answer hears of it.
    pub fn close(&self) {
        let mut top = self.top.lock();
        top.closed = true;
        let alarm = std::mem::replace(&mut top.alarm, NEVER);
        let left = (top.turn.take(), std::mem::take(&mut top.inbox));
        drop(top);
        drop(left);
        if let Some(home) = self.home().filter(|_| alarm != NEVER) {
            home.alarms.forget(alarm, self.life);
        }
    }

    /// A turn panicked, or its commit is lost: the actor ends as if it had panicked itself. Whoever
    /// hears of it and calls again finds it off the list.
    pub(super) fn break_down(&self) {
        self.outside.host.died(self.device, self.life);
        self.close();
        if let Some(actor) = &self.top.lock().actor {
            actor.do_send(Broken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_is_small() {
        // With the counts of its `Arc`.
        let size = std::mem::size_of::<Desk>() + 16;
        assert!(size <= 128, "{size} bytes");
    }
}
