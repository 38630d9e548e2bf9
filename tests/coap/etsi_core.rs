//! The CORE scenarios of the ETSI CoAP plugtest that apply, by their names (the descriptions of
//! its fourth round are public: cabo/td-coap4, `base.yml`). Their `/test` is our telemetry and
//! attributes. 15 and 16, which lose datagrams, are with the message layer's own tests. None of
//! ours create what has a location (18, 19), none are written by version (22 and 23: If-Match and
//! If-None-Match are critical, and refused).

use crate::house::House;
use crate::peer::{below, code, latest, text, uint, Peer};
use coap_lite::{CoapOption, MessageType, Packet};
use industryos_iot::model::value::Value;

fn with(mut packet: Packet, kind: MessageType) -> Packet {
    packet.header.set_type(kind);
    packet
}

/// A house whose device has an attribute to be read.
fn furnished() -> (House, Peer) {
    let house = House::open();
    let mut peer = Peer::of(&house);
    assert_eq!(code(&peer.post("attributes", "{\"a\":1}")), "2.01");
    (house, peer)
}

#[test]
fn td_coap_core_01_get_confirmable() {
    let (_house, mut peer) = furnished();
    let request = peer.request("0.01", &below("attributes"), b"");
    let answer = peer.ask(&request);
    assert_eq!(code(&answer), "2.05");
    assert_eq!(answer.header.get_type(), MessageType::Acknowledgement);
    assert_eq!(answer.header.message_id, request.header.message_id);
    assert_eq!(uint(&answer, CoapOption::ContentFormat), Some(50));
    assert_eq!(text(&answer), "{\"client\":{\"a\":1}}");
}

#[test]
fn td_coap_core_02_03_06_07_put_and_delete_are_answered_4_05_and_change_nothing() {
    let (house, mut peer) = furnished();
    for (method, kind) in [
        ("0.03", MessageType::Confirmable),
        ("0.04", MessageType::Confirmable),
        ("0.03", MessageType::NonConfirmable),
        ("0.04", MessageType::NonConfirmable),
    ] {
        let request = with(
            peer.request(method, &below("attributes"), b"{\"a\":2}"),
            kind,
        );
        let answer = peer.ask(&request);
        assert_eq!(code(&answer), "4.05", "{method} {kind:?}");
        assert!(!answer.payload.is_empty(), "which methods there are");
    }
    assert_eq!(house.client_attributes(), [("a".into(), Value::Long(1))]);
}

#[test]
fn td_coap_core_04_post_confirmable() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let answer = peer.post("telemetry", "{\"t\":4}");
    assert_eq!(code(&answer), "2.01");
    assert_eq!(answer.header.get_type(), MessageType::Acknowledgement);
    assert_eq!(latest(&house, "t"), Some(Value::Long(4)));
}

#[test]
fn td_coap_core_05_and_08_get_and_post_not_confirmable() {
    let (house, mut peer) = furnished();
    for (method, path, body, wanted) in [
        ("0.01", "attributes", &b""[..], "2.05"),
        ("0.02", "telemetry", b"{\"t\":8}", "2.01"),
    ] {
        let request = peer.request(method, &below(path), body);
        let answer = peer.ask(&with(request, MessageType::NonConfirmable));
        assert_eq!(code(&answer), wanted, "{path}");
        assert_eq!(answer.header.get_type(), MessageType::NonConfirmable);
    }
    assert_eq!(latest(&house, "t"), Some(Value::Long(8)));
}

#[test]
fn td_coap_core_09_and_11_an_answer_apart_has_the_requests_token() {
    let (house, mut peer) = furnished();
    let held = house.store.gate();
    let request = peer.request("0.02", &below("telemetry"), b"{\"t\":9}");
    peer.send(&request);
    let acknowledgement = peer.hear();
    assert_eq!(code(&acknowledgement), "0.00");
    assert_eq!(
        acknowledgement.header.get_type(),
        MessageType::Acknowledgement
    );
    assert_eq!(acknowledgement.header.message_id, request.header.message_id);
    drop(held);
    let answer = peer.hear();
    assert_eq!(code(&answer), "2.01");
    assert_eq!(answer.header.get_type(), MessageType::Confirmable);
    assert_eq!(answer.get_token(), request.get_token());
    peer.acknowledge(&answer);
}

#[test]
fn td_coap_core_10_and_12_tokens_of_no_to_eight_bytes_come_back() {
    let (_house, mut peer) = furnished();
    for length in 0..=8 {
        let mut request = peer.request("0.01", &below("attributes"), b"");
        request.set_token(vec![0xa0; length]);
        let answer = peer.ask(&request);
        assert_eq!(code(&answer), "2.05", "{length}");
        assert_eq!(answer.get_token().len(), length);
        assert_eq!(answer.header.message_id, request.header.message_id);
    }
}

#[test]
fn td_coap_core_13_and_14_paths_and_queries_of_several_options() {
    let (house, mut peer) = furnished();
    house.share(&[("s", 2), ("other", 3)]);
    let path = "attributes?clientKeys=a&sharedKeys=s&third=3";
    let answer = peer.get(path);
    assert_eq!(text(&answer), "{\"client\":{\"a\":1},\"shared\":{\"s\":2}}");
}

#[test]
fn td_coap_core_17_a_late_answer_to_what_was_not_confirmable_comes_once_and_alone() {
    let (house, mut peer) = furnished();
    let held = house.store.gate();
    let request = peer.request("0.02", &below("telemetry"), b"{\"t\":17}");
    let request = with(request, MessageType::NonConfirmable);
    peer.send(&request);
    // Longer than after which a confirmable one would be acknowledged.
    peer.hears_nothing_for(std::time::Duration::from_millis(800));
    drop(held);
    let answer = peer.hear();
    assert_eq!(code(&answer), "2.01");
    assert_eq!(answer.header.get_type(), MessageType::NonConfirmable);
    assert_eq!(answer.get_token(), request.get_token());
}

#[test]
fn td_coap_core_20_accept_chooses_the_format() {
    let (_house, mut peer) = furnished();
    for (format, body) in [
        (50, &b"{\"client\":{\"a\":1}}"[..]),
        (60, b"\xa1\x66client\xa1\x61a\x01"),
    ] {
        let mut request = peer.request("0.01", &below("attributes"), b"");
        request.add_option(CoapOption::Accept, vec![format]);
        let answer = peer.ask(&request);
        assert_eq!(code(&answer), "2.05");
        assert_eq!(
            uint(&answer, CoapOption::ContentFormat),
            Some(u32::from(format))
        );
        assert_eq!(answer.payload, body);
    }
}

#[test]
fn td_coap_core_21_a_version_that_is_known_is_valid_until_it_changes() {
    let (_house, mut peer) = furnished();
    let first = peer.get("attributes");
    assert_eq!(code(&first), "2.05");
    let tag = first.get_first_option(CoapOption::ETag).expect("an ETag");
    let mut ask = |tag: &[u8]| {
        let mut request = peer.request("0.01", &below("attributes"), b"");
        request.add_option(CoapOption::ETag, tag.to_vec());
        peer.ask(&request)
    };
    let valid = ask(tag);
    assert_eq!((code(&valid).as_str(), valid.payload.len()), ("2.03", 0));
    assert_eq!(valid.get_first_option(CoapOption::ETag), Some(tag));
    assert_eq!(code(&peer.post("attributes", "{\"a\":2}")), "2.01");
    let mut request = peer.request("0.01", &below("attributes"), b"");
    request.add_option(CoapOption::ETag, tag.clone());
    let changed = peer.ask(&request);
    assert_eq!(text(&changed), "{\"client\":{\"a\":2}}");
    assert_ne!(changed.get_first_option(CoapOption::ETag), Some(tag));
}

#[test]
fn td_coap_core_22_and_23_conditions_are_refused_as_options_that_are_not_understood() {
    let (house, mut peer) = furnished();
    for (option, value) in [
        (CoapOption::IfMatch, vec![1, 2]),
        (CoapOption::IfNoneMatch, vec![]),
    ] {
        let mut request = peer.request("0.02", &below("attributes"), b"{\"a\":2}");
        request.add_option(option, value);
        assert_eq!(code(&peer.ask(&request)), "4.02");
    }
    assert_eq!(house.client_attributes(), [("a".into(), Value::Long(1))]);
}

#[test]
fn td_coap_core_31_a_ping_is_answered_with_a_reset() {
    let house = House::open();
    let peer = Peer::of(&house);
    peer.empty(MessageType::Confirmable, 4711);
    let answer = peer.hear();
    assert_eq!(answer.header.get_type(), MessageType::Reset);
    assert_eq!(answer.header.message_id, 4711);
    assert_eq!(answer.to_bytes().expect("bytes").len(), 4);
}
