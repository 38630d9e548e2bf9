//! What devices can do: telemetry, attributes, RPC both ways, over IPv4 and IPv6.

use crate::house::House;
use crate::peer::{below, code, latest, metric, text, uint, Peer};
use coap_lite::{CoapOption, MessageType};
use industryos_iot::model::value::Value;
use std::net::IpAddr;

#[test]
fn telemetry_is_stored_before_it_is_acknowledged() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let answer = peer.post("telemetry", "{\"temperature\":25.5,\"on\":true}");
    assert_eq!(code(&answer), "2.01");
    assert_eq!(answer.header.get_type(), MessageType::Acknowledgement);
    assert!(answer.payload.is_empty());
    assert_eq!(latest(&house, "temperature"), Some(Value::Double(25.5)));
    assert_eq!(latest(&house, "on"), Some(Value::Bool(true)));
}

#[test]
fn nothing_is_acknowledged_while_the_disk_is_held_back() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    peer.post("telemetry", "{\"warm\":1}");
    let held = house.store.gate();
    let request = peer.request("0.02", &below("telemetry"), b"{\"t\":1}");
    peer.send(&request);
    // After half a second comes the empty acknowledgement, which promises nothing yet.
    let first = peer.hear();
    assert_eq!(
        (code(&first).as_str(), first.get_token().len()),
        ("0.00", 0)
    );
    drop(held);
    let answer = peer.hear();
    assert_eq!(code(&answer), "2.01");
    assert_eq!(answer.header.get_type(), MessageType::Confirmable);
    assert_eq!(answer.get_token(), request.get_token());
    peer.acknowledge(&answer);
}

#[test]
fn a_repeated_post_is_stored_once_and_answered_again() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let request = peer.request("0.02", &below("telemetry"), b"{\"t\":1}");
    let first = peer.ask(&request);
    for _ in 0..3 {
        assert_eq!(peer.ask(&request).to_bytes(), first.to_bytes());
    }
    let posts = metric(&house, "uplinks_total{transport=\"coap\"}");
    assert_eq!(posts, 1);
}

#[test]
fn attributes_are_posted_and_read_back() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    assert_eq!(code(&peer.get("attributes")), "4.04", "nothing found");
    assert_eq!(
        code(&peer.post("attributes", "{\"fw\":\"1.0\",\"n\":7}")),
        "2.01"
    );
    house.share(&[("target", 5), ("other", 6)]);
    let all = peer.get("attributes");
    assert_eq!(code(&all), "2.05");
    assert_eq!(uint(&all, CoapOption::ContentFormat), Some(50));
    let wanted = "{\"client\":{\"fw\":\"1.0\",\"n\":7},\"shared\":{\"other\":6,\"target\":5}}";
    let all: serde_json::Value = serde_json::from_str(&text(&all)).expect("JSON");
    assert_eq!(
        all,
        serde_json::from_str::<serde_json::Value>(wanted).expect("JSON")
    );
    let some = peer.get("attributes?clientKeys=fw,zz&sharedKeys=target");
    assert_eq!(
        text(&some),
        "{\"client\":{\"fw\":\"1.0\"},\"shared\":{\"target\":5}}"
    );
    assert_eq!(code(&peer.get("attributes?clientKeys=zz")), "4.04");
}

#[test]
fn a_client_side_rpc_is_answered() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let answer = peer.post("rpc", "{\"method\":\"getTime\",\"params\":{}}");
    assert_eq!(code(&answer), "2.05");
    assert!(text(&answer).starts_with("{\"time\":"), "{}", text(&answer));
}

#[test]
fn a_request_that_is_not_confirmable_is_served_too() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let mut request = peer.request("0.02", &below("telemetry"), b"{\"t\":9}");
    request.header.set_type(MessageType::NonConfirmable);
    let answer = peer.ask(&request);
    assert_eq!(
        (code(&answer).as_str(), answer.header.get_type()),
        ("2.01", MessageType::NonConfirmable)
    );
    assert_eq!(latest(&house, "t"), Some(Value::Long(9)));
}

#[test]
fn one_socket_serves_ipv4_and_ipv6() {
    let house = House::with(|config| config.coap.bind = "0.0.0.0:0".into());
    for (host, value) in [("127.0.0.1", 1), ("::1", 2)] {
        let ip: IpAddr = host.parse().expect("an address");
        let mut peer = Peer::to((ip, house.coap.port()).into());
        let answer = peer.post("telemetry", &format!("{{\"t\":{value}}}"));
        assert_eq!(code(&answer), "2.01", "{host}");
        assert_eq!(latest(&house, "t"), Some(Value::Long(value)));
    }
}

#[test]
fn the_core_resource_tells_what_is_here() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let request = peer.request("0.01", ".well-known/core", b"");
    let answer = peer.ask(&request);
    assert_eq!(code(&answer), "2.05");
    assert_eq!(uint(&answer, CoapOption::ContentFormat), Some(40));
    let bytes = request.to_bytes().expect("bytes").len();
    assert!(
        answer.to_bytes().expect("bytes").len() <= 3 * bytes,
        "an unproven address"
    );
    for (format, wanted) in [(40, "2.05"), (50, "4.06")] {
        let mut request = peer.request("0.01", ".well-known/core", b"");
        request.add_option(CoapOption::Accept, vec![format]);
        assert_eq!(code(&peer.ask(&request)), wanted, "Accept {format}");
    }
}
