//! An operator REST of its own for each test: port 0, memory engine, registry, one administrator.

use crate::common::operator::{agent, request, Answer, NewDevice, Operator};
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use industryos_iot::api::{self, ApiState};
use industryos_iot::auth::Auth;
use industryos_iot::config::{layer::Layers, Config};
use industryos_iot::observability::Metrics;
use industryos_iot::registry::Registry;
use industryos_iot::store::memory::MemoryStore;
use serde_json::Value;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{mpsc, Arc};

pub const ADMIN: &str = "admin@localhost";
pub const PASSWORD: &str = "a-password-for-tests";
/// An id that names nothing.
pub const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// A running API. Derefs to a logged-in operator.
pub struct Api {
    pub address: SocketAddr,
    pub base: String,
    pub store: MemoryStore,
    pub registry: Registry,
    pub metrics: Metrics,
    operator: Operator,
    server: ServerHandle,
    system: actix_web::rt::System,
}

impl Deref for Api {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.operator
    }
}

/// With the default settings.
pub fn start() -> Api {
    start_with(|_| {})
}

/// With settings changed.
pub fn start_with(change: impl FnOnce(&mut Config)) -> Api {
    let mut config = Layers::of_defaults().decode().expect("defaults");
    config.admin.password = PASSWORD.to_owned();
    change(&mut config);
    let (ready, running) = mpsc::channel();
    std::thread::spawn(move || serve(config, ready));
    let parts = running.recv().expect("the API starts");
    let base = format!("http://{}", parts.address);
    Api {
        operator: Operator::login(&base, ADMIN, PASSWORD),
        address: parts.address,
        base,
        store: parts.store,
        registry: parts.registry,
        metrics: parts.metrics,
        server: parts.server,
        system: parts.system,
    }
}

struct Parts {
    address: SocketAddr,
    store: MemoryStore,
    registry: Registry,
    metrics: Metrics,
    server: ServerHandle,
    system: actix_web::rt::System,
}

fn serve(config: Config, ready: mpsc::Sender<Parts>) {
    let runner = actix_web::rt::System::new();
    runner.block_on(async move {
        let store = MemoryStore::new();
        let shared = Arc::new(store.clone());
        let metrics = Metrics::new();
        let (auth, _) = Auth::open(config.admin.clone(), shared.clone())
            .await
            .expect("auth");
        let registry = Registry::start(
            config.registry.clone(),
            config.device.clone(),
            shared.clone(),
            auth.clone(),
            metrics.clone(),
        );
        let state = ApiState {
            config: config.api.clone(),
            payload: config.payload.clone(),
            store: shared,
            auth,
            registry: registry.clone(),
            metrics: metrics.clone(),
            rpc_retries: config.device.rpc_retries,
            retention: config.store.retention.0.as_secs(),
        };
        let server = HttpServer::new(move || {
            let state = state.clone();
            App::new().configure(move |service| api::configure(service, state))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("bind");
        let address = server.addrs()[0];
        let server = server.run();
        let parts = Parts {
            address,
            store,
            registry,
            metrics,
            server: server.handle(),
            system: actix_web::rt::System::current(),
        };
        ready.send(parts).expect("the test waits");
        server.await.expect("serve");
    });
}

impl Drop for Api {
    fn drop(&mut self) {
        let _unpolled = self.server.stop(false);
        self.system.stop();
    }
}

impl Api {
    /// A request without login.
    pub fn anonymous(&self, method: &str, path: &str, body: &str) -> Answer {
        self.with_headers(method, path, &[], body)
    }

    pub fn with_headers(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let url = format!("{}{path}", self.base);
        request(&agent(), method, &url, headers, body)
    }

    /// One header of an answer.
    pub fn header(&self, method: &str, path: &str, body: &str, name: &str) -> Option<String> {
        let bearer = format!("Bearer {}", self.token);
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("X-Authorization", bearer)
            .body(body.to_owned())
            .expect("request");
        let answer = agent().run(request).expect("answer");
        let value = answer.headers().get(name)?;
        Some(value.to_str().expect("text").to_owned())
    }

    /// `/api/plugins/telemetry/DEVICE/{id}/{rest}`.
    pub fn plugin(&self, device: &NewDevice, rest: &str) -> String {
        format!("/api/plugins/telemetry/DEVICE/{}/{rest}", device.id)
    }
}

/// The one error shape (contract/admin-rest.md 2).
pub fn assert_error(answer: &Answer, status: u16, code: u64, message: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_shape(answer);
    assert_eq!(answer.json["errorCode"], code, "{}", answer.text);
    let said = answer.json["message"].as_str().expect("message");
    assert!(said.contains(message), "{said:?} does not say {message:?}");
}

pub fn assert_shape(answer: &Answer) {
    assert_eq!(answer.json["status"], answer.status, "{}", answer.text);
    assert!(answer.json["message"].is_string(), "{}", answer.text);
    assert!(answer.json["errorCode"].is_u64(), "{}", answer.text);
    let at = answer.json["timestamp"].as_i64().expect("a number");
    assert!(at > 1_700_000_000_000, "{at}");
}

/// Checks for 200 and hands out the JSON.
pub fn ok(answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// 200 with an empty body.
pub fn ok_empty(answer: Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.text, "");
}
