//! The BLOCK scenarios of the ETSI CoAP plugtest by their names (cabo/td-coap4, `block.yml`): a
//! large resource is a long attribute. 03 is the PUT form of 04; nothing of ours takes PUT.

use crate::house::House;
use crate::peer::{below, code, uint, Peer};
use coap_lite::{CoapOption, Packet};
use industryos_iot::model::value::Value;

fn with(mut packet: Packet, option: CoapOption, value: u32) -> Packet {
    let bytes = value.to_be_bytes();
    let skip = (value.leading_zeros() / 8) as usize;
    packet.add_option(option, bytes[skip..].to_vec());
    packet
}

/// Posts a body in blocks; the answer to the last.
fn upload(peer: &mut Peer, path: &str, body: &[u8], exponent: u32) -> Packet {
    let chunks: Vec<&[u8]> = body.chunks(16 << exponent).collect();
    let mut last = None;
    for (n, chunk) in chunks.iter().enumerate() {
        let more = n + 1 < chunks.len();
        let block = (n as u32) << 4 | u32::from(more) << 3 | exponent;
        let request = peer.request("0.02", &below(path), chunk);
        let answer = peer.ask(&with(request, CoapOption::Block1, block));
        assert_eq!(uint(&answer, CoapOption::Block1), Some(block));
        if more {
            assert_eq!(code(&answer), "2.31", "block {n}");
        }
        last = Some(answer);
    }
    last.expect("at least one block")
}

/// A house whose device has a long attribute; what GET gives.
fn furnished() -> (House, Peer, String) {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let long = "0123456789".repeat(150);
    let answer = upload(
        &mut peer,
        "attributes",
        format!("{{\"long\":\"{long}\"}}").as_bytes(),
        6,
    );
    assert_eq!(code(&answer), "2.01");
    (
        house,
        peer,
        format!("{{\"client\":{{\"long\":\"{long}\"}}}}"),
    )
}

/// Fetches what is left behind `got` in blocks of this size; checks each block.
fn rest(peer: &mut Peer, method: &str, path: &str, mut got: Vec<u8>, exponent: u32) -> Vec<u8> {
    loop {
        let number = (got.len() >> (4 + exponent)) as u32;
        let request = peer.request(method, &below(path), b"");
        let answer = peer.ask(&with(request, CoapOption::Block2, number << 4 | exponent));
        assert_eq!(code(&answer), "2.05", "block {number}");
        let told = uint(&answer, CoapOption::Block2).expect("Block2");
        assert_eq!((told >> 4, told & 7), (number, exponent));
        let more = told & 8 != 0;
        let (length, size) = (answer.payload.len(), 16 << exponent);
        assert!(if more { length == size } else { length <= size });
        got.extend_from_slice(&answer.payload);
        if !more {
            return got;
        }
    }
}

#[test]
fn td_coap_block_01_get_with_early_negotiation() {
    let (_house, mut peer, wanted) = furnished();
    let got = rest(&mut peer, "0.01", "attributes", Vec::new(), 4);
    assert_eq!(String::from_utf8(got).expect("text"), wanted);
}

#[test]
fn td_coap_block_02_get_with_late_negotiation() {
    let (_house, mut peer, wanted) = furnished();
    // The address has shown that it is there by nothing yet: it is shown by an answer apart, or
    // the first block is smaller than the largest.
    let request = peer.request("0.01", &below("attributes"), b"");
    let first = peer.ask(&request);
    let told = uint(&first, CoapOption::Block2).expect("Block2");
    assert_eq!((told >> 4, told & 8), (0, 8));
    assert_eq!(first.payload.len(), 16 << (told & 7));
    // Smaller blocks than offered, where the first ended.
    let got = rest(&mut peer, "0.01", "attributes", first.payload, 2);
    assert_eq!(String::from_utf8(got).expect("text"), wanted);
}

#[test]
fn td_coap_block_04_post_in_blocks() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let text = "x".repeat(3000);
    let body = format!("{{\"text\":\"{text}\"}}");
    let answer = upload(&mut peer, "telemetry", body.as_bytes(), 5);
    assert_eq!(code(&answer), "2.01");
    let stored = crate::peer::latest(&house, "text");
    assert_eq!(stored, Some(Value::Text(text.as_str().into())));
}

#[test]
fn td_coap_block_05_post_in_blocks_with_an_answer_in_blocks() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    // No answer of ours to a POST is long, but a client may want small blocks.
    let padding = " ".repeat(200);
    let body = format!("{{\"method\":\"getTime\",\"params\":{{}}{padding}}}");
    let chunks: Vec<&[u8]> = body.as_bytes().chunks(64).collect();
    let mut answer = None;
    for (n, chunk) in chunks.iter().enumerate() {
        let more = n + 1 < chunks.len();
        let block = (n as u32) << 4 | u32::from(more) << 3 | 2;
        let mut request = peer.request("0.02", &below("rpc"), chunk);
        if !more {
            request = with(request, CoapOption::Block2, 0);
        }
        let heard = peer.ask(&with(request, CoapOption::Block1, block));
        assert_eq!(code(&heard), if more { "2.31" } else { "2.05" });
        answer = Some(heard);
    }
    let first = answer.expect("an answer");
    let block1 = ((chunks.len() - 1) as u32) << 4 | 2;
    assert_eq!(uint(&first, CoapOption::Block1), Some(block1));
    assert_eq!(uint(&first, CoapOption::Block2), Some(8), "more follows");
    let got = rest(&mut peer, "0.02", "rpc", first.payload, 0);
    let said: serde_json::Value = serde_json::from_slice(&got).expect("JSON");
    assert!(said["time"].is_number(), "{said}");
}

#[test]
fn td_coap_block_06_get_in_blocks_of_sixteen_bytes() {
    let (_house, mut peer, wanted) = furnished();
    let got = rest(&mut peer, "0.01", "attributes", Vec::new(), 0);
    assert_eq!(String::from_utf8(got).expect("text"), wanted);
}
