//! The operator's side: devices made in parallel, and points counted afterwards.

use serde_json::{json, Value};
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use ureq::Agent;

pub const PASSWORD: &str = "benchmark-only";
/// Threads that create devices and count points.
const AT_ONCE: usize = 16;

/// A provisioned device.
#[derive(Clone, Debug, Default)]
pub struct Device {
    pub id: String,
    pub token: String,
}

pub struct Rest {
    base: String,
    bearer: String,
    agent: Agent,
}

impl Rest {
    pub fn login(http: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .max_idle_connections_per_host(AT_ONCE)
            .timeout_global(Some(Duration::from_secs(60)));
        let mut rest = Rest {
            base: format!("http://{http}"),
            bearer: String::new(),
            agent: config.build().into(),
        };
        let login = json!({"username": "admin@localhost", "password": PASSWORD});
        let answer = rest.post("/api/auth/login", login);
        let token = answer["token"].as_str().expect("token");
        rest.bearer = format!("Bearer {token}");
        rest
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("X-Authorization", &self.bearer)
            .send(body.to_string())
            .expect("REST");
        serde_json::from_str(&answer.body_mut().read_to_string().expect("body")).expect("JSON")
    }

    fn get(&self, path: &str) -> Value {
        let mut answer = self
            .agent
            .get(format!("{}{path}", self.base))
            .header("X-Authorization", &self.bearer)
            .call()
            .expect("REST");
        serde_json::from_str(&answer.body_mut().read_to_string().expect("body")).expect("JSON")
    }

    pub fn create_devices(&self, count: usize) -> Vec<Device> {
        self.in_parallel(count, |n| {
            let token = format!("load-token-{n}");
            let path = format!("/api/device?accessToken={token}");
            let made = self.post(&path, json!({"name": format!("load-{n}")}));
            let id = made["id"]["id"].as_str().expect("an id").to_owned();
            Device { id, token }
        })
    }

    /// Devices with pre-shared keys; their identities.
    pub fn create_keyed(&self, count: usize, key: &str) -> Vec<String> {
        self.in_parallel(count, |n| {
            let identity = format!("load-{n}");
            let value = json!({"identity": identity, "keyText": key}).to_string();
            let body = json!({
                "device": {"name": identity},
                "credentials": {"credentialsType": "PRE_SHARED_KEY", "credentialsValue": value},
            });
            let made = self.post("/api/device-with-credentials", body);
            assert!(made["id"]["id"].is_string(), "{made}");
            identity
        })
    }

    /// Points of each key of a device, over all time; aggregated by the server.
    pub fn count(&self, device: &Device, keys: &[String]) -> Vec<u64> {
        let (start, end) = (1, 4_000_000_000_000u64);
        let path = format!(
            "/api/plugins/telemetry/DEVICE/{}/values/timeseries?keys={}&startTs={start}&endTs={end}\
             &interval={}&agg=COUNT&useStrictDataTypes=true",
            device.id,
            keys.join(","),
            end - start
        );
        let answer = self.get(&path);
        let counted = |key: &String| -> u64 {
            let rows = answer[key].as_array().map_or(&[][..], Vec::as_slice);
            rows.iter().filter_map(|row| row["value"].as_u64()).sum()
        };
        keys.iter().map(counted).collect()
    }

    /// Numbers 0 to `count` on a few threads; answers in order.
    pub fn in_parallel<T: Default + Clone + Send>(
        &self,
        count: usize,
        work: impl Fn(usize) -> T + Sync,
    ) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let mut all = vec![T::default(); count];
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE.min(count))
                .map(|_| {
                    scope.spawn(|| {
                        let mut done = Vec::new();
                        loop {
                            let n = next.fetch_add(1, Ordering::Relaxed);
                            if n >= count {
                                return done;
                            }
                            done.push((n, work(n)));
                        }
                    })
                })
                .collect();
            for worker in workers {
                for (n, made) in worker.join().unwrap_or_else(|panic| resume_unwind(panic)) {
                    all[n] = made;
                }
            }
        });
        all
    }
}
