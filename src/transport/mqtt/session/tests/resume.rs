//! Persistent sessions (MQTT 3.1.1 and 5 section 4.4; contract/mqtt.md 15.5).

use super::*;
use crate::model::session::Subscriptions;

const RPC: &str = "v1/devices/me/rpc/request/+";

fn persistent(level: Level) -> Connect {
    let mut connect = Connect::new(level, "c1");
    connect.clean_start = false;
    connect.session_expiry = 1000;
    connect
}

/// Connects again with what the first connection left.
fn again(connect: Connect, wire: Vec<u8>, inflight: Vec<u8>) -> Bench {
    let mut bench = Bench::new(settings());
    bench.connect(connect);
    bench.fx.connect.take();
    let stored = StoredSession {
        client_id: "c1".into(),
        subscriptions: Subscriptions {
            attributes: false,
            rpc: true,
            wire,
        },
        expires_at: i64::MAX,
        acknowledged: 0,
        inflight,
    };
    bench.granted(Some(stored), ProfileOptions::default());
    bench
}

fn wire_of(filters: &[(&str, u8)]) -> Vec<u8> {
    let mut bench = Bench::open_with(persistent(Level::V311), settings());
    bench.packet(subscribe(1, filters));
    match bench.settle().pop() {
        Some(Uplink::Subscribe(subscriptions)) => subscriptions.wire,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unacknowledged_publishes_come_again_with_dup_and_their_ids_in_order() {
    for level in ALL {
        let mut bench = Bench::open_with(persistent(level), settings());
        bench.subscribe(RPC, 1);
        for id in 1..=3 {
            bench.rpc(id, id as i32);
        }
        let first = published(bench.sent());
        assert!(first.iter().all(|p| !p.3), "no DUP at first");
        bench.input(Input::Written);
        bench.settle();
        bench.packet(puback(2));
        bench.settle();
        bench.input(Input::Gone("connection lost"));
        let end = bench.closed().unwrap();

        let mut bench = again(persistent(level), wire_of(&[(RPC, 1)]), end.inflight);
        let second = published(bench.sent());
        let expected = [(Some(1), true), (Some(3), true)];
        assert_eq!(
            second.iter().map(|p| (p.2, p.3)).collect::<Vec<_>>(),
            expected
        );
        assert_eq!((&second[0].0, &second[0].1), (&first[0].0, &first[0].1));
        bench.rpc(1, 1);
        bench.rpc(9, 9);
        let new = published(bench.sent());
        assert_eq!(new.len(), 1, "the offered copy of 1 is on its way already");
        assert_eq!(
            (new[0].2, new[0].3),
            (Some(2), false),
            "ids in use are left out"
        );
        bench.packet(puback(1));
        let steps = deliveries(&bench.settle());
        assert!(steps.contains(&(1, DeliveryStep::Delivered)), "{steps:?}");
    }
}

#[test]
fn a_copy_that_was_offered_before_the_acknowledgement_is_not_sent_after_it() {
    let mut bench = Bench::open_with(persistent(Level::V311), settings());
    bench.subscribe(RPC, 1);
    bench.rpc(1, 1);
    bench.input(Input::Gone("connection lost"));
    let end = bench.closed().unwrap();
    let mut bench = again(persistent(Level::V311), wire_of(&[(RPC, 1)]), end.inflight);
    assert_eq!(bench.sent().len(), 1);
    bench.packet(puback(1));
    bench.settle();
    bench.rpc(1, 1);
    assert!(bench.sent().is_empty());
    assert_eq!(deliveries(&bench.settle()), [(1, DeliveryStep::Delivered)]);
}

#[test]
fn a_session_that_ends_with_its_connection_leaves_nothing() {
    let mut bench = Bench::open(Level::V311);
    bench.subscribe(RPC, 1);
    bench.rpc(1, 0);
    bench.input(Input::Gone("connection lost"));
    assert!(bench.closed().unwrap().inflight.is_empty());
}

#[test]
fn subscriptions_are_back_with_their_forms_and_qos() {
    let wire = wire_of(&[(RPC, 1), ("v2/r/req/j/+", 0)]);
    let mut bench = again(persistent(Level::V5), wire, Vec::new());
    bench.rpc(1, 7);
    let sent = published(bench.sent());
    assert_eq!((sent[0].0.as_str(), sent[0].2), ("v2/r/req/j/7", None));
}

#[test]
fn a_qos_2_publish_is_not_applied_again_after_a_resumption() {
    let mut bench = Bench::open_with(persistent(Level::V311), settings());
    bench.publish(TELEMETRY, 2, 5, "{\"a\":1}");
    bench.settle();
    bench.input(Input::Gone("connection lost"));
    let end = bench.closed().unwrap();
    let mut bench = again(persistent(Level::V311), Vec::new(), end.inflight);
    bench.publish(TELEMETRY, 2, 5, "{\"a\":1}");
    assert!(bench.submitted().is_empty());
    assert_eq!(acks(&bench.sent()), [(5, 0)]);
    bench.packet(Packet::Pubrel(Ack::new(5)));
    assert_eq!(bench.sent(), [Packet::Pubcomp(Ack::new(5))]);
}

#[test]
fn a_clients_quota_is_whole_again_after_a_resumption() {
    let mut bench = Bench::open_with(persistent(Level::V5), settings());
    for id in 1..=100 {
        bench.publish(TELEMETRY, 2, id, "{\"a\":1}");
        bench.settle();
    }
    bench.input(Input::Gone("connection lost"));
    let end = bench.closed().unwrap();
    let mut bench = again(persistent(Level::V5), Vec::new(), end.inflight);
    for id in 101..=200 {
        bench.publish(TELEMETRY, 2, id, "{\"a\":1}");
        bench.settle();
    }
    bench.assert_open();
}

#[test]
fn a_smaller_window_after_the_resumption_holds_for_retransmissions_too() {
    let mut bench = Bench::open_with(persistent(Level::V5), settings());
    bench.subscribe(RPC, 1);
    for id in 1..=3 {
        bench.rpc(id, 0);
    }
    bench.input(Input::Gone("connection lost"));
    let end = bench.closed().unwrap();
    let mut connect = persistent(Level::V5);
    connect.receive_maximum = 1;
    let mut bench = again(connect, wire_of(&[(RPC, 1)]), end.inflight);
    assert_eq!(published(bench.sent())[0].2, Some(1));
    bench.packet(puback(1));
    assert_eq!(published(bench.sent())[0].2, Some(2));
    // And what is still waiting with an id survives another loss.
    bench.input(Input::Gone("connection lost"));
    let end = bench.closed().unwrap();
    let mut bench = again(persistent(Level::V5), wire_of(&[(RPC, 1)]), end.inflight);
    let ids: Vec<_> = published(bench.sent()).into_iter().map(|p| p.2).collect();
    assert_eq!(ids, [Some(2), Some(3)]);
}

#[test]
fn answers_that_could_not_be_sent_yet_are_kept_without_dup() {
    let mut connect = persistent(Level::V5);
    connect.receive_maximum = 1;
    let mut bench = Bench::open_with(connect, settings());
    for id in 1..=2 {
        bench.publish(&format!("v2/r/req/{id}"), 0, 0, r#"{"method":"m"}"#);
    }
    bench.settle();
    bench.input(Input::Gone("connection lost"));
    let end = bench.closed().unwrap();
    let mut bench = again(persistent(Level::V5), Vec::new(), end.inflight);
    let sent = published(bench.sent());
    let seen: Vec<_> = sent.iter().map(|p| (p.0.as_str(), p.3)).collect();
    assert_eq!(seen, [("v2/r/res/1", true), ("v2/r/res/2", false)]);
}

#[test]
fn damaged_or_foreign_session_state_is_left_out_without_harm() {
    for inflight in [
        vec![9, 9, 9],
        vec![1, 255, 255],
        vec![1],
        b"\x01\x05\x01".to_vec(),
    ] {
        let wire = b"1 v1/devices/me/rpc/request/+\n1 unknown/filter\nnonsense\n\xff\n".to_vec();
        let mut bench = again(persistent(Level::V311), wire, inflight);
        assert!(bench.sent().is_empty());
        bench.assert_open();
        bench.rpc(1, 0);
        assert_eq!(bench.sent().len(), 1);
    }
}

fn changed() -> DownlinkBody {
    DownlinkBody::AttributesChanged {
        revision: 8,
        updated: vec![("a".into(), crate::model::value::Value::Long(1))],
        deleted: vec!["b".into()],
    }
}

#[test]
fn the_rest_of_a_downlink_that_was_sent_in_part_is_sent_after_the_resumption() {
    let mut connect = persistent(Level::V5);
    connect.receive_maximum = 1;
    let mut bench = Bench::open_with(connect.clone(), settings());
    bench.subscribe("v1/devices/me/attributes", 1);
    bench.downlink(8, changed());
    assert_eq!(published(bench.sent()).len(), 1);
    bench.input(Input::Gone("connection lost"));
    let end = bench.closed().unwrap();

    let wire = b"1 v1/devices/me/attributes\n".to_vec();
    let mut bench = again(connect, wire, end.inflight);
    // The device's copy of the same.
    bench.downlink(8, changed());
    let sent = published(bench.sent());
    assert_eq!((sent.len(), sent[0].3), (1, true));
    bench.packet(puback(sent[0].2.unwrap()));
    assert_eq!(deliveries(&bench.settle()), []);
    let sent = published(bench.sent());
    assert_eq!(sent[0].1, r#"{"deleted":["b"]}"#);
    bench.packet(puback(sent[0].2.unwrap()));
    let delivered = deliveries(&bench.settle()).pop();
    assert_eq!(delivered, Some((8, DeliveryStep::Delivered)));
}

#[test]
fn state_over_its_bound_is_cut_and_lost_answers_have_a_row() {
    let mut bench = Bench::open_with(persistent(Level::V311), settings());
    let body: String = "x".repeat(60_000);
    for id in 1..=6 {
        bench.publish("v2/r/req/1", 1, id, r#"{"method":"m"}"#);
        bench.submitted();
        bench.outcomes(vec![Outcome::RpcResult(body.clone().into())]);
    }
    bench.sent();
    bench.input(Input::Gone("connection lost"));
    assert_eq!(reasons(&bench.submitted()), [Reason::QueueFull]);
    let kept = bench.closed().unwrap().inflight.len();
    assert!(kept > 200_000 && kept < 300_000, "{kept}");
}
