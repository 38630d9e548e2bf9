//! `industryos-iot` as a process of its own: started, killed, started again on the same data.

use super::process::Process;
use super::rest::{self, Device, Rest};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Platform {
    pub process: Process,
    pub folder: TempDir,
    pub http: SocketAddr,
    pub mqtt: SocketAddr,
    pub coap: SocketAddr,
    /// Where it has a certificate.
    pub mqtts: Option<SocketAddr>,
    /// Where it is asked for.
    pub coaps: Option<SocketAddr>,
    /// From the start of the process to `ready`.
    pub started_in: Duration,
}

impl Platform {
    /// On an empty data directory.
    pub fn start() -> Self {
        // On the disk of the project: a temporary file system would make syncing free.
        let folder = tempfile::tempdir_in("target").expect("folder");
        Self::start_on(folder)
    }

    pub fn start_on(folder: TempDir) -> Self {
        Self::start_with(folder, &[])
    }

    /// `settings`: environment variables, as `INDUSTRYOS__MQTT__WORKERS`.
    pub fn start_with(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        // `BENCH_SERVER`: another build, to compare with.
        let program = std::env::var_os("BENCH_SERVER")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_industryos-iot").into());
        let begun = Instant::now();
        let mut child = Command::new(program)
            .current_dir(folder.path())
            .env("INDUSTRYOS__HTTP__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__MQTT__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__COAP__BIND", "127.0.0.1:0")
            .env("INDUSTRYOS__ADMIN__PASSWORD", rest::PASSWORD)
            .env("RUST_LOG", "error")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("industryos-iot");
        let out = child.stdout.take().expect("stdout");
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let mut told = Vec::new();
        loop {
            match lines.next().expect("the server did not start") {
                line if line == "ready" => break,
                line => told.push(line),
            }
        }
        let address = |scheme: &str| -> Option<SocketAddr> {
            let line = told.iter().find(|line| line.contains(scheme))?;
            line.rsplit("//").next()?.parse().ok()
        };
        let plain = |scheme| address(scheme).expect("an address");
        let (http, mqtt) = (plain("http://"), plain("mqtt://"));
        let (coap, mqtts) = (plain("coap://"), address("mqtts://"));
        let coaps = address("coaps://");
        Platform {
            process: Process(child),
            folder,
            http,
            mqtt,
            coap,
            mqtts,
            coaps,
            started_in: begun.elapsed(),
        }
    }

    /// With a device a connection.
    pub fn with_devices(count: usize) -> (Self, Vec<Device>) {
        let platform = Self::start();
        let devices = platform.rest().create_devices(count);
        (platform, devices)
    }

    pub fn rest(&self) -> Rest {
        Rest::login(self.http)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ends in order; the data stay.
    pub fn stop(mut self) -> TempDir {
        self.process.stop();
        self.folder
    }

    /// What the dead left.
    pub fn stopped(self) -> TempDir {
        self.folder
    }
}

/// Where a server keeps its data below its working directory.
pub fn data_of(folder: &TempDir) -> PathBuf {
    Path::new(folder.path()).join("data")
}
