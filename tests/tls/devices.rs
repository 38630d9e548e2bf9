//! Devices over `mqtt.tls`: by token, and by certificate (contract/mqtt.md 2).

use crate::client::{at_most, handshake, showing, telemetry, trusting, Peer};
use crate::common::certificates::{authority, days, device, file, pem, revocation_list};
use crate::common::house::TOKEN;
use crate::scene::Scene;
use industryos_iot::auth::certificates::make::KeyKind;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::transport::mqtt::codec::{Level, Packet};
use openssl::ssl::SslVersion;

#[test]
fn a_token_works_over_both_versions_of_tls_as_it_does_in_the_clear() {
    let scene = Scene::open();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let builder = at_most(trusting(&scene.ca), version);
        let stream = handshake(scene.mqtts(), builder).expect("a handshake");
        assert_eq!(stream.ssl().version2(), Some(version));
        let mut peer = Peer::new(stream, Level::V311);
        assert_eq!(peer.connect(Level::V311, Some(TOKEN)).code, 0);
        peer.publish(1, r#"{"t":1}"#);
        let stranger = handshake(scene.mqtts(), trusting(&scene.ca)).expect("a handshake");
        let mut stranger = Peer::new(stranger, Level::V5);
        assert_eq!(stranger.connect(Level::V5, Some("wrong")).code, 0x86);
    }
}

#[test]
fn many_packets_and_large_ones_pass_whole_and_in_order() {
    let scene = Scene::open();
    let stream = handshake(scene.mqtts(), trusting(&scene.ca)).expect("a handshake");
    let mut peer = Peer::new(stream, Level::V311);
    peer.connect(Level::V311, Some(TOKEN));
    // Three records and more of them in one write, twice what is read at once.
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(40_000));
    for round in 0..5 {
        let all: Vec<Packet> = (1..=50u16)
            .map(|id| match id % 10 {
                0 => telemetry(id, &long),
                _ => telemetry(id, &format!(r#"{{"n":{}}}"#, round * 50 + i64::from(id))),
            })
            .collect();
        peer.send(&all);
        for id in 1..=50 {
            match peer.next() {
                Some(Packet::Puback(ack)) => assert_eq!(ack.packet_id, id),
                other => panic!("expected PUBACK {id}, got {other:?}"),
            }
        }
    }
    let latest = scene.house.latest();
    assert_eq!(latest[0].0, "n");
    assert_eq!(format!("{:?}", latest[0].1), "Long(249)");
}

#[test]
fn a_registered_certificate_needs_no_user_name_and_no_authority() {
    let scene = Scene::open();
    for (name, key) in [("ec", KeyKind::Ec), ("rsa", KeyKind::Rsa)] {
        let made = device(name, key, days(-1..10), None);
        scene.house.add_certified(name, &pem(&made));
        for level in [Level::V31, Level::V311, Level::V5] {
            let builder = showing(&scene.ca, &[&made]);
            let stream = handshake(scene.mqtts(), builder).expect("a handshake");
            let mut peer = Peer::new(stream, level);
            assert_eq!(peer.connect(level, None).code, 0, "{name} {level:?}");
            peer.publish(7, r#"{"t":1}"#);
        }
    }
}

#[test]
fn who_shows_a_certificate_is_not_let_in_by_a_token() {
    let scene = Scene::open();
    let made = device("x", KeyKind::Ec, days(-1..10), None);
    for (level, code) in [(Level::V311, 0x05), (Level::V5, 0x87)] {
        let builder = showing(&scene.ca, &[&made]);
        let stream = handshake(scene.mqtts(), builder).expect("a handshake");
        let mut peer = Peer::new(stream, level);
        assert_eq!(peer.connect(level, Some(TOKEN)).code, code);
        assert!(peer.next().is_none(), "closed");
    }
    let unknown = Reason::CertificateUnknown;
    scene.house.wait_for_rejected(Transport::Mqtt, unknown, 2);
}

#[test]
fn expired_not_yet_valid_and_revoked_certificates_are_refused_each_with_its_reason() {
    let field = authority("field devices");
    let stolen = device("stolen", KeyKind::Ec, days(-1..10), Some(&field));
    let fine = device("fine", KeyKind::Ec, days(-1..10), Some(&field));
    let scene = Scene::with(|config, folder, _| {
        let list = revocation_list(&field, &[&stolen]);
        config.mqtt.tls.client_ca = file(folder, "field.pem", &pem(&field));
        config.mqtt.tls.client_crl = file(folder, "field.crl", &list);
    });
    let cases = [
        (
            device("expired", KeyKind::Ec, days(-9..-1), Some(&field)),
            Some(Reason::CertificateExpired),
        ),
        (
            device("early", KeyKind::Rsa, days(1..9), Some(&field)),
            Some(Reason::CertificateNotYetValid),
        ),
        (stolen.clone(), Some(Reason::CertificateRevoked)),
        (fine, None),
    ];
    for (number, (made, reason)) in cases.iter().enumerate() {
        let id = scene
            .house
            .add_certified(&format!("device {number}"), &pem(made));
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let builder = at_most(showing(&scene.ca, &[made, &field]), version);
            let stream = handshake(scene.mqtts(), builder).expect("a handshake");
            let mut peer = Peer::new(stream, Level::V5);
            let code = peer.connect(Level::V5, None).code;
            let expected = if reason.is_some() { 0x87 } else { 0 };
            assert_eq!(code, expected, "{reason:?} {version:?}");
        }
        let told = scene.house.refusals_of(id);
        assert_eq!(
            told,
            vec![*reason; 2].into_iter().flatten().collect::<Vec<_>>()
        );
    }
}
