//! Topic aliases from the client (MQTT 5 section 3.3.2.3.4).

use super::*;

fn aliased(topic: &str, alias: u16) -> Packet {
    let mut publish = Publish::new(topic.to_owned(), "{\"a\":1}");
    publish.topic_alias = Some(alias);
    Packet::Publish(publish)
}

#[test]
fn an_alias_stands_for_its_topic_until_it_is_set_anew() {
    let mut bench = Bench::open(Level::V5);
    bench.packet(aliased(TELEMETRY, 4));
    bench.packet(aliased("", 4));
    bench.packet(aliased("v1/devices/me/attributes", 4));
    bench.packet(aliased("", 4));
    let uplinks = bench.settle();
    assert!(matches!(
        uplinks.as_slice(),
        [
            Uplink::Telemetry(_),
            Uplink::Telemetry(_),
            Uplink::Attributes { .. },
            Uplink::Attributes { .. }
        ]
    ));
    bench.assert_open();
}

#[test]
fn an_alias_out_of_range_ends_the_connection_with_0x94() {
    for alias in [0, 5, u16::MAX] {
        let mut bench = Bench::open(Level::V5);
        bench.packet(aliased(TELEMETRY, alias));
        assert_eq!(reasons(&bench.settle()), [Reason::ProtocolViolation]);
        assert_eq!(disconnect_code(&bench.sent()), 0x94);
    }
}

#[test]
fn a_publish_with_neither_topic_nor_known_alias_is_a_protocol_error() {
    for packet in [aliased("", 1), publish("", 0, 0, "{}")] {
        let mut bench = Bench::open(Level::V5);
        bench.packet(packet);
        assert_eq!(reasons(&bench.settle()), [Reason::ProtocolViolation]);
        assert_eq!(disconnect_code(&bench.sent()), 0x82);
        assert!(bench.closed().is_some());
    }
}
