//! What the platform is measured beside, each a process of its own.

pub mod echo;
pub mod empty;
mod libcoap;
mod mosquitto;

pub use libcoap::Libcoap;
pub use mosquitto::Mosquitto;

use super::process::Process;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// This program again, as a server that does next to nothing.
pub struct Own {
    _process: Process,
    pub address: SocketAddr,
}

impl Own {
    /// `mode` as `main` knows it: `echo` or `empty`.
    pub fn start(mode: &str) -> Self {
        let port = free_port();
        let program = std::env::current_exe().expect("own path");
        let child = Command::new(program)
            .args(["peer", mode, &port.to_string()])
            .spawn()
            .expect("a peer");
        let process = Process(child);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_for(address);
        Own {
            _process: process,
            address,
        }
    }
}

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
