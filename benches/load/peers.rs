//! The servers under load: the platform (release build), mosquitto, and the raw echo.

use serde_json::{json, Value};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Something that takes QoS 1 publishes.
pub trait Peer {
    fn address(&self) -> SocketAddr;
    /// User names for that many connections.
    fn users(&self, connections: usize) -> Vec<String>;
}

/// A child process that ends with us.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `industryos-iot` with a fresh data directory and a device a connection.
pub struct Platform {
    _process: Process,
    _folder: TempDir,
    mqtt: SocketAddr,
    tokens: Vec<String>,
}

impl Platform {
    pub fn start(devices: usize) -> Self {
        // On the disk of the project: a temporary file system would make syncing free.
        let folder = tempfile::tempdir_in("target").expect("folder");
        // `BENCH_SERVER`: another build, to compare with.
        let program = std::env::var_os("BENCH_SERVER")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_industryos-iot").into());
        let mut child = Command::new(program)
            .current_dir(folder.path())
            .env("INDUSTRYOS__HTTP__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__MQTT__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__ADMIN__PASSWORD", "benchmark-only")
            .stdout(Stdio::piped())
            .spawn()
            .expect("industryos-iot");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout"))
            .lines()
            .map_while(Result::ok);
        let mut address = |scheme: &str| {
            let line = lines
                .find(|line| line.contains(scheme))
                .expect("an address");
            line.rsplit("//")
                .next()
                .and_then(|text| text.parse().ok())
                .expect("an address")
        };
        let (http, mqtt): (SocketAddr, SocketAddr) = (address("http://"), address("mqtt://"));
        lines.find(|line| line == "ready").expect("ready");
        let tokens = create_devices(http, devices);
        Platform {
            _process: Process(child),
            _folder: folder,
            mqtt,
            tokens,
        }
    }
}

impl Peer for Platform {
    fn address(&self) -> SocketAddr {
        self.mqtt
    }

    fn users(&self, connections: usize) -> Vec<String> {
        self.tokens[..connections].to_vec()
    }
}

fn create_devices(http: SocketAddr, devices: usize) -> Vec<String> {
    let agent = ureq::agent();
    let post = |path: &str, bearer: &str, body: Value| -> Value {
        let url = format!("http://{http}{path}");
        let mut answer = agent
            .post(&url)
            .header("X-Authorization", bearer)
            .send(body.to_string())
            .expect("REST");
        serde_json::from_str(&answer.body_mut().read_to_string().expect("body")).expect("JSON")
    };
    let login = json!({"username": "admin@localhost", "password": "benchmark-only"});
    let bearer = format!(
        "Bearer {}",
        post("/api/auth/login", "", login)["token"]
            .as_str()
            .expect("token")
    );
    let tokens: Vec<_> = (0..devices).map(|n| format!("load-token-{n}")).collect();
    for (n, token) in tokens.iter().enumerate() {
        post(
            &format!("/api/device?accessToken={token}"),
            &bearer,
            json!({"name": format!("load-{n}")}),
        );
    }
    tokens
}

/// A free port and a wait until somebody listens on it.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("port")
        .port()
}

fn wait_for(address: SocketAddr) {
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < end, "nobody listens on {address}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// mosquitto without persistence: it stores nothing.
pub struct Mosquitto {
    _process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Mosquitto {
    /// `None` where it is not installed (Debian: `mosquitto`).
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("folder");
        let port = free_port();
        let settings = folder.path().join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nlog_type none\nmax_inflight_messages 0\n");
        std::fs::write(&settings, text).expect("write");
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(settings).stderr(Stdio::null());
        let child = command.spawn().or_else(|_| {
            let mut command = Command::new("/usr/sbin/mosquitto");
            command
                .arg("-c")
                .arg(folder.path().join("mosquitto.conf"))
                .stderr(Stdio::null())
                .spawn()
        });
        let process = Process(child.ok()?);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_for(address);
        Some(Mosquitto {
            _process: process,
            _folder: folder,
            address,
        })
    }
}

impl Peer for Mosquitto {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn users(&self, connections: usize) -> Vec<String> {
        vec!["anybody".to_owned(); connections]
    }
}

/// This program again, as the raw echo.
pub struct Echo {
    _process: Process,
    address: SocketAddr,
}

impl Echo {
    pub fn start() -> Self {
        let port = free_port();
        let program = std::env::current_exe().expect("own path");
        let child = Command::new(program)
            .args(["echo", &port.to_string()])
            .spawn()
            .expect("echo");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process = Process(child);
        wait_for(address);
        Echo {
            _process: process,
            address,
        }
    }
}

impl Peer for Echo {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn users(&self, connections: usize) -> Vec<String> {
        vec!["anybody".to_owned(); connections]
    }
}
