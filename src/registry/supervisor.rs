//! Re-creates device actors from a factory, and carries connects and calls to them.

use super::actors::Actors;
use super::credit::Budget;
use super::door::{CallOutcome, Command, CommandReply};
use super::events::{EventFilter, EventHub, EventStream};
use super::identity::Identify;
use super::placement::Arbiters;
use super::strangers::Strangers;
use super::sweeper;
use crate::auth::Auth;
use crate::device::alarms::Alarms;
use crate::device::limits::ServerLimits;
use crate::device::link::died;
use crate::device::messages::Mail;
use crate::device::state::Rules;
use crate::device::{clock, Epochs, Home, Host, Outside, Seed};
use crate::model::event::{DeviceEvent, EventKind};
use crate::model::ids::{DeviceId, Epoch};
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::model::Millis;
use crate::observability::Metrics;
use crate::store::SharedStore;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, Semaphore};

/// Cheap to clone; every clone is the same registry.
#[derive(Clone)]
pub struct Registry(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) config: super::Config,
    pub(super) seed: Seed,
    house: Arc<House>,
    arbiters: Arc<Arbiters>,
    /// A permit for each connect and call that no actor has taken up yet, per arbiter.
    queues: Vec<Arc<Semaphore>>,
    pub(super) identity: Arc<dyn Identify>,
    pub(super) strangers: Strangers,
    metrics: Metrics,
    in_flight: Budget,
    pub(super) stopping: AtomicBool,
}

impl Drop for Inner {
    /// Threads do not outlive the registry, also when nobody stopped it.
    fn drop(&mut self) {
        self.arbiters.stop();
        self.house.actors.close();
    }
}

/// What actors see of the registry.
pub(super) struct House {
    pub(super) actors: Actors,
    hub: EventHub,
}

impl Host for House {
    fn publish(&self, event: DeviceEvent) {
        self.hub.publish(event);
    }

    fn retire(&self, device: DeviceId, life: Epoch, inactive_at: Option<Millis>) -> bool {
        self.actors.retire(device, life, inactive_at)
    }

    fn died(&self, device: DeviceId, life: Epoch) {
        tracing::error!(%device, "device actor panicked; it is made again when it is needed");
        self.actors.died(device, life);
    }
}

impl Registry {
    /// Starts the arbiters. Must run inside an actix `System`.
    pub fn start(
        config: super::Config,
        device: crate::device::Config,
        store: SharedStore,
        auth: Auth,
        metrics: Metrics,
    ) -> Registry {
        Self::with_identity(config, device, store, Arc::new(auth), metrics)
    }

    /// As `start`, with somebody else who knows the speakers.
    pub fn with_identity(
        config: super::Config,
        device: crate::device::Config,
        store: SharedStore,
        identity: Arc<dyn Identify>,
        metrics: Metrics,
    ) -> Registry {
        let arbiters = Arc::new(Arbiters::start(config.arbiters));
        let house = Arc::new(House {
            actors: Actors::new(arbiters.clone()),
            hub: EventHub::new(
                config.events_kept_per_device,
                config.events_kept,
                config.event_listener_queue,
            ),
        });
        let (_, incarnation) = store.identity();
        let (messages, points) = (config.message_rate.clone(), config.point_rate.clone());
        let limits = ServerLimits::new(messages, points, &device);
        let seed = Seed {
            rules: Arc::new(Rules {
                config: device,
                takeover_timeout: config.takeover_timeout.0,
                epochs: Epochs::new(incarnation),
            }),
            outside: Arc::new(Outside {
                homes: homes(&arbiters),
                store,
                host: house.clone(),
                metrics: metrics.clone(),
                limits,
            }),
        };
        let permits = config.queued_calls.clamp(1, Semaphore::MAX_PERMITS);
        let queues = (0..arbiters.count()).map(|_| Arc::new(Semaphore::new(permits)));
        let in_flight = Budget::new(config.in_flight.bytes(), metrics.budget("in_flight"));
        let registry = Registry(Arc::new(Inner {
            queues: queues.collect(),
            strangers: Strangers::new(&config),
            config,
            seed,
            house,
            arbiters,
            identity,
            metrics,
            in_flight,
            stopping: AtomicBool::new(false),
        }));
        sweeper::start(&registry);
        registry
    }

    /// The memory for what transports have read and the disk has not taken yet. A transport asks
    /// for some of it before it reads.
    pub fn in_flight(&self) -> &Budget {
        &self.0.in_flight
    }

    /// Asks a device something on behalf of an operator.
    pub async fn call(&self, device: DeviceId, command: Command) -> CallOutcome {
        if self.is_stopping() {
            return CallOutcome::Reply(CommandReply::Refused(stopping()));
        }
        let patience = self.0.config.call_timeout.0 + life_of(&command);
        let (reply, answer) = oneshot::channel();
        let mail = Mail::Command { command, reply };
        match self.ask(device, mail, answer, patience).await {
            Asked::Answered(Some(reply)) => CallOutcome::Reply(reply),
            Asked::Answered(None) => CallOutcome::NobodyHome,
            Asked::Died => CallOutcome::Reply(CommandReply::Refused(died())),
            Asked::TimedOut => CallOutcome::TimedOut,
        }
    }

    /// Sends when there is room at the device's arbiter, and waits for the answer.
    pub(super) async fn ask<T>(
        &self,
        device: DeviceId,
        mail: Mail,
        answer: oneshot::Receiver<T>,
        patience: Duration,
    ) -> Asked<T> {
        let asking = async {
            let queue = self.0.queues.get(self.0.arbiters.of(device));
            let permit = match queue {
                // Never closed, so this cannot fail.
                Some(queue) => queue.clone().acquire_owned().await.ok(),
                None => None,
            };
            self.0.house.actors.send(device, mail, permit, &self.0.seed);
            answer.await
        };
        match tokio::time::timeout(patience, asking).await {
            Ok(Ok(answer)) => Asked::Answered(answer),
            Ok(Err(_)) => Asked::Died,
            Err(_) => Asked::TimedOut,
        }
    }

    /// Has a device's actor look at what is due.
    pub(super) fn tick(&self, device: DeviceId) {
        if !self.is_stopping() {
            let actors = &self.0.house.actors;
            actors.send(device, Mail::Tick, None, &self.0.seed);
        }
    }

    pub(super) fn actors(&self) -> &Actors {
        &self.0.house.actors
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }

    /// The thread that the device lives on: a connection of it is served there, so that nothing of
    /// it crosses threads.
    pub fn arbiter_of(&self, device: DeviceId) -> Option<actix::ArbiterHandle> {
        self.0.arbiters.handle(self.0.arbiters.of(device))
    }

    pub(super) fn arbiters(&self) -> &Arbiters {
        &self.0.arbiters
    }

    /// Live rows of one device or of all.
    pub fn subscribe(&self, filter: EventFilter) -> EventStream {
        self.0.house.hub.subscribe(filter)
    }

    /// The device's last rows still in memory (bounded), oldest first.
    pub fn recent_events(&self, device: DeviceId, limit: usize) -> Vec<DeviceEvent> {
        self.0.house.hub.recent(device, limit)
    }

    /// Counts and logs the refusal of somebody who is no device yet (before authentication).
    pub fn refuse_stranger(&self, transport: Transport, peer: IpAddr, rejection: &Rejection) {
        self.0.metrics.rejected(transport, rejection.reason);
        tracing::info!(
            transport = transport.label(),
            %peer,
            reason = rejection.reason.label(),
            detail = %rejection.detail,
            "refused"
        );
    }

    pub(super) fn refuse_device(
        &self,
        device: DeviceId,
        transport: Transport,
        rejection: &Rejection,
    ) {
        self.0.metrics.rejected(transport, rejection.reason);
        let kind = EventKind::Refused {
            reason: rejection.reason,
            detail: rejection.detail.to_string(),
        };
        self.0.house.hub.publish(DeviceEvent {
            device,
            at: clock(),
            transport: Some(transport),
            kind: kind.shared(),
        });
    }

    /// `device.max_session_expiry`: a transport tells its client when it asked for more.
    pub fn max_session_expiry(&self) -> Duration {
        self.0.seed.rules.max_session_expiry.0
    }

    /// Refuses new sessions, ends the live ones (`ShuttingDown`), waits for their last commits, at
    /// most `registry.stop_timeout`.
    pub async fn stop(&self) {
        if self.0.stopping.swap(true, Ordering::SeqCst) {
            return;
        }
        let ends: Vec<_> = self
            .actors()
            .live()
            .into_iter()
            .map(|device| {
                let (done, end) = oneshot::channel();
                let mail = Mail::Stop { done };
                self.actors().send(device, mail, None, &self.0.seed);
                end
            })
            .collect();
        let all = futures_util::future::join_all(ends);
        let patience = self.0.config.stop_timeout.0;
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("some sessions did not end in time");
        }
        self.0.house.hub.close();
        self.0.arbiters.stop();
        self.actors().close();
    }
}

/// The arbiters as devices see them, with alarms that ring from now on.
fn homes(arbiters: &Arbiters) -> Vec<Home> {
    let handles = (0..arbiters.count()).filter_map(|at| arbiters.handle(at));
    let home = |arbiter: actix::ArbiterHandle| {
        let alarms = Arc::new(Alarms::default());
        arbiter.spawn(alarms.clone().run());
        Home { arbiter, alarms }
    };
    handles.map(home).collect()
}

pub(super) enum Asked<T> {
    Answered(T),
    /// The actor panicked under way.
    Died,
    TimedOut,
}

pub(super) fn stopping() -> Rejection {
    Rejection::new(Reason::ShuttingDown, "the platform is stopping")
}

/// A lightweight RPC is answered when it ends.
fn life_of(command: &Command) -> Duration {
    match command {
        Command::Rpc(order) if !order.persistent => {
            let left = order.expires.saturating_sub(clock()).max(0);
            Duration::from_millis(left.unsigned_abs())
        }
        _ => Duration::ZERO,
    }
}
