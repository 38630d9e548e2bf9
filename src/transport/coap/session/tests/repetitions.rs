//! What is repeated, by us and by clients: identities, times, spread.

use super::*;

#[test]
fn each_message_is_remembered_for_its_whole_lifetime_and_not_longer() {
    let mut table = Table::new();
    let (first, second) = (post(Kind::Con, 1), post(Kind::Con, 2));
    table.ask(peer(1), &first, done());
    table.wait(secs(200));
    let answer = table.ask(peer(1), &second, done());
    // The first is forgotten meanwhile.
    table.wait(secs(240));
    assert_eq!(table.endpoint.load().remembered, 1);
    table.send(peer(1), &second);
    assert!(table.fx.requests.is_empty());
    assert_eq!(table.one(), answer);
    table.wait(secs(8));
    table.send(peer(1), &second);
    table.request();
}

#[test]
fn a_long_answer_is_repeated_byte_by_byte() {
    let mut table = Table::new();
    let get = request(Kind::Con, Code::GET, 7, b"token", &[], b"");
    let long = Answer::content(Code::CONTENT, 50, "{\"a\":\"as long as it likes\"}");
    let answer = table.ask(trusted(1), &get, long);
    table.send(trusted(1), &get);
    assert_eq!(table.one(), answer);
}

/// The time of the first retransmission of a separate answer to the peer of this port.
fn first_timeout(table: &mut Table, port: u16) -> f64 {
    table.send(trusted(port), &post(Kind::Con, 1));
    let request = table.request();
    table.wait(secs(1));
    table.answer(&request, done());
    let id = read(&table.sent()[1]).id;
    let begin = table.now;
    while table.fx.send.is_empty() {
        assert!(table.wait_for_deadline(secs(10)));
    }
    let waited = (table.now - begin).as_secs_f64();
    table.sent();
    table.send(trusted(port), &Writer::empty(Kind::Ack, id));
    waited
}

#[test]
fn timeouts_are_spread_so_that_peers_do_not_repeat_in_step() {
    let mut table = Table::new();
    let times: Vec<f64> = (0..40).map(|n| first_timeout(&mut table, n)).collect();
    assert!(times.iter().all(|t| (2.0..=3.0).contains(t)), "{times:?}");
    let (least, most) = times
        .iter()
        .fold((9.0_f64, 0.0_f64), |(least, most), time| {
            (least.min(*time), most.max(*time))
        });
    assert!(most - least > 0.5, "{times:?}");
}

#[test]
fn message_ids_begin_anywhere_and_elsewhere_for_each_peer_and_life() {
    let first_id = |seed, port| {
        let endpoint = Endpoint::new(Settings::default(), seed, [3; 32]);
        let mut table = Table {
            endpoint,
            ..Table::new()
        };
        // Peers are met in the order of their ports.
        let mut id = 0;
        for port in 0..=port {
            let bytes = table.ask(peer(port), &post(Kind::Non, 1), done());
            id = read(&bytes).id;
        }
        id
    };
    let ids = [
        first_id(1, 0),
        first_id(2, 0),
        first_id(1, 1),
        first_id(1, 2),
    ];
    for (n, id) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(id), "{ids:?}");
    }
}

#[test]
fn an_answer_goes_however_long_the_line_before_it_is() {
    let mut table = Table::with(|settings| settings.line = 1);
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.send(trusted(1), &post(Kind::Con, 2));
    let request = table.request();
    table.wait(secs(1));
    table.sent();
    for note in 1..=3 {
        table.notify(id, note, "{}");
    }
    assert_eq!(table.fx.notes.last(), Some(&(id, 3, Step::Failed)));
    table.answer(&request, done());
    let mut codes = Vec::new();
    while let Some(bytes) = table.sent().pop() {
        let message = read(&bytes);
        codes.push(message.code);
        table.send(trusted(1), &Writer::empty(Kind::Ack, message.id));
    }
    assert_eq!(codes, [Code::CONTENT, Code::CONTENT, Code::CREATED]);
}

#[test]
fn the_next_in_line_counts_as_under_way() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    table.sent();
    table.notify(id, 1, "{}");
    table.notify(id, 2, "{}");
    let first = read(&table.one()).id;
    table.send(trusted(1), &Writer::empty(Kind::Ack, first));
    table.one();
    table.notify(id, 3, "{}");
    assert!(table.sent().is_empty(), "the second is not acknowledged");
}
