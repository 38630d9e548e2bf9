//! What the platform shakes hands with, and what strangers cannot wear down.

use crate::client::{at_most, handshake, socket, trusting, Peer};
use crate::common::certificates::authority;
use crate::common::house::TOKEN;
use crate::common::wait_for;
use crate::scene::Scene;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::model::units::Period;
use industryos_iot::transport::mqtt::codec::Level;
use openssl::ssl::{SslConnectorBuilder, SslVersion};
use std::io::{Read, Write};
use std::time::Duration;

fn only(mut builder: SslConnectorBuilder, ciphers: &str) -> SslConnectorBuilder {
    builder.set_cipher_list(ciphers).expect("ciphers");
    at_most(builder, SslVersion::TLS1_2)
}

#[test]
fn old_versions_and_weak_ciphers_are_refused() {
    let scene = Scene::open();
    let mut old = trusting(&scene.ca);
    old.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    old.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    let old = at_most(old, SslVersion::TLS1_1);
    handshake(scene.mqtts(), old).expect_err("TLS 1.1");
    for ciphers in [
        "ECDHE-ECDSA-AES128-SHA",
        "AES128-GCM-SHA256",
        "NULL:@SECLEVEL=0",
    ] {
        let builder = only(trusting(&scene.ca), ciphers);
        handshake(scene.mqtts(), builder).expect_err(ciphers);
    }
    let modern = only(trusting(&scene.ca), "ECDHE-ECDSA-AES128-GCM-SHA256");
    handshake(scene.mqtts(), modern).expect("a modern cipher");
    let failed = Reason::HandshakeFailed;
    scene.house.wait_for_rejected(Transport::Mqtt, failed, 4);
}

#[test]
fn a_client_that_trusts_another_authority_does_not_connect() {
    let scene = Scene::open();
    let other = trusting(&authority("another"));
    let error = handshake(scene.mqtts(), other).expect_err("no trust");
    assert!(error.contains("certificate verify failed"), "{error}");
}

#[test]
fn plain_mqtt_and_plain_http_on_a_tls_port_are_refused_and_counted() {
    let scene = Scene::open();
    let failed = Reason::HandshakeFailed;
    for (address, transport, bytes) in [
        (
            scene.mqtts(),
            Transport::Mqtt,
            &b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"[..],
        ),
        (
            scene.https(),
            Transport::Http,
            &b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        ),
    ] {
        let mut stream = socket(address);
        stream.write_all(bytes).unwrap();
        let mut rest = Vec::new();
        // An alert, or a reset.
        let _ = stream.read_to_end(&mut rest);
        scene.house.wait_for_rejected(transport, failed, 1);
    }
}

#[test]
fn half_open_handshakes_are_bounded_and_end_in_time_and_the_others_are_served() {
    let scene = Scene::with(|config, _, _| {
        config.mqtt.tls.max_handshakes_per_address = 3;
        config.mqtt.tls.handshake_timeout = Period(Duration::from_millis(1500));
    });
    let (mqtts, mqtt) = (scene.mqtts(), scene.house.mqtt);
    let silent: Vec<_> = (0..3).map(|_| socket(mqtts)).collect();
    let mut plain = Peer::new(socket(mqtt), Level::V311);
    assert_eq!(plain.connect(Level::V311, Some(TOKEN)).code, 0);
    let crowded = Reason::TooManyConnections;
    wait_for("the fourth to be refused", || {
        let _ = handshake(mqtts, trusting(&scene.ca));
        (scene.house.rejected(Transport::Mqtt, crowded) > 0).then_some(())
    });
    plain.publish(1, r#"{"t":1}"#);
    scene
        .house
        .wait_for_rejected(Transport::Mqtt, Reason::TooSlow, 3);
    for mut stream in silent {
        let mut rest = Vec::new();
        assert_eq!(stream.read_to_end(&mut rest).unwrap_or(0), 0, "closed");
    }
    let stream = handshake(mqtts, trusting(&scene.ca)).expect("room again");
    let mut peer = Peer::new(stream, Level::V311);
    assert_eq!(peer.connect(Level::V311, Some(TOKEN)).code, 0);
}

#[test]
fn handshakes_that_break_off_anywhere_leave_the_door_open() {
    let scene = Scene::open();
    // A ClientHello as OpenSSL writes it, caught on its way.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ca = scene.ca.clone();
    let client = std::thread::spawn(move || handshake(address, trusting(&ca)));
    let (mut caught, _) = listener.accept().unwrap();
    let mut hello = vec![0; 4096];
    let length = caught.read(&mut hello).unwrap();
    hello.truncate(length);
    drop((caught, listener));
    client.join().unwrap().expect_err("nobody answered");
    for cut in (0..hello.len()).step_by(7) {
        socket(scene.mqtts()).write_all(&hello[..cut]).unwrap();
    }
    for flipped in (0..hello.len()).step_by(5) {
        let mut bytes = hello.clone();
        bytes[flipped] ^= 0x55;
        socket(scene.mqtts()).write_all(&bytes).unwrap();
    }
    let stream = handshake(scene.mqtts(), trusting(&scene.ca)).expect("still open");
    let mut peer = Peer::new(stream, Level::V311);
    assert_eq!(peer.connect(Level::V311, Some(TOKEN)).code, 0);
}
