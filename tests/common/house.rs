//! The whole platform in this process over a store in memory, so that a test can hold the disk
//! back, make it fail, and read a device's stream and the counters directly.

use super::wait::wait_for;
use industryos_iot::app::{App, Listeners};
use industryos_iot::auth::directory::{
    CredentialsOrder, DeviceOrder, NewCredentials, ProfileOrder,
};
use industryos_iot::auth::Auth;
use industryos_iot::config::layer::Layers;
use industryos_iot::config::Config;
use industryos_iot::model::attributes::Scope;
use industryos_iot::model::credentials::{CredentialsKind, Presented};
use industryos_iot::model::device::ProfileRates;
use industryos_iot::model::event::EventKind;
use industryos_iot::model::ids::{DeviceId, RpcId};
use industryos_iot::model::rates::Rates;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::rpc::{RpcAnswer, RpcOrder};
use industryos_iot::model::session::Transport;
use industryos_iot::model::value::{Key, Value};
use industryos_iot::observability::Metrics;
use industryos_iot::registry::{CallOutcome, Command, CommandReply, Registry};
use industryos_iot::store::memory::MemoryStore;
use industryos_iot::store::{AttributeStore, DeviceStore, TimeseriesStore};
use industryos_iot::transport::coap;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::{mpsc, Arc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

pub const TOKEN: &str = "A1_TEST_TOKEN";

/// A running platform with one device; stopped in order when it is dropped.
pub struct House {
    pub http: SocketAddr,
    pub mqtt: SocketAddr,
    /// Beside them, when the configuration has certificates.
    pub http_tls: Option<SocketAddr>,
    pub mqtt_tls: Option<SocketAddr>,
    pub coap: SocketAddr,
    /// Beside it, when the configuration says so.
    pub coap_dtls: Option<SocketAddr>,
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
        Self::over(MemoryStore::new(), change)
    }

    /// Over a store that may already hold data.
    pub fn over(store: MemoryStore, change: impl FnOnce(&mut Config)) -> House {
        let mut config = Layers::of_defaults()
            .decode()
            .expect("the defaults are valid");
        config.mqtt.workers = 1;
        config.http.workers = 1;
        config.registry.arbiters = 1;
        config.coap.bind = "127.0.0.1:0".into();
        config.coap.dtls.bind = "127.0.0.1:0".into();
        change(&mut config);
        let (made, house) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(run(config, store, made));
        });
        let mut house: House = house.recv().expect("the door opens");
        house.thread = Some(thread);
        house
    }

    /// Runs a future where the platform lives, and waits for it.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        self.system.arbiter().spawn(async move {
            let _ = done.send(future.await);
        });
        result.recv().expect("the future ends")
    }

    /// A further device with this token.
    pub fn add_device(&self, token: &str) -> DeviceId {
        let (auth, token) = (self.auth.clone(), token.to_owned());
        self.wait(async move { make(&auth, &token).await })
    }

    /// A further device of this name with a certificate (PEM).
    pub fn add_certified(&self, name: &str, pem: &str) -> DeviceId {
        let order = DeviceOrder {
            name: name.to_owned(),
            ..DeviceOrder::default()
        };
        let credentials = NewCredentials::Given {
            kind: Some(CredentialsKind::X509Certificate),
            credentials_id: None,
            credentials_value: Some(pem.to_owned()),
        };
        let auth = self.auth.clone();
        let made =
            self.wait(async move { auth.directory().create_device(order, credentials).await });
        made.expect("a device").id
    }

    /// A further device of this name, which comes in by an identity of the same name and a key.
    pub fn add_keyed(&self, name: &str, key: &str) -> DeviceId {
        let order = DeviceOrder {
            name: name.to_owned(),
            ..DeviceOrder::default()
        };
        let credentials = NewCredentials::Given {
            kind: Some(CredentialsKind::PreSharedKey),
            credentials_id: None,
            credentials_value: Some(shared_key(name, key)),
        };
        let auth = self.auth.clone();
        let made =
            self.wait(async move { auth.directory().create_device(order, credentials).await });
        made.expect("a device").id
    }

    /// Gives a device another key, and ends its sessions as the REST does.
    pub fn rekey(&self, device: DeviceId, identity: &str, key: &str, overlap: Duration) {
        let key = Some(shared_key(identity, key));
        let kind = CredentialsKind::PreSharedKey;
        self.save_credentials(device, kind, None, key, overlap);
    }

    /// Gives the device of [`TOKEN`] another token, and ends its sessions as the REST does.
    pub fn rotate(&self, token: &str, overlap: Duration) {
        let (kind, token) = (CredentialsKind::AccessToken, Some(token.to_owned()));
        self.save_credentials(self.device, kind, token, None, overlap);
    }

    fn save_credentials(
        &self,
        device: DeviceId,
        kind: CredentialsKind,
        credentials_id: Option<String>,
        credentials_value: Option<String>,
        overlap: Duration,
    ) {
        let order = CredentialsOrder {
            id: None,
            device,
            kind: Some(kind),
            credentials_id,
            credentials_value,
            version: None,
            overlap: Some(overlap),
        };
        let auth = self.auth.clone();
        let saved = self.wait(async move { auth.directory().update_credentials(order).await });
        let reason = saved.expect("saved").end_sessions.expect("a change");
        self.command_to(device, Command::EndSessions(reason));
    }

    /// What the default profile says of its devices' messages, written `"100:1s"`.
    pub fn profile_allows(&self, messages: &str) {
        let order = ProfileOrder {
            name: "default".into(),
            rates: ProfileRates {
                messages: Some(Rates::parse(messages).expect("a rate")),
                points: None,
            },
            ..ProfileOrder::default()
        };
        let auth = self.auth.clone();
        let saved = self.wait(async move {
            let directory = auth.directory();
            let all = directory.profiles().await.expect("profiles");
            directory.save_profile(Some(all[0].id), order).await
        });
        saved.expect("saved");
    }

    /// Disables or enables any device.
    pub fn disable(&self, device: DeviceId, disabled: bool) {
        let auth = self.auth.clone();
        let saved = self.wait(async move { auth.directory().set_disabled(device, disabled).await });
        if let Some(reason) = saved.expect("saved").end_sessions {
            self.command_to(device, Command::EndSessions(reason));
        }
    }

    /// Reasons of the refusals in a device's stream, oldest first.
    pub fn refusals_of(&self, device: DeviceId) -> Vec<Reason> {
        let rows = self.registry.recent_events(device, 1000);
        let reason = |kind: &EventKind| match kind {
            EventKind::Refused { reason, .. } => Some(*reason),
            _ => None,
        };
        rows.iter().filter_map(|row| reason(&row.kind)).collect()
    }

    pub fn set_disabled(&self, disabled: bool) {
        let (auth, device) = (self.auth.clone(), self.device);
        let saved = self.wait(async move { auth.directory().set_disabled(device, disabled).await });
        if let Some(reason) = saved.expect("saved").end_sessions {
            self.command(Command::EndSessions(reason));
        }
    }

    pub fn command(&self, command: Command) -> CommandReply {
        self.command_to(self.device, command)
    }

    pub fn command_to(&self, device: DeviceId, command: Command) -> CommandReply {
        let registry = self.registry.clone();
        match self.wait(async move { registry.call(device, command).await }) {
            CallOutcome::Reply(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// Deletes a device, as the REST does.
    pub fn delete(&self, device: DeviceId) {
        let registry = self.registry.clone();
        let outcome = self.wait(async move { registry.call(device, Command::Delete).await });
        assert_eq!(outcome, CallOutcome::Reply(CommandReply::Done));
    }

    pub fn share(&self, entries: &[(&str, i64)]) {
        self.share_with(self.device, entries);
    }

    pub fn share_with(&self, device: DeviceId, entries: &[(&str, i64)]) {
        let entries = entries
            .iter()
            .map(|(key, value)| (Key::from(*key), Value::Long(*value)))
            .collect();
        let scope = Scope::Shared;
        let reply = self.command_to(device, Command::SaveAttributes { scope, entries });
        assert_eq!(reply, CommandReply::Done);
    }

    pub fn unshare(&self, keys: &[&str]) {
        let keys = keys.iter().copied().map(Key::from).collect();
        let scope = Scope::Shared;
        let reply = self.command(Command::DeleteAttributes { scope, keys });
        assert_eq!(reply, CommandReply::Done);
    }

    pub fn order(method: &str, params: &str, oneway: bool, persistent: bool) -> RpcOrder {
        RpcOrder {
            id: RpcId::new(),
            oneway,
            method: method.to_owned(),
            params: params.into(),
            created: now(),
            expires: now() + 20_000,
            persistent,
            retries: 5,
            additional_info: None,
        }
    }

    /// Its answer comes through the channel.
    pub fn rpc(&self, order: RpcOrder) -> mpsc::Receiver<RpcAnswer> {
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

    /// Latest values of the device, by key.
    pub fn latest(&self) -> Vec<(String, Value)> {
        self.latest_of(self.device)
    }

    pub fn latest_of(&self, device: DeviceId) -> Vec<(String, Value)> {
        let store = self.store.clone();
        let latest = self.wait(async move { store.latest(device, None).await });
        let mut latest: Vec<_> = latest
            .expect("read")
            .into_iter()
            .map(|(key, point)| (key.to_string(), point.value))
            .collect();
        latest.sort_by(|a, b| a.0.cmp(&b.0));
        latest
    }

    /// CLIENT attributes of the device.
    pub fn client_attributes(&self) -> Vec<(String, Value)> {
        let (store, device) = (self.store.clone(), self.device);
        let found = self.wait(async move { store.attributes(device, Scope::Client, None).await });
        let found = found.expect("read").into_iter();
        found.map(|a| (a.key.to_string(), a.value)).collect()
    }

    pub fn rows(&self) -> Vec<EventKind> {
        let rows = self.registry.recent_events(self.device, 1000);
        rows.iter().map(|row| (*row.kind).clone()).collect()
    }

    /// Reasons of the refusals in the device's stream, oldest first.
    pub fn refusals(&self) -> Vec<Reason> {
        let reason = |kind| match kind {
            EventKind::Refused { reason, .. } => Some(reason),
            _ => None,
        };
        self.rows().into_iter().filter_map(reason).collect()
    }

    /// Why the device's sessions ended, oldest first.
    pub fn ends(&self) -> Vec<String> {
        let reason = |kind| match kind {
            EventKind::Disconnected { reason } => Some(reason),
            _ => None,
        };
        self.rows().into_iter().filter_map(reason).collect()
    }

    /// `rejected_total{transport="…",reason="…"}`.
    pub fn rejected(&self, transport: Transport, reason: Reason) -> u64 {
        let text = self.metrics.render();
        let mark = format!(
            "rejected_total{{transport=\"{}\",reason=\"{}\"}} ",
            transport.label(),
            reason.label()
        );
        let line = text.lines().find_map(|line| line.strip_prefix(&mark));
        line.map_or(0, |count| count.parse().expect("a count"))
    }

    pub fn wait_for_rejected(&self, transport: Transport, reason: Reason, count: u64) {
        wait_for("the refusals to be counted", || {
            (self.rejected(transport, reason) >= count).then_some(())
        });
    }

    pub fn credentials_of(&self, device: DeviceId) -> String {
        let store = self.store.clone();
        let found = self.wait(async move { store.credentials(device).await });
        found.expect("read").expect("credentials").lookup
    }

    /// Stops the platform, and waits for the end.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop();
    }
}

fn shared_key(identity: &str, key: &str) -> String {
    format!(r#"{{"identity":"{identity}","keyText":"{key}"}}"#)
}

async fn run(config: Config, store: MemoryStore, made: mpsc::Sender<House>) {
    let metrics = Metrics::new();
    let port = || Some(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let listeners = Listeners {
        http: port(),
        mqtt: port(),
        http_tls: config.http.tls.is_on().then(port).flatten(),
        mqtt_tls: config.mqtt.tls.is_on().then(port).flatten(),
        coap: Some(coap::bind(&config.coap).expect("a port")),
        coap_dtls: (config.coap.dtls.is_on())
            .then(|| coap::bind_secure(&config.coap).expect("a port")),
    };
    let app = App::start_on(Arc::new(store.clone()), metrics.clone(), config, listeners)
        .await
        .expect("the platform starts");
    let device = make(app.auth(), TOKEN).await;
    let (stop, stopped) = oneshot::channel();
    let house = House {
        http: app.http_address().expect("the HTTP door"),
        mqtt: app.mqtt_address().expect("the MQTT door"),
        http_tls: app.http_tls_address(),
        mqtt_tls: app.mqtt_tls_address(),
        coap: app.coap_address().expect("the CoAP door"),
        coap_dtls: app.coap_dtls_address(),
        store,
        registry: app.registry().clone(),
        metrics,
        device,
        auth: app.auth().clone(),
        system: actix::System::current(),
        stop: Some(stop),
        thread: None,
    };
    made.send(house).map_err(drop).expect("the test waits");
    let _ = stopped.await;
    app.stop().await.expect("an orderly end");
}

/// The device of a token; made if the store does not hold it yet.
async fn make(auth: &Auth, token: &str) -> DeviceId {
    let presented = Presented::Token(token.to_owned());
    if let Ok(known) = auth.identify(&presented).await {
        return known.device.id;
    }
    let order = DeviceOrder {
        name: format!("device of {token}"),
        ..DeviceOrder::default()
    };
    let credentials = NewCredentials::AccessToken(token.to_owned());
    let device = auth.directory().create_device(order, credentials).await;
    device.expect("a device").id
}

pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_millis() as i64
}
