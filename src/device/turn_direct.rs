//! Turns that need nothing but one commit, done where their mail was sent: the thread's courier
//! brings the batch to the log, and what waited for it is answered where the courier returns.

use super::courier::{Courier, Waiter};
use super::desk::{Desk, Next};
use super::effects::Effects;
use super::link::Link;
use super::messages::{Letter, Mail, SessionEnd, Slip, Speaker};
use super::state::Notes;
use super::turn::{clock, Turn};
use super::turn_group::Group;
use crate::model::ids::SessionId;
use crate::model::session::Transport;
use crate::model::Millis;
use crate::store::{Batch, StoreError};
use smallvec::SmallVec;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

/// Mostly one: a device that waits for its acknowledgement sends no other.
pub(super) type Letters = SmallVec<[Letter; 1]>;

/// A turn whose batch is on its way to the disk.
pub struct Flight {
    desk: Arc<Desk>,
    /// `None` once landed.
    cargo: Option<Box<Cargo>>,
}

struct Cargo {
    turn: Box<Turn>,
    group: Group,
    saved: Notes,
    slips: Vec<Slip>,
}

/// Does what may be done at a desk, until a batch is on its way or nothing is left.
pub(super) fn go(desk: &Arc<Desk>, mut next: Next) {
    while let Some((turn, letters)) = next.take() {
        match catch_unwind(AssertUnwindSafe(|| begin(desk, turn, letters))) {
            Ok(Some(turn)) => next = desk.put_back(turn),
            Ok(None) => return,
            Err(_) => return,
        }
    }
}

/// Ends the actor when what is done under it panics, before the turn itself is dropped.
struct Fuse<'a>(&'a Desk);

impl Drop for Fuse<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.break_down();
        }
    }
}

/// A single request comes: see `Turn::connect`. `None`: that panicked.
pub(super) fn visit(desk: &Arc<Desk>, turn: Box<Turn>, transport: Transport) -> Option<Link> {
    let session = SessionId::new();
    let admission = step(desk, turn, |turn, now, fx| {
        turn.state.visit(session, transport, now, fx);
        fx.admitted.pop()
    })??;
    let speaker = Speaker {
        session,
        epoch: admission.epoch,
        transport,
        visitor: true,
    };
    Some(Link::new(desk.clone(), speaker))
}

/// ... and goes. False: that panicked.
pub(super) fn depart(desk: &Arc<Desk>, turn: Box<Turn>, from: Speaker) -> bool {
    let from = (from.epoch, from.visitor);
    step(desk, turn, |turn, now, fx| {
        let end = SessionEnd::default();
        turn.state.close(from, end, now, fx);
    })
    .is_some()
}

/// A step that has nothing to write but notes, which the next commit or the actor takes along.
fn step<T>(
    desk: &Arc<Desk>,
    mut turn: Box<Turn>,
    apply: impl FnOnce(&mut Turn, Millis, &mut Effects) -> T,
) -> Option<T> {
    let apply = || {
        let _fuse = Fuse(desk);
        let (now, mut fx) = (clock(), Effects::default());
        let out = apply(&mut turn, now, &mut fx);
        turn.release(fx, now);
        turn.after_direct(desk, now);
        (out, turn)
    };
    let (out, turn) = catch_unwind(AssertUnwindSafe(apply)).ok()?;
    go(desk, desk.put_back(turn));
    Some(out)
}

/// `Some`: nothing had to be written, and the turn is over.
fn begin(desk: &Arc<Desk>, mut turn: Box<Turn>, letters: Letters) -> Option<Box<Turn>> {
    let _fuse = Fuse(desk);
    let mut group = Group::new();
    // `Desk::next` has counted them.
    group.measured = true;
    let mut slips = Vec::new();
    turn.leaving = false;
    for letter in letters {
        slips.extend(letter.slip);
        turn.add_plain(letter.mail, &mut group);
    }
    let mut changes = std::mem::take(&mut group.fx.changes);
    if changes.is_empty() {
        turn.answer(&mut group, Ok(()));
        turn.after_direct(desk, group.at);
        return Some(turn);
    }
    let saved = turn.state.clone_notes();
    changes.extend(turn.state.drain_notes(group.at, false));
    let batch = Batch {
        partition: desk.partition,
        changes,
    };
    let cargo = Some(Box::new(Cargo {
        turn,
        group,
        saved,
        slips,
    }));
    let desk = desk.clone();
    let courier = Courier::of_thread(&desk.outside.store);
    courier.bring(batch, Waiter::Turn(Flight { desk, cargo }));
    None
}

impl Flight {
    /// The commit is over: lets out what waited for it, and goes on at the desk.
    pub fn land(mut self, result: Result<(), StoreError>, now: Millis) {
        let Some(cargo) = self.cargo.take() else {
            return;
        };
        let desk = self.desk.clone();
        if let Ok(turn) = catch_unwind(AssertUnwindSafe(|| cargo.unload(&desk, result, now))) {
            go(&desk, desk.put_back(turn));
        }
    }
}

impl Drop for Flight {
    /// The log answered nobody: nothing is known of the turn's changes.
    fn drop(&mut self) {
        if self.cargo.take().is_some() {
            self.desk.break_down();
        }
    }
}

impl Cargo {
    fn unload(self, desk: &Arc<Desk>, result: Result<(), StoreError>, now: Millis) -> Box<Turn> {
        let Cargo {
            mut turn,
            mut group,
            saved,
            slips,
        } = self;
        let _fuse = Fuse(desk);
        if result.is_err() {
            turn.not_written(saved, group.at);
        }
        turn.answer(&mut group, result);
        turn.after_direct(desk, now);
        drop(slips);
        turn
    }
}

impl Letter {
    /// Its size in the log, if all it asks for is one commit.
    pub(super) fn plain(&self) -> Option<usize> {
        match &self.mail {
            Mail::Uplinks { plain, .. } => *plain,
            _ => None,
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.plain().is_some()
    }
}

impl Turn {
    /// The device is there and takes mail.
    pub(super) fn is_simple(&self) -> bool {
        self.absent.is_none() && self.state.closed.is_none()
    }

    /// Its rates are what a profile said, which may have changed.
    pub(super) fn has_profiled_limits(&self) -> bool {
        self.limits.as_ref().is_some_and(|limits| limits.profiled())
    }

    fn add_plain(&mut self, mail: Mail, group: &mut Group) {
        let Mail::Uplinks {
            from,
            uplinks,
            reply,
            ..
        } = mail
        else {
            return;
        };
        group.at = clock();
        let wanted = uplinks.len();
        self.lines
            .desk
            .outside
            .metrics
            .uplinks(from.transport, wanted as u64);
        group.open(reply, wanted, from.transport);
        for uplink in uplinks {
            // Nothing that `batching::plain` lets through is given back.
            let _ = self.uplink(from, uplink, group.at, group);
        }
    }

    /// What `settle` and `rest` do, as far as it needs nobody else.
    fn after_direct(&mut self, desk: &Arc<Desk>, now: Millis) {
        self.state.offer_rpcs(now, &mut self.lines);
        self.note_quiet(now);
        if !self.state.behind().is_empty() || self.state.polls_behind().is_some() {
            desk.ask_actor();
        }
    }
}
