//! The PROXY protocol at both doors: limits and refusals are those of the real address.

use crate::client::{handshake_over, socket, trusting, Peer};
use crate::common::house::TOKEN;
use crate::scene::Scene;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::transport::mqtt::codec::Level;
use industryos_iot::transport::proxy::Balancers;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

fn scene() -> Scene {
    Scene::with(|config, _, _| {
        config.mqtt.proxy_protocol = true;
        config.mqtt.max_unauthenticated_per_address = 1;
        config.http.proxy_protocol = true;
        config.http.max_connections_per_address = 1;
    })
}

/// A connection that a balancer has taken from this address.
fn from(address: SocketAddr, client: &str) -> TcpStream {
    let mut stream = socket(address);
    let line = format!("PROXY TCP4 {client} 198.51.100.7 56324 1883\r\n");
    stream.write_all(line.as_bytes()).expect("send");
    stream
}

fn is_closed(mut stream: TcpStream) -> bool {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    rest.is_empty() || rest.starts_with(b"HTTP/1.1 503")
}

#[test]
fn limits_count_the_address_that_the_balancer_tells() {
    let scene = scene();
    let mqtt = scene.house.mqtt;
    let _first = from(mqtt, "192.0.2.1");
    let second = from(mqtt, "192.0.2.2");
    let mut peer = Peer::new(second, Level::V311);
    assert_eq!(peer.connect(Level::V311, Some(TOKEN)).code, 0);
    assert!(
        is_closed(from(mqtt, "192.0.2.1")),
        "a second of one address"
    );
    let crowded = Reason::TooManyConnections;
    scene.house.wait_for_rejected(Transport::Mqtt, crowded, 1);
    let _held = from(scene.house.http, "192.0.2.1");
    let mut other = from(scene.house.http, "192.0.2.2");
    let request = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    other.write_all(request).unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(is_closed(from(scene.house.http, "192.0.2.1")));
    scene.house.wait_for_rejected(Transport::Http, crowded, 1);
}

#[test]
fn version_two_and_headers_in_pieces_are_understood_also_before_tls() {
    let scene = scene();
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    header.extend([192, 0, 2, 9, 198, 51, 100, 7, 1, 2, 3, 4]);
    let mut stream = socket(scene.mqtts());
    stream.set_nodelay(true).unwrap();
    for byte in &header {
        stream.write_all(&[*byte]).unwrap();
    }
    let tls = handshake_over(stream, trusting(&scene.ca)).expect("a handshake");
    let mut peer = Peer::new(tls, Level::V5);
    assert_eq!(peer.connect(Level::V5, Some(TOKEN)).code, 0);
    peer.publish(1, r#"{"t":1}"#);
}

#[test]
fn who_comes_without_a_header_is_refused_and_counted() {
    let scene = scene();
    let violation = Reason::ProtocolViolation;
    for (address, transport, bytes) in [
        (
            scene.house.mqtt,
            Transport::Mqtt,
            &b"\x10\x0c\x00\x04MQTT"[..],
        ),
        (
            scene.house.http,
            Transport::Http,
            &b"GET / HTTP/1.1\r\n\r\n"[..],
        ),
    ] {
        let mut stream = socket(address);
        stream.write_all(bytes).unwrap();
        assert!(is_closed(stream));
        scene.house.wait_for_rejected(transport, violation, 1);
    }
}

#[test]
fn only_the_balancers_that_are_named_may_connect_and_tell_addresses() {
    for (named, fine) in [("10.0.0.0/8,::1", false), ("10.0.0.0/8, 127.0.0.1", true)] {
        let scene = Scene::with(|config, _, _| {
            for (asks, named_at) in [
                (&mut config.mqtt.proxy_protocol, &mut config.mqtt.proxy_from),
                (&mut config.http.proxy_protocol, &mut config.http.proxy_from),
            ] {
                *asks = true;
                *named_at = Balancers::parse(named).unwrap();
            }
        });
        let refused = Reason::AddressNotAllowed;
        let request = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let mut http = from(scene.house.http, "192.0.2.1");
        if fine {
            let mut peer = Peer::new(from(scene.house.mqtt, "192.0.2.1"), Level::V311);
            assert_eq!(peer.connect(Level::V311, Some(TOKEN)).code, 0);
            http.write_all(request).unwrap();
            let mut answer = String::new();
            http.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        } else {
            assert!(is_closed(from(scene.house.mqtt, "192.0.2.1")));
            scene.house.wait_for_rejected(Transport::Mqtt, refused, 1);
            assert!(is_closed(http));
            scene.house.wait_for_rejected(Transport::Http, refused, 1);
            let stream = from(scene.mqtts(), "192.0.2.1");
            handshake_over(stream, trusting(&scene.ca)).expect_err("closed");
            scene.house.wait_for_rejected(Transport::Mqtt, refused, 2);
        }
    }
}
