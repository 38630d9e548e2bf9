//! Whatever comes between packets and their outcomes: acknowledgements keep their order, nothing
//! is acknowledged before its outcome, nothing is acknowledged twice, and nothing panics.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;

fn any_packet(random: &mut StdRng, id: u16) -> Packet {
    let qos = random.random_range(0..=2);
    match random.random_range(0..10) {
        0..=4 => publish(TELEMETRY, qos, id, "{\"a\":1}"),
        5 => publish("v2/r/req/1", qos, id, r#"{"method":"m"}"#),
        6 => publish("nowhere", qos, id, ""),
        7 => publish("v2/a/req/j/-1", qos, id, "{}"),
        8 => subscribe(id, &[("v2/a", qos), ("v2/r/req/+", 1)]),
        _ => Packet::Pingreq,
    }
}

fn id_of(packet: &Packet) -> Option<u16> {
    match packet {
        Packet::Publish(publish) => publish.packet_id,
        Packet::Subscribe(subscribe) => Some(subscribe.packet_id),
        Packet::Puback(ack) | Packet::Pubrec(ack) => Some(ack.packet_id),
        Packet::Suback(suback) => Some(suback.packet_id),
        _ => None,
    }
}

#[test]
fn acknowledgements_keep_the_order_whatever_happens_in_between() {
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let level = ALL[random.random_range(0..3)];
        let mut bench = Bench::open(level);
        let mut expected = VecDeque::new();
        let mut waiting: VecDeque<Outcome> = VecDeque::new();
        let mut next_id = 0;
        for downlink in 0..200 {
            match random.random_range(0..6) {
                0..=2 if bench.session.takes_packets() && expected.len() < 90 => {
                    next_id += 1;
                    let packet = any_packet(&mut random, next_id);
                    expected.extend(id_of(&packet));
                    bench.packet(packet);
                }
                3 if !waiting.is_empty() => {
                    let some = random.random_range(1..=waiting.len());
                    bench.outcomes(waiting.drain(..some).collect());
                }
                4 => bench.rpc(downlink, 1),
                _ => bench.input(Input::Written),
            }
            waiting.extend(bench.submitted().iter().map(success));
            check(&mut bench, &mut expected, &mut waiting);
        }
        while !waiting.is_empty() {
            bench.outcomes(waiting.drain(..).collect());
            waiting.extend(bench.submitted().iter().map(success));
            check(&mut bench, &mut expected, &mut waiting);
        }
        assert!(
            expected.is_empty(),
            "seed {seed}: {expected:?} unacknowledged"
        );
        bench.assert_open();
    }
}

/// Takes what was sent: acknowledgements must come as expected, ours are acknowledged.
fn check(bench: &mut Bench, expected: &mut VecDeque<u16>, waiting: &mut VecDeque<Outcome>) {
    for packet in bench.sent() {
        match packet {
            Packet::Publish(publish) => {
                if let Some(id) = publish.packet_id {
                    bench.input(Input::Packet(puback(id)));
                }
            }
            Packet::Pubrec(ack) => {
                assert_eq!(expected.pop_front(), Some(ack.packet_id));
                if ack.reason < 0x80 {
                    bench.input(Input::Packet(Packet::Pubrel(Ack::new(ack.packet_id))));
                }
            }
            other => {
                if let Some(id) = id_of(&other) {
                    assert_eq!(expected.pop_front(), Some(id), "{other:?}");
                }
            }
        }
    }
    waiting.extend(bench.submitted().iter().map(success));
    bench.fx.send.retain(|packet| id_of(packet).is_some());
}

#[test]
fn any_sequence_of_packets_and_events_ends_in_order_or_goes_on() {
    for seed in 1000..1400 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut connect = Connect::new(ALL[random.random_range(0..3)], "c");
        connect.session_expiry = random.random_range(0..2);
        connect.receive_maximum = random.random_range(1..4);
        let mut limits = settings();
        limits.inflight_window = 2;
        limits.receive_maximum = 20;
        let mut bench = Bench::open_with(connect, limits);
        for step in 0..300 {
            hostile(&mut bench, &mut random, step);
            let outcomes = bench.submitted().len();
            for _ in 0..outcomes {
                let outcome = match random.random_range(0..12) {
                    0 => refused(Reason::StoreFull),
                    1 => Outcome::RpcResult("1".into()),
                    2 => Outcome::Attributes(Default::default()),
                    _ => Outcome::Done,
                };
                bench.outcomes(vec![outcome]);
            }
            let waiting = bench.fx.send.len();
            assert!(waiting < 100, "seed {seed}: {waiting} packets at once");
            bench.sent();
            if bench.closed().is_some() {
                assert!(!bench.session.is_open());
                break;
            }
        }
    }
}

fn hostile(bench: &mut Bench, random: &mut StdRng, step: u64) {
    let id = random.random_range(1..6);
    let input = match random.random_range(0..16) {
        0..=5 => Input::Packet(any_packet(random, id)),
        6 => Input::Packet(puback(id)),
        7 => Input::Packet(Packet::Pubrel(Ack::new(id))),
        8 => Input::Packet(Packet::Pubrec(Ack::new(id))),
        9 => Input::Packet(Packet::Pubcomp(Ack::new(id))),
        10 => Input::Packet(Packet::Puback(Ack::with_reason(id, 0x80))),
        11 => Input::Outcomes(vec![Outcome::Done]),
        12 => Input::Written,
        13 => return bench.rpc(step % 7, 1),
        14 => Input::Tick,
        _ if step > 250 => Input::Packet(publish(TELEMETRY, 1, id, "{")),
        _ => Input::Packet(Packet::Pingreq),
    };
    bench.input(input);
}
