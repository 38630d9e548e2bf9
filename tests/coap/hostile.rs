//! Datagrams that no client sends: the door answers or ignores them, and goes on.

use crate::house::House;
use crate::peer::{below, code, Peer};
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;

#[test]
fn broken_datagrams_are_counted_and_cost_nobody_else_anything() {
    let house = House::open();
    let mut seed = 0x1357_9bdf_2468_ace1_u64;
    let mut draw = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut other = Peer::of(&house);
    let whole = other
        .request("0.02", &below("telemetry"), b"{\"t\":1}")
        .to_bytes()
        .expect("bytes");
    for round in 0..20 {
        let peer = Peer::of(&house);
        for _ in 0..200 {
            let mut bytes = whole.clone();
            for _ in 0..=draw() % 4 {
                let at = draw() as usize % bytes.len();
                bytes[at] = draw() as u8;
            }
            bytes.truncate(draw() as usize % (bytes.len() + 1));
            peer.send_bytes(&bytes);
        }
        assert_eq!(
            code(&other.post("telemetry", "{\"t\":2}")),
            "2.01",
            "{round}"
        );
    }
    house.wait_for_rejected(Transport::Coap, Reason::ProtocolViolation, 100);
}

#[test]
fn a_datagram_larger_than_allowed_is_refused_with_a_code() {
    let house = House::with(|config| config.coap.max_message.0 = 512);
    let mut peer = Peer::of(&house);
    let body = format!("{{\"t\":\"{}\"}}", "x".repeat(600));
    assert_eq!(code(&peer.post("telemetry", &body)), "4.13");
}
