//! MQTT over WebSocket at the HTTP door, in the clear and over TLS (MQTT 5, section 6).

use crate::client::{handshake, showing, socket, telemetry, trusting, Peer};
use crate::common::certificates::{days, device, pem};
use crate::common::house::TOKEN;
use crate::scene::Scene;
use crate::ws::{ask, Ws, CLOSE, PING, PONG, TEXT};
use industryos_iot::auth::certificates::make::KeyKind;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::transport::mqtt::codec::{Level, Packet};
use std::io::Read;

#[test]
fn a_device_speaks_over_a_websocket_in_the_clear_and_over_tls() {
    let scene = Scene::open();
    for level in [Level::V31, Level::V311, Level::V5] {
        let mut peer = Peer::new(Ws::open(socket(scene.house.http)), level);
        assert_eq!(peer.connect(level, Some(TOKEN)).code, 0);
        peer.publish(1, r#"{"t":1}"#);
        let tls = handshake(scene.https(), trusting(&scene.ca)).expect("a handshake");
        let mut peer = Peer::new(Ws::open(tls), level);
        assert_eq!(peer.connect(level, Some(TOKEN)).code, 0);
        peer.publish(2, r#"{"t":2}"#);
    }
    let mut stranger = Peer::new(Ws::open(socket(scene.house.http)), Level::V311);
    assert_eq!(stranger.connect(Level::V311, Some("wrong")).code, 5);
    assert!(stranger.next().is_none(), "closed");
}

#[test]
fn a_certificate_shown_to_the_http_door_is_the_devices_credentials() {
    let scene = Scene::open();
    let made = device("x", KeyKind::Ec, days(-1..9), None);
    let builder = || showing(&scene.ca, &[&made]);
    for (code, known) in [(0x87, false), (0, true)] {
        if known {
            scene.house.add_certified("x", &pem(&made));
        }
        let tls = handshake(scene.https(), builder()).expect("a handshake");
        let mut peer = Peer::new(Ws::open(tls), Level::V5);
        assert_eq!(peer.connect(Level::V5, Some(TOKEN)).code, code);
    }
}

#[test]
fn packets_may_be_cut_anywhere_and_many_may_share_a_message() {
    let scene = Scene::open();
    for piece in [1, 7, 1000, usize::MAX] {
        let mut ws = Ws::open(socket(scene.house.http));
        ws.piece = piece;
        let mut peer = Peer::new(ws, Level::V311);
        assert_eq!(peer.connect(Level::V311, Some(TOKEN)).code, 0);
        let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(2000));
        let all: Vec<Packet> = (1..=30).map(|id| telemetry(id, &long)).collect();
        peer.send(&all);
        for id in 1..=30 {
            match peer.next() {
                Some(Packet::Puback(ack)) => assert_eq!(ack.packet_id, id),
                other => panic!("expected PUBACK {id}, got {other:?}"),
            }
        }
    }
}

#[test]
fn fragments_and_pings_are_understood_and_a_text_message_ends_it() {
    let scene = Scene::open();
    let mut ws = Ws::open(socket(scene.house.http));
    // CONNECT of a stranger, as three fragments with a ping between them.
    let connect = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c";
    let mut whole = connect.to_vec();
    whole[1] = (connect.len() - 2) as u8;
    ws.frame(false, 2, &whole[..3]);
    ws.frame(true, PING, b"hello");
    assert_eq!(ws.next_frame(), Some((PONG, b"hello".to_vec())));
    ws.frame(false, 0, &whole[3..9]);
    ws.frame(true, 0, &whole[9..]);
    let (kind, connack) = ws.next_frame().expect("CONNACK");
    assert_eq!((kind, &connack[..]), (2, &b"\x20\x02\x00\x02"[..]));
    let mut ws = Ws::open(socket(scene.house.http));
    ws.frame(true, TEXT, b"{}");
    let (kind, reason) = ws.next_frame().expect("a close");
    assert_eq!((kind, &reason[..2]), (CLOSE, &1003u16.to_be_bytes()[..]));
}

#[test]
fn without_the_sub_protocol_there_is_no_upgrade() {
    let scene = Scene::open();
    for protocol in [None, Some("chat"), Some("mqttx, soap")] {
        let mut stream = socket(scene.house.http);
        let head = ask(&mut stream, protocol);
        assert!(head.starts_with("http/1.1 400 "), "{head}");
    }
    let head = ask(&mut socket(scene.house.http), Some("soap, mqtt"));
    assert!(head.starts_with("http/1.1 101 "), "{head}");
}

#[test]
fn the_limits_of_the_mqtt_door_hold() {
    let scene = Scene::with(|config, _, _| {
        config.mqtt.max_unauthenticated_per_address = 2;
    });
    let http = scene.house.http;
    let _held: Vec<_> = (0..2).map(|_| Ws::open(socket(http))).collect();
    let head = ask(&mut socket(http), Some("mqtt"));
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    let crowded = Reason::TooManyConnections;
    scene.house.wait_for_rejected(Transport::Mqtt, crowded, 1);
    drop(_held);
    // A message larger than a packet may be ends the connection.
    crate::common::wait_for("room", || {
        let head = ask(&mut socket(http), Some("mqtt"));
        head.starts_with("http/1.1 101 ").then_some(())
    });
    let mut ws = crate::common::wait_for("a place", || {
        let mut stream = socket(http);
        let head = ask(&mut stream, Some("mqtt"));
        head.starts_with("http/1.1 101 ").then_some(stream)
    });
    let mut head = vec![0x82, 0xff];
    head.extend((10u64 << 20).to_be_bytes());
    head.extend([0; 4]);
    std::io::Write::write_all(&mut ws, &head).unwrap();
    let mut rest = Vec::new();
    let _ = ws.read_to_end(&mut rest);
    assert_eq!(rest.first(), Some(&0x88), "a close: {rest:?}");
}

#[test]
fn a_session_that_ends_tells_so_and_closes_the_websocket() {
    let scene = Scene::open();
    let mut peer = Peer::new(Ws::open(socket(scene.house.http)), Level::V5);
    assert_eq!(peer.connect(Level::V5, Some(TOKEN)).code, 0);
    scene.house.set_disabled(true);
    match peer.next() {
        Some(Packet::Disconnect(said)) => assert_eq!(said.reason, 0x98),
        other => panic!("expected DISCONNECT, got {other:?}"),
    }
    assert!(peer.next().is_none(), "closed");
}
