//! What peers of the DTLS door cannot do: fill it, or break it.

use crate::certificates::{authority, days, file, key_pem, pem, server};
use crate::dtls::{hello, with_keys};
use crate::dtls_peer::{certified, keyed, secure_door, unshaken, Secure, Wire};
use crate::house::House;
use crate::peer::{below, code, metric};
use crate::wait::until;
use industryos_iot::auth::certificates::make::KeyKind;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::model::units::Period;
use openssl::ssl::SslStream;
use std::net::UdpSocket;
use std::time::Duration;

const KEY: &str = "0123456789abcdef";

/// A client that has shown its address and says nothing more: its last flight is never sent.
fn half_open(house: &House) -> SslStream<Wire> {
    let mut stream = unshaken(&keyed("dev", KEY), Wire::to(secure_door(house)), None);
    // Hello, and the hello with the cookie.
    stream.get_mut().mute_after(2);
    for _ in 0..5 {
        let _ = stream.connect();
    }
    stream
}

#[test]
fn half_open_handshakes_are_bounded_and_their_places_come_back() {
    let house = with_keys(|config| {
        config.coap.dtls.max_handshakes_per_address = 2;
        config.coap.dtls.handshake_timeout = Period(Duration::from_secs(3));
    });
    house.add_keyed("dev", KEY);
    let _stuck: Vec<_> = (0..3).map(|_| half_open(&house)).collect();
    house.wait_for_rejected(Transport::Coap, Reason::TooManyConnections, 1);
    assert!(metric(&house, "dtls_associations") <= 2);
    house.wait_for_rejected(Transport::Coap, Reason::HandshakeFailed, 2);
    let mut peer = Secure::open(&house, &keyed("dev", KEY)).expect("room again");
    assert_eq!(code(&peer.post("api/v1/telemetry", "{\"t\":1}")), "2.01");
}

#[test]
fn a_stranger_that_is_silent_makes_room_and_a_device_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = authority("the CA of the tests");
    let own = server(KeyKind::Ec, days(-1..90), &ca);
    let house = with_keys(|config| {
        let dtls = &mut config.coap.dtls;
        dtls.certificate = file(folder.path(), "server.pem", &pem(&own));
        dtls.private_key = file(folder.path(), "server.key", &key_pem(&own));
        dtls.max_associations = 2;
    });
    house.add_keyed("dev", KEY);
    let mut stranger = Secure::open(&house, &certified(&ca, &[])).expect("a handshake");
    assert_eq!(
        code(&stranger.post(&below("telemetry"), "{\"t\":1}")),
        "2.01"
    );
    let _first = Secure::open(&house, &keyed("dev", KEY)).expect("a handshake");
    let _second = Secure::open(&house, &keyed("dev", KEY)).expect("room is made");
    assert_eq!(stranger.next(), None, "a goodbye");
    let mut third = unshaken(&keyed("dev", KEY), Wire::to(secure_door(&house)), None);
    let refused = crate::dtls_peer::shake(&mut third, Duration::from_secs(2));
    assert_eq!(refused, Err("no end in time".into()));
    house.wait_for_rejected(Transport::Coap, Reason::TooManyConnections, 1);
}

/// A small generator (xorshift): the same garbage for the same seed.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}

#[test]
fn spoilt_datagrams_of_any_step_leave_the_door_serving() {
    let house = with_keys(|_| {});
    house.add_keyed("dev", KEY);
    let context = keyed("dev", KEY);
    let mut peer = Secure::open(&house, &context).expect("a handshake");
    peer.post("api/v1/telemetry", "{\"t\":1}");
    let mut all = peer.stream.get_ref().sent.clone();
    all.push(hello());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let state = &mut 0x9e37_79b9_7f4a_7c15;
    for round in 0..4000 {
        let mut bytes = all[random(state) % all.len()].clone();
        for _ in 0..=random(state) % 4 {
            let at = random(state) % bytes.len();
            bytes[at] = random(state) as u8;
        }
        bytes.truncate(1 + random(state) % bytes.len());
        // From a stranger's port, and from the one that is known.
        let sent = match round % 2 {
            0 => socket.send_to(&bytes, secure_door(&house)),
            _ => peer.socket().send(&bytes),
        };
        sent.expect("send");
        if round % 200 == 0 {
            assert_eq!(code(&peer.post("api/v1/telemetry", "{\"t\":2}")), "2.01");
        }
    }
    assert_eq!(code(&peer.post("api/v1/telemetry", "{\"t\":3}")), "2.01");
    Secure::open(&house, &context).expect("a handshake");
}

#[test]
fn plain_coap_at_the_dtls_door_is_counted_and_not_answered() {
    let house = with_keys(|_| {});
    let wire = Wire::to(secure_door(&house));
    wire.socket.send(b"\x40\x01\x00\x01").expect("send");
    house.wait_for_rejected(Transport::Coap, Reason::ProtocolViolation, 1);
    let mut answer = [0; 16];
    assert!(wire.socket.recv(&mut answer).is_err());
    until("nothing is kept", || {
        metric(&house, "dtls_associations") == 0
    });
}
