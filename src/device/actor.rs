//! The actix shell of a device: its desk, one turn at a time, a timer.
//!
//! A turn takes the mind with it while it waits for the disk; mail gathers meanwhile on the desk and
//! is taken together, in its order, by the next turn. A panic ends this actor only: its mail is dropped,
//! so every ticket and caller hears of it, and the registry makes a new actor at the next call.

use super::desk::{Broken, Desk, Ring};
use super::host::Epochs;
use super::lines::Lines;
use super::load::load;
use super::messages::{Letter, Mail};
use super::state::State;
use super::turn::{clock, Outside, Turn};
use super::turn_direct;
use super::Config;
use crate::model::Millis;
use actix::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// What the registry's factory makes an actor from.
#[derive(Clone)]
pub struct Seed {
    pub config: Arc<Config>,
    pub takeover_timeout: Duration,
    pub epochs: Epochs,
    pub outside: Arc<Outside>,
}

/// Small on purpose: with actix's context around it, it takes 640 bytes.
pub struct DeviceActor {
    desk: Arc<Desk>,
    timer: Option<(Millis, SpawnHandle)>,
}

impl DeviceActor {
    /// Loads what the store remembers; mail waits until that is done.
    pub fn new(desk: Arc<Desk>, seed: Seed, ctx: &mut Context<Self>) -> Self {
        desk.belongs_to(ctx.address());
        let state = State::new(
            desk.device,
            seed.config,
            seed.takeover_timeout,
            desk.life,
            seed.epochs,
        );
        let actor = Self { desk, timer: None };
        let lines = Lines::new(actor.desk.clone());
        let mut turn = Box::new(Turn::new(state, lines, seed.outside));
        let work = async move {
            turn.absent = match load(&mut turn.state, &turn.outside.store, clock()).await {
                Ok(true) => None,
                Ok(false) => Some(Box::new(None)),
                Err(error) => Some(Box::new(Some(error.into()))),
            };
            turn
        };
        ctx.spawn(work.into_actor(&actor).map(|turn, actor, ctx| {
            // The first look at what came due meanwhile.
            actor.desk.leave(Mail::Tick.into());
            actor.lay_back(turn, ctx);
        }));
        actor
    }

    /// Starts the next turn if nobody has it and there is mail.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        let Some((mut turn, letters, more)) = self.desk.take() else {
            return self.arm(ctx);
        };
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
        if turn.leaving {
            let inactive_at = turn.state.activity.inactive_at();
            let agreed = || host.retire(desk.device, desk.life, inactive_at);
            if desk.retire(agreed) {
                return ctx.stop();
            }
        }
        self.lay_back(turn, ctx);
    }

    fn lay_back(&mut self, turn: Box<Turn>, ctx: &mut Context<Self>) {
        self.arm_for(turn.next_wake(), ctx);
        let next = self.desk.put_back(turn);
        turn_direct::go(&self.desk, next);
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        self.arm_for(self.desk.wake(), ctx);
    }

    /// One timer a device: an earlier deadline moves it, a later one lets it ring in vain.
    fn arm_for(&mut self, wake: Option<Millis>, ctx: &mut Context<Self>) {
        let Some(wake) = wake else { return };
        if let Some((armed, handle)) = self.timer {
            if armed <= wake {
                return;
            }
            ctx.cancel_future(handle);
        }
        let wait = Duration::from_millis(wake.saturating_sub(clock()).max(1).unsigned_abs());
        let handle = ctx.run_later(wait, |actor, ctx| {
            actor.timer = None;
            actor.desk.set_timer(None);
            actor.desk.leave(Mail::Tick.into());
            actor.pump(ctx);
        });
        self.timer = Some((wake, handle));
        self.desk.set_timer(Some(wake));
    }
}

impl Actor for DeviceActor {
    type Context = Context<Self>;
}

impl Handler<Letter> for DeviceActor {
    type Result = ();

    fn handle(&mut self, letter: Letter, ctx: &mut Self::Context) {
        self.desk.leave(letter);
        self.pump(ctx);
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
        assert!(turn <= 448, "{turn} bytes");
        assert!(session <= 112, "{session} bytes");
    }
}
