//! Memory of what is in flight over all sessions (`registry.in_flight`): it is bounded, and nobody
//! pays for it with more than time.

use crate::common::wait_for;
use crate::house::House;
use crate::peer::*;
use crate::wire::TELEMETRY;
use industryos_iot::observability::BudgetMeter;
use industryos_iot::transport::mqtt::codec::{Level, Packet};

const BUDGET: usize = 1 << 20;
const SESSIONS: usize = 20;
const WINDOW: u16 = 40;
/// What one read of 64 KiB comes to beyond its estimate, of each thread that reads.
const READS: usize = 4 * (512 << 10);

fn array() -> String {
    let row = |n: usize| format!("{{\"ts\":{},\"values\":{{\"t\":{n}}}}}", 1000 + n);
    let rows: Vec<String> = (0..400).map(row).collect();
    format!("[{}]", rows.join(","))
}

fn peer(house: &House, token: &str) -> Peer {
    let mut connect = connect(Level::V311);
    connect.user_name = Some(token.to_owned());
    Peer::connect(house, connect).0
}

fn all_is_returned(in_flight: &BudgetMeter) {
    wait_for("everything to be returned", || {
        (in_flight.bytes() == 0 && in_flight.waiting() == 0).then_some(())
    });
}

/// What one array takes, once it is read.
fn weight(house: &House, peer: &mut Peer) -> usize {
    let in_flight = house.metrics.budget("in_flight");
    let gate = house.store.gate();
    peer.send(&publish(TELEMETRY, 1, 1, &array()));
    let weight = wait_for("an array in flight", || {
        Some(in_flight.bytes()).filter(|bytes| *bytes > 4000)
    });
    drop(gate);
    assert_eq!(peer.ack(), (1, 0));
    all_is_returned(&in_flight);
    weight
}

#[test]
fn sessions_with_wide_windows_share_the_memory_and_all_are_acknowledged_in_order() {
    let house = House::with(|config| config.registry.in_flight.0 = BUDGET as u64);
    let mut peers: Vec<Peer> = (0..SESSIONS)
        .map(|n| {
            let token = format!("SESSION_{n}");
            house.add_device(&token);
            peer(&house, &token)
        })
        .collect();
    let weight = weight(&house, &mut peers[0]);
    // Half a packet that never ends holds nobody up.
    let mut slow = peer(&house, crate::house::TOKEN);
    slow.raw(b"\x32\xff\x7f\0\x17v1/devices");
    let in_flight = house.metrics.budget("in_flight");
    let gate = house.store.gate();
    let sending: Vec<_> = peers
        .into_iter()
        .map(|peer| std::thread::spawn(|| all(peer)))
        .collect();
    wait_for("sessions to stand in line", || {
        (in_flight.waiting() > SESSIONS / 2).then_some(())
    });
    drop(gate);
    for session in sending {
        session.join().expect("all acknowledged in order");
    }
    let (most, all) = (BUDGET + READS, SESSIONS * usize::from(WINDOW) * weight);
    assert!(all > 3 * most, "the test sends too little: {all}");
    assert!(in_flight.peak() <= most, "{} of {most}", in_flight.peak());
    all_is_returned(&in_flight);
}

fn all(mut peer: Peer) {
    let payload = array();
    let packets: Vec<Packet> = (1..=WINDOW)
        .map(|id| publish(TELEMETRY, 1, id, &payload))
        .collect();
    peer.send_all(&packets);
    for id in 1..=WINDOW {
        assert_eq!(peer.ack(), (id, 0));
    }
}

#[test]
fn who_is_cut_while_he_stands_in_line_keeps_nothing() {
    let house = House::with(|config| config.registry.in_flight.0 = 1);
    let in_flight = house.metrics.budget("in_flight");
    let mut first = peer(&house, crate::house::TOKEN);
    house.add_device("SECOND");
    let mut second = peer(&house, "SECOND");
    let gate = house.store.gate();
    first.send(&publish(TELEMETRY, 1, 1, "{\"a\":1}"));
    wait_for("the memory to be taken", || {
        (in_flight.bytes() > 0).then_some(())
    });
    second.raw(b"\x32");
    wait_for("the second in line", || {
        (in_flight.waiting() == 1).then_some(())
    });
    drop(second);
    drop(gate);
    assert_eq!(first.ack(), (1, 0));
    all_is_returned(&in_flight);
    first.publish(TELEMETRY, 1, 2, "{\"a\":2}");
    assert_eq!(first.ack(), (2, 0));
}
