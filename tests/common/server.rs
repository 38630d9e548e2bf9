//! The real binary as a child process: port 0, a data directory of its own, killed on drop.

use super::operator::Operator;
use super::wait::wait_for;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

pub const ADMIN: &str = "admin@localhost";
pub const PASSWORD: &str = "a-password-for-tests";

/// A running `industryos-iot` with what it printed.
pub struct Server {
    pub folder: TempDir,
    child: Child,
    http: Option<String>,
    mqtt: Option<String>,
    https: Option<String>,
    mqtts: Option<String>,
    coap: Option<String>,
    coaps: Option<String>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Server {
    /// Starts with the defaults, ports drawn by the system, and the administrator of the tests.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// `settings`: the text of `config.toml`. Addresses and the password come by environment, which
    /// wins; [`Server::start_in`] sets others.
    pub fn start_with(settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        Self::start_in(folder, settings, &[])
    }

    /// Starts in a folder that may already hold data.
    pub fn start_in(folder: TempDir, settings: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Self::command(folder.path(), settings, environment)
            .spawn()
            .expect("start");
        let stdout = gather(child.stdout.take().expect("stdout"));
        let stderr = gather(child.stderr.take().expect("stderr"));
        let mut server = Server {
            folder,
            child,
            http: None,
            mqtt: None,
            https: None,
            mqtts: None,
            coap: None,
            coaps: None,
            stdout,
            stderr,
        };
        server.wait_until_ready();
        server
    }

    /// The command that starts the binary in `folder`; for tests of starts that fail.
    pub fn command(folder: &Path, settings: &str, environment: &[(&str, &str)]) -> Command {
        let file = folder.join("config.toml");
        std::fs::write(&file, settings).expect("write config.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_industryos-iot"));
        command
            .arg("--config")
            .arg(file)
            .env("INDUSTRYOS__HTTP__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__MQTT__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__HTTP__TLS__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__MQTT__TLS__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__COAP__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__COAP__DTLS__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__ADMIN__PASSWORD", PASSWORD)
            // Test machines may be short of disk; the full-disk tests set a reserve of their own.
            .env("INDUSTRYOS__STORE__RESERVE", "1MiB")
            .env_remove("RUST_LOG")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn wait_until_ready(&mut self) {
        wait_for("the server to be ready", || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended with {status}:\n{}", self.stderr());
            }
            self.stdout()
                .lines()
                .any(|line| line == "ready")
                .then_some(())
        });
        let printed = self.stdout();
        let after = |mark: &str| {
            let line = printed.lines().find(|line| line.contains(mark))?;
            Some(line[line.find(mark)? + mark.len()..].trim().to_owned())
        };
        self.http = after("http://");
        self.mqtt = after("mqtt://");
        self.https = after("https://");
        self.mqtts = after("mqtts://");
        self.coap = after("coap://");
        self.coaps = after("coaps://");
    }

    /// `127.0.0.1:PORT`, with TLS.
    pub fn https_address(&self) -> &str {
        self.https.as_deref().expect("the HTTP door has TLS")
    }

    /// `127.0.0.1:PORT`, with TLS.
    pub fn mqtts_address(&self) -> &str {
        self.mqtts.as_deref().expect("the MQTT door has TLS")
    }

    /// `http://127.0.0.1:PORT`.
    pub fn http(&self) -> String {
        format!("http://{}", self.http_address())
    }

    /// `127.0.0.1:PORT`.
    pub fn http_address(&self) -> &str {
        self.http.as_deref().expect("the HTTP door is open")
    }

    /// `127.0.0.1:PORT`.
    pub fn mqtt_address(&self) -> &str {
        self.mqtt.as_deref().expect("the MQTT door is open")
    }

    /// `127.0.0.1:PORT`.
    pub fn coaps_address(&self) -> &str {
        self.coaps.as_deref().expect("the CoAP door has DTLS")
    }

    /// `127.0.0.1:PORT`.
    pub fn coap_address(&self) -> &str {
        self.coap.as_deref().expect("the CoAP door is open")
    }

    pub fn mqtt_port(&self) -> u16 {
        self.mqtt_address()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port")
    }

    pub fn http_port(&self) -> u16 {
        self.http_address()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port")
    }

    /// A logged-in operator.
    pub fn operator(&self) -> Operator {
        Operator::login(&self.http(), ADMIN, PASSWORD)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("stdout").clone()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("stderr").clone()
    }

    /// kill -9; the folder lives on for the next start.
    pub fn kill(mut self) -> TempDir {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
        self.keep_folder()
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(self) -> (ExitStatus, TempDir) {
        self.signal("TERM")
    }

    /// SIGINT, SIGTERM, … and how it ended.
    pub fn signal(mut self, name: &str) -> (ExitStatus, TempDir) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .expect("kill");
        assert!(sent.success());
        let status = wait_for("the server to stop", || {
            self.child.try_wait().expect("wait")
        });
        (status, self.keep_folder())
    }

    fn keep_folder(&mut self) -> TempDir {
        let other = tempfile::tempdir().expect("temporary folder");
        std::mem::replace(&mut self.folder, other)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.stderr());
        }
    }
}

/// Reads a child's output to its end in a thread.
fn gather(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let sink = text.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut text = sink.lock().expect("output");
            text.push_str(&line);
            text.push('\n');
        }
    });
    text
}
