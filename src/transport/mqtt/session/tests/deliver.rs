//! To the client: notifications, RPCs, the window, sizes, delivery reports.

use super::*;
use crate::model::value::Value;
use std::collections::BTreeSet;

const RPC: &str = "v1/devices/me/rpc/request/+";
const ATTRIBUTES: &str = "v1/devices/me/attributes";

fn changed(revision: u64, deleted: bool) -> DownlinkBody {
    DownlinkBody::AttributesChanged {
        revision,
        updated: vec![("targetTemp".into(), Value::Long(21))],
        deleted: if deleted { vec!["mode".into()] } else { vec![] },
    }
}

#[test]
fn an_rpc_has_two_fields_in_their_order_and_params_byte_for_byte() {
    let mut bench = Bench::open(Level::V311);
    bench.subscribe(RPC, 0);
    bench.downlink(
        1,
        DownlinkBody::Rpc {
            request_id: 12,
            method: "say \"hi\"".into(),
            params: r#"{"b": 1.50, "a":[]}"#.into(),
            redelivery: false,
        },
    );
    let (topic, payload, ..) = published(bench.sent()).remove(0);
    assert_eq!(topic, "v1/devices/me/rpc/request/12");
    assert_eq!(
        payload,
        r#"{"method":"say \"hi\"","params":{"b": 1.50, "a":[]}}"#
    );
}

#[test]
fn downlinks_follow_the_form_and_qos_of_the_latest_subscription() {
    let mut bench = Bench::open(Level::V5);
    for (filter, qos, topic, id) in [
        (RPC, 1, "v1/devices/me/rpc/request/5", Some(1)),
        ("v2/r/req/+", 0, "v2/r/req/5", None),
        ("v2/r/req/j/+", 1, "v2/r/req/j/5", Some(2)),
        (RPC, 0, "v1/devices/me/rpc/request/5", None),
    ] {
        bench.subscribe(filter, qos);
        bench.rpc(u64::from(qos) + topic.len() as u64 * 10, 5);
        let sent = published(bench.sent()).remove(0);
        assert_eq!((sent.0.as_str(), sent.2), (topic, id));
        if let Some(id) = id {
            bench.packet(puback(id));
        }
        bench.settle();
    }
    for (filter, topic) in [
        (ATTRIBUTES, ATTRIBUTES),
        ("v2/a", "v2/a"),
        ("v2/a/j", "v2/a/j"),
    ] {
        bench.subscribe(filter, 0);
        bench.downlink(9, changed(9, false));
        assert_eq!(published(bench.sent()).remove(0).0, topic);
    }
}

#[test]
fn at_qos_0_a_downlink_is_delivered_when_it_is_written() {
    let mut bench = Bench::open(Level::V311);
    bench.subscribe(RPC, 0);
    bench.rpc(4, 0);
    assert!(bench.submitted().is_empty());
    bench.input(Input::Written);
    assert_eq!(deliveries(&bench.settle()), [(4, DeliveryStep::Delivered)]);
    bench.input(Input::Written);
    assert!(bench.submitted().is_empty());
}

#[test]
fn at_qos_1_a_downlink_is_sent_when_written_and_delivered_when_acknowledged() {
    let mut bench = Bench::open(Level::V311);
    bench.subscribe(RPC, 1);
    bench.rpc(4, 0);
    bench.input(Input::Written);
    assert_eq!(deliveries(&bench.settle()), [(4, DeliveryStep::Sent)]);
    bench.packet(puback(1));
    assert_eq!(deliveries(&bench.settle()), [(4, DeliveryStep::Delivered)]);
    bench.packet(puback(1));
    assert!(bench.submitted().is_empty(), "a second PUBACK says nothing");
}

#[test]
fn an_acknowledgement_that_overtakes_the_write_report_keeps_the_steps_in_order() {
    let mut bench = Bench::open(Level::V311);
    bench.subscribe(RPC, 1);
    bench.rpc(4, 0);
    bench.packet(puback(1));
    let expected = [(4, DeliveryStep::Sent), (4, DeliveryStep::Delivered)];
    assert_eq!(deliveries(&bench.settle()), expected);
}

#[test]
fn updates_and_deletions_are_two_messages_and_one_delivery() {
    let mut bench = Bench::open(Level::V5);
    bench.subscribe(ATTRIBUTES, 1);
    bench.downlink(8, changed(8, true));
    let sent = published(bench.sent());
    assert_eq!(sent[0].1, r#"{"targetTemp":21}"#);
    assert_eq!(sent[1].1, r#"{"deleted":["mode"]}"#);
    bench.input(Input::Written);
    assert_eq!(deliveries(&bench.settle()), [(8, DeliveryStep::Sent)]);
    bench.packet(puback(2));
    assert!(
        deliveries(&bench.settle()).is_empty(),
        "the first is still out"
    );
    bench.packet(puback(1));
    assert_eq!(deliveries(&bench.settle()), [(8, DeliveryStep::Delivered)]);
}

#[test]
fn without_a_subscription_a_downlink_fails() {
    let mut bench = Bench::open(Level::V5);
    bench.rpc(1, 0);
    bench.downlink(2, changed(2, true));
    let expected = [(1, DeliveryStep::Failed), (2, DeliveryStep::Failed)];
    assert_eq!(deliveries(&bench.settle()), expected);
    assert!(bench.sent().is_empty());
}

#[test]
fn a_client_that_refuses_a_message_makes_it_fail_with_a_row() {
    let mut bench = Bench::open(Level::V5);
    bench.subscribe(ATTRIBUTES, 1);
    bench.downlink(8, changed(8, true));
    bench.input(Input::Written);
    bench.settle();
    bench.packet(Packet::Puback(Ack::with_reason(1, 0x83)));
    let uplinks = bench.settle();
    assert_eq!(reasons(&uplinks), [Reason::ProtocolViolation]);
    assert_eq!(deliveries(&uplinks), [(8, DeliveryStep::Failed)]);
    bench.packet(puback(2));
    assert!(
        deliveries(&bench.settle()).is_empty(),
        "its fate is settled"
    );
}

#[test]
fn no_more_is_in_flight_than_the_client_takes() {
    let mut connect = Connect::new(Level::V5, "c");
    connect.receive_maximum = 2;
    let mut bench = Bench::open_with(connect, settings());
    bench.subscribe(RPC, 1);
    for id in 1..=5 {
        bench.rpc(id, 0);
    }
    assert_eq!(published(bench.sent()).len(), 2);
    bench.input(Input::Written);
    let expected = [(1, DeliveryStep::Sent), (2, DeliveryStep::Sent)];
    assert_eq!(deliveries(&bench.settle()), expected);
    bench.packet(puback(2));
    let sent = published(bench.sent());
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].2, Some(3));
}

#[test]
fn downlinks_stay_in_their_line_when_a_window_of_them_waits() {
    let mut limits = settings();
    limits.inflight_window = 3;
    let mut bench = Bench::open_with(Connect::new(Level::V311, "c"), limits);
    bench.subscribe(RPC, 1);
    let mut id = 0;
    while bench.session.takes_downlinks() {
        id += 1;
        bench.rpc(id, 0);
        assert!(id < 20);
    }
    assert_eq!(id, 6, "3 in flight, 3 waiting");
    assert!(bench.session.lets_downlinks_wait());
    bench.packet(puback(1));
    assert!(bench.session.takes_downlinks());
}

#[test]
fn a_client_that_acknowledges_nothing_is_at_last_refused_its_answers() {
    let mut limits = settings();
    limits.inflight_window = 2;
    let mut bench = Bench::open_with(Connect::new(Level::V5, "c"), limits);
    for id in 1..=8 {
        bench.publish("v2/r/req/1", 1, id, r#"{"method":"m"}"#);
    }
    let uplinks = bench.settle();
    assert_eq!(uplinks.len(), 8);
    let sent = bench.sent();
    let codes: Vec<u8> = acks(&sent).into_iter().map(|ack| ack.1).collect();
    assert_eq!(
        codes,
        [0, 0, 0, 0, 0, 0, 0x97, 0x97],
        "2 in flight, 4 waiting"
    );
    let expected = [Reason::QueueFull, Reason::QueueFull];
    assert_eq!(reasons(&bench.settle()), expected);
}

#[test]
fn what_is_over_the_clients_maximum_packet_size_fails_with_a_row_and_is_not_sent() {
    let mut connect = Connect::new(Level::V5, "c");
    let mut bench = Bench::open_with(connect.clone(), settings());
    bench.subscribe(RPC, 1);
    bench.rpc(1, 0);
    let size = {
        use crate::transport::mqtt::codec::Codec;
        let mut out = bytes::BytesMut::new();
        let sent = bench.sent();
        Codec::new(Level::V5).encode(&sent[0], &mut out).unwrap();
        out.len()
    };
    connect.maximum_packet_size = Some(u32::try_from(size).unwrap());
    let mut bench = Bench::open_with(connect.clone(), settings());
    bench.subscribe(RPC, 1);
    bench.rpc(1, 0);
    assert_eq!(bench.sent().len(), 1, "exactly the limit is allowed");
    connect.maximum_packet_size = Some(u32::try_from(size - 1).unwrap());
    let mut bench = Bench::open_with(connect, settings());
    bench.subscribe(RPC, 1);
    bench.rpc(1, 0);
    assert!(bench.sent().is_empty());
    let uplinks = bench.settle();
    assert_eq!(reasons(&uplinks), [Reason::TooLarge]);
    assert_eq!(deliveries(&uplinks), [(1, DeliveryStep::Failed)]);
}

/// Keys of six characters and values of twenty, as a device that was away for long gets them.
fn many(count: usize) -> Vec<(crate::model::value::Key, Value)> {
    (0..count)
        .map(|n| {
            (
                format!("key{n:03}").into(),
                Value::Text("v".repeat(20).into()),
            )
        })
        .collect()
}

/// The keys that arrived, in their order; every message is acknowledged.
fn drained(bench: &mut Bench, most: usize) -> Vec<String> {
    use crate::transport::mqtt::codec::Codec;
    let mut keys = Vec::new();
    loop {
        let sent = bench.sent();
        if sent.is_empty() {
            return keys;
        }
        for packet in &sent {
            let mut out = bytes::BytesMut::new();
            Codec::new(Level::V5).encode(packet, &mut out).unwrap();
            assert!(out.len() <= most, "{} bytes", out.len());
        }
        for (_, payload, id, _) in published(sent) {
            let object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&payload).unwrap();
            keys.extend(object.keys().cloned());
            bench.packet(puback(id.unwrap()));
        }
    }
}

#[test]
fn changes_over_the_largest_packet_come_in_parts_and_are_one_delivery() {
    let mut connect = Connect::new(Level::V5, "c");
    connect.maximum_packet_size = Some(100);
    connect.receive_maximum = 1;
    let mut bench = Bench::open_with(connect, settings());
    bench.subscribe(ATTRIBUTES, 1);
    let updated = many(300);
    let names: Vec<String> = updated.iter().map(|(key, _)| key.to_string()).collect();
    bench.downlink(
        8,
        DownlinkBody::AttributesChanged {
            revision: 8,
            updated,
            deleted: vec![],
        },
    );
    assert_eq!(drained(&mut bench, 100), names);
    let uplinks = bench.settle();
    assert_eq!(reasons(&uplinks), []);
    let expected = [(8, DeliveryStep::Sent), (8, DeliveryStep::Delivered)];
    assert_eq!(deliveries(&uplinks), expected);
}

#[test]
fn a_change_that_never_fits_has_a_row_and_keeps_no_other_from_the_client() {
    let mut connect = Connect::new(Level::V5, "c");
    connect.maximum_packet_size = Some(100);
    let mut bench = Bench::open_with(connect, settings());
    bench.subscribe(ATTRIBUTES, 1);
    let large = ("large".into(), Value::Text("x".repeat(200).into()));
    let mut updated = vec![large.clone()];
    updated.extend(many(4));
    for (revision, updated, left) in [(8, updated, 4), (9, vec![large], 0)] {
        bench.downlink(
            revision,
            DownlinkBody::AttributesChanged {
                revision,
                updated,
                deleted: vec![],
            },
        );
        assert_eq!(drained(&mut bench, 100).len(), left);
        let uplinks = bench.settle();
        assert_eq!(reasons(&uplinks), [Reason::TooLarge]);
        let last = deliveries(&uplinks).pop();
        assert_eq!(last, Some((revision, DeliveryStep::Delivered)));
    }
}

#[test]
fn packet_ids_wrap_at_65535_and_leave_out_those_in_use() {
    let mut bench = Bench::open(Level::V311);
    bench.subscribe(RPC, 1);
    bench.rpc(0, 0);
    assert_eq!(published(bench.sent())[0].2, Some(1), "stays in flight");
    let mut seen = BTreeSet::new();
    for n in 1..=u64::from(u16::MAX) + 10 {
        bench.rpc(n, 0);
        let id = published(bench.sent())[0].2.unwrap();
        assert!(id > 1, "0 is no id, and 1 is in use");
        seen.insert(id);
        bench.packet(puback(id));
        bench.settle();
    }
    assert_eq!(seen.len(), usize::from(u16::MAX) - 1);
}

#[test]
fn a_downlink_that_is_offered_again_while_in_flight_is_not_sent_twice() {
    let mut bench = Bench::open(Level::V311);
    bench.subscribe(RPC, 1);
    bench.rpc(3, 0);
    bench.rpc(3, 0);
    assert_eq!(bench.sent().len(), 1);
}
