//! QoS 2 from the client: the full handshake (MQTT 3.1.1 and 5 section 4.3.3).

use super::*;

fn pubrel(id: u16) -> Packet {
    Packet::Pubrel(Ack::new(id))
}

#[test]
fn pubrec_follows_the_outcome_and_pubcomp_the_pubrel() {
    for level in ALL {
        let mut bench = Bench::open(level);
        bench.publish(TELEMETRY, 2, 5, "{\"a\":1}");
        assert!(bench.sent().is_empty());
        bench.settle();
        assert_eq!(bench.sent(), [Packet::Pubrec(Ack::new(5))]);
        bench.packet(pubrel(5));
        assert_eq!(bench.sent(), [Packet::Pubcomp(Ack::new(5))]);
        bench.assert_open();
    }
}

#[test]
fn a_repetition_before_pubrel_is_acknowledged_but_not_applied_again() {
    let mut bench = Bench::open(Level::V311);
    bench.publish(TELEMETRY, 2, 5, "{\"a\":1}");
    bench.publish(TELEMETRY, 2, 5, "{\"a\":1}");
    assert_eq!(bench.settle().len(), 1, "still on its way to disk");
    assert_eq!(acks(&bench.sent()), [(5, 0)]);
    bench.publish(TELEMETRY, 2, 5, "{\"a\":1}");
    assert!(bench.submitted().is_empty());
    assert_eq!(acks(&bench.sent()), [(5, 0)]);
    bench.packet(pubrel(5));
    bench.sent();
    bench.publish(TELEMETRY, 2, 5, "{\"a\":2}");
    assert_eq!(bench.settle().len(), 1, "a new message under a free id");
}

#[test]
fn a_refused_publish_leaves_its_id_free_in_mqtt_5() {
    let mut bench = Bench::open(Level::V5);
    bench.publish(TELEMETRY, 2, 5, "{");
    bench.settle();
    assert_eq!(acks(&bench.sent()), [(5, 0x99)]);
    bench.publish(TELEMETRY, 2, 5, "{\"a\":1}");
    assert!(matches!(bench.settle().as_slice(), [Uplink::Telemetry(_)]));
    assert_eq!(acks(&bench.sent()), [(5, 0)]);
}

#[test]
fn a_pubrel_for_nothing_is_completed_and_in_mqtt_5_called_unknown() {
    let mut bench = Bench::open(Level::V5);
    bench.packet(pubrel(77));
    assert_eq!(bench.sent(), [Packet::Pubcomp(Ack::with_reason(77, 0x92))]);
    let mut bench = Bench::open(Level::V311);
    bench.packet(pubrel(77));
    assert!(matches!(bench.sent().as_slice(), [Packet::Pubcomp(a)] if a.packet_id == 77));
    bench.assert_open();
}

#[test]
fn a_handshake_counts_against_receive_maximum_until_it_is_complete() {
    let mut limits = settings();
    limits.receive_maximum = 1;
    let mut bench = Bench::open_with(Connect::new(Level::V5, "c"), limits);
    bench.publish(TELEMETRY, 2, 1, "{\"a\":1}");
    bench.settle();
    bench.packet(pubrel(1));
    bench.publish(TELEMETRY, 2, 2, "{\"a\":1}");
    bench.settle();
    bench.assert_open();
    bench.publish(TELEMETRY, 2, 3, "{\"a\":1}");
    bench.settle();
    assert_eq!(disconnect_code(&bench.sent()), 0x93);
}

#[test]
fn an_old_client_that_never_releases_is_cut_off_at_a_bound() {
    let mut bench = Bench::open(Level::V311);
    for id in 1..=4096 {
        bench.publish(TELEMETRY, 2, id, "{\"a\":1}");
        bench.settle();
    }
    bench.assert_open();
    bench.publish(TELEMETRY, 2, 4097, "{\"a\":1}");
    assert_eq!(reasons(&bench.settle()), [Reason::QueueFull]);
    assert!(bench.closed().is_some());
}

#[test]
fn a_pubrec_from_the_client_is_unknown_since_nothing_of_ours_is_at_qos_2() {
    let mut bench = Bench::open(Level::V5);
    bench.packet(Packet::Pubrec(Ack::new(3)));
    assert_eq!(bench.sent(), [Packet::Pubrel(Ack::with_reason(3, 0x92))]);
    let mut bench = Bench::open(Level::V311);
    bench.packet(Packet::Pubrec(Ack::new(3)));
    assert!(bench.sent().is_empty());
    bench.assert_open();
}
