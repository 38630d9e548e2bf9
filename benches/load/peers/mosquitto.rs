//! mosquitto without persistence: it stores nothing.

use super::{free_port, wait_for};
use crate::process::Process;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub struct Mosquitto {
    pub process: Process,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Mosquitto {
    /// Errors: why there is none (Debian package `mosquitto`).
    pub fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("folder");
        let port = free_port();
        let settings = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nlog_type none\nmax_inflight_messages 0\n"
        );
        std::fs::write(&settings, text).expect("write");
        let start = |program: &str| {
            let mut command = Command::new(program);
            command.arg("-c").arg(&settings).stderr(Stdio::null());
            command.spawn()
        };
        let child = start("mosquitto")
            .or_else(|_| start("/usr/sbin/mosquitto"))
            .map_err(|error| format!("not installed: {error}"))?;
        let process = Process(child);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_for(address);
        Ok(Mosquitto {
            process,
            address,
            _folder: folder,
        })
    }
}
