//! Requests and answers: RFC 7252 sections 4 and 5.

use super::*;

#[test]
fn a_confirmable_request_is_answered_on_its_acknowledgement() {
    let mut table = Table::new();
    let bytes = table.ask(peer(1), &post(Kind::Con, 77), done());
    let answer = read(&bytes);
    assert_eq!(
        (answer.kind, answer.code, answer.id),
        (Kind::Ack, Code::CREATED, 77)
    );
    assert_eq!(answer.token, token(b"tk"));
}

#[test]
fn a_request_that_is_not_confirmable_has_an_answer_of_its_kind() {
    let mut table = Table::new();
    let bytes = table.ask(peer(1), &post(Kind::Non, 77), done());
    let answer = read(&bytes);
    assert_eq!((answer.kind, answer.code), (Kind::Non, Code::CREATED));
    assert_eq!(answer.token, token(b"tk"));
}

#[test]
fn a_late_answer_comes_apart_and_until_it_is_acknowledged() {
    let mut table = Table::new();
    table.send(peer(1), &post(Kind::Con, 77));
    let request = table.request();
    table.wait(Duration::from_millis(499));
    assert!(table.sent().is_empty());
    table.wait(Duration::from_millis(1));
    assert_eq!(&table.one()[..], &[0x60, 0, 0, 77]);
    table.answer(&request, done());
    let first = table.one();
    let answer = read(&first);
    assert_eq!((answer.kind, answer.code), (Kind::Con, Code::CREATED));
    assert_eq!(answer.token, token(b"tk"));
    // The client's acknowledgement is lost: it comes again, and no more after one arrives.
    assert!(table.wait_for_deadline(secs(3)));
    assert_eq!(table.one(), first);
    table.send(peer(1), &Writer::empty(Kind::Ack, answer.id));
    table.wait(secs(100));
    assert!(table.sent().is_empty());
    assert_eq!(table.endpoint.load().unacknowledged, 0);
}

#[test]
fn retransmissions_back_off_and_end_after_the_fourth() {
    let mut table = Table::new();
    table.send(trusted(1), &post(Kind::Con, 77));
    let request = table.request();
    table.wait(secs(1));
    table.answer(&request, done());
    table.sent();
    let begin = table.now;
    let mut times = Vec::new();
    while table.wait_for_deadline(secs(100)) && table.endpoint.load().unacknowledged > 0 {
        assert_eq!(table.sent().len(), 1);
        times.push((table.now - begin).as_secs_f64());
    }
    assert_eq!(times.len(), 4, "{times:?}");
    assert!((2.0..=3.0).contains(&times[0]), "{times:?}");
    for n in 1..4 {
        let factor = f64::from((1 << (n + 1)) - 1);
        assert!((times[n] - times[0] * factor).abs() < 1e-3, "{times:?}");
    }
}

#[test]
fn a_repeated_request_is_served_once_and_answered_alike() {
    let mut table = Table::new();
    let bytes = post(Kind::Con, 5);
    table.send(peer(1), &bytes);
    table.send(peer(1), &bytes);
    let request = table.request();
    assert!(table.sent().is_empty(), "its answer is on the way");
    table.answer(&request, done());
    let answer = table.one();
    for _ in 0..3 {
        table.wait(secs(60));
        table.send(peer(1), &bytes);
        assert!(table.fx.requests.is_empty());
        assert_eq!(table.one(), answer);
    }
    table.wait(secs(248));
    assert_eq!(table.endpoint.load(), Load::default());
    table.send(peer(1), &bytes);
    table.request();
}

#[test]
fn a_repeated_request_that_was_acknowledged_is_acknowledged_again() {
    let mut table = Table::new();
    let bytes = post(Kind::Con, 5);
    table.send(peer(1), &bytes);
    let request = table.request();
    table.wait(secs(1));
    let acknowledgement = table.one();
    table.send(peer(1), &bytes);
    assert_eq!(table.one(), acknowledgement);
    table.answer(&request, done());
    let answer = table.one();
    table.send(peer(1), &bytes);
    assert_eq!(table.one(), acknowledgement);
    assert_eq!(read(&answer).kind, Kind::Con);
}

#[test]
fn a_repetition_that_is_not_confirmable_is_ignored() {
    let mut table = Table::new();
    let bytes = post(Kind::Non, 5);
    table.ask(peer(1), &bytes, done());
    table.send(peer(1), &bytes);
    assert!(table.sent().is_empty() && table.fx.requests.is_empty());
}

#[test]
fn an_id_that_is_used_again_for_another_message_is_another_message() {
    let mut table = Table::new();
    table.ask(
        peer(1),
        &request(Kind::Con, Code::POST, 5, b"a", &[], b"{\"t\":1}"),
        done(),
    );
    let bytes = table.ask(
        peer(1),
        &request(Kind::Con, Code::POST, 5, b"b", &[], b"{\"t\":2}"),
        done(),
    );
    assert_eq!(read(&bytes).token, token(b"b"));
    let load = table.endpoint.load();
    assert_eq!((load.remembered, load.peers), (1, 1));
}

#[test]
fn the_same_id_of_another_peer_is_another_message() {
    let mut table = Table::new();
    table.ask(peer(1), &post(Kind::Con, 5), done());
    table.ask(peer(2), &post(Kind::Con, 5), done());
}

#[test]
fn a_ping_is_answered_with_a_reset() {
    let mut table = Table::new();
    table.send(peer(1), &Writer::empty(Kind::Con, 9));
    assert_eq!(&table.one()[..], &[0x70, 0, 0, 9]);
    table.send(peer(1), &Writer::empty(Kind::Non, 9));
    assert!(table.sent().is_empty());
    assert_eq!(table.endpoint.load(), Load::default());
}

#[test]
fn what_cannot_be_read_is_reset_when_confirmable_and_counted() {
    let mut table = Table::new();
    for (first, answered) in [(0x40, true), (0x50, false), (0x60, false), (0x70, false)] {
        table.send(peer(1), &[first, 1, 0, 9, 0xf0]);
        assert_eq!(!table.sent().is_empty(), answered, "{first:x}");
        assert_eq!(table.fx.refused.len(), 1);
        table.fx.refused.clear();
    }
    table.send(peer(1), &[0xc0, 1, 0, 9]);
    table.send(peer(1), &[]);
    assert!(table.sent().is_empty());
    assert_eq!(table.endpoint.load(), Load::default());
}

#[test]
fn reserved_codes_and_answers_to_nothing_are_reset_or_ignored() {
    let mut table = Table::new();
    for code in (0x20..=0xff_u8).chain([0x01 << 5]) {
        let id = u16::from(code);
        let token = token(b"");
        table.send(
            peer(1),
            &Writer::new(Kind::Con, Code(code), id, token).finish(&[]),
        );
        assert_eq!(table.one()[0], 0x70, "{code:02x}");
        for kind in [Kind::Non, Kind::Ack, Kind::Rst] {
            table.send(
                peer(1),
                &Writer::new(kind, Code(code), id, token).finish(&[]),
            );
            assert!(table.sent().is_empty(), "{code:02x}");
        }
    }
    assert!(table.fx.requests.is_empty());
    assert_eq!(table.endpoint.load(), Load::default());
}

#[test]
fn critical_options_that_are_not_understood_are_refused() {
    let mut table = Table::new();
    let long = [b'x'; 256];
    for (id, (number, value, code)) in [
        (9_u16, &b"x"[..], Code::BAD_OPTION),
        (13, b"", Code::BAD_OPTION),
        (35, b"coap://x", Code::NO_PROXY),
        (39, b"coap", Code::NO_PROXY),
        (65_001, b"", Code::BAD_OPTION),
        (15, &long, Code::BAD_OPTION),
        (17, b"123", Code::BAD_OPTION),
        (23, b"\x07", Code::BAD_REQUEST),
        (27, b"\x01\x02\x03\x04", Code::BAD_REQUEST),
    ]
    .into_iter()
    .enumerate()
    {
        let id = id as u16;
        let mut writer = Writer::new(Kind::Con, Code::GET, id, token(b"1234"));
        writer.option(number, value);
        table.send(trusted(1), &writer.finish(&[]));
        let bytes = table.one();
        let answer = read(&bytes);
        assert_eq!((answer.code, answer.id), (code, id), "option {number}");
        assert!(!answer.payload.is_empty());
    }
    assert!(table.fx.requests.is_empty());
    assert_eq!(table.fx.refused.len(), 9);
    // Nor is one that may stand once only, twice (RFC 7252 section 5.4.5).
    let twice: [(u16, &[u8]); 2] = [(number::ACCEPT, &[50]), (number::ACCEPT, &[60])];
    table.send(
        trusted(1),
        &request(Kind::Con, Code::GET, 98, b"", &twice, b""),
    );
    assert_eq!(read(&table.one()).code, Code::BAD_OPTION);
    // Elective ones are passed over.
    let bytes = request(
        Kind::Con,
        Code::GET,
        99,
        b"",
        &[(14, b"x"), (2052, b"y")],
        &[],
    );
    table.ask(peer(1), &bytes, done());
}

#[test]
fn every_method_reaches_whoever_knows_the_resources() {
    let mut table = Table::new();
    for code in 1..=31_u8 {
        let bytes = request(Kind::Con, Code(code), u16::from(code), b"t", &[], b"");
        table.send(peer(1), &bytes);
        let request = table.request();
        assert_eq!(request.method, Code(code));
        table.answer(&request, Answer::empty(Code::METHOD_NOT_ALLOWED));
        table.sent();
    }
}
