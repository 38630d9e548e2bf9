//! The OBS scenarios of the ETSI CoAP plugtest by their names (cabo/td-coap4, `block.yml`; there
//! is no 03). `/obs` is a device's shared attributes, or its requests. 08 does not apply: the
//! format of an observation is the one that was asked for. 11, which loses datagrams, is with the
//! message layer's own tests.

use crate::house::{House, TOKEN};
use crate::peer::{code, metric, text, uint, Peer};
use crate::wait::until;
use coap_lite::{CoapOption, MessageType, Packet};
use industryos_iot::model::reject::Reason;
use std::time::Duration;

fn sequence(packet: &Packet) -> Option<u32> {
    packet.get_observe_value().and_then(Result::ok)
}

/// An observer of the attributes, whose first answer has been checked.
fn observer(house: &House, kind: MessageType) -> Peer {
    let mut peer = Peer::of(house);
    let mut request = peer.observing("attributes", b"obs", 0);
    request.header.set_type(kind);
    let first = peer.ask(&request);
    assert_eq!((code(&first).as_str(), sequence(&first)), ("2.05", Some(0)));
    assert_eq!(uint(&first, CoapOption::ContentFormat), Some(50));
    peer
}

/// The next notification, acknowledged; its number is above `above`.
#[track_caller]
fn notified(peer: &Peer, kind: MessageType, above: u32) -> Packet {
    let note = peer.hear();
    peer.acknowledge(&note);
    assert_eq!(note.header.get_type(), kind);
    assert_eq!(
        (code(&note).as_str(), note.get_token()),
        ("2.05", &b"obs"[..])
    );
    assert_eq!(uint(&note, CoapOption::ContentFormat), Some(50));
    assert!(sequence(&note) > Some(above), "{note:?}");
    note
}

fn no_session(house: &House) {
    until("the session has ended", || {
        metric(house, "connections{transport=\"coap\"}") == 0
    });
}

#[test]
fn td_coap_obs_01_and_09_confirmable_notifications_of_each_update() {
    let house = House::open();
    let peer = observer(&house, MessageType::Confirmable);
    for n in 0..3 {
        house.share(&[("n", n)]);
        let note = notified(&peer, MessageType::Confirmable, n as u32);
        assert_eq!(text(&note), format!("{{\"n\":{n}}}"));
    }
}

#[test]
fn td_coap_obs_02_notifications_that_are_not_confirmable() {
    let house = House::open();
    let mut peer = observer(&house, MessageType::NonConfirmable);
    // The first shows whether the observer is there at all.
    house.share(&[("n", 0)]);
    notified(&peer, MessageType::Confirmable, 0);
    // What is answered came behind the acknowledgement.
    assert_eq!(code(&peer.get("attributes")), "2.05");
    for n in 1..3 {
        house.share(&[("n", n)]);
        notified(&peer, MessageType::NonConfirmable, n as u32);
    }
}

#[test]
fn td_coap_obs_04_an_observer_registers_again_under_its_token_and_hears_on() {
    let house = House::open();
    let mut peer = observer(&house, MessageType::Confirmable);
    // The server has lost the observation.
    house.set_disabled(true);
    assert_eq!(code(&peer.hear()), "4.01");
    house.set_disabled(false);
    let again = peer.observing("attributes", b"obs", 0);
    assert_eq!(code(&peer.ask(&again)), "2.05");
    house.share(&[("n", 1)]);
    notified(&peer, MessageType::Confirmable, 0);
}

/// Its retransmissions keep their number: each of our notifications tells of another change, so
/// none may take the place of an earlier one.
#[test]
fn td_coap_obs_05_an_observer_that_is_switched_off_is_given_up() {
    let house = House::with(|config| {
        config.coap.ack_timeout.0 = Duration::from_millis(40);
    });
    let peer = observer(&house, MessageType::Confirmable);
    house.share(&[("n", 1)]);
    let first = peer.hear();
    for _ in 0..4 {
        assert_eq!(peer.hear().to_bytes(), first.to_bytes());
    }
    no_session(&house);
}

#[test]
fn td_coap_obs_06_an_observer_that_forgot_ends_it_with_a_reset() {
    let house = House::open();
    let peer = observer(&house, MessageType::Confirmable);
    house.share(&[("n", 1)]);
    peer.empty(MessageType::Reset, peer.hear().header.message_id);
    no_session(&house);
    house.share(&[("n", 2)]);
    peer.hears_nothing_for(Duration::from_millis(200));
}

#[test]
fn td_coap_obs_07_a_deleted_devices_observers_are_told_without_observe() {
    let house = House::open();
    let peer = observer(&house, MessageType::Confirmable);
    house.delete(house.device);
    let last = peer.hear();
    // Not 4.04: from now on the token is nobody's.
    assert_eq!(
        (code(&last).as_str(), last.get_token()),
        ("4.01", &b"obs"[..])
    );
    assert_eq!(sequence(&last), None);
    no_session(&house);
}

#[test]
fn td_coap_obs_10_a_get_without_observe_cancels_nothing() {
    let house = House::open();
    let mut peer = observer(&house, MessageType::Confirmable);
    house.share(&[("n", 1)]);
    notified(&peer, MessageType::Confirmable, 0);
    let plain = peer.get("attributes");
    assert_eq!((code(&plain).as_str(), sequence(&plain)), ("2.05", None));
    house.share(&[("n", 2)]);
    notified(&peer, MessageType::Confirmable, 1);
}

#[test]
fn td_coap_obs_12_a_get_with_observe_1_cancels() {
    let house = House::open();
    let mut peer = observer(&house, MessageType::Confirmable);
    house.share(&[("n", 1)]);
    notified(&peer, MessageType::Confirmable, 0);
    let cancel = peer.observing("attributes", b"obs", 1);
    let answer = peer.ask(&cancel);
    assert_eq!((code(&answer).as_str(), sequence(&answer)), ("2.05", None));
    no_session(&house);
    house.share(&[("n", 2)]);
    peer.hears_nothing_for(Duration::from_millis(200));
}

fn fetch(peer: &mut Peer, path: &str, number: u8) -> Packet {
    let mut request = peer.request("0.01", &format!("api/v1/{TOKEN}/{path}"), b"");
    request.add_option(CoapOption::Block2, vec![number << 4 | 6]);
    peer.ask(&request)
}

/// Of one size (13) and of several (14).
#[test]
fn td_coap_obs_13_and_14_the_rest_of_a_large_notification_is_fetched_without_observe() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let request = peer.observing("rpc", b"rpc", 0);
    assert_eq!(code(&peer.ask(&request)), "2.03");
    let long = "x".repeat(2500);
    let answer = house.rpc(House::order(
        "setText",
        &format!("\"{long}\""),
        false,
        false,
    ));
    let mut first = peer.hear();
    if first.payload.is_empty() {
        // Too much for an address that has not shown yet that it is there.
        assert_eq!(code(&first), "0.00");
        peer.empty(MessageType::Reset, first.header.message_id);
        first = peer.hear();
    }
    peer.acknowledge(&first);
    assert_eq!(uint(&first, CoapOption::Block2), Some(0x0e));
    let etag = first.get_first_option(CoapOption::ETag).cloned();
    let mut got = first.payload;
    for number in 1..=2 {
        let next = fetch(&mut peer, "rpc", number);
        assert_eq!(code(&next), "2.05");
        assert_eq!(next.get_first_option(CoapOption::ETag).cloned(), etag);
        assert_eq!(sequence(&next), None);
        got.extend_from_slice(&next.payload);
    }
    let asked: serde_json::Value = serde_json::from_slice(&got).expect("JSON");
    assert_eq!(asked["params"], long.as_str());
    let reply = peer.post(&format!("rpc/{}", asked["id"]), "{\"ok\":true}");
    assert_eq!(code(&reply), "2.01");
    answer
        .recv_timeout(Duration::from_secs(10))
        .expect("the operator's answer");
}

#[test]
fn the_rest_of_a_notification_that_is_no_longer_known_is_said_to_be_so() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    assert_eq!(code(&fetch(&mut peer, "rpc", 1)), "4.08");
    until("the refusal is in the stream", || {
        house.refusals().contains(&Reason::Expired)
    });
}
