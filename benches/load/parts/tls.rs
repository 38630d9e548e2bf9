//! TLS: memory of an idle connection (5,000 devices connect, each pings once, then they rest), and,
//! in `tls_flood`, what strangers' handshakes do to devices that are served.

use super::tls_flood;
use crate::machine::descriptors;
use crate::mqtt::{connect_packet, CONNACK, PINGREQ, PINGRESP};
use crate::platform::Platform;
use crate::process;
use crate::settings::Settings;
use crate::table::{grouped, median, Row, Table};
use industryos_iot::auth::certificates::make::{make, KeyKind, Made, Order, Role};
use openssl::ssl::{SslConnector, SslMethod, SslStream};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use tempfile::TempDir;

/// Descriptors that the server keeps for itself and for HTTP.
const SPARE: usize = 400;
/// Valid from the epoch to 2096: only that it works is of interest.
const VALID: std::ops::Range<i64> = 0..4_000_000_000_000;

pub type Tls = SslStream<TcpStream>;

pub fn measure(settings: &Settings, table: &mut Table) {
    idle(settings, table);
    tls_flood::measure(settings, table);
}

/// A platform with TLS at its MQTT door, and who trusts it.
pub fn start(folder: TempDir) -> (Platform, SslConnector) {
    let (authority, certificate, key) = files(folder.path());
    let settings = [
        ("INDUSTRYOS__MQTT__TLS__BIND", "127.0.0.1:0"),
        ("INDUSTRYOS__MQTT__TLS__CERTIFICATE", &certificate),
        ("INDUSTRYOS__MQTT__TLS__PRIVATE_KEY", &key),
        // The HTTP door would take a quarter of all descriptors.
        ("INDUSTRYOS__HTTP__MAX_CONNECTIONS", "64"),
    ];
    let mut client = SslConnector::builder(SslMethod::tls_client()).expect("a client");
    let store = client.cert_store_mut();
    store.add_cert(authority.certificate).expect("an authority");
    (Platform::start_with(folder, &settings), client.build())
}

/// An authority, and the files of a server's certificate and key: EC, as `cert generate` makes.
fn files(folder: &Path) -> (Made, String, String) {
    let order = |role, common_name| Order {
        role,
        common_name,
        key: KeyKind::Ec,
        valid: VALID,
    };
    let authority = make(&order(Role::Authority, "bench"), None).expect("an authority");
    let names = ["localhost"];
    let server = make(&order(Role::Server(&names), "localhost"), Some(&authority));
    let server = server.expect("a certificate");
    let write = |name, bytes: Vec<u8>| {
        let path = folder.canonicalize().expect("a folder").join(name);
        std::fs::write(&path, bytes).expect("write");
        path.to_str().expect("a path").to_owned()
    };
    let certificate = write("server.pem", server.certificate.to_pem().expect("PEM"));
    let key = server.key.private_key_to_pem_pkcs8().expect("PEM");
    (authority, certificate, write("server.key", key))
}

/// A session of a device over any stream.
pub fn join<S: Read + Write>(mut stream: S, user: &str) -> S {
    let hello = connect_packet(user, "bench");
    stream.write_all(&hello).expect("CONNECT");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("CONNACK");
    assert_eq!(answer, CONNACK);
    stream
}

pub fn shake_hands(client: &SslConnector, address: SocketAddr) -> Option<Tls> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).ok()?;
    client.connect("localhost", stream).ok()
}

fn idle(settings: &Settings, table: &mut Table) {
    let wanted = (settings.tls_idle / 16 * 17 + SPARE) as u64;
    assert!(
        descriptors(wanted) >= wanted,
        "`ulimit -n` is below {wanted}"
    );
    let (platform, devices) = Platform::with_devices(settings.tls_idle);
    let tokens: Vec<String> = devices.into_iter().map(|device| device.token).collect();
    let mut folder = platform.stop();
    let (mut runs, mut repeated, mut spoken) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..settings.runs {
        // A fresh process: memory freed by earlier work would hide what connections take.
        let (platform, client) = start(folder);
        let (first, again, version) = a_connection(settings, &platform, &client, &tokens);
        runs.push(first);
        repeated.push(again);
        spoken = version;
        folder = platform.stop();
    }
    let kilobytes = median(&runs) / 1024.0;
    let figure = format!(
        "memory of an idle MQTT connection over TLS, {} connections and devices, 10 s of rest",
        grouped(tokens.len() as f64)
    );
    let row = Row::plain(figure, format!("{kilobytes:.2} KB"));
    let library = openssl::version::version();
    let again = median(&repeated) / 1024.0;
    let row = row.beside(format!(
        "{again:.2} KB when they come again, to what is in caches by then; {spoken}; {library}"
    ));
    table.add(row.asked("≤ 20 KB", kilobytes <= 20.0));
}

/// Resident bytes that a connection added to the process: the first time, which reads the devices
/// from the store too, and when all have gone and come again; and what it speaks.
fn a_connection(
    settings: &Settings,
    platform: &Platform,
    client: &SslConnector,
    tokens: &[String],
) -> (f64, f64, String) {
    let (pid, address) = (platform.process.0.id(), platform.mqtts.expect("mqtts"));
    let open = |token: &String| join(shake_hands(client, address).expect("TLS"), token);
    // The first handshakes load what OpenSSL and the threads need only once.
    let some = tokens.iter().take(50).map(open);
    drop(some.collect::<Vec<Tls>>());
    let added = || {
        settings.rest(5);
        let before = process::memory(pid).resident as f64;
        let mut held: Vec<Tls> = tokens.iter().map(open).collect();
        held.iter_mut().for_each(ping);
        settings.rest(10);
        let after = process::memory(pid).resident as f64;
        let version = held[0].ssl().version_str().to_owned();
        ((after - before) / tokens.len() as f64, version)
    };
    let (first, version) = added();
    (first, added().0, version)
}

fn ping(stream: &mut Tls) {
    stream.write_all(&PINGREQ).expect("PINGREQ");
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).expect("PINGRESP");
    assert_eq!(answer, PINGRESP);
}
