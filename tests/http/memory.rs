//! Memory of bodies (`http.body_memory`) and of what is read out of them (`registry.in_flight`): long
//! bodies wait for it, and short ones are not held up by those.

use crate::house::{House, TOKEN};
use crate::raw::*;
use crate::wait::wait_for;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use std::time::Duration;

const IN_FLIGHT: usize = 1 << 20;
const SHORT: &str = "{\"a\":1}";

/// It is taken to need four times its length.
fn long() -> String {
    format!("{{\"a\":\"{}\"}}", "x".repeat(200_000))
}

/// Takes most of a `http.body_memory` of 100,000 bytes.
fn most() -> String {
    format!("{{\"a\":\"{}\"}}", "x".repeat(80_000))
}

/// Holds as much, until it is dropped.
fn hold_most(house: &House) -> Socket {
    let bodies = house.metrics.budget("http_bodies");
    let mut holder = Socket::connect(house);
    holder.send(format!(
        "POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 80000\r\n\r\n{{"
    ));
    wait_for("the memory to be taken", || {
        (bodies.bytes() >= 80_000).then_some(())
    });
    holder
}

#[test]
fn what_is_read_out_of_bodies_waits_for_its_memory_and_all_are_answered() {
    let house = House::with(|config| config.registry.in_flight.0 = IN_FLIGHT as u64);
    let in_flight = house.metrics.budget("in_flight");
    // A device each: its next request would wait for the one before it.
    let tokens: Vec<String> = (0..12).map(|n| format!("DEVICE_{n}")).collect();
    for token in &tokens {
        house.add_device(token);
        let path = format!("/api/v1/{token}/telemetry");
        assert_eq!(ask(&house, to(&path, "POST", SHORT)).status, 200);
    }
    let gate = house.store.gate();
    let posts: Vec<_> = tokens
        .iter()
        .map(|token| {
            let path = format!("/api/v1/{token}/telemetry");
            begin(&house, to(&path, "POST", &long()))
        })
        .collect();
    wait_for("some to wait", || (in_flight.waiting() > 4).then_some(()));
    drop(gate);
    for post in posts {
        assert_eq!(post.join().expect("an answer").status, 200);
    }
    assert!(in_flight.peak() <= IN_FLIGHT, "{}", in_flight.peak());
    wait_for("all to be returned", || {
        (in_flight.bytes() == 0).then_some(())
    });
}

#[test]
fn a_long_body_that_waits_too_long_for_memory_is_429_and_counted_and_short_ones_pass_it() {
    let house = House::with(|config| {
        config.http.body_memory.0 = 100_000;
        config.http.body_wait.0 = Duration::from_millis(100);
    });
    let (bodies, body) = (house.metrics.budget("http_bodies"), most());
    let holder = hold_most(&house);
    let refused = ask(&house, request("POST", "telemetry", &body));
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(house.rejected(Transport::Http, Reason::QueueFull), 1);
    assert_eq!(ask(&house, request("POST", "telemetry", SHORT)).status, 200);
    drop(holder);
    wait_for("the memory to be free", || {
        (ask(&house, request("POST", "telemetry", &body)).status == 200).then_some(())
    });
    wait_for("all to be returned", || {
        (bodies.bytes() == 0 && bodies.waiting() == 0).then_some(())
    });
}

#[test]
fn a_long_body_is_read_once_the_one_before_it_has_gone() {
    let house = House::with(|config| config.http.body_memory.0 = 100_000);
    let (bodies, body) = (house.metrics.budget("http_bodies"), most());
    let holder = hold_most(&house);
    let waiting = begin(&house, request("POST", "telemetry", &body));
    wait_for("the second to wait", || {
        (bodies.waiting() == 1).then_some(())
    });
    drop(holder);
    assert_eq!(waiting.join().expect("an answer").status, 200);
    assert!(bodies.peak() <= 100_000, "{}", bodies.peak());
}
