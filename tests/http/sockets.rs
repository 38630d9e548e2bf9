//! What happens on the connection itself: pipelines, slow and broken clients, limits.

use crate::house::{House, TOKEN};
use crate::raw::{ask, request, to, Socket};
use crate::wait::wait_for;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::model::value::Value;
use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

fn impatient() -> House {
    House::with(|config| {
        // actix counts from a clock that it reads twice a second.
        config.http.header_timeout.0 = Duration::from_millis(1000);
        config.http.body_timeout.0 = Duration::from_millis(300);
    })
}

#[test]
fn pipelined_requests_are_answered_in_order_and_applied_in_order() {
    let house = House::open();
    let mut socket = Socket::connect(&house);
    let mut all = String::new();
    for n in 0..50 {
        all += &request("POST", "telemetry", &format!("{{\"n\":{n}}}"));
    }
    all += &request("GET", "attributes", "");
    all += &request("POST", "telemetry", "nonsense");
    all += &request("PUT", "telemetry", "");
    socket.send(all);
    for _ in 0..51 {
        socket.expect(200);
    }
    socket.expect(400);
    socket.expect(405);
    assert!(house.latest().contains(&("n".to_string(), Value::Long(49))));
}

#[test]
fn a_head_that_does_not_arrive_is_given_up() {
    let house = impatient();
    let mut silent = Socket::connect(&house);
    let mut slow = Socket::connect(&house);
    slow.send("POST /api/v1/");
    assert_eq!(slow.expect(408).body, "");
    slow.closed();
    assert_eq!(silent.expect(408).body, "");
    silent.closed();
    house.wait_for_rejected(Transport::Http, Reason::TooSlow, 2);
}

#[test]
fn a_later_head_that_does_not_arrive_is_given_up_too() {
    let house = impatient();
    let mut socket = Socket::connect(&house);
    socket.send(request("POST", "telemetry", "{}"));
    socket.expect(200);
    let begun = Instant::now();
    // A byte now and then must not keep it open.
    let closed = wait_for("the server to close", || {
        let mut byte = [0];
        socket
            .0
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("timeout");
        let sent = socket.0.write_all(b"P");
        match std::io::Read::read(&mut socket.0, &mut byte) {
            Ok(0) => Some(begun.elapsed()),
            _ if sent.is_err() => Some(begun.elapsed()),
            _ => None,
        }
    });
    assert!(closed < Duration::from_secs(5), "{closed:?}");
    house.wait_for_rejected(Transport::Http, Reason::TooSlow, 1);
}

#[test]
fn an_idle_connection_is_kept_between_requests() {
    let house = impatient();
    let mut socket = Socket::connect(&house);
    socket.send(request("POST", "telemetry", "{}"));
    socket.expect(200);
    // Longer than the time limits of heads and bodies.
    socket.send(request("GET", "rpc?timeout=2500", ""));
    socket.expect(408);
    socket.send(request("POST", "telemetry", "{}"));
    socket.expect(200);
}

#[test]
fn a_body_that_does_not_arrive_is_408_and_noted() {
    let house = impatient();
    for start in [
        format!("POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{\"a\":"),
        format!("POST /api/v1/{TOKEN}/attributes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{\"a\":\r\n"),
    ] {
        let mut socket = Socket::connect(&house);
        socket.send(start);
        let answer = socket.expect(408);
        assert!(answer.error().contains("in time"));
        assert_eq!(answer.header("connection"), Some("close"));
        socket.closed();
    }
    assert_eq!(house.refusals(), [Reason::TooSlow, Reason::TooSlow]);
}

#[test]
fn a_body_in_chunks_without_end_is_413_and_the_connection_ends() {
    let house = House::with(|config| config.http.max_body.0 = 10_000);
    let mut socket = Socket::connect(&house);
    socket.send(format!(
        "POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    let mut sender = socket.0.try_clone().expect("clone");
    let sending = std::thread::spawn(move || {
        // Goes on until the server has had enough.
        let begun = Instant::now();
        while sender.write_all(chunk.as_bytes()).is_ok() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "the server reads for ever"
            );
        }
    });
    let answer = socket.expect(413);
    assert_eq!(answer.header("connection"), Some("close"));
    sending.join().expect("the server closed");
    assert_eq!(house.refusals(), [Reason::TooLarge]);
}

#[test]
fn a_chunked_body_is_whole_whatever_its_chunks() {
    let house = House::open();
    let mut socket = Socket::connect(&house);
    let mut text = format!(
        "POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    for byte in "{\"chunked\":1}".chars() {
        text += &format!("1\r\n{byte}\r\n");
    }
    socket.send(text + "0\r\n\r\n");
    socket.expect(200);
    socket.send(request("POST", "telemetry", "{}"));
    socket.expect(200);
    assert!(house
        .latest()
        .contains(&("chunked".to_string(), Value::Long(1))));
}

#[test]
fn a_client_that_breaks_off_its_body_stores_nothing_and_is_noted() {
    let house = House::open();
    let mut socket = Socket::connect(&house);
    socket.send(format!(
        "POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{\"broken\":1}}"
    ));
    socket.0.shutdown(Shutdown::Write).expect("shut");
    socket.expect(400);
    assert_eq!(house.refusals(), [Reason::ProtocolViolation]);
    assert!(house.latest().iter().all(|(key, _)| key != "broken"));
}

#[test]
fn a_client_that_closes_its_sending_half_still_gets_its_answer() {
    let house = House::open();
    let mut socket = Socket::connect(&house);
    socket.send(request("POST", "telemetry", "{\"half\":1}"));
    socket.0.shutdown(Shutdown::Write).expect("shut");
    socket.expect(200);
    socket.closed();
}

#[test]
fn curls_expect_header_is_answered() {
    let house = House::open();
    let mut socket = Socket::connect(&house);
    socket.send(format!("POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n"));
    socket.expect(100);
    socket.send("{\"a\":1}");
    socket.expect(200);
}

#[test]
fn one_address_has_its_limit_of_connections() {
    let house = House::with(|config| config.http.max_connections_per_address = 3);
    let mut held: Vec<_> = (0..3).map(|_| Socket::connect(&house)).collect();
    for socket in &mut held {
        socket.send(request("GET", "attributes", ""));
        socket.expect(200);
    }
    let answer = ask(&house, "");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    house.wait_for_rejected(Transport::Http, Reason::TooManyConnections, 1);
    held.clear();
    wait_for("a place", || {
        let mut socket = Socket::connect(&house);
        let _ = socket
            .0
            .write_all(request("GET", "attributes", "").as_bytes());
        socket.answer().filter(|answer| answer.status == 200)
    });
}

#[test]
fn a_refused_token_does_not_cost_a_kept_connection_without_body() {
    let house = House::open();
    let mut socket = Socket::connect(&house);
    socket.send("GET /api/v1/WRONG/attributes HTTP/1.1\r\nHost: x\r\n\r\n");
    socket.expect(401);
    socket.send(request("GET", "attributes", ""));
    socket.expect(200);
}

#[test]
fn a_full_poll_answer_reaches_a_client_that_reads_late() {
    let house = House::open();
    let mut socket = Socket::connect(&house);
    socket.send(request("GET", "rpc?timeout=20000", "") + &request("GET", "attributes", ""));
    let answer = house.rpc(House::order("late", "{\"pin\":1}", true, false));
    assert!(answer.recv_timeout(Duration::from_secs(20)).is_ok());
    assert_eq!(socket.expect(200).json()["method"], "late");
    socket.expect(200);
}

#[test]
fn a_client_that_comes_and_goes_is_nothing_to_count() {
    let house = House::open();
    for _ in 0..5 {
        drop(Socket::connect(&house));
        ask(&house, request("GET", "attributes", ""));
    }
    assert_eq!(
        house.rejected(Transport::Http, Reason::TooSlow)
            + house.rejected(Transport::Http, Reason::ProtocolViolation),
        0
    );
}

#[test]
fn all_bodies_together_have_their_limit_and_it_frees_itself() {
    let house = House::with(|config| config.http.body_memory.0 = 1000);
    let half = format!("{{\"a\":\"{}\"}}", "x".repeat(600));
    let head = format!(
        "POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 700\r\n\r\n"
    );
    let mut holder = Socket::connect(&house);
    holder.send(format!("{head}{half}"));
    wait_for("the memory to be taken", || {
        let answer = ask(&house, request("POST", "telemetry", &half));
        (answer.status == 429 && answer.header("retry-after") == Some("1")).then_some(())
    });
    drop(holder);
    wait_for("the memory to be free", || {
        (ask(&house, request("POST", "telemetry", &half)).status == 200).then_some(())
    });
}

#[test]
fn an_upgrade_header_does_not_lift_the_time_limit_of_a_body() {
    let house = impatient();
    let mut socket = Socket::connect(&house);
    socket.send(format!("POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 9\r\n\r\n{{"));
    socket.expect(408);
}

#[test]
fn a_refused_token_with_a_small_body_keeps_the_connection() {
    let house = House::open();
    let mut socket = Socket::connect(&house);
    for _ in 0..3 {
        socket.send(to("/api/v1/WRONG/telemetry", "POST", "{\"a\":1}"));
        socket.expect(401);
    }
    socket.send(request("GET", "attributes", ""));
    socket.expect(200);
}

#[test]
fn a_client_that_takes_no_bytes_is_given_up() {
    let house = impatient();
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(500_000));
    assert_eq!(
        ask(&house, request("POST", "attributes", &large)).status,
        200
    );
    let mut socket = Socket::connect(&house);
    // More than the kernel's buffers hold.
    for _ in 0..40 {
        socket.send(request("GET", "attributes", ""));
    }
    house.wait_for_rejected(Transport::Http, Reason::TooSlow, 1);
}
