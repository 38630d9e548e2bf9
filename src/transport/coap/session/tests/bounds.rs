//! Memory is bounded whatever peers do.

use super::*;
use crate::transport::coap::codec::tests::Draw;

#[test]
fn a_flood_of_peers_is_remembered_as_far_as_memory_goes() {
    let mut table = Table::with(|settings| settings.answers_memory = 64 * 1000);
    for n in 0..20_000_u32 {
        let mut from = peer((n % 60_000) as u16);
        from.address.set_ip([10, 0, (n >> 8) as u8, n as u8].into());
        table.send(from, &post(Kind::Con, n as u16));
        let request = table.request();
        table.answer(&request, Answer::empty(Code::UNAUTHORIZED));
        table.sent();
    }
    let load = table.endpoint.load();
    assert!(load.remembered <= 1000, "{load:?}");
    table.wait(secs(300));
    assert_eq!(table.endpoint.load(), Load::default());
}

#[test]
fn long_answers_take_their_share_of_the_memory() {
    let mut table = Table::with(|settings| settings.answers_memory = 20_000);
    for n in 0..100 {
        let get = request(Kind::Con, Code::GET, n, b"", &[], b"");
        table.ask(
            trusted(1),
            &get,
            Answer::content(Code::CONTENT, 50, vec![7; 900]),
        );
    }
    let remembered = table.endpoint.load().remembered;
    assert!((15..=21).contains(&remembered), "{remembered}");
}

#[test]
fn too_large_a_datagram_is_refused_unread() {
    let mut table = Table::with(|settings| settings.max_message = 128);
    let body = [b' '; 128];
    let bytes = request(Kind::Con, Code::POST, 1, b"", &[], &body);
    table.send(trusted(1), &bytes);
    assert_eq!(read(&table.one()).code, Code::TOO_LARGE);
    assert!(table.fx.requests.is_empty());
}

#[test]
fn a_message_with_too_many_options_is_reset() {
    let mut table = Table::with(|settings| settings.max_options = 5);
    let get = |id, options: &[(u16, &[u8])]| request(Kind::Con, Code::GET, id, b"", options, b"");
    table.send(trusted(1), &get(1, &[(number::URI_QUERY, b"a")]));
    table.request();
    let two: [(u16, &[u8]); 2] = [(number::URI_QUERY, b"a"), (number::URI_QUERY, b"b")];
    table.send(trusted(1), &get(2, &two));
    assert_eq!(table.one()[0], 0x70);
    assert_eq!(table.fx.refused.len(), 1);
}

#[test]
fn one_peer_is_remembered_as_far_as_its_share_goes() {
    let mut table = Table::with(|settings| settings.answers_per_peer = 100);
    for n in 0..5_000 {
        table.ask(peer(1), &post(Kind::Con, n), done());
    }
    assert_eq!(table.endpoint.load().remembered, 100);
    // The newest are still known.
    table.send(peer(1), &post(Kind::Con, 4_999));
    assert!(table.fx.requests.is_empty());
}

#[test]
fn a_peer_with_too_many_open_requests_is_told_to_wait() {
    let mut table = Table::with(|settings| {
        settings.requests_per_peer = 3;
        settings.requests = 5;
    });
    for (from, id) in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)] {
        table.send(trusted(from), &post(Kind::Con, id));
    }
    assert_eq!(table.fx.requests.len(), 5);
    for (from, id, code) in [(1, 4, Code::TOO_MANY_REQUESTS), (2, 3, Code::UNAVAILABLE)] {
        table.send(trusted(from), &post(Kind::Con, id));
        let bytes = table.one();
        let answer = read(&bytes);
        assert_eq!(answer.code, code);
        assert!(answer.options.uint(number::MAX_AGE, 4).unwrap() >= Some(1));
    }
    assert_eq!(table.fx.refused.len(), 2);
    let request = table.fx.requests.remove(0);
    table.answer(&request, done());
    table.sent();
    table.send(trusted(1), &post(Kind::Con, 5));
    assert_eq!(table.fx.requests.len(), 5);
}

#[test]
fn bodies_in_blocks_share_their_memory() {
    let mut table = Table::with(|settings| settings.body_memory = 10_000);
    let block = block_bytes(0, true, 6);
    let options = [(number::BLOCK1, &block[..])];
    let first = request(Kind::Con, Code::POST, 1, b"", &options, &[7; 1024]);
    let mut refused = 0;
    for port in 0..100 {
        table.send(trusted(port), &first);
        refused += usize::from(read(&table.one()).code == Code::UNAVAILABLE);
        assert!(table.endpoint.load().body_bytes <= 10_000);
    }
    assert!(refused >= 90, "{refused}");
    // Of one peer only the newest few are kept, and the room is given back.
    table.wait(secs(61));
    for n in 0..50_u8 {
        let query = [b'a', n];
        let options = [
            (number::URI_QUERY, &query[..]),
            (number::BLOCK1, &block[..]),
        ];
        table.send(
            trusted(1),
            &request(
                Kind::Con,
                Code::POST,
                u16::from(n) + 9,
                b"",
                &options,
                &[7; 1024],
            ),
        );
        assert_eq!(read(&table.one()).code, Code::CONTINUE);
    }
    assert_eq!(table.endpoint.load().body_bytes, 4 * 1024);
}

#[test]
fn a_million_random_datagrams_leave_nothing_behind() {
    let mut table = Table::with(|settings| {
        settings.answers_memory = 64 * 200;
        settings.body_memory = 100_000;
        settings.max_body = 10_000;
    });
    let mut draw = Draw(0xabcd_ef12_3456_7890);
    let whole = crate::transport::coap::codec::tests::full();
    for n in 0..1_000_000 {
        let bytes = if draw.below(2) == 0 {
            let mut bytes = draw.bytes(60);
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0x3f | 0x40;
            }
            bytes
        } else {
            let mut bytes = whole.clone();
            for _ in 0..draw.below(6) {
                let at = draw.below(bytes.len());
                bytes[at] = draw.next() as u8;
            }
            bytes
        };
        table.send(peer(draw.below(50) as u16), &bytes);
        for request in std::mem::take(&mut table.fx.requests) {
            if draw.below(3) == 0 {
                if let Some(id) = table.endpoint.observe(request.exchange, table.now) {
                    table.notify(id, 1, "{\"a\":1}");
                }
            }
            let most = [40, 40, 40, 40, 40, 40, 40, 3000][draw.below(8)];
            let payload = Bytes::from_static(&[b'z'; 3000]).slice(..draw.below(most));
            table.answer(&request, Answer::content(Code::CONTENT, 50, payload));
        }
        if n % 16 == 0 {
            table.wait(Duration::from_millis(draw.below(3000) as u64));
            table.fx = Effects::default();
        }
        let load = table.endpoint.load();
        assert!(
            load.remembered <= 200 && load.body_bytes <= 100_000,
            "{load:?}"
        );
        assert!(load.peers <= 50 && load.waiting == 0, "{load:?}");
    }
    for _ in 0..50_000 {
        if !table.wait_for_deadline(secs(200_000)) {
            break;
        }
    }
    assert_eq!(table.endpoint.load(), Load::default());
}
