//! contract/mqtt.md 4.

use super::*;
use crate::transport::mqtt::codec::packet::{Suback, Unsuback, Unsubscribe};
use crate::transport::mqtt::mapping::Filter as Served;

fn unsubscribe(id: u16, filters: &[&'static str]) -> Packet {
    Packet::Unsubscribe(Unsubscribe {
        packet_id: id,
        filters: filters.iter().map(|f| (*f).into()).collect(),
    })
}

fn suback_codes(packets: &[Packet]) -> Vec<u8> {
    match packets {
        [Packet::Suback(suback)] => suback.codes.clone(),
        other => panic!("expected one SUBACK, got {other:?}"),
    }
}

fn subscriptions(uplinks: &[Uplink]) -> (bool, bool) {
    let last = uplinks.iter().rev().find_map(|uplink| match uplink {
        Uplink::Subscribe(s) => Some((s.attributes, s.rpc)),
        _ => None,
    });
    last.expect("a Subscribe")
}

#[test]
fn every_filter_of_the_contract_is_granted_at_qos_1_at_most() {
    let filters = "v1/devices/me/attributes,v1/devices/me/attributes/response/+,\
        v1/devices/me/rpc/request/+,v1/devices/me/rpc/response/+,v2/a,v2/a/j,v2/a/p,\
        v2/a/res/+,v2/a/res/j/+,v2/a/res/p/+,v2/r/req/+,v2/r/req/j/+,v2/r/req/p/+,\
        v2/r/res/+,v2/r/res/j/+,v2/r/res/p/+,v2/fw/response/+/chunk/+,v2/fw/error,\
        v2/sw/response/+/chunk/+,v2/sw/error,v1/gateway/attributes,\
        v1/gateway/attributes/response,v1/gateway/rpc";
    assert_eq!(filters.split(',').count(), Served::all().count());
    for filter in filters.split(',') {
        for level in ALL {
            for qos in 0..=2 {
                let mut bench = Bench::open(level);
                bench.packet(subscribe(3, &[(filter, qos)]));
                bench.settle();
                assert_eq!(suback_codes(&bench.sent()), [qos.min(1)], "{filter}");
                bench.assert_open();
            }
        }
    }
}

#[test]
fn any_other_filter_is_refused_and_the_rest_of_the_packet_holds() {
    for filter in [
        "#",
        "+/devices/me/attributes",
        "v1/devices/me/telemetry",
        "v1/devices/me/rpc/request/5",
        "$share/g/v1/devices/me/attributes",
        "v1/gateway/disconnect",
        "v2/fw/response/+",
        "/provision/response",
    ] {
        for (level, code) in [(Level::V31, 0x80), (Level::V311, 0x80), (Level::V5, 0x8F)] {
            let mut bench = Bench::open(level);
            bench.packet(subscribe(
                3,
                &[(filter, 1), ("v1/devices/me/rpc/request/+", 1)],
            ));
            let uplinks = bench.settle();
            assert_eq!(reasons(&uplinks), [Reason::UnknownFilter]);
            assert_eq!(subscriptions(&uplinks), (false, true));
            assert_eq!(suback_codes(&bench.sent()), [code, 1], "{filter}");
            bench.assert_open();
        }
    }
}

#[test]
fn suback_leaves_only_when_the_subscription_is_effective() {
    let mut bench = Bench::open(Level::V311);
    bench.packet(subscribe(3, &[("v1/devices/me/attributes", 1)]));
    assert!(bench.sent().is_empty());
    assert_eq!(subscriptions(&bench.submitted()), (true, false));
    bench.done();
    let expected = Packet::Suback(Suback {
        packet_id: 3,
        codes: vec![1],
    });
    assert_eq!(bench.sent(), [expected]);
}

#[test]
fn a_packet_of_refused_filters_alone_changes_nothing() {
    let mut bench = Bench::open(Level::V5);
    bench.packet(subscribe(3, &[("a", 1), ("b", 0)]));
    let uplinks = bench.settle();
    assert!(matches!(uplinks.as_slice(), [Uplink::Refused(_)]));
    assert_eq!(suback_codes(&bench.sent()), [0x8F, 0x8F]);
}

#[test]
fn a_thousand_refused_filters_make_one_row_that_names_a_few() {
    let mut bench = Bench::open(Level::V5);
    let names: Vec<String> = (0..1000).map(|n| format!("f/{n}")).collect();
    let filters: Vec<(&str, u8)> = names.iter().map(|n| (n.as_str(), 0)).collect();
    bench.packet(subscribe(3, &filters));
    match bench.settle().as_slice() {
        [Uplink::Refused(row)] => {
            assert!(row.detail.contains("`f/2` and 997 more"), "{}", row.detail);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(suback_codes(&bench.sent()).len(), 1000);
}

#[test]
fn a_subscription_that_cannot_be_kept_is_refused_and_not_in_force() {
    let mut bench = Bench::open(Level::V5);
    bench.packet(subscribe(3, &[("v1/devices/me/rpc/request/+", 1)]));
    bench.submitted();
    bench.outcomes(vec![refused(Reason::StoreFull)]);
    assert_eq!(suback_codes(&bench.sent()), [0x97]);
    bench.rpc(1, 0);
    assert_eq!(deliveries(&bench.submitted()), [(1, DeliveryStep::Failed)]);
    assert!(bench.sent().is_empty());
}

#[test]
fn more_filters_than_the_limit_are_refused_one_by_one() {
    let mut limits = settings();
    limits.max_subscriptions = 2;
    let mut bench = Bench::open_with(Connect::new(Level::V5, "c"), limits);
    let filters = [("v2/a", 1), ("v2/a", 0), ("v2/a/j", 1), ("v2/r/req/+", 1)];
    bench.packet(subscribe(3, &filters));
    assert_eq!(reasons(&bench.settle()), [Reason::QueueFull]);
    assert_eq!(suback_codes(&bench.sent()), [1, 0, 1, 0x97]);
}

#[test]
fn the_operator_is_told_of_a_device_that_waits_for_protobuf() {
    let mut bench = Bench::open(Level::V5);
    bench.packet(subscribe(3, &[("v2/a/p", 1)]));
    let uplinks = bench.settle();
    assert_eq!(reasons(&uplinks), [Reason::UnknownFilter]);
    assert_eq!(subscriptions(&uplinks), (false, false));
    assert_eq!(suback_codes(&bench.sent()), [1]);
}

#[test]
fn unsuback_tells_what_was_subscribed_and_what_was_not() {
    let mut bench = Bench::open(Level::V5);
    bench.subscribe("v1/devices/me/attributes", 1);
    bench.packet(unsubscribe(
        9,
        &["v1/devices/me/attributes", "v2/a", "nonsense"],
    ));
    assert_eq!(subscriptions(&bench.settle()), (false, false));
    let expected = Packet::Unsuback(Unsuback {
        packet_id: 9,
        codes: vec![0, 0x11, 0x11],
    });
    assert_eq!(bench.sent(), [expected]);
    bench.packet(unsubscribe(10, &["v1/devices/me/attributes"]));
    assert_eq!(bench.settle(), [Uplink::Activity]);
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn acknowledgements_of_all_kinds_keep_the_order_of_their_packets() {
    let mut bench = Bench::open(Level::V311);
    bench.publish(TELEMETRY, 1, 1, "{\"a\":1}");
    bench.packet(subscribe(2, &[("v2/a", 1)]));
    bench.publish("nowhere", 1, 3, "");
    bench.packet(unsubscribe(4, &["v2/a"]));
    bench.publish(TELEMETRY, 2, 5, "{\"a\":1}");
    bench.settle();
    let names: Vec<&str> = bench.sent().iter().map(Packet::name).collect();
    assert_eq!(names, ["PUBACK", "SUBACK", "PUBACK", "UNSUBACK", "PUBREC"]);
}
