//! The actix shell of a device: a queue of mail, one turn at a time, a timer.
//!
//! A turn takes the mind with it while it waits for the disk; mail gathers meanwhile and is taken
//! together, in its order, by the next turn. A panic ends this actor only: its mail is dropped,
//! so every ticket and caller hears of it, and the registry makes a new actor at the next call.

use super::host::Epochs;
use super::lines::Lines;
use super::load::load;
use super::messages::{Letter, Mail};
use super::state::State;
use super::turn::{clock, Outside, Turn};
use super::Config;
use crate::model::ids::{DeviceId, Epoch};
use crate::model::Millis;
use actix::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Letters of one turn, so that one busy device leaves room for its neighbours on the arbiter.
const LETTERS: usize = 64;

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
    device: DeviceId,
    life: Epoch,
    outside: Arc<Outside>,
    /// `None` while a turn is under way.
    turn: Option<Box<Turn>>,
    inbox: VecDeque<Letter>,
    timer: Option<(Millis, SpawnHandle)>,
}

impl DeviceActor {
    /// `life`: an epoch of its own, taken for this actor.
    ///
    /// Loads what the store remembers; mail waits until that is done.
    pub fn new(device: DeviceId, life: Epoch, seed: Seed, ctx: &mut Context<Self>) -> Self {
        let actor = Self {
            device,
            life,
            outside: seed.outside.clone(),
            turn: None,
            inbox: VecDeque::new(),
            timer: None,
        };
        let state = State::new(
            device,
            seed.config,
            seed.takeover_timeout,
            life,
            seed.epochs,
        );
        let lines = Lines::new(device, ctx.address());
        let mut turn = Box::new(Turn::new(state, lines, seed.outside));
        let work = async move {
            turn.absent = match load(&mut turn.state, &turn.outside.store, clock()).await {
                Ok(true) => None,
                Ok(false) => Some(None),
                Err(error) => Some(Some(error.into())),
            };
            turn
        };
        ctx.spawn(work.into_actor(&actor).map(|turn, actor, ctx| {
            actor.turn = Some(turn);
            // The first look at what came due meanwhile.
            actor.inbox.push_back(Mail::Tick.into());
            actor.pump(ctx);
        }));
        actor
    }

    /// Starts the next turn if none is under way and there is mail.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        if self.inbox.is_empty() {
            return;
        }
        let Some(mut turn) = self.turn.take() else {
            return;
        };
        // All of it, if it may: an idle actor keeps no room for mail.
        let rest = self.inbox.split_off(self.inbox.len().min(LETTERS));
        let letters = std::mem::replace(&mut self.inbox, rest);
        let more = !self.inbox.is_empty();
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
        if turn.leaving && self.inbox.is_empty() {
            let inactive_at = turn.state.activity.inactive_at();
            if self
                .outside
                .host
                .retire(self.device, self.life, inactive_at)
            {
                return ctx.stop();
            }
        }
        self.arm(turn.next_wake(), ctx);
        self.turn = Some(turn);
        self.pump(ctx);
    }

    /// One timer a device: an earlier deadline moves it, a later one lets it ring in vain.
    fn arm(&mut self, wake: Option<Millis>, ctx: &mut Context<Self>) {
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
            actor.inbox.push_back(Mail::Tick.into());
            actor.pump(ctx);
        });
        self.timer = Some((wake, handle));
    }
}

impl Actor for DeviceActor {
    type Context = Context<Self>;
}

impl Handler<Letter> for DeviceActor {
    type Result = ();

    fn handle(&mut self, letter: Letter, ctx: &mut Self::Context) {
        self.inbox.push_back(letter);
        self.pump(ctx);
    }
}

impl Drop for DeviceActor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.outside.host.died(self.device, self.life);
        }
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
        assert!(task <= 432, "{task} bytes");
        assert!(turn <= 592, "{turn} bytes");
        assert!(session <= 112, "{session} bytes");
    }
}
