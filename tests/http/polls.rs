//! Long polls (contract/http.md 5): nothing lost between two of them, one RPC to one of them, and
//! what a client that has gone did not get goes to the next.

use crate::house::House;
use crate::raw::{ask, begin, request, Socket};
use crate::wait::wait_for;
use industryos_iot::model::rpc::RpcAnswer;
use industryos_iot::registry::{Command, CommandReply};
use std::time::{Duration, Instant};

const UPDATES: &str = "attributes/updates?timeout=120000";
/// Longer than any wait of the tests: what ends it is not its time.
const RPC: &str = "rpc?timeout=120000";

#[test]
fn a_shared_change_and_a_deletion_end_the_poll() {
    let house = House::open();
    house.share(&[("old", 1)]);
    let poll = begin(&house, request("GET", UPDATES, ""));
    polling(&house, 1);
    house.share(&[("k", 5)]);
    let answer = poll.join().expect("joined");
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"k":5}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    confirmed(&house);
    let poll = begin(&house, request("GET", UPDATES, ""));
    polling(&house, 1);
    house.unshare(&["k"]);
    assert_eq!(poll.join().expect("joined").body, r#"{"deleted":["k"]}"#);
}

#[test]
fn changes_between_two_polls_are_not_lost() {
    let house = House::open();
    let first = begin(&house, request("GET", UPDATES, ""));
    polling(&house, 1);
    house.share(&[("a", 1)]);
    assert_eq!(first.join().expect("joined").body, r#"{"a":1}"#);
    house.share(&[("a", 2), ("b", 3)]);
    house.share(&[("c", 4)]);
    house.unshare(&["b"]);
    let answer = ask(&house, request("GET", UPDATES, "")).json();
    assert_eq!(answer["a"], 2, "{answer}");
    assert_eq!(answer["c"], 4, "{answer}");
    assert_eq!(answer["deleted"], serde_json::json!(["b"]), "{answer}");
    confirmed(&house);
}

/// Word that an answer was written reaches the actor after its client has read it: until then the
/// next poll gets the same once more. Then there is nothing left.
fn confirmed(house: &House) {
    wait_for("an empty poll", || {
        let poll = request("GET", "attributes/updates?timeout=50", "");
        (ask(house, poll).status == 408).then_some(())
    });
}

#[test]
fn a_pending_rpc_is_answered_at_once_and_marked_delivered() {
    let house = House::open();
    let answer = house.rpc(House::order("blink", "{\"pin\":1}", true, false));
    let polled = ask(&house, request("GET", RPC, ""));
    assert_eq!(polled.json()["method"], "blink");
    let answer = answer
        .recv_timeout(Duration::from_secs(20))
        .expect("an answer");
    assert_eq!(answer, RpcAnswer::Delivered);
}

#[test]
fn each_rpc_goes_to_one_of_two_polls() {
    let house = House::open();
    let polls = [
        begin(&house, request("GET", RPC, "")),
        begin(&house, request("GET", RPC, "")),
    ];
    polling(&house, 2);
    let one = house.rpc(House::order("one", "{\"pin\":1}", true, false));
    let two = house.rpc(House::order("two", "{\"pin\":1}", true, false));
    let mut methods = polls.map(|poll| poll.join().expect("joined").json()["method"].to_string());
    methods.sort();
    assert_eq!(methods, ["\"one\"", "\"two\""]);
    for answer in [one, two] {
        let answer = answer
            .recv_timeout(Duration::from_secs(20))
            .expect("an answer");
        assert_eq!(answer, RpcAnswer::Delivered);
    }
}

#[test]
fn a_client_that_goes_away_leaves_its_rpc_to_the_next_poll() {
    let house = House::open();
    let mut gone = Socket::connect(&house);
    gone.send(request("GET", RPC, ""));
    polling(&house, 1);
    drop(gone);
    polling(&house, 0);
    let answer = house.rpc(House::order("survivor", "{\"pin\":1}", true, false));
    let polled = ask(&house, request("GET", RPC, ""));
    assert_eq!(polled.json()["method"], "survivor");
    let answer = answer
        .recv_timeout(Duration::from_secs(20))
        .expect("an answer");
    assert_eq!(answer, RpcAnswer::Delivered);
}

#[test]
fn an_rpc_that_races_with_clients_going_away_is_delivered_to_a_living_one() {
    let house = House::open();
    for round in 0..20 {
        let mut gone = Socket::connect(&house);
        gone.send(request("GET", RPC, ""));
        polling(&house, 1);
        // Closed and ordered at the same moment: FIN is on its way before the RPC.
        gone.0.shutdown(std::net::Shutdown::Both).expect("shut");
        let method = format!("m{round}");
        let answer = house.rpc(House::order(&method, "{\"pin\":1}", false, false));
        let polled = ask(&house, request("GET", "rpc?timeout=500", ""));
        if polled.status == 408 {
            // The kernel took the response before it learned of the end: over TCP nobody can know.
            continue;
        }
        assert_eq!(polled.json()["method"], method.as_str());
        let id = polled.json()["id"].as_i64().expect("an id");
        assert_eq!(
            ask(&house, request("POST", &format!("rpc/{id}"), "1")).status,
            200
        );
        let answer = answer
            .recv_timeout(Duration::from_secs(20))
            .expect("an answer");
        assert_eq!(answer, RpcAnswer::Reply("1".into()));
    }
}

#[test]
fn a_long_poll_waits_no_longer_than_allowed_and_the_default_when_not_told() {
    let house = House::with(|config| {
        config.http.default_poll.0 = Duration::from_millis(300);
        config.http.max_poll.0 = Duration::from_millis(600);
    });
    for (query, shortest) in [
        ("", 300),
        ("?timeout=0", 300),
        ("?timeout=999999", 600),
        ("?timeout=1", 1),
    ] {
        let begun = Instant::now();
        let answer = ask(&house, request("GET", &format!("rpc{query}"), ""));
        assert_eq!(answer.status, 408, "{query}");
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_millis(shortest),
            "{query}: {waited:?}"
        );
        assert!(waited < Duration::from_secs(10), "{query}: {waited:?}");
    }
}

#[test]
fn a_poll_of_a_device_that_is_disabled_meanwhile_ends_with_401() {
    let house = House::open();
    let poll = begin(&house, request("GET", RPC, ""));
    polling(&house, 1);
    house.set_disabled(true);
    assert_eq!(poll.join().expect("joined").status, 401);
}

#[test]
fn more_polls_than_allowed_are_429() {
    let house = House::with(|config| config.device.pending_polls = 2);
    let _held: Vec<_> = (0..2)
        .map(|_| begin(&house, request("GET", RPC, "")))
        .collect();
    polling(&house, 2);
    let answer = ask(&house, request("GET", RPC, ""));
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.error();
}

/// Waits until this many polls of the device wait.
fn polling(house: &House, polls: usize) {
    wait_for("the polls to be there", || {
        match house.command(Command::Snapshot) {
            CommandReply::Snapshot(snapshot) => (snapshot.polls == polls).then_some(()),
            other => panic!("{other:?}"),
        }
    });
}
