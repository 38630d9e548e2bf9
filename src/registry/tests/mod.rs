//! The registry and its actors over the memory engine: what transports and operators rely on.

mod attributes;
mod calls;
mod direct;
mod faults;
mod lifecycle;
mod limits;
mod polls;
mod rpc;
mod sessions;
mod telemetry;

use super::door::*;
use super::identity::Identify;
use super::{Heard, SessionEnd};
use crate::auth::{Identified, NotIdentified};
use crate::device::Snapshot;
use crate::model::attributes::Scope;
use crate::model::credentials::{Presented, SharedKeys};
use crate::model::device::{Device, Profile, ProfileOptions, ProfileRates};
use crate::model::downlink::{Downlink, DownlinkBody};
use crate::model::event::EventKind;
use crate::model::ids::{DeviceId, ProfileId, RpcId};
use crate::model::packed::PackedRows;
use crate::model::reject::{Reason, Rejection};
use crate::model::rpc::RpcOrder;
use crate::model::session::{Subscriptions, Transport};
use crate::model::telemetry::{Row, Telemetry};
use crate::model::units::Period;
use crate::model::uplink::{DeliveryStep, Outcome, Uplink};
use crate::model::value::{Key, Value};
use crate::observability::Metrics;
use crate::store::memory::MemoryStore;
use crate::store::*;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a loaded machine; a test that waits so long fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Knows everybody by his token, and may be told to change its mind after `identify`.
#[derive(Default)]
struct Doorman {
    devices: Mutex<HashMap<String, Device>>,
    turns_away: Mutex<Option<Reason>>,
    /// When what is presented counts no longer.
    until: Mutex<Option<i64>>,
    /// What the profile of all devices says.
    rates: Mutex<ProfileRates>,
}

#[async_trait]
impl Identify for Doorman {
    async fn identify(&self, presented: &Presented) -> Result<Identified, NotIdentified> {
        let Presented::Token(token) = presented else {
            panic!("tests present tokens");
        };
        let device = self.devices.lock().get(token).cloned();
        let device = device.ok_or(NotIdentified {
            rejection: Rejection::new(Reason::CredentialsUnknown, "no such token"),
            device: None,
        })?;
        if device.disabled {
            return Err(NotIdentified {
                rejection: Rejection::new(Reason::DeviceDisabled, "disabled"),
                device: Some(device.id),
            });
        }
        Ok(Identified {
            profile: Profile {
                rates: self.rates.lock().clone(),
                ..profile()
            },
            device,
            credentials_version: 1,
            seen: None,
            until: *self.until.lock(),
        })
    }

    async fn keys_of(&self, _: &str) -> Result<SharedKeys, NotIdentified> {
        panic!("tests present tokens");
    }

    fn version(&self) -> Option<u64> {
        None
    }

    async fn confirm(&self, identified: &Identified) -> Result<(), NotIdentified> {
        match *self.turns_away.lock() {
            None => Ok(()),
            Some(reason) => Err(NotIdentified {
                rejection: Rejection::new(reason, "changed meanwhile"),
                device: Some(identified.device.id),
            }),
        }
    }
}

fn profile() -> Profile {
    Profile {
        id: ProfileId::new(),
        created: 0,
        name: "default".into(),
        description: None,
        default: true,
        options: ProfileOptions::default(),
        version: 1,
        retention: None,
        chain: None,
        rates: Default::default(),
    }
}

#[derive(serde::Deserialize)]
struct Settings {
    registry: super::Config,
    device: crate::device::Config,
}

fn settings() -> Settings {
    toml_edit::de::from_str(include_str!("../../../config.toml")).unwrap()
}

struct House {
    registry: Registry,
    store: MemoryStore,
    doorman: Arc<Doorman>,
    metrics: Metrics,
}

fn ms(millis: u64) -> Period {
    Period(Duration::from_millis(millis))
}

impl House {
    fn new() -> Self {
        Self::with(MemoryStore::new(), |_| ())
    }

    /// Over a store, with settings of its own.
    fn with(store: MemoryStore, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings();
        change(&mut settings);
        let doorman = Arc::new(Doorman::default());
        let metrics = Metrics::new();
        let registry = Registry::with_identity(
            settings.registry,
            settings.device,
            Arc::new(store.clone()),
            doorman.clone(),
            metrics.clone(),
        );
        Self {
            registry,
            store,
            doorman,
            metrics,
        }
    }

    /// A new device whose token is its name.
    async fn device(&self, name: &str) -> DeviceId {
        let device = Device {
            id: DeviceId::new(),
            created: 1,
            name: name.into(),
            label: None,
            profile: ProfileId::new(),
            disabled: false,
            additional_info: "{}".into(),
            version: 1,
        };
        let id = device.id;
        let put = Change::DevicePut(device.clone());
        let batch = Batch::of_device(id, vec![put]);
        self.store.commit(batch).await.unwrap();
        self.knows(device);
        id
    }

    fn knows(&self, device: Device) {
        let mut devices = self.doorman.devices.lock();
        devices.insert(device.name.clone(), device);
    }

    async fn connect(&self, name: &str) -> Session {
        self.connect_as(name, "client", true, Duration::ZERO)
            .await
            .unwrap()
    }

    async fn connect_as(
        &self,
        name: &str,
        client_id: &str,
        clean_start: bool,
        expiry: Duration,
    ) -> Result<Session, Rejection> {
        let (sender, downlinks) = downlink_line(8);
        let request = ConnectRequest {
            presented: Presented::Token(name.into()),
            transport: Transport::Mqtt,
            peer: [127, 0, 0, 1].into(),
            session: Some(OpenSession {
                client_id: client_id.into(),
                clean_start,
                expiry,
                downlinks: sender,
            }),
        };
        let connected = self.registry.connect(request).await?;
        Ok(Session {
            connected,
            downlinks,
        })
    }

    /// A single request, as HTTP makes them.
    async fn visit(&self, name: &str) -> Connected {
        let request = ConnectRequest {
            presented: Presented::Token(name.into()),
            transport: Transport::Http,
            peer: [127, 0, 0, 1].into(),
            session: None,
        };
        self.registry.connect(request).await.unwrap()
    }

    async fn call(&self, device: DeviceId, command: Command) -> CommandReply {
        match self.registry.call(device, command).await {
            CallOutcome::Reply(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    async fn snapshot(&self, device: DeviceId) -> Snapshot {
        match self.call(device, Command::Snapshot).await {
            CommandReply::Snapshot(snapshot) => snapshot,
            other => panic!("{other:?}"),
        }
    }

    async fn save_shared(&self, device: DeviceId, key: &str, value: i64) {
        let command = Command::SaveAttributes {
            scope: Scope::Shared,
            entries: vec![(key.into(), Value::Long(value))],
        };
        assert_eq!(self.call(device, command).await, CommandReply::Done);
    }

    async fn server_attribute(&self, device: DeviceId, key: &str) -> Option<Value> {
        let keys = [Key::from(key)];
        let found = self
            .store
            .attributes(device, Scope::Server, Some(&keys))
            .await
            .unwrap();
        found.into_iter().next().map(|a| a.value)
    }

    fn rows(&self, device: DeviceId) -> Vec<EventKind> {
        let rows = self.registry.recent_events(device, 1_000);
        rows.into_iter().map(|row| (*row.kind).clone()).collect()
    }

    fn refusals(&self, device: DeviceId) -> Vec<Reason> {
        let rows = self.rows(device).into_iter();
        rows.filter_map(|kind| match kind {
            EventKind::Refused { reason, .. } => Some(reason),
            _ => None,
        })
        .collect()
    }
}

struct Session {
    connected: Connected,
    downlinks: DownlinkReceiver,
}

impl Session {
    fn handle(&self) -> &super::DeviceHandle {
        &self.connected.handle
    }

    async fn send(&self, uplink: Uplink) -> Outcome {
        one(self.handle(), uplink).await
    }

    async fn subscribe(&self, attributes: bool, rpc: bool) {
        let subscriptions = Subscriptions {
            attributes,
            rpc,
            wire: b"wire".to_vec(),
        };
        let outcome = self.send(Uplink::Subscribe(subscriptions)).await;
        assert_eq!(outcome, Outcome::Done);
    }

    async fn next(&mut self) -> Downlink {
        let next = tokio::time::timeout(PATIENCE, self.downlinks.recv());
        *next.await.expect("in time").expect("an open line")
    }

    /// Takes the next downlink and reports it as delivered.
    async fn accept(&mut self) -> Downlink {
        let downlink = self.next().await;
        let id = downlink.id;
        let step = DeliveryStep::Delivered;
        self.send(Uplink::Delivery { id, step }).await;
        downlink
    }

    async fn close(self) {
        self.handle().close(SessionEnd::default()).await;
    }
}

async fn one(handle: &super::DeviceHandle, uplink: Uplink) -> Outcome {
    let ticket = handle.submit(vec![uplink]);
    let outcomes = tokio::time::timeout(PATIENCE, ticket).await;
    let mut outcomes = outcomes.expect("in time");
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

fn points(ts: i64, key: &str, value: i64) -> Uplink {
    Uplink::Telemetry(Telemetry {
        rows: vec![Row {
            ts,
            values: vec![(key.into(), Value::Long(value))],
        }]
        .into(),
        nulls_skipped: 0,
    })
}

fn order(oneway: bool, persistent: bool, life: Duration) -> RpcOrder {
    let now = crate::device::clock();
    RpcOrder {
        id: RpcId::new(),
        oneway,
        method: "setGpio".into(),
        params: "{\"pin\":7}".into(),
        created: now,
        expires: now + life.as_millis() as i64,
        persistent,
        retries: 0,
        additional_info: None,
    }
}

/// Waits until a condition holds, without a fixed sleep.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(std::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
