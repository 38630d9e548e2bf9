//! Refusals: the contract's codes, a counter for each, and a row in the device's stream.

use crate::house::{House, TOKEN};
use crate::peer::{below, code, text, uint, Peer};
use crate::wait::until;
use coap_lite::CoapOption;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::store::StoreError;

#[test]
fn a_bad_payload_is_told_what_is_wrong_and_stands_in_the_stream() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    for (path, body, reason) in [
        ("telemetry", "{\"t\":", Reason::BadJson),
        ("telemetry", "", Reason::BadJson),
        ("telemetry", "5", Reason::BadShape),
        ("telemetry", "{\" \":1}", Reason::BadKey),
        ("attributes", "[]", Reason::BadShape),
        ("rpc", "{\"params\":1}", Reason::BadShape),
    ] {
        let answer = peer.post(path, body);
        assert_eq!(code(&answer), "4.00", "{path} {body}");
        assert!(!text(&answer).is_empty());
        until("the refusal is in the stream", || {
            house.refusals().contains(&reason)
        });
    }
}

#[test]
fn unknown_tokens_and_disabled_devices_are_not_let_in_and_are_again_when_enabled() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let request = peer.request("0.02", "api/v1/nobody/telemetry", b"{\"t\":1}");
    let answer = peer.ask(&request);
    assert_eq!((code(&answer).as_str(), answer.payload.len()), ("4.01", 0));
    house.wait_for_rejected(Transport::Coap, Reason::CredentialsUnknown, 1);
    assert_eq!(code(&peer.post("telemetry", "{\"t\":1}")), "2.01");
    house.set_disabled(true);
    assert_eq!(code(&peer.post("telemetry", "{\"t\":2}")), "4.01");
    assert_eq!(code(&peer.post("telemetry", "{\"t\":2}")), "4.01");
    house.set_disabled(false);
    assert_eq!(code(&peer.post("telemetry", "{\"t\":3}")), "2.01");
}

#[test]
fn a_device_that_was_disabled_and_enabled_is_let_in_at_once() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    assert_eq!(code(&peer.post("telemetry", "{\"t\":1}")), "2.01");
    house.set_disabled(true);
    house.set_disabled(false);
    assert_eq!(code(&peer.post("telemetry", "{\"t\":2}")), "2.01");
}

#[test]
fn paths_and_methods_that_are_none_have_the_contracts_codes() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    for (method, path, wanted) in [
        ("0.01", "nowhere".to_owned(), "4.04"),
        ("0.01", format!("fw/{TOKEN}"), "4.04"),
        ("0.01", format!("sw/{TOKEN}?title=t&version=1"), "4.04"),
        ("0.02", format!("fw/{TOKEN}"), "4.05"),
        ("0.02", "api/v1/provision".to_owned(), "5.01"),
        ("0.02", below("claim"), "5.01"),
        ("0.01", below("telemetry"), "4.00"),
        ("0.01", below("rpc"), "4.00"),
        ("0.02", below("unknown"), "4.00"),
        ("0.02", below("rpc/x"), "4.00"),
        ("0.02", "api/v1/telemetry".to_owned(), "4.00"),
        ("0.03", below("telemetry"), "4.05"),
        ("0.04", below("attributes"), "4.05"),
        ("0.05", below("rpc"), "4.05"),
    ] {
        let request = peer.request(method, &path, b"{}");
        let answer = peer.ask(&request);
        assert_eq!(code(&answer), wanted, "{method} {path}");
        assert!(!text(&answer).is_empty(), "{method} {path}: why?");
    }
    house.wait_for_rejected(Transport::Coap, Reason::UnknownTopic, 5);
}

#[test]
fn a_store_that_fails_is_said_and_may_be_tried_again() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    peer.post("telemetry", "{\"t\":1}");
    house.store.fail_commits(Some(StoreError::Full));
    let answer = peer.post("telemetry", "{\"t\":2}");
    assert_eq!(code(&answer), "5.03");
    assert_eq!(uint(&answer, CoapOption::MaxAge), Some(5));
    house.store.fail_commits(None);
    assert_eq!(code(&peer.post("telemetry", "{\"t\":3}")), "2.01");
}

#[test]
fn what_takes_too_long_is_answered_instead_of_never() {
    let house = House::with(|config| {
        config.coap.answer_timeout.0 = std::time::Duration::from_millis(700);
    });
    let mut peer = Peer::of(&house);
    peer.post("telemetry", "{\"t\":1}");
    let held = house.store.gate();
    let answer = peer.post("telemetry", "{\"t\":2}");
    assert_eq!(code(&answer), "5.04");
    drop(held);
}

#[test]
fn too_many_requests_of_one_peer_are_told_when_to_come_again() {
    let house = House::with(|config| config.coap.requests_per_peer = 2);
    let mut peer = Peer::of(&house);
    peer.post("telemetry", "{\"t\":1}");
    let held = house.store.gate();
    for _ in 0..2 {
        let request = peer.request("0.02", &below("telemetry"), b"{\"t\":2}");
        peer.send(&request);
    }
    let request = peer.request("0.02", &below("telemetry"), b"{\"t\":3}");
    peer.send(&request);
    let answer = loop {
        let answer = peer.hear();
        if answer.get_token() == request.get_token() {
            break answer;
        }
    };
    assert_eq!(code(&answer), "4.29");
    assert_eq!(uint(&answer, CoapOption::MaxAge), Some(1));
    drop(held);
    house.wait_for_rejected(Transport::Coap, Reason::RateLimited, 1);
}
