//! Every truncation, and deltas and lengths at their edges.

use super::*;

#[test]
fn what_is_written_reads_back() {
    let bytes = full();
    let message = decode(&bytes).unwrap();
    assert_eq!((message.kind, message.code), (Kind::Con, Code::POST));
    assert_eq!(
        (message.id, message.token.as_slice()),
        (0xbeef, &b"12345678"[..])
    );
    let path: Vec<_> = message.options.all(number::URI_PATH).collect();
    assert_eq!(path, [&b"api"[..], b"v1", b"A1_TEST_TOKEN", b"telemetry"]);
    assert_eq!(
        message.options.uint(number::CONTENT_FORMAT, 2),
        Ok(Some(50))
    );
    assert_eq!(message.options.get(number::OBSERVE), Some(&b""[..]));
    assert_eq!(message.options.get(2049).map(<[u8]>::len), Some(300));
    assert_eq!(message.options.get(2048), None);
    let block = Block::read(message.options.get(number::BLOCK1).unwrap()).unwrap();
    assert_eq!(
        (block.number, block.more, block.exponent),
        (0x1_0000, true, 6)
    );
    assert_eq!(message.payload, b"{\"temperature\":25}");
}

#[test]
fn every_truncation_of_a_full_message_is_read_or_refused_for_what_is_cut() {
    let bytes = full();
    for length in 0..bytes.len() {
        match decode(&bytes[..length]) {
            Ok(message) => assert!(message.payload.len() < 18, "{length}"),
            Err(malformed) => {
                use DecodeError::*;
                let cut = matches!(malformed.error, Short | Token | Option | NoPayload);
                assert!(cut, "{length}: {malformed:?}");
                assert_eq!(malformed.head.is_some(), length >= 4);
            }
        }
    }
}

#[test]
fn a_header_is_checked_before_anything_else() {
    use DecodeError::*;
    for (bytes, error) in [
        (&[][..], Short),
        (&[0x40, 1, 0], Short),
        (&[0x00, 1, 0, 1], Version(0)),
        (&[0x80, 1, 0, 1], Version(2)),
        (&[0x49, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], TokenLength(9)),
        (&[0x4f, 1, 0, 1], TokenLength(15)),
        (&[0x44, 1, 0, 1, 1, 2, 3], Token),
        (&[0x41, 0, 0, 1, 1], Empty),
        (&[0x40, 0, 0, 1, 0xff, 1], Empty),
        (&[0x40, 1, 0, 1, 0xff], NoPayload),
        (&[0x40, 1, 0, 1, 0xf0], OptionNibble),
        (&[0x40, 1, 0, 1, 0x0f], OptionNibble),
        (&[0x40, 1, 0, 1, 0xd0], Option),
        (&[0x40, 1, 0, 1, 0xe0, 1], Option),
        (&[0x40, 1, 0, 1, 0x0d], Option),
        (&[0x40, 1, 0, 1, 0x01], Option),
        (&[0x40, 1, 0, 1, 0x0e, 0xff, 0xff, 1], Option),
        (&[0x40, 1, 0, 1, 0xe0, 0xff, 0xff], OptionNumber),
        (&[0x40, 1, 0, 1, 0xe0, 0xfe, 0xf2, 0x10], OptionNumber),
    ] {
        assert_eq!(
            decode(bytes).map_err(|no| no.error),
            Err(error),
            "{bytes:02x?}"
        );
    }
    // 65535 itself is a number.
    assert!(decode(&[0x40, 1, 0, 1, 0xe0, 0xfe, 0xf2]).is_ok());
}

#[test]
fn deltas_and_lengths_at_their_edges_read_back() {
    for number in [0u16, 1, 12, 13, 14, 268, 269, 270, 65_534, 65_535] {
        for length in [0usize, 1, 12, 13, 14, 268, 269, 270, 1280, 65_804] {
            let value = vec![0xa5; length];
            let mut writer = Writer::new(Kind::Non, Code::GET, 7, Token::default());
            writer.option(number, &value);
            let bytes = writer.finish(b"x");
            let message = decode(&bytes).unwrap();
            let options: Vec<_> = message.options.iter().collect();
            assert_eq!(options, [(number, &value[..])]);
            assert_eq!(message.payload, b"x");
        }
    }
}

#[test]
fn long_option_lists_are_refused_by_their_number() {
    let list = |count: usize| {
        let mut bytes = vec![0x40, 1, 0, 1];
        bytes.extend(std::iter::repeat_n(0x10, count));
        bytes
    };
    assert!(decode(&list(64)).is_ok());
    let long = list(65);
    let error = decode(&long).map_err(|no| no.error);
    assert_eq!(error, Err(DecodeError::TooManyOptions));
}

#[test]
fn block_numbers_have_up_to_twenty_bits_and_seven_is_no_size() {
    for number in [0, 15, 16, 4095, 4096, 0xf_ffff] {
        for exponent in 0..=6 {
            let block = Block {
                number,
                more: exponent % 2 == 0,
                exponent,
            };
            let mut writer = Writer::new(Kind::Con, Code::GET, 1, Token::default());
            writer.uint(number::BLOCK2, block.bits());
            let bytes = writer.finish(&[]);
            let message = decode(&bytes).unwrap();
            let value = message.options.get(number::BLOCK2).unwrap();
            assert!(value.len() <= 3);
            assert_eq!(Block::read(value), Some(block));
            assert_eq!(block.offset(), number as usize * (16 << exponent));
        }
    }
    assert_eq!(Block::read(&[7]), None);
    assert_eq!(Block::read(&[1, 0, 0, 0]), None);
}
