//! DTLS: memory of an observing peer. So many devices with pre-shared keys shake hands, each
//! observes its attributes, then they rest.

use crate::coap::{request, GET};
use crate::machine::descriptors;
use crate::platform::Platform;
use crate::process;
use crate::settings::Settings;
use crate::table::{grouped, Row, Table};
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const KEY: &str = "benchmark-only-k";
/// Descriptors that the bench keeps for itself.
const SPARE: usize = 200;
/// A handshake and an observation must be done by then.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Datagrams(UdpSocket);

impl Read for Datagrams {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0
            .recv(into)
            .map_err(|_| io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Datagrams {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn measure(settings: &Settings, table: &mut Table) {
    let count = settings.scaled(5_000, 10);
    let room = descriptors((count + SPARE) as u64) as usize;
    let count = count.min(room.saturating_sub(SPARE));
    let platform = Platform::start();
    let identities = platform.rest().create_keyed(count, KEY);
    // A fresh process: memory freed by earlier work would hide what peers take.
    let environment = [
        ("INDUSTRYOS__COAP__DTLS__PRE_SHARED_KEYS", "true"),
        ("INDUSTRYOS__COAP__DTLS__BIND", "127.0.0.1:0"),
    ];
    let platform = Platform::start_with(platform.stop(), &environment);
    let address = platform.coaps.expect("the DTLS door");
    let pid = platform.process.0.id();
    settings.rest(3);
    let before = process::memory(pid).resident as f64;
    let peers: Vec<_> = identities.iter().map(|who| observe(address, who)).collect();
    settings.rest(10);
    let after = process::memory(pid).resident as f64;
    let kilobytes = (after - before) / peers.len() as f64 / 1024.0;
    let figure = format!(
        "memory of an observing CoAP peer under DTLS, {} peers and devices",
        grouped(count as f64)
    );
    let row = Row::plain(figure, format!("{kilobytes:.1} KB"));
    table.add(row.asked("≤ 48 KB", kilobytes <= 48.0));
}

fn client(identity: &str) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::dtls_client()).expect("a client");
    let suites = "PSK-AES128-CCM8:@SECLEVEL=0";
    builder.set_cipher_list(suites).expect("suites");
    builder.set_options(SslOptions::NO_QUERY_MTU);
    let identity = identity.to_owned();
    builder.set_psk_client_callback(move |_, _, name, key| {
        name[..identity.len()].copy_from_slice(identity.as_bytes());
        name[identity.len()] = 0;
        key[..KEY.len()].copy_from_slice(KEY.as_bytes());
        Ok(KEY.len())
    });
    builder.build()
}

fn observe(address: SocketAddr, identity: &str) -> SslStream<Datagrams> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("connect");
    let short = Some(Duration::from_millis(50));
    socket.set_read_timeout(short).expect("time limit");
    let mut ssl = Ssl::new(&client(identity)).expect("a connection");
    ssl.set_connect_state();
    ssl.set_mtu(1200).expect("MTU");
    let mut stream = SslStream::new(ssl, Datagrams(socket)).expect("a stream");
    again(|| stream.connect());
    let path = ["api", "v1", "attributes"].map(String::from);
    let get = request(GET, 1, true, &path, &[]);
    again(|| stream.ssl_write(&get).map(drop));
    let mut answer = [0; 64];
    again(|| stream.ssl_read(&mut answer).map(drop));
    assert_eq!(answer[1], 0x45, "2.05");
    stream
}

/// Until it is done; OpenSSL sends again what was lost.
fn again(mut step: impl FnMut() -> Result<(), openssl::ssl::Error>) {
    let until = Instant::now() + PATIENCE;
    while let Err(error) = step() {
        let waits = error.code() == ErrorCode::WANT_READ;
        assert!(waits && Instant::now() < until, "{error}");
    }
}
