//! What devices send and get, through the whole platform (contract/mqtt.md 5 to 9).

use crate::common::until;
use crate::house::House;
use crate::peer::{puback, Peer, ALL};
use industryos_iot::model::reject::Reason;
use industryos_iot::model::rpc::RpcAnswer;
use industryos_iot::model::session::Transport;
use industryos_iot::model::value::Value;
use industryos_iot::store::StoreError;
use industryos_iot::transport::mqtt::codec::packet::Ack;
use industryos_iot::transport::mqtt::codec::{Level, Packet};
use std::time::Duration;

const TELEMETRY: &str = "v1/devices/me/telemetry";
const ATTRIBUTES: &str = "v1/devices/me/attributes";
const RPC: &str = "v1/devices/me/rpc/request/+";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn telemetry_is_stored_at_every_level_and_qos() {
    let house = House::open();
    for (n, level) in ALL.into_iter().enumerate() {
        let mut peer = Peer::device(&house, level);
        peer.publish(TELEMETRY, 0, 0, &format!("{{\"zero{n}\":1}}"));
        peer.publish("v2/t", 1, 5, &format!("{{\"one{n}\":1.5}}"));
        assert_eq!(peer.ack(), (5, 0));
        peer.publish("v2/t/j", 2, 6, &format!("{{\"two{n}\":\"x\"}}"));
        assert_eq!(peer.ack(), (6, 0));
        peer.send(&Packet::Pubrel(Ack::new(6)));
        assert_eq!(peer.ack(), (6, 0));
        peer.disconnect();
    }
    let keys: Vec<String> = house.latest().into_iter().map(|(key, _)| key).collect();
    let all = ["zero", "one", "two"].map(|kind| (0..3).map(move |n| format!("{kind}{n}")));
    let mut all: Vec<String> = all.into_iter().flatten().collect();
    all.sort();
    assert_eq!(keys, all);
}

#[test]
fn no_acknowledgement_leaves_before_the_disk_has_it() {
    let house = House::open();
    let mut peer = Peer::device(&house, Level::V311);
    peer.publish(TELEMETRY, 1, 1, "{\"a\":1}");
    assert_eq!(peer.ack(), (1, 0));
    let gate = house.store.gate();
    peer.publish(TELEMETRY, 1, 2, "{\"a\":2}");
    until("the commit is under way", || {
        house.store.waiting_commits() > 0
    });
    // The ping overtakes the acknowledgement, which waits for the disk.
    peer.ping();
    drop(gate);
    assert_eq!(peer.ack(), (2, 0));
    assert_eq!(house.latest(), [("a".to_owned(), Value::Long(2))]);
}

#[test]
fn a_store_that_fails_refuses_in_mqtt_5_and_closes_before() {
    let house = House::open();
    let mut five = Peer::device(&house, Level::V5);
    house.store.fail_commits(Some(StoreError::Full));
    five.publish(TELEMETRY, 1, 1, "{\"a\":1}");
    assert_eq!(five.ack(), (1, 0x97));
    house
        .store
        .fail_commits(Some(StoreError::Io("broken".into())));
    five.publish(TELEMETRY, 1, 2, "{\"a\":1}");
    assert_eq!(five.ack(), (2, 0x83));
    house.store.fail_commits(None);
    five.publish(TELEMETRY, 1, 3, "{\"a\":1}");
    assert_eq!(five.ack(), (3, 0));
    let mut four = Peer::device(&house, Level::V311);
    house.store.fail_commits(Some(StoreError::Full));
    four.publish(TELEMETRY, 1, 1, "{\"a\":1}");
    four.expect_closed();
    house.store.fail_commits(None);
    let refusals = house.refusals();
    for reason in [Reason::StoreFull, Reason::StoreFailed] {
        assert!(refusals.contains(&reason), "{refusals:?}");
        assert!(house.rejected(Transport::Mqtt, reason) > 0);
    }
}

#[test]
fn client_attributes_are_stored_and_asked_for_with_shared_ones() {
    let house = House::open();
    house.share(&[("target", 21), ("other", 1)]);
    for level in ALL {
        let mut peer = Peer::device(&house, level);
        peer.publish(ATTRIBUTES, 1, 1, r#"{"fw":"1.2.3"}"#);
        assert_eq!(peer.ack(), (1, 0));
        let keys = r#"{"clientKeys":"fw,none","sharedKeys":"target"}"#;
        peer.publish("v1/devices/me/attributes/request/-7", 1, 2, keys);
        assert_eq!(peer.ack(), (2, 0));
        let (topic, payload) = peer.take();
        assert_eq!(topic, "v1/devices/me/attributes/response/-7");
        assert_eq!(
            payload,
            r#"{"client":{"fw":"1.2.3"},"shared":{"target":21}}"#
        );
        peer.publish("v2/a/req/j/1", 0, 0, r#"{"clientKeys":"none"}"#);
        let expected = ("v2/a/res/j/1".to_owned(), "{}".to_owned());
        assert_eq!(peer.take(), expected);
    }
    let stored = house.client_attributes();
    assert_eq!(stored, [("fw".to_owned(), Value::Text("1.2.3".into()))]);
}

#[test]
fn a_subscriber_hears_shared_changes_and_deletions_and_nobody_else_does() {
    let house = House::open();
    for (level, filter, topic) in [
        (Level::V31, ATTRIBUTES, ATTRIBUTES),
        (Level::V311, "v2/a", "v2/a"),
        (Level::V5, "v2/a/j", "v2/a/j"),
    ] {
        let mut peer = Peer::device(&house, level);
        house.share(&[("unheard", 1)]);
        peer.subscribe(filter, 1);
        house.share(&[("mode", 3)]);
        assert_eq!(peer.take(), (topic.to_owned(), r#"{"mode":3}"#.to_owned()));
        house.unshare(&["mode"]);
        let deleted = r#"{"deleted":["mode"]}"#.to_owned();
        assert_eq!(peer.take(), (topic.to_owned(), deleted));
        // Its own posts are not echoed.
        peer.publish(ATTRIBUTES, 1, 9, r#"{"mine":1}"#);
        assert_eq!(peer.ack(), (9, 0));
        peer.ping();
    }
}

#[test]
fn a_server_rpc_goes_to_the_subscriber_and_its_reply_comes_back() {
    let house = House::open();
    for level in ALL {
        for qos in [0, 1] {
            let mut peer = Peer::device(&house, level);
            peer.subscribe(RPC, qos);
            let answer = house.rpc(House::order("setGpio", r#"{"pin":7}"#, false, false));
            let (topic, payload) = peer.take();
            assert_eq!(payload, r#"{"method":"setGpio","params":{"pin":7}}"#);
            let id = topic.strip_prefix("v1/devices/me/rpc/request/").unwrap();
            let reply = format!("v1/devices/me/rpc/response/{id}");
            peer.publish(&reply, 1, 4, r#"{"ok":true}"#);
            assert_eq!(peer.ack(), (4, 0));
            let answer = answer.recv_timeout(PATIENCE).unwrap();
            assert_eq!(answer, RpcAnswer::Reply(r#"{"ok":true}"#.into()));
        }
    }
}

#[test]
fn a_one_way_rpc_is_delivered_when_written_at_qos_0_and_when_acknowledged_at_qos_1() {
    let house = House::open();
    let mut peer = Peer::device(&house, Level::V5);
    peer.subscribe(RPC, 0);
    let answer = house.rpc(House::order("beep", "null", true, false));
    peer.message();
    assert_eq!(answer.recv_timeout(PATIENCE).unwrap(), RpcAnswer::Delivered);
    peer.subscribe(RPC, 1);
    let answer = house.rpc(House::order("beep", "null", true, false));
    let id = peer.message().packet_id.expect("QoS 1");
    peer.ping();
    peer.send(&puback(id));
    assert_eq!(answer.recv_timeout(PATIENCE).unwrap(), RpcAnswer::Delivered);
}

#[test]
fn an_rpc_that_waits_is_sent_when_the_device_subscribes() {
    let house = House::open();
    let mut peer = Peer::device(&house, Level::V311);
    let answer = house.rpc(House::order("late", "1", true, false));
    peer.ping();
    peer.subscribe("v2/r/req/+", 1);
    let (topic, payload) = peer.take();
    assert!(topic.starts_with("v2/r/req/"), "{topic}");
    assert_eq!(payload, r#"{"method":"late","params":1}"#);
    assert_eq!(answer.recv_timeout(PATIENCE).unwrap(), RpcAnswer::Delivered);
}

#[test]
fn a_client_rpc_is_answered_on_its_own_topic_at_once() {
    let house = House::open();
    let mut peer = Peer::device(&house, Level::V5);
    peer.publish(
        "v1/devices/me/rpc/request/3",
        1,
        1,
        r#"{"method":"getTime","params":{}}"#,
    );
    assert_eq!(peer.ack(), (1, 0));
    let (topic, payload) = peer.take();
    assert_eq!(topic, "v1/devices/me/rpc/response/3");
    assert!(payload.contains("time"), "{payload}");
    peer.publish("v2/r/req/4", 1, 2, r#"{"method":"nobodyKnows"}"#);
    assert_eq!(peer.ack(), (2, 0));
    let (topic, payload) = peer.take();
    assert_eq!(topic, "v2/r/res/4");
    assert!(payload.contains("\"error\""), "{payload}");
}

#[test]
fn session_limits_are_answered_as_the_device_sdk_waits_for_them() {
    let house = House::open();
    let mut peer = Peer::device(&house, Level::V5);
    let body = r#"{"method":"getSessionLimits","params":{"timeout":5000}}"#;
    peer.publish("v1/devices/me/rpc/request/1", 1, 1, body);
    assert_eq!(peer.ack(), (1, 0));
    let (topic, payload) = peer.take();
    assert_eq!(topic, "v1/devices/me/rpc/response/1");
    assert!(payload.contains(r#""maxPayloadSize":65536"#), "{payload}");
    assert!(payload.contains(r#""rateLimits":{"#), "{payload}");
}

#[test]
fn thousands_of_publishes_in_one_go_are_all_acknowledged_in_order() {
    let house = House::with(|config| {
        config.mqtt.outstanding_bytes = industryos_iot::model::units::ByteSize(4096);
    });
    let mut peer = Peer::device(&house, Level::V311);
    let packets: Vec<Packet> = (1..=5000)
        .map(|id| crate::peer::publish(TELEMETRY, 1, id, &format!("{{\"n\":{id}}}")))
        .collect();
    peer.send_all(&packets);
    for id in 1..=5000 {
        assert_eq!(peer.ack(), (id, 0));
    }
    assert_eq!(house.latest(), [("n".to_owned(), Value::Long(5000))]);
}

#[test]
fn a_packet_may_arrive_byte_by_byte() {
    let house = House::open();
    let mut peer = Peer::open(&house, Level::V311);
    let mut bytes = bytes::BytesMut::new();
    let codec = industryos_iot::transport::mqtt::codec::Codec::new(Level::V311);
    let connect = Packet::Connect(Box::new(crate::peer::connect(Level::V311)));
    codec.encode(&connect, &mut bytes).unwrap();
    let publish = crate::peer::publish(TELEMETRY, 1, 8, "{\"slow\":1}");
    codec.encode(&publish, &mut bytes).unwrap();
    for byte in bytes.iter() {
        peer.raw(&[*byte]);
    }
    assert!(matches!(peer.next(), Packet::Connack(connack) if connack.code == 0));
    assert_eq!(peer.ack(), (8, 0));
}
