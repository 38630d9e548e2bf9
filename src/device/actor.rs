//! The actix shell of a device: while there is mail that needs more than a commit, it takes the mind
//! from its desk for one turn at a time.
//!
//! A turn takes the mind with it while it waits for the disk; mail gathers meanwhile on the desk and
//! is taken together, in its order, by the next turn. A panic ends this actor and its desk only: the
//! mail is dropped, so every ticket and caller hears of it, and the registry makes a new one at the
//! next call.
//!
//! A kilobyte of shell, mailbox and task is much beside a mind of 400 bytes, and most devices rest: an
//! actor that has had nothing to do for a moment goes, the mind stays on the desk, and the next mail
//! that needs an actor calls one ([`Desk`]).

use super::desk::{Broken, Desk, Ring};
use super::lines::Lines;
use super::load::load;
use super::messages::Mail;
use super::state::{Rules, State};
use super::turn::{clock, Outside, Turn};
use super::turn_direct;
use actix::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// An actor without mail goes after once to twice as long. Devices that speak all the time keep theirs.
const LINGER: Duration = Duration::from_millis(100);

/// What the registry's factory makes a device's mind from.
#[derive(Clone)]
pub struct Seed {
    pub rules: Arc<Rules>,
    pub outside: Arc<Outside>,
}

pub struct DeviceActor {
    desk: Arc<Desk>,
    /// For the first one of a desk: how to load the mind.
    seed: Option<Box<Seed>>,
    /// It has the mind.
    busy: bool,
    /// There was mail since it was last looked at.
    used: bool,
    /// The desk does without it from now on.
    left: bool,
}

/// On its way to its thread. If that has stopped, nobody will come to the desk any more.
struct Arrival {
    desk: Arc<Desk>,
    came: bool,
}

impl Arrival {
    fn come(mut self) -> Arc<Desk> {
        self.came = true;
        self.desk.clone()
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if !self.came {
            self.desk.close();
        }
    }
}

impl DeviceActor {
    /// Calls one to the desk. Must not be called with the desk locked.
    pub(super) fn call(desk: Arc<Desk>, seed: Option<Seed>) {
        let Some(arbiter) = desk.arbiter() else {
            return desk.close();
        };
        let arrival = Arrival { desk, came: false };
        Self::start_in_arbiter(&arbiter, move |ctx| {
            let desk = arrival.come();
            desk.belongs_to(ctx.address());
            Self {
                desk,
                seed: seed.map(Box::new),
                busy: false,
                used: true,
                left: false,
            }
        });
    }

    /// Loads what the store remembers; mail waits until that is done.
    fn load(&mut self, seed: Seed, ctx: &mut Context<Self>) {
        let state = State::new(self.desk.device, seed.rules, self.desk.life);
        let lines = Lines::new(self.desk.clone());
        let mut turn = Box::new(Turn::new(state, lines));
        let work = async move {
            turn.absent = match load(&mut turn.state, &turn.lines.desk.outside.store, clock()).await
            {
                Ok(true) => None,
                Ok(false) => Some(Box::new(None)),
                Err(error) => Some(Box::new(Some(error.into()))),
            };
            turn
        };
        self.busy = true;
        ctx.spawn(work.into_actor(self).map(|turn, actor, ctx| {
            // The first look at what came due meanwhile.
            actor.desk.leave(Mail::Tick.into());
            actor.lay_back(turn);
            actor.pump(ctx);
        }));
    }

    /// Starts the next turn if nobody has it and there is mail.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        let Some((mut turn, letters, more)) = self.desk.take() else {
            return;
        };
        (self.busy, self.used) = (true, true);
        let work = async move {
            turn.run(letters).await;
            if more {
                tokio::task::yield_now().await;
            }
            turn
        };
        ctx.spawn(
            work.into_actor(self)
                .map(|turn, actor, ctx| actor.turn_is_over(turn, ctx)),
        );
    }

    fn turn_is_over(&mut self, turn: Box<Turn>, ctx: &mut Context<Self>) {
        let (desk, host) = (&self.desk, &self.desk.outside.host);
        if turn.leaving && host.retire(desk.device, desk.life, turn.state.activity.inactive_at()) {
            return ctx.stop();
        }
        self.lay_back(turn);
    }

    fn lay_back(&mut self, turn: Box<Turn>) {
        self.busy = false;
        let next = self.desk.put_back(turn);
        turn_direct::go(&self.desk, next);
    }

    /// Looks now and then whether it is still needed.
    fn linger(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LINGER, |actor, ctx| {
            let used = std::mem::take(&mut actor.used) || actor.busy;
            if !used && actor.desk.let_go() {
                actor.left = true;
                return ctx.stop();
            }
            actor.linger(ctx);
        });
    }
}

impl Actor for DeviceActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.linger(ctx);
        match self.seed.take() {
            Some(seed) => self.load(*seed, ctx),
            None => self.pump(ctx),
        }
    }
}

impl Handler<Ring> for DeviceActor {
    type Result = ();

    fn handle(&mut self, _: Ring, ctx: &mut Self::Context) {
        self.pump(ctx);
    }
}

impl Handler<Broken> for DeviceActor {
    type Result = ();

    fn handle(&mut self, _: Broken, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Drop for DeviceActor {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        if std::thread::panicking() {
            let desk = &self.desk;
            desk.outside.host.died(desk.device, desk.life);
        }
        self.desk.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::size_of;

    /// What stays in memory for a device with an idle session, beside its map entries.
    #[test]
    fn an_idle_actor_is_small() {
        let task = size_of::<actix::dev::ContextFut<DeviceActor, Context<DeviceActor>>>();
        let (actor, turn) = (size_of::<DeviceActor>(), size_of::<Turn>());
        let (state, session) = (
            size_of::<State>(),
            size_of::<super::super::state::Session>(),
        );
        println!("task {task} (actor {actor}), turn {turn} (state {state}), session {session}");
        assert!(task <= 384, "{task} bytes");
        assert!(turn <= 320, "{turn} bytes");
        assert!(session <= 96, "{session} bytes");
    }
}
