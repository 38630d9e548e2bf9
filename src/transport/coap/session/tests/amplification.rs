//! An address that has not shown that it is there gets three times what came from it, at most
//! (RFC 7252 section 11.3).

use super::*;

fn get(id: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    request(Kind::Con, Code::GET, id, b"t", options, b"")
}

fn large() -> Answer {
    Answer::content(Code::CONTENT, 50, vec![b'x'; 5000])
}

#[test]
fn a_large_first_answer_is_a_small_block_with_a_way_to_lift_the_limit() {
    let mut table = Table::new();
    let ask = get(1, &[]);
    let bytes = table.ask(peer(1), &ask, large());
    assert!(
        bytes.len() <= 3 * ask.len(),
        "{} to {}",
        bytes.len(),
        ask.len()
    );
    let answer = read(&bytes);
    let block = block_of(&answer, number::BLOCK2).unwrap();
    assert!(block.more && block.size() >= 32, "{block:?}");
    // A client that knows Echo gets whole blocks from then on.
    let echo = answer.options.get(number::ECHO).unwrap().to_vec();
    let bytes = table.ask(peer(1), &get(2, &[(number::ECHO, &echo)]), large());
    assert_eq!(read(&bytes).payload.len(), 1024);
    // Another address cannot use it.
    let bytes = table.ask(peer(2), &get(2, &[(number::ECHO, &echo)]), large());
    assert!(read(&bytes).payload.len() < 300);
}

#[test]
fn an_echo_value_is_good_for_a_minute_or_two() {
    let mut table = Table::new();
    // Just before the server's period ends.
    table.now = secs(64 * 20 - 1);
    let bytes = table.ask(peer(1), &get(1, &[]), large());
    let echo = read(&bytes).options.get(number::ECHO).unwrap().to_vec();
    for (port, later, good) in [(1, 2, true), (1, 60, true), (2, 80, false)] {
        // Each time by a peer of whom nothing else is known.
        let mut table = Table::new();
        table.now = secs(64 * 20 - 1 + later);
        let ask = get(2, &[(number::ECHO, &echo)]);
        let bytes = table.ask(peer(port), &ask, large());
        assert_eq!(read(&bytes).payload.len() == 1024, good, "{later} s");
    }
    let mut table = Table::new();
    table.now = secs(64 * 22);
    let bytes = table.ask(peer(1), &get(2, &[(number::ECHO, &echo)]), large());
    assert!(read(&bytes).payload.len() < 1024);
}

#[test]
fn a_client_that_knows_no_echo_fetches_all_blocks_all_the_same() {
    let mut table = Table::new();
    let body: Vec<u8> = (0..2000).map(|n| n as u8).collect();
    let bytes = table.ask(
        peer(1),
        &get(0, &[]),
        Answer::content(Code::CONTENT, 50, body.clone()),
    );
    let answer = read(&bytes);
    let mut block = block_of(&answer, number::BLOCK2).unwrap();
    let mut got = answer.payload.to_vec();
    while block.more {
        let id = block.number as u16 + 1;
        let next = block_bytes(block.number + 1, false, block.exponent);
        let ask = get(id, &[(number::BLOCK2, &next)]);
        table.send(peer(1), &ask);
        let bytes = table.one();
        assert!(bytes.len() <= 3 * ask.len());
        let answer = read(&bytes);
        block = block_of(&answer, number::BLOCK2).unwrap();
        got.extend_from_slice(answer.payload);
    }
    assert_eq!(got, body);
}

#[test]
fn whatever_is_asked_not_more_than_three_times_as_much_comes_back() {
    let mut draw = crate::transport::coap::codec::tests::Draw(0x5555_1234_9876_4321);
    for round in 0..300 {
        let mut table = Table::new();
        let (mut received, mut sent) = (0, 0);
        let mut observing = Vec::new();
        for id in 0..20_u16 {
            let mut writer = Writer::new(Kind::Con, Code::GET, id, token(&draw.bytes(8)));
            for _ in 0..draw.below(4) {
                writer.option(number::URI_PATH, &draw.bytes(12));
            }
            let ask = writer.finish(&draw.bytes(30));
            table.send(peer(1), &ask);
            received += ask.len();
            if draw.below(4) == 0 {
                table.send(peer(1), &ask);
                received += ask.len();
            }
            if draw.below(3) == 0 {
                table.wait(Duration::from_millis(600));
            }
            for request in std::mem::take(&mut table.fx.requests) {
                if draw.below(3) == 0 {
                    if let Some(id) = table.endpoint.observe(request.exchange, table.now) {
                        observing.push(id);
                    }
                }
                let code = [Code::CONTENT, Code::BAD_REQUEST, Code::CREATED][draw.below(3)];
                let payload = vec![b'y'; draw.below(3000)];
                table.answer(&request, Answer::content(code, 50, payload));
            }
            if let (Some(id), 0) = (observing.last(), draw.below(2)) {
                table.notify(*id, 1, &"z".repeat(draw.below(2000)));
            }
            while draw.below(2) == 0 && table.wait_for_deadline(secs(60)) {}
            sent += table.sent().iter().map(Bytes::len).sum::<usize>();
            assert!(sent <= 3 * received, "round {round}: {sent} to {received}");
        }
    }
}

#[test]
fn an_acknowledged_answer_shows_that_the_client_is_there() {
    let mut table = Table::new();
    table.send(peer(1), &get(1, &[]));
    let request = table.request();
    table.wait(secs(1));
    table.sent();
    table.answer(&request, done());
    let id = read(&table.one()).id;
    table.send(peer(1), &Writer::empty(Kind::Ack, id));
    let bytes = table.ask(peer(1), &get(2, &[]), large());
    assert_eq!(read(&bytes).payload.len(), 1024);
}

#[test]
fn acknowledgements_guessed_one_after_the_other_show_nothing() {
    let mut table = Table::new();
    let id = table.observer(peer(1), Kind::Con, 1, b"obs");
    table.sent();
    table.notify(id, 1, "{}");
    let right = read(&table.one()).id;
    for wrong in 1..30 {
        table.send(
            peer(1),
            &Writer::empty(Kind::Ack, right.wrapping_add(wrong)),
        );
    }
    table.send(peer(1), &Writer::empty(Kind::Ack, right));
    let mut small = table.ask(peer(1), &get(2, &[]), large());
    assert!(read(&small).payload.len() < 1024);
    small = table.ask(peer(2), &get(2, &[]), large());
    assert!(read(&small).payload.len() < 1024);
}

#[test]
fn the_first_notification_to_an_unproven_observer_asks_for_its_acknowledgement() {
    let mut table = Table::new();
    let id = table.observer(peer(1), Kind::Non, 1, b"obs");
    table.sent();
    table.notify(id, 1, "{}");
    let bytes = table.one();
    assert_eq!(read(&bytes).kind, Kind::Con);
    table.send(peer(1), &Writer::empty(Kind::Ack, read(&bytes).id));
    table.notify(id, 2, "{}");
    assert_eq!(read(&table.one()).kind, Kind::Non);
}

#[test]
fn a_large_notification_to_an_unproven_observer_waits_until_it_shows_that_it_is_there() {
    for nstart in [1, 2] {
        let mut table = Table::with(|settings| settings.nstart = nstart);
        let id = table.observer(peer(1), Kind::Con, 1, b"obs");
        table.sent();
        let text = "x".repeat(400);
        table.notify(id, 1, &text);
        let ping = table.one();
        assert_eq!((ping[0], ping.len()), (0x40, 4));
        // What comes meanwhile asks no further question.
        table.notify(id, 2, &text);
        assert!(table.sent().is_empty());
        table.send(peer(1), &Writer::empty(Kind::Rst, read(&ping).id));
        assert!(table.fx.ended.is_empty(), "the reset answers the question");
        let note = loop {
            match table.sent().into_iter().next() {
                Some(note) => break note,
                None => assert!(table.wait_for_deadline(secs(10))),
            }
        };
        assert_eq!(read(&note).payload, text.as_bytes());
    }
}

#[test]
fn an_observer_that_never_shows_that_it_is_there_is_sent_next_to_nothing() {
    let mut table = Table::new();
    let id = table.observer(peer(1), Kind::Con, 1, b"obs");
    let mut sent = table.one().len();
    table.notify(id, 1, &"x".repeat(400));
    while table.fx.ended.is_empty() {
        assert!(table.wait_for_deadline(secs(100)));
    }
    sent += table.sent().iter().map(Bytes::len).sum::<usize>();
    assert_eq!(table.fx.ended, [(id, Ended::Unanswered)]);
    assert!(sent <= 3 * observe(Kind::Con, 1, b"obs", 0).len());
}
