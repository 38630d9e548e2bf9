//! Observation from outside: attributes and server-side RPC.

use crate::house::House;
use crate::peer::{code, metric, text, Peer};
use crate::wait::until;
use coap_lite::MessageType;
use industryos_iot::model::rpc::RpcAnswer;
use std::time::Duration;

fn observes(peer: &mut Peer, path: &str, token: &[u8]) -> coap_lite::Packet {
    let request = peer.observing(path, token, 0);
    peer.ask(&request)
}

fn sequence(packet: &coap_lite::Packet) -> Option<u32> {
    packet.get_observe_value().and_then(Result::ok)
}

#[test]
fn shared_attributes_come_at_first_and_with_each_change() {
    let house = House::open();
    house.share(&[("a", 1)]);
    let mut peer = Peer::of(&house);
    let first = observes(&mut peer, "attributes", b"att");
    assert_eq!(
        (code(&first).as_str(), text(&first).as_str()),
        ("2.05", "{\"a\":1}")
    );
    assert_eq!(sequence(&first), Some(0));
    house.share(&[("b", 2)]);
    let change = peer.hear();
    assert_eq!(
        (text(&change).as_str(), sequence(&change)),
        ("{\"b\":2}", Some(1))
    );
    assert_eq!(change.get_token(), b"att");
    assert_eq!(change.header.get_type(), MessageType::Confirmable);
    peer.acknowledge(&change);
    house.unshare(&["a"]);
    let change = peer.hear();
    assert_eq!(
        (text(&change).as_str(), sequence(&change)),
        ("{\"deleted\":[\"a\"]}", Some(2))
    );
    peer.acknowledge(&change);
}

#[test]
fn an_rpc_reaches_its_observer_and_its_reply_comes_back() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let first = observes(&mut peer, "rpc", b"rpc");
    assert_eq!((code(&first).as_str(), first.payload.len()), ("2.03", 0));
    assert_eq!(sequence(&first), Some(0));
    let answer = house.rpc(House::order("setGpio", "{\"pin\":7}", false, false));
    let asked = peer.hear();
    peer.acknowledge(&asked);
    let body: serde_json::Value = serde_json::from_str(&text(&asked)).expect("JSON");
    assert_eq!(body["method"], "setGpio");
    assert_eq!(body["params"]["pin"], 7);
    let reply = peer.post(&format!("rpc/{}", body["id"]), "{\"ok\":true}");
    assert_eq!(code(&reply), "2.01");
    let answer = answer
        .recv_timeout(Duration::from_secs(10))
        .expect("an answer");
    assert_eq!(answer, RpcAnswer::Reply("{\"ok\":true}".into()));
}

#[test]
fn an_rpc_that_waited_is_told_when_its_device_observes() {
    let house = House::open();
    let _answer = house.rpc(House::order("later", "1", false, false));
    let mut peer = Peer::of(&house);
    observes(&mut peer, "rpc", b"rpc");
    let asked = peer.hear();
    assert!(text(&asked).contains("\"later\""), "{}", text(&asked));
    peer.acknowledge(&asked);
}

#[test]
fn a_cancelled_observation_hears_no_more_and_its_session_ends() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    observes(&mut peer, "attributes", b"att");
    until("the session is open", || {
        metric(&house, "connections{transport=\"coap\"}") == 1
    });
    let request = peer.observing("attributes", b"att", 1);
    let answer = peer.ask(&request);
    assert_eq!((code(&answer).as_str(), sequence(&answer)), ("2.05", None));
    until("the session has ended", || {
        metric(&house, "connections{transport=\"coap\"}") == 0
    });
}

#[test]
fn a_reset_ends_the_observation() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    observes(&mut peer, "attributes", b"att");
    house.share(&[("a", 1)]);
    let change = peer.hear();
    peer.empty(MessageType::Reset, change.header.message_id);
    until("the session has ended", || {
        metric(&house, "connections{transport=\"coap\"}") == 0
    });
}

#[test]
fn a_device_that_observes_again_from_another_address_is_heard_there() {
    let house = House::open();
    let (mut old, mut new) = (Peer::of(&house), Peer::of(&house));
    observes(&mut old, "attributes", b"old");
    observes(&mut new, "attributes", b"new");
    let told = old.hear();
    assert_eq!((code(&told).as_str(), sequence(&told)), ("2.02", None));
    house.share(&[("a", 1)]);
    let change = new.hear();
    assert_eq!(
        (text(&change).as_str(), change.get_token()),
        ("{\"a\":1}", &b"new"[..])
    );
    new.acknowledge(&change);
}

#[test]
fn both_resources_are_observed_in_one_session() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    observes(&mut peer, "attributes", b"att");
    observes(&mut peer, "rpc", b"rpc");
    assert_eq!(metric(&house, "connections{transport=\"coap\"}"), 1);
    house.share(&[("a", 1)]);
    let change = peer.hear();
    assert_eq!(change.get_token(), b"att");
    peer.acknowledge(&change);
    let _answer = house.rpc(House::order("go", "1", true, false));
    let asked = peer.hear();
    assert_eq!(asked.get_token(), b"rpc");
    peer.acknowledge(&asked);
}

#[test]
fn a_disabled_devices_observers_are_told_that_they_may_no_longer() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    observes(&mut peer, "attributes", b"att");
    house.set_disabled(true);
    let told = peer.hear();
    assert_eq!(
        (code(&told).as_str(), told.get_token()),
        ("4.01", &b"att"[..])
    );
    assert_eq!(sequence(&told), None);
    until("the session has ended", || {
        metric(&house, "connections{transport=\"coap\"}") == 0
    });
}

#[test]
fn an_unacknowledged_notification_is_repeated() {
    let house = House::with(|config| {
        config.coap.ack_timeout.0 = Duration::from_millis(50);
        config.coap.retransmissions = 2;
    });
    let mut peer = Peer::of(&house);
    observes(&mut peer, "attributes", b"att");
    house.share(&[("a", 1)]);
    let first = peer.hear();
    for _ in 0..2 {
        let again = peer.hear();
        assert_eq!(again.header.message_id, first.header.message_id);
    }
    until("the session has ended", || {
        metric(&house, "connections{transport=\"coap\"}") == 0
    });
}

#[test]
fn more_observations_than_there_is_room_for_are_told_so() {
    let house = House::with(|config| config.coap.observations = 1);
    house.add_device("B2_TEST_TOKEN");
    let mut peer = Peer::of(&house);
    observes(&mut peer, "attributes", b"att");
    let mut request = peer.request("0.01", "api/v1/B2_TEST_TOKEN/attributes", b"");
    request.set_observe_value(0);
    assert_eq!(code(&peer.ask(&request)), "4.29");
}
