//! The state alone: hostile orders of events against invariants that hold after each of them.

mod shuffled;
mod steps;

use super::effects::Effects;
use super::handle_rpc::Takers;
use super::messages::PollId;
use super::state::{Claim, Rules, State};
use super::{Config, Epochs};
use crate::model::downlink::Downlink;
use crate::model::ids::{DeviceId, Epoch, Incarnation, RpcId, SessionId};
use crate::model::rpc::RpcOrder;
use crate::model::session::{Subscriptions, Transport};
use crate::model::Millis;
use std::sync::Arc;
use std::time::Duration;

#[derive(serde::Deserialize)]
struct Settings {
    device: Config,
}

fn config() -> Config {
    let settings: Settings = toml_edit::de::from_str(include_str!("../../../config.toml")).unwrap();
    settings.device
}

fn state(change: impl FnOnce(&mut Config)) -> State {
    let mut config = config();
    change(&mut config);
    let epochs = Epochs::new(Incarnation(7));
    let life = epochs.take();
    let rules = Rules {
        config,
        takeover_timeout: Duration::from_secs(2),
        epochs,
    };
    State::new(DeviceId::new(), Arc::new(rules), life)
}

fn claim(client_id: &str, clean_start: bool, expiry: Millis) -> Claim {
    Claim {
        session: SessionId::new(),
        transport: Transport::Mqtt,
        client_id: client_id.into(),
        clean_start,
        expiry,
    }
}

fn order(oneway: bool, persistent: bool, expires: Millis) -> RpcOrder {
    RpcOrder {
        id: RpcId::new(),
        oneway,
        method: "m".into(),
        params: "null".into(),
        created: 0,
        expires,
        persistent,
        retries: 1,
        additional_info: None,
    }
}

fn subscriptions(attributes: bool, rpc: bool) -> Subscriptions {
    Subscriptions {
        attributes,
        rpc,
        wire: Vec::new(),
    }
}

/// Lines with room for so many downlinks.
#[derive(Default)]
struct Lines {
    room: usize,
    taken: Vec<(Option<Epoch>, Option<PollId>, Downlink)>,
    /// Polls that were to take something while there was no room: their clients have gone.
    gone: Vec<PollId>,
}

impl Lines {
    fn take(&mut self, epoch: Option<Epoch>, poll: Option<PollId>, downlink: Downlink) -> bool {
        if self.room == 0 {
            return false;
        }
        self.room -= 1;
        self.taken.push((epoch, poll, downlink));
        true
    }
}

impl Takers for Lines {
    fn session(&mut self, epoch: Epoch, downlink: Downlink) -> bool {
        self.take(Some(epoch), None, downlink)
    }

    fn poll(&mut self, poll: PollId, downlink: Downlink) -> bool {
        let taken = self.take(None, Some(poll), downlink);
        if !taken {
            self.gone.push(poll);
        }
        taken
    }
}

/// Connects and returns the epoch of whoever was admitted by it.
fn connect(state: &mut State, claim: Claim, now: Millis) -> Option<Epoch> {
    let mut fx = Effects::default();
    state.claim(claim, now, &mut fx);
    fx.admitted.first().map(|admission| admission.epoch)
}
