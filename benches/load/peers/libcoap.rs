//! libcoap's example server, whose PUT resource keeps one value in memory: it stores nothing.

use crate::process::Process;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub struct Libcoap {
    _process: Process,
    pub address: SocketAddr,
}

impl Libcoap {
    /// Errors: why there is none (Debian package `libcoap3-bin`).
    pub fn start() -> Result<Self, String> {
        let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("a port");
        let port = address.port().to_string();
        let child = Command::new("coap-server-notls")
            .args(["-A", "127.0.0.1", "-p", &port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("not installed: {error}"))?;
        let process = Process(child);
        wait_for_pong(address);
        Ok(Libcoap {
            _process: process,
            address,
        })
    }
}

fn wait_for_pong(address: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("connect");
    let short = Some(Duration::from_millis(50));
    socket.set_read_timeout(short).expect("timeout");
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        // Refused as long as nobody listens.
        let _ = socket.send(&[0x40, 0, 0, 1]);
        if socket.recv(&mut [0; 16]).is_ok() {
            return;
        }
        assert!(Instant::now() < end, "nobody answers on {address}");
    }
}
