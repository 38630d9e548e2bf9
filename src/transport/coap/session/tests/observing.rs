//! Observation: RFC 7641.

use super::*;

fn sequence(bytes: &[u8]) -> Option<u32> {
    read(bytes).options.uint(number::OBSERVE, 3).unwrap()
}

#[test]
fn notifications_follow_with_the_token_and_a_growing_number() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    assert_eq!(sequence(&table.one()), Some(0));
    for n in 1..5 {
        table.notify(id, u64::from(n), "{\"a\":1}");
        let bytes = table.one();
        let note = read(&bytes);
        assert_eq!((note.kind, note.code), (Kind::Con, Code::CONTENT));
        assert_eq!(note.token, token(b"obs"));
        assert_eq!(sequence(&bytes), Some(n));
        assert_eq!(table.fx.notes.pop(), Some((id, u64::from(n), Step::Sent)));
        table.send(trusted(1), &Writer::empty(Kind::Ack, note.id));
        assert_eq!(
            table.fx.notes.pop(),
            Some((id, u64::from(n), Step::Delivered))
        );
    }
}

#[test]
fn an_observer_that_is_not_confirmable_is_notified_alike() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Non, 1, b"obs");
    table.sent();
    table.notify(id, 1, "{}");
    assert_eq!(read(&table.one()).kind, Kind::Non);
    assert_eq!(table.fx.notes.pop(), Some((id, 1, Step::Delivered)));
    // Once a day it is asked for an acknowledgement (RFC 7641 section 4.5).
    table.now += secs(24 * 3600);
    table.notify(id, 2, "{}");
    let asks = table.one();
    assert_eq!(read(&asks).kind, Kind::Con);
    // Then it is known to be there for another day.
    table.send(trusted(1), &Writer::empty(Kind::Ack, read(&asks).id));
    table.notify(id, 3, "{}");
    assert_eq!(read(&table.one()).kind, Kind::Non);
}

#[test]
fn numbers_of_notifications_go_round_at_24_bits() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Non, 1, b"obs");
    table.sent();
    for _ in 1..(1 << 24) - 1 {
        table.endpoint.observations.sequence(id);
    }
    for wanted in [Some(0xff_ffff), Some(0), Some(1)] {
        table.notify(id, 1, "{}");
        assert_eq!(sequence(&table.one()), wanted);
    }
}

#[test]
fn only_a_get_observes_and_only_by_a_number_of_three_bytes() {
    let mut table = Table::new();
    for (id, code, value, observe) in [
        (1, Code::GET, &[][..], Some(0)),
        (2, Code::GET, &[0, 0, 1], Some(1)),
        (3, Code::GET, &[0, 0, 0, 0], None),
        (4, Code::POST, &[], None),
    ] {
        let mut writer = Writer::new(Kind::Con, code, id, token(b"t"));
        writer.option(number::OBSERVE, value);
        table.send(trusted(1), &writer.finish(&[]));
        assert_eq!(table.request().observe, observe, "{id}");
    }
}

#[test]
fn a_get_with_observe_1_ends_it_and_is_answered() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    table.send(trusted(1), &observe(Kind::Con, 2, b"obs", 1));
    assert_eq!(table.fx.ended.pop(), Some((id, Ended::Cancelled)));
    let request = table.request();
    assert_eq!(request.observe, Some(1));
    table.answer(&request, Answer::content(Code::CONTENT, 50, "{}"));
    let bytes = table.one();
    assert_eq!(sequence(&bytes), None);
    table.notify(id, 1, "{}");
    assert!(table.sent().is_empty());
}

#[test]
fn a_get_with_observe_1_and_another_token_ends_nothing() {
    let mut table = Table::new();
    table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.send(trusted(1), &observe(Kind::Con, 2, b"other", 1));
    table.send(trusted(2), &observe(Kind::Con, 2, b"obs", 1));
    assert!(table.fx.ended.is_empty());
}

#[test]
fn a_reset_ends_it() {
    for kind in [Kind::Con, Kind::Non] {
        let mut table = Table::new();
        let id = table.observer(trusted(1), kind, 1, b"obs");
        table.sent();
        table.notify(id, 1, "{}");
        let note = read(&table.one()).id;
        table.send(trusted(1), &Writer::empty(Kind::Rst, note));
        assert_eq!(table.fx.ended.pop(), Some((id, Ended::Reset)));
        assert_eq!(table.endpoint.load().observations, 0);
    }
}

#[test]
fn a_notification_that_is_not_acknowledged_ends_it() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    table.notify(id, 1, "{}");
    table.notify(id, 2, "{}");
    let first = table.one();
    while table.fx.ended.is_empty() {
        assert!(table.wait_for_deadline(secs(100)));
    }
    assert_eq!(table.fx.ended, [(id, Ended::Unanswered)]);
    let sent = table.sent();
    assert!(sent.iter().all(|again| *again == first), "{sent:?}");
    assert_eq!(sent.len(), 4);
    assert_eq!(table.endpoint.load().unacknowledged, 0);
}

#[test]
fn notifications_wait_for_each_other_as_nstart_says() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    for note in 1..=3 {
        table.notify(id, note, &format!("{{\"n\":{note}}}"));
    }
    for note in 1..=3 {
        let bytes = table.one();
        let message = read(&bytes);
        assert_eq!(message.payload, format!("{{\"n\":{note}}}").as_bytes());
        table.send(trusted(1), &Writer::empty(Kind::Ack, message.id));
        table.send(trusted(1), &Writer::empty(Kind::Ack, message.id));
    }
    let steps: Vec<_> = table
        .fx
        .notes
        .iter()
        .map(|(_, note, step)| (*note, *step))
        .collect();
    use Step::*;
    let wanted = [
        (1, Sent),
        (1, Delivered),
        (2, Sent),
        (2, Delivered),
        (3, Sent),
        (3, Delivered),
    ];
    assert_eq!(steps, wanted);
}

#[test]
fn a_full_line_fails_what_is_behind_it() {
    let mut table = Table::with(|settings| settings.line = 2);
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    for note in 1..=4 {
        table.notify(id, note, "{}");
    }
    assert_eq!(table.fx.notes.last(), Some(&(id, 4, Step::Failed)));
}

#[test]
fn observing_again_with_the_same_token_goes_on() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    table.notify(id, 1, "{}");
    let note = read(&table.one()).id;
    table.send(trusted(1), &Writer::empty(Kind::Ack, note));
    let again = table.observer(trusted(1), Kind::Non, 2, b"obs");
    assert_eq!(again, id);
    assert_eq!(
        sequence(&table.one()),
        Some(2),
        "the number grows over a refresh"
    );
    assert_eq!(table.endpoint.load().observations, 1);
}

#[test]
fn a_silent_observer_is_asked_whether_it_is_there() {
    let mut table = Table::with(|settings| settings.observe_check = secs(600));
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    while table.fx.send.is_empty() {
        assert!(table.wait_for_deadline(secs(700)));
    }
    let ping = table.one();
    assert_eq!((ping[0], ping.len()), (0x40, 4));
    table.send(trusted(1), &Writer::empty(Kind::Rst, read(&ping).id));
    assert!(table.fx.ended.is_empty(), "it is there");
    while table.fx.ended.is_empty() {
        assert!(table.wait_for_deadline(secs(700)));
    }
    assert_eq!(table.fx.ended, [(id, Ended::Unanswered)]);
    assert!(table.now > secs(1000 + 1200));
    table.wait(secs(700));
    assert_eq!(table.endpoint.load(), Load::default());
}

#[test]
fn the_end_from_our_side_is_told_without_observe() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    let last = Answer::empty(Code::UNAUTHORIZED);
    table.endpoint.end(id, Some(&last), &mut table.fx);
    let bytes = table.one();
    let message = read(&bytes);
    assert_eq!(
        (message.code, message.token),
        (Code::UNAUTHORIZED, token(b"obs"))
    );
    assert_eq!(sequence(&bytes), None);
    assert!(table.fx.ended.is_empty(), "who ended it knows");
    assert_eq!(table.endpoint.load().observations, 0);
}

#[test]
fn a_large_notification_is_fetched_in_blocks() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    let text = "x".repeat(1500);
    table.notify(id, 1, &text);
    let bytes = table.one();
    let note = read(&bytes);
    assert_eq!(note.payload.len(), 1024);
    assert!(block_of(&note, number::BLOCK2).unwrap().more);
    table.send(trusted(1), &Writer::empty(Kind::Ack, note.id));
    table.send(trusted(1), &fetch(2, 1));
    let bytes = table.one();
    let rest = read(&bytes);
    assert_eq!(rest.payload.len(), 476);
    assert_eq!(
        rest.options.get(number::ETAG),
        note.options.get(number::ETAG)
    );
}

#[test]
fn observations_have_their_number() {
    let mut table = Table::with(|settings| {
        settings.observations_per_peer = 2;
        settings.observations = 3;
    });
    for n in 0..2 {
        table.observer(trusted(1), Kind::Con, n, &[n as u8]);
    }
    table.observer(trusted(2), Kind::Con, 1, b"a");
    table.send(trusted(2), &observe(Kind::Con, 9, b"b", 0));
    let request = table.request();
    assert_eq!(table.endpoint.observe(request.exchange, table.now), None);
    table.send(trusted(1), &observe(Kind::Con, 9, b"third", 0));
    let request = table.request();
    assert_eq!(table.endpoint.observe(request.exchange, table.now), None);
}

#[test]
fn notifications_keep_to_the_block_size_that_the_observer_asked_for() {
    let mut table = Table::new();
    let mut writer = Writer::new(Kind::Con, Code::GET, 1, token(b"obs"));
    writer.uint(number::OBSERVE, 0);
    writer.uint(number::BLOCK2, 1);
    table.send(trusted(1), &writer.finish(&[]));
    let request = table.request();
    let id = table
        .endpoint
        .observe(request.exchange, table.now)
        .expect("room");
    table.answer(&request, Answer::content(Code::CONTENT, 50, "{}"));
    table.sent();
    table.notify(id, 1, &"x".repeat(33));
    let bytes = table.one();
    let note = read(&bytes);
    assert_eq!(note.payload.len(), 32);
    let block = block_of(&note, number::BLOCK2).expect("a block");
    assert_eq!((block.number, block.more, block.exponent), (0, true, 1));
}

#[test]
fn a_cancelled_observations_notification_is_not_repeated_and_holds_nobody_up() {
    let mut table = Table::new();
    let gone = table.observer(trusted(1), Kind::Con, 1, b"gone");
    let stays = table.observer(trusted(1), Kind::Con, 2, b"stays");
    table.sent();
    table.notify(gone, 1, "{\"lost\":1}");
    table.notify(stays, 2, "{\"b\":1}");
    let lost = table.one();
    table.send(trusted(1), &observe(Kind::Con, 3, b"gone", 1));
    let request = table.request();
    table.answer(&request, done());
    table.sent();
    while table.fx.send.is_empty() {
        assert!(table.wait_for_deadline(secs(3)));
    }
    let next = table.one();
    assert_ne!(next, lost);
    assert_eq!(read(&next).token, token(b"stays"));
}
