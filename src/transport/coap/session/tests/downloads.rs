//! Large answers: which block of which version, how much is kept of them, and what fits no block.

use super::*;

fn get(id: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    request(Kind::Con, Code::GET, id, &id.to_be_bytes(), options, b"")
}

/// With options below the path's, too.
fn get_if(id: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Kind::Con, Code::GET, id, token(&id.to_be_bytes()));
    let path = ["api", "v1", "TOKEN_OF_TWENTY_BYTE", "telemetry"];
    let path = path.map(|segment| (number::URI_PATH, segment.as_bytes()));
    let mut all: Vec<_> = options.iter().copied().chain(path).collect();
    all.sort_by_key(|(number, _)| *number);
    for (number, value) in all {
        writer.option(number, value);
    }
    writer.finish(&[])
}

fn large(byte: u8) -> Answer {
    Answer::content(Code::CONTENT, 50, vec![byte; 2000])
}

fn etag(bytes: &[u8]) -> Vec<u8> {
    let tag = read(bytes).options.get(number::ETAG).map(<[u8]>::to_vec);
    tag.expect("an ETag")
}

#[test]
fn blocks_of_one_version_have_one_etag_and_those_of_another_another() {
    let mut table = Table::new();
    let first = table.ask(trusted(1), &get(1, &[]), large(b'a'));
    table.send(trusted(1), &get(2, &[(number::BLOCK2, &[0x16])]));
    assert_eq!(etag(&table.one()), etag(&first));
    let other = table.ask(trusted(1), &get(3, &[]), large(b'b'));
    assert_ne!(etag(&other), etag(&first));
}

#[test]
fn who_has_the_version_hears_2_03_and_who_has_another_the_whole() {
    let mut table = Table::new();
    let small = || Answer::content(Code::CONTENT, 50, "{\"a\":1}");
    for (id, answer) in [(10, small()), (20, large(b'a'))] {
        let first = table.ask(trusted(1), &get(id, &[]), answer.clone());
        let tag = etag(&first);
        let both: [(u16, &[u8]); 2] = [(number::ETAG, b"other"), (number::ETAG, &tag)];
        let bytes = table.ask(trusted(1), &get_if(id + 1, &both), answer.clone());
        let valid = read(&bytes);
        assert_eq!((valid.code, valid.payload), (Code::VALID, &b""[..]));
        assert_eq!(etag(&bytes), tag);
        let bytes = table.ask(trusted(1), &get_if(id + 2, &both), large(b'b'));
        assert_eq!(read(&bytes).code, Code::CONTENT);
        assert_ne!(etag(&bytes), tag);
        let nothing = Answer::empty(Code::NOT_FOUND);
        let bytes = table.ask(trusted(1), &get_if(id + 3, &both), nothing);
        assert_eq!(read(&bytes).code, Code::NOT_FOUND);
    }
}

#[test]
fn a_later_block_is_given_also_to_who_has_the_version() {
    let mut table = Table::new();
    let first = table.ask(trusted(1), &get(1, &[]), large(b'a'));
    let tag = etag(&first);
    let rest: [(u16, &[u8]); 2] = [(number::ETAG, &tag), (number::BLOCK2, &[0x16])];
    table.send(trusted(1), &get_if(2, &rest));
    assert_eq!(read(&table.one()).payload.len(), 976);
}

#[test]
fn our_own_block_size_holds_where_the_client_asks_for_larger_ones() {
    let mut table = Table::with(|settings| settings.block_exponent = 2);
    let bytes = table.ask(trusted(1), &get(1, &[]), large(b'a'));
    assert_eq!(read(&bytes).payload.len(), 64);
    // Its second kilobyte is our sixteenth block.
    table.send(trusted(1), &get(2, &[(number::BLOCK2, &[0x16])]));
    let bytes = table.one();
    let block = block_of(&read(&bytes), number::BLOCK2).unwrap();
    assert_eq!((block.number, block.exponent), (16, 2));
}

#[test]
fn whoever_asks_is_told_the_size_of_a_small_answer_too() {
    let mut table = Table::new();
    let small = || Answer::content(Code::CONTENT, 50, "{\"a\":1}");
    let bytes = table.ask(trusted(1), &get(1, &[(number::SIZE2, b"")]), small());
    let size = |bytes: &[u8]| read(bytes).options.uint(number::SIZE2, 4).unwrap();
    assert_eq!(size(&bytes), Some(7));
    let bytes = table.ask(trusted(1), &get(2, &[]), small());
    assert_eq!(size(&bytes), None);
}

#[test]
fn answers_that_are_kept_share_their_memory() {
    let mut table = Table::with(|settings| settings.body_memory = 10_000);
    for port in 0..20 {
        let bytes = table.ask(trusted(port), &get(1, &[]), large(b'a'));
        assert_eq!(read(&bytes).payload.len(), 1024);
    }
    assert_eq!(table.endpoint.load().body_bytes, 10_000);
    // What was not kept is served anew.
    table.send(trusted(19), &get(2, &[(number::BLOCK2, &[0x16])]));
    let request = table.request();
    assert!(request.is_for_a_later_block());
    table.answer(&request, large(b'a'));
    assert_eq!(read(&table.one()).payload.len(), 976);
}

#[test]
fn one_peer_has_a_few_answers_kept() {
    let mut table = Table::new();
    for n in 0..10_u8 {
        let query = [b'q', n];
        let ask = get(u16::from(n), &[(number::URI_QUERY, &query)]);
        table.ask(trusted(1), &ask, large(n));
    }
    assert_eq!(table.endpoint.load().body_bytes, 4 * 2000);
}

#[test]
fn the_answer_to_another_method_is_another_answer() {
    let mut table = Table::new();
    let post = request(Kind::Con, Code::POST, 1, b"p", &[], b"{}");
    table.ask(trusted(1), &post, large(b'p'));
    table.send(trusted(1), &get(2, &[(number::BLOCK2, &[0x16])]));
    table.request();
}

#[test]
fn a_long_diagnostic_text_is_cut_between_two_characters() {
    let mut table = Table::new();
    let text = format!("x{}", "ä".repeat(1000));
    let bytes = table.ask(
        trusted(1),
        &get(1, &[]),
        Answer::diagnostic(Code::BAD_REQUEST, &text),
    );
    let answer = read(&bytes);
    assert_eq!(answer.payload.len(), 1023);
    assert!(std::str::from_utf8(answer.payload).is_ok());
    assert_eq!(block_of(&answer, number::BLOCK2), None);
}
