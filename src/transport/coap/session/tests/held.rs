//! Notifications that wait while a body of their resource is fetched in blocks.

use super::*;

#[test]
fn what_comes_while_a_large_notification_is_fetched_waits_for_its_end() {
    for kind in [Kind::Con, Kind::Non] {
        let mut table = Table::new();
        let id = table.observer(trusted(1), kind, 1, b"obs");
        table.sent();
        for (note, letter) in [(1, "a"), (2, "b"), (3, "c")] {
            table.notify(id, note, &letter.repeat(2500));
        }
        table.notify(id, 4, "small");
        let mut last = Some(0);
        for (number, letter) in [b'a', b'b', b'c'].into_iter().enumerate() {
            let bytes = table.one();
            let note = read(&bytes);
            assert!(note.payload.iter().all(|byte| *byte == letter));
            let sequence = note.options.uint(number::OBSERVE, 3).unwrap();
            assert!(sequence > last);
            last = sequence;
            if kind == Kind::Con {
                table.send(trusted(1), &Writer::empty(Kind::Ack, note.id));
            }
            assert_eq!(table.sent(), Vec::<Bytes>::new());
            let id = 100 + 10 * number as u16;
            table.send(trusted(1), &fetch(id, 1));
            assert!(read(&table.one())
                .payload
                .iter()
                .all(|byte| *byte == letter));
            table.send(trusted(1), &fetch(id + 1, 2));
            let mut sent = table.sent();
            let rest = sent.remove(0);
            assert_eq!(read(&rest).payload, [letter; 452]);
            table
                .fx
                .send
                .extend(sent.into_iter().map(|bytes| (trusted(1), bytes)));
        }
        assert_eq!(read(&table.one()).payload, b"small");
        assert_eq!(table.endpoint.load().held, 0);
    }
}

#[test]
fn a_rest_that_nobody_fetches_holds_the_next_up_for_its_time_only() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Non, 1, b"obs");
    table.sent();
    table.notify(id, 1, &"a".repeat(2500));
    table.one();
    table.notify(id, 2, "next");
    table.wait(secs(59));
    assert_eq!(table.sent(), Vec::<Bytes>::new());
    table.wait(secs(2));
    assert_eq!(read(&table.one()).payload, b"next");
}

#[test]
fn an_answer_that_is_fetched_keeps_its_rest_while_changes_wait() {
    let mut table = Table::new();
    table.send(trusted(1), &observe(Kind::Con, 1, b"obs", 0));
    let request = table.request();
    let id = table.endpoint.observe(request.exchange, table.now).unwrap();
    let whole = Answer::content(Code::CONTENT, 50, "s".repeat(2000));
    table.answer(&request, whole);
    table.one();
    table.notify(id, 1, &"c".repeat(2000));
    assert_eq!(table.sent(), Vec::<Bytes>::new());
    table.send(trusted(1), &fetch(2, 1));
    let sent = table.sent();
    assert_eq!(read(&sent[0]).payload, [b's'; 976]);
    assert_eq!(read(&sent[1]).payload, [b'c'; 1024]);
}

#[test]
fn what_waits_is_bounded_and_goes_with_its_observation() {
    let mut table = Table::with(|settings| settings.line = 3);
    let id = table.observer(trusted(1), Kind::Non, 1, b"obs");
    table.sent();
    table.notify(id, 1, &"a".repeat(2500));
    table.fx.notes.clear();
    for note in 2..=5 {
        table.notify(id, note, "x");
    }
    assert_eq!(table.endpoint.load().held, 3);
    assert_eq!(table.fx.notes, [(id, 5, Step::Failed)]);
    table.send(trusted(1), &observe(Kind::Con, 2, b"obs", 1));
    assert_eq!(table.endpoint.load().held, 0);
}
