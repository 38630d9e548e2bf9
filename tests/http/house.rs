//! A running door in this process: registry, device actors and a store in memory behind it.

use crate::wait::wait_for;
use industryos_iot::auth::directory::{DeviceOrder, NewCredentials};
use industryos_iot::auth::Auth;
use industryos_iot::config::layer::Layers;
use industryos_iot::config::Config;
use industryos_iot::model::attributes::Scope;
use industryos_iot::model::event::EventKind;
use industryos_iot::model::ids::{DeviceId, RpcId};
use industryos_iot::model::reject::Reason;
use industryos_iot::model::rpc::{RpcAnswer, RpcOrder};
use industryos_iot::model::value::{Key, Value};
use industryos_iot::observability::Metrics;
use industryos_iot::registry::{CallOutcome, Command, CommandReply, Registry};
use industryos_iot::store::memory::MemoryStore;
use industryos_iot::store::{DeviceStore, TimeseriesStore};
use industryos_iot::transport::http;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::{mpsc, Arc};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

pub const TOKEN: &str = "A1_TEST_TOKEN";

pub struct House {
    pub address: SocketAddr,
    pub store: MemoryStore,
    pub registry: Registry,
    pub metrics: Metrics,
    /// The device of [`TOKEN`].
    pub device: DeviceId,
    auth: Auth,
    system: actix::System,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl House {
    /// With the defaults of `config.toml`.
    pub fn open() -> House {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> House {
        let mut config = Layers::of_defaults()
            .decode()
            .expect("the defaults are valid");
        config.http.workers = 1;
        config.registry.arbiters = 1;
        change(&mut config);
        let (made, house) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(run(config, made));
        });
        let mut house: House = house.recv().expect("the door opens");
        house.thread = Some(thread);
        house
    }

    /// Runs a future where the actors live, and waits for it.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        self.system.arbiter().spawn(async move {
            let _ = done.send(future.await);
        });
        result.recv().expect("the future ends")
    }

    /// A further device with this token.
    pub fn add_device(&self, token: &str) -> DeviceId {
        let (auth, token) = (self.auth.clone(), token.to_string());
        self.wait(async move { make(&auth, &token).await })
    }

    pub fn disable(&self) {
        let (auth, device) = (self.auth.clone(), self.device);
        let saved = self.wait(async move { auth.directory().set_disabled(device, true).await });
        if let Some(reason) = saved.expect("disabled").end_sessions {
            self.command(Command::EndSessions(reason));
        }
    }

    pub fn command(&self, command: Command) -> CommandReply {
        let (registry, device) = (self.registry.clone(), self.device);
        match self.wait(async move { registry.call(device, command).await }) {
            CallOutcome::Reply(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub fn share(&self, entries: &[(&str, i64)]) {
        let entries = entries
            .iter()
            .map(|(key, value)| (Key::from(*key), Value::Long(*value)))
            .collect();
        let scope = Scope::Shared;
        let reply = self.command(Command::SaveAttributes { scope, entries });
        assert_eq!(reply, CommandReply::Done);
    }

    pub fn unshare(&self, keys: &[&str]) {
        let keys = keys.iter().copied().map(Key::from).collect();
        let scope = Scope::Shared;
        let reply = self.command(Command::DeleteAttributes { scope, keys });
        assert_eq!(reply, CommandReply::Done);
    }

    /// Sends a lightweight RPC of `life` ms; its answer comes through the channel.
    pub fn rpc(&self, oneway: bool, method: &str, life: i64) -> mpsc::Receiver<RpcAnswer> {
        let order = RpcOrder {
            id: RpcId::new(),
            oneway,
            method: method.to_string(),
            params: "{\"pin\":1}".into(),
            created: now(),
            expires: now() + life,
            persistent: false,
            retries: 0,
            additional_info: None,
        };
        let (done, answer) = mpsc::channel();
        let (registry, device) = (self.registry.clone(), self.device);
        self.system.arbiter().spawn(async move {
            let outcome = registry.call(device, Command::Rpc(order)).await;
            if let CallOutcome::Reply(CommandReply::Rpc(answer)) = outcome {
                let _ = done.send(answer);
            }
        });
        answer
    }

    /// Latest values of the device.
    pub fn latest(&self) -> Vec<(String, Value)> {
        let (store, device) = (self.store.clone(), self.device);
        let latest = self.wait(async move { store.latest(device, None).await });
        let mut latest: Vec<_> = latest
            .expect("read")
            .into_iter()
            .map(|(key, point)| (key.to_string(), point.value))
            .collect();
        latest.sort_by(|a, b| a.0.cmp(&b.0));
        latest
    }

    /// Reasons of the refusals in the device's stream, oldest first.
    pub fn refusals(&self) -> Vec<Reason> {
        let rows = self.registry.recent_events(self.device, 1000);
        let reasons = rows.iter().filter_map(|row| match &*row.kind {
            EventKind::Refused { reason, .. } => Some(*reason),
            _ => None,
        });
        reasons.collect()
    }

    /// `rejected_total{transport="http",reason=..}`.
    pub fn rejected(&self, reason: &str) -> f64 {
        let text = self.metrics.render();
        let line = text.lines().find(|line| {
            line.starts_with("rejected_total{")
                && line.contains("\"http\"")
                && line.contains(&format!("\"{reason}\""))
        });
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0.0)
    }

    pub fn wait_for_rejected(&self, reason: &str, count: f64) {
        wait_for("the refusals to be counted", || {
            (self.rejected(reason) >= count).then_some(())
        });
    }

    pub fn credentials_of(&self, device: DeviceId) -> String {
        let store = self.store.clone();
        let found = self.wait(async move { store.credentials(device).await });
        found.expect("read").expect("credentials").lookup
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(config: Config, made: mpsc::Sender<House>) {
    let store = MemoryStore::new();
    let metrics = Metrics::new();
    let shared: industryos_iot::store::SharedStore = Arc::new(store.clone());
    let opened = Auth::open(config.admin.clone(), shared.clone()).await;
    let (auth, _) = opened.expect("auth");
    let device = make(&auth, TOKEN).await;
    let registry = Registry::start(
        config.registry,
        config.device,
        shared,
        auth.clone(),
        metrics.clone(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let door = http::start(
        config.http,
        config.payload,
        registry.clone(),
        metrics.clone(),
        listener,
        |_| {},
    )
    .expect("the door opens");
    let (stop, stopped) = oneshot::channel();
    let house = House {
        address: door.address(),
        store,
        registry: registry.clone(),
        metrics,
        device,
        auth,
        system: actix::System::current(),
        stop: Some(stop),
        thread: None,
    };
    made.send(house).map_err(drop).expect("the test waits");
    let _ = stopped.await;
    registry.stop().await;
    door.stop().await;
}

async fn make(auth: &Auth, token: &str) -> DeviceId {
    let order = DeviceOrder {
        name: format!("device of {token}"),
        ..DeviceOrder::default()
    };
    let credentials = NewCredentials::AccessToken(token.to_string());
    let device = auth.directory().create_device(order, credentials).await;
    device.expect("a device").id
}

pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_millis() as i64
}
