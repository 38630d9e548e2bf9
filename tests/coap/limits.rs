//! Rates, addresses that guess, and rights that end: counted for each request, however often a
//! device speaks.

use crate::house::{House, TOKEN};
use crate::peer::{below, code, text, uint, Peer};
use crate::wait::until;
use coap_lite::{CoapOption, Packet};
use industryos_iot::model::rates::Rates;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use std::time::Duration;

const HOUR: u32 = 3_600;
const A_DAY: Duration = Duration::from_secs(86_400);

fn post_as(peer: &mut Peer, token: &str) -> Packet {
    let path = format!("api/v1/{token}/telemetry");
    let request = peer.request("0.02", &path, b"{\"t\":1}");
    peer.ask(&request)
}

/// 4.29, with the rate in words and when to come again.
#[track_caller]
fn is_told_to_wait(answer: &Packet, rate: &str) {
    assert_eq!(code(answer), "4.29");
    let told = text(answer);
    assert!(told.contains(rate), "{told}");
    let wait = uint(answer, CoapOption::MaxAge).expect("Max-Age");
    assert!((HOUR - 60..=HOUR).contains(&wait), "{wait}");
}

#[test]
fn a_device_over_its_rate_is_told_which_one_and_when_to_come_again() {
    let rate = Rates::parse("2:2h").expect("a rate");
    let house = House::with(|config| config.device.message_rate = rate);
    let mut peer = Peer::of(&house);
    for _ in 0..2 {
        assert_eq!(code(&peer.post("telemetry", "{\"t\":1}")), "2.01");
    }
    is_told_to_wait(&peer.post("telemetry", "{\"t\":2}"), "than 2:2h");
    is_told_to_wait(&peer.get("attributes"), "than 2:2h");
    assert_eq!(house.rejected(Transport::Coap, Reason::RateLimited), 2);
    assert_eq!(house.refusals(), [Reason::RateLimited], "one row a second");
    house.add_device("OTHER");
    assert_eq!(code(&post_as(&mut peer, "OTHER")), "2.01");
}

#[test]
fn what_a_profile_says_of_rates_counts_from_the_next_request_on() {
    let house = House::with(|config| config.coap.known_for.0 = A_DAY);
    let mut peer = Peer::of(&house);
    assert_eq!(code(&peer.post("telemetry", "{\"t\":1}")), "2.01");
    house.profile_allows("1:1h");
    assert_eq!(code(&peer.post("telemetry", "{\"t\":2}")), "2.01");
    is_told_to_wait(&peer.post("telemetry", "{\"t\":3}"), "than 1:1h");
    house.profile_allows("100:1s");
    assert_eq!(code(&peer.post("telemetry", "{\"t\":4}")), "2.01");
}

#[test]
fn an_address_that_guesses_is_refused_for_a_time_and_told_how_long() {
    let house = House::with(|config| {
        config.registry.slow_after = 0;
        config.registry.refuse_after = 3;
        config.registry.refuse_for.0 = Duration::from_secs(u64::from(HOUR));
    });
    let mut peer = Peer::of(&house);
    for n in 0..3 {
        assert_eq!(code(&post_as(&mut peer, &format!("guess{n}"))), "4.01");
    }
    is_told_to_wait(&post_as(&mut peer, TOKEN), "refused for");
    is_told_to_wait(&post_as(&mut peer, "guess4"), "refused for");
    house.wait_for_rejected(Transport::Coap, Reason::RateLimited, 2);
}

#[test]
fn a_rotated_token_is_accepted_until_its_overlap_ends_however_often_it_is_used() {
    let house = House::with(|config| config.coap.known_for.0 = A_DAY);
    let mut peer = Peer::of(&house);
    assert_eq!(code(&peer.post("telemetry", "{\"t\":1}")), "2.01");
    house.rotate("NEW", Duration::from_secs(3));
    assert_eq!(code(&peer.post("telemetry", "{\"t\":2}")), "2.01");
    until("the overlap has ended", || {
        code(&peer.post("telemetry", "{\"t\":3}")) == "4.01"
    });
    assert_eq!(code(&post_as(&mut peer, "NEW")), "2.01");
    let observed = peer.observing("attributes", b"old", 0);
    assert_eq!(
        code(&peer.ask(&observed)),
        "4.01",
        "{}",
        below("attributes")
    );
}
