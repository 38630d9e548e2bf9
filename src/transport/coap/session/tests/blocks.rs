//! Blockwise both ways: RFC 7959.

use super::*;

fn part(id: u16, number: u32, more: bool, exponent: u8, payload: &[u8]) -> Vec<u8> {
    let block = block_bytes(number, more, exponent);
    let options = [(number::BLOCK1, &block[..])];
    request(
        Kind::Con,
        Code::POST,
        id,
        &id.to_be_bytes(),
        &options,
        payload,
    )
}

fn fetch(id: u16, number: u32, exponent: u8) -> Vec<u8> {
    let block = block_bytes(number, false, exponent);
    let options = [(number::BLOCK2, &block[..])];
    request(Kind::Con, Code::GET, id, &id.to_be_bytes(), &options, b"")
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// Uploads a body; the last answer.
fn upload(table: &mut Table, body: &[u8], exponent: u8) -> Option<Request> {
    let size = 16 << exponent;
    let count = body.len().div_ceil(size);
    for (n, chunk) in body.chunks(size).enumerate() {
        let more = n + 1 < count;
        table.send(trusted(1), &part(n as u16, n as u32, more, exponent, chunk));
        if !more {
            return Some(table.request());
        }
        let bytes = table.one();
        let answer = read(&bytes);
        assert_eq!(answer.code, Code::CONTINUE);
        let block = block_of(&answer, number::BLOCK1).unwrap();
        assert_eq!((block.number, block.more), (n as u32, true));
    }
    None
}

#[test]
fn a_body_in_blocks_is_put_together() {
    for exponent in 0..=6 {
        let mut table = Table::new();
        let body = body(5000);
        let whole = upload(&mut table, &body, exponent).expect("the whole body");
        assert_eq!(whole.payload, body);
        assert_eq!(table.endpoint.load().body_bytes, 0);
        table.answer(&whole, done());
        let bytes = table.one();
        let answer = read(&bytes);
        assert_eq!(answer.code, Code::CREATED);
        assert!(!block_of(&answer, number::BLOCK1).unwrap().more);
    }
}

#[test]
fn a_large_answer_is_fetched_in_blocks_of_the_size_asked_for() {
    for exponent in 0..=6 {
        let mut table = Table::new();
        let (body, size) = (body(3000), 16_usize << exponent);
        let mut got = Vec::new();
        let mut etag = None;
        for n in 0..body.len().div_ceil(size) {
            table.send(trusted(1), &fetch(n as u16, n as u32, exponent));
            if n == 0 {
                let request = table.request();
                table.answer(&request, Answer::content(Code::CONTENT, 50, body.clone()));
            }
            let bytes = table.one();
            let answer = read(&bytes);
            let block = block_of(&answer, number::BLOCK2).unwrap();
            assert_eq!((block.number, block.exponent), (n as u32, exponent));
            assert_eq!(block.more, (n + 1) * size < body.len());
            let tag = answer.options.get(number::ETAG).map(<[u8]>::to_vec);
            assert_eq!(*etag.get_or_insert(tag.clone()), tag);
            if n == 0 {
                assert_eq!(answer.options.uint(number::SIZE2, 4), Ok(Some(3000)));
            }
            got.extend_from_slice(answer.payload);
        }
        assert_eq!(got, body);
        assert!(
            table.fx.requests.is_empty(),
            "later blocks are of the same version"
        );
    }
}

#[test]
fn a_large_answer_is_sent_in_blocks_without_being_asked() {
    let mut table = Table::new();
    let plain = request(Kind::Con, Code::GET, 1, b"t", &[], b"");
    let bytes = table.ask(
        trusted(1),
        &plain,
        Answer::content(Code::CONTENT, 50, body(1025)),
    );
    let answer = read(&bytes);
    assert_eq!(answer.payload.len(), 1024);
    assert!(block_of(&answer, number::BLOCK2).unwrap().more);
    table.send(trusted(1), &fetch(2, 1, 6));
    let bytes = table.one();
    let answer = read(&bytes);
    assert_eq!((answer.code, answer.payload.len()), (Code::CONTENT, 1));
    assert!(!block_of(&answer, number::BLOCK2).unwrap().more);
}

#[test]
fn the_client_may_change_to_smaller_blocks_on_the_way() {
    let mut table = Table::new();
    let body = body(2048);
    let plain = request(Kind::Con, Code::GET, 1, b"t", &[], b"");
    let bytes = table.ask(
        trusted(1),
        &plain,
        Answer::content(Code::CONTENT, 50, body.clone()),
    );
    let mut got = read(&bytes).payload.to_vec();
    for n in 0..16 {
        table.send(trusted(1), &fetch(10 + n, 16 + u32::from(n), 2));
        got.extend_from_slice(read(&table.one()).payload);
    }
    assert_eq!(got, body);
}

#[test]
fn an_answer_that_fits_needs_no_blocks() {
    let mut table = Table::new();
    let plain = request(Kind::Con, Code::GET, 1, b"t", &[], b"");
    let bytes = table.ask(
        trusted(1),
        &plain,
        Answer::content(Code::CONTENT, 50, body(1024)),
    );
    let answer = read(&bytes);
    assert_eq!(answer.payload.len(), 1024);
    assert_eq!(block_of(&answer, number::BLOCK2), None);
    assert_eq!(table.endpoint.load().body_bytes, 0);
}

#[test]
fn a_block_behind_the_end_is_a_bad_request() {
    let mut table = Table::new();
    for (id, number) in [(1, 2), (2, 0xf_ffff)] {
        table.send(trusted(1), &fetch(id, number, 6));
        let request = table.request();
        table.answer(&request, Answer::content(Code::CONTENT, 50, body(1500)));
        assert_eq!(read(&table.one()).code, Code::BAD_REQUEST);
    }
}

#[test]
fn a_missing_first_or_middle_block_is_incomplete() {
    let mut table = Table::new();
    table.send(trusted(1), &part(1, 1, true, 0, &body(16)));
    let bytes = table.one();
    let answer = read(&bytes);
    assert_eq!(answer.code, Code::INCOMPLETE);
    // Which block it was, and that no more is awaited (RFC 7959 section 2.3).
    let block = block_of(&answer, number::BLOCK1).unwrap();
    assert_eq!((block.number, block.more), (1, false));
    table.send(trusted(1), &part(2, 0, true, 0, &body(16)));
    assert_eq!(read(&table.one()).code, Code::CONTINUE);
    table.send(trusted(1), &part(3, 2, true, 0, &body(16)));
    assert_eq!(read(&table.one()).code, Code::INCOMPLETE);
    assert_eq!(table.endpoint.load().body_bytes, 0);
}

#[test]
fn a_block_that_comes_again_as_a_new_message_is_taken_once() {
    let mut table = Table::new();
    let body = body(40);
    for (id, number) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
        let chunk = &body[number * 16..][..16];
        table.send(trusted(1), &part(id, number as u32, true, 0, chunk));
        assert_eq!(read(&table.one()).code, Code::CONTINUE, "{id}");
    }
    table.send(trusted(1), &part(5, 2, false, 0, &body[32..]));
    assert_eq!(table.request().payload, body);
}

#[test]
fn too_large_a_body_is_refused_with_the_size_that_would_do() {
    let mut table = Table::with(|settings| settings.max_body = 64);
    let announced = [(number::BLOCK1, &[0x08][..]), (number::SIZE1, &[65][..])];
    table.send(
        trusted(1),
        &request(Kind::Con, Code::POST, 1, b"", &announced, &body(16)),
    );
    let refused = |table: &mut Table| {
        let bytes = table.one();
        let answer = read(&bytes);
        assert_eq!(answer.code, Code::TOO_LARGE);
        assert_eq!(answer.options.uint(number::SIZE1, 4), Ok(Some(64)));
    };
    refused(&mut table);
    for n in 0..4 {
        table.send(trusted(1), &part(10 + n, u32::from(n), true, 0, &body(16)));
        assert_eq!(read(&table.one()).code, Code::CONTINUE);
    }
    table.send(trusted(1), &part(20, 4, false, 0, &body(1)));
    refused(&mut table);
    table.send(trusted(1), &part(21, 0xf_ffff, true, 6, &body(1024)));
    refused(&mut table);
    assert_eq!(table.endpoint.load().body_bytes, 0);
}

#[test]
fn a_block_of_another_size_than_it_tells_is_a_bad_request() {
    let mut table = Table::new();
    for (id, more, length) in [(1, true, 15), (2, true, 17), (3, false, 17), (4, true, 0)] {
        table.send(trusted(1), &part(id, 0, more, 0, &body(length)));
        assert_eq!(read(&table.one()).code, Code::BAD_REQUEST, "{id}");
    }
}

#[test]
fn what_is_not_finished_is_forgotten_in_time() {
    let mut table = Table::new();
    table.send(trusted(1), &part(1, 0, true, 6, &body(1024)));
    assert_eq!(table.endpoint.load().body_bytes, 1024);
    let plain = request(Kind::Con, Code::GET, 2, b"t", &[], b"");
    table.send(trusted(1), &plain);
    let request = table.request();
    table.answer(&request, Answer::content(Code::CONTENT, 50, body(2000)));
    assert!(table.endpoint.load().body_bytes >= 3024);
    table.wait(secs(61));
    assert_eq!(table.endpoint.load().body_bytes, 0);
    table.sent();
    table.send(trusted(1), &part(3, 1, true, 6, &body(1024)));
    assert_eq!(read(&table.one()).code, Code::INCOMPLETE);
}

#[test]
fn the_rest_of_an_answer_to_a_post_is_fetched_too() {
    let mut table = Table::new();
    let plain = request(Kind::Con, Code::POST, 1, b"t", &[], b"{}");
    table.ask(
        trusted(1),
        &plain,
        Answer::content(Code::CONTENT, 50, body(1500)),
    );
    let rest = |id| {
        request(
            Kind::Con,
            Code::POST,
            id,
            b"u",
            &[(number::BLOCK2, &[0x16])],
            b"",
        )
    };
    table.send(trusted(1), &rest(2));
    assert_eq!(read(&table.one()).payload, &body(1500)[1024..]);
    table.wait(secs(61));
    table.send(trusted(1), &rest(3));
    assert_eq!(read(&table.one()).code, Code::INCOMPLETE);
    assert!(table.fx.requests.is_empty());
}

#[test]
fn uploads_to_two_resources_do_not_mix() {
    let mut table = Table::new();
    let of = |id, query: &'static [u8], number, more, payload: &[u8]| {
        let block = block_bytes(number, more, 0);
        let options = [(number::URI_QUERY, query), (number::BLOCK1, &block[..])];
        request(Kind::Con, Code::POST, id, b"", &options, payload)
    };
    for (id, query) in [(1, &b"a"[..]), (2, b"b")] {
        let payload = [query[0]; 16];
        table.send(trusted(1), &of(id, query, 0, true, &payload));
    }
    table.send(trusted(1), &of(3, b"a", 1, false, b"a"));
    assert_eq!(table.request().payload, [b'a'; 17][..]);
    table.send(trusted(1), &of(4, b"b", 1, false, b"b"));
    assert_eq!(table.request().payload, [b'b'; 17][..]);
}

#[test]
fn another_first_block_begins_anew() {
    let mut table = Table::new();
    for (id, payload) in [(1, [b'a'; 16]), (2, [b'b'; 16])] {
        table.send(trusted(1), &part(id, 0, true, 0, &payload));
        assert_eq!(read(&table.one()).code, Code::CONTINUE);
    }
    table.send(trusted(1), &part(3, 1, false, 0, b"c"));
    assert_eq!(&table.request().payload[..], b"bbbbbbbbbbbbbbbbc");
    assert_eq!(table.endpoint.load().body_bytes, 0);
}
