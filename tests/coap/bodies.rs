//! Formats and blocks.

use crate::house::House;
use crate::peer::{below, code, latest, text, uint, Peer};
use coap_lite::{CoapOption, Packet};
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::model::value::Value;

fn with(mut packet: Packet, option: CoapOption, value: &[u8]) -> Packet {
    packet.add_option(option, value.to_vec());
    packet
}

#[test]
fn cbor_is_taken_and_given() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    // {"t": 21.5 (half precision), "n": 7}
    let body = [0xa2, 0x61, b't', 0xf9, 0x4d, 0x60, 0x61, b'n', 0x07];
    let request = peer.request("0.02", &below("telemetry"), &body);
    let answer = peer.ask(&with(request, CoapOption::ContentFormat, &[60]));
    assert_eq!(code(&answer), "2.01");
    assert_eq!(latest(&house, "t"), Some(Value::Double(21.5)));
    assert_eq!(latest(&house, "n"), Some(Value::Long(7)));
    peer.post("attributes", "{\"a\":1}");
    let request = peer.request("0.01", &below("attributes"), b"");
    let answer = peer.ask(&with(request, CoapOption::Accept, &[60]));
    assert_eq!(uint(&answer, CoapOption::ContentFormat), Some(60));
    assert_eq!(answer.payload, b"\xa1\x66client\xa1\x61a\x01");
}

#[test]
fn other_formats_are_refused_either_way() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let request = peer.request("0.02", &below("telemetry"), b"<t>1</t>");
    let answer = peer.ask(&with(request, CoapOption::ContentFormat, &[41]));
    assert_eq!(code(&answer), "4.15");
    let request = peer.request("0.01", &below("attributes"), b"");
    let answer = peer.ask(&with(request, CoapOption::Accept, &[41]));
    assert_eq!(code(&answer), "4.06");
}

#[test]
fn a_body_in_blocks_is_stored_whole() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let text = "x".repeat(3000);
    let body = format!("{{\"text\":\"{text}\"}}");
    let chunks: Vec<&[u8]> = body.as_bytes().chunks(256).collect();
    for (n, chunk) in chunks.iter().enumerate() {
        let more = n + 1 < chunks.len();
        let block = (n as u32) << 4 | u32::from(more) << 3 | 4;
        let request = peer.request("0.02", &below("telemetry"), chunk);
        let answer = peer.ask(&with(
            request,
            CoapOption::Block1,
            &block.to_be_bytes()[2..],
        ));
        assert_eq!(code(&answer), if more { "2.31" } else { "2.01" });
        assert_eq!(uint(&answer, CoapOption::Block1), Some(block));
    }
    assert_eq!(
        latest(&house, "text"),
        Some(Value::Text(text.as_str().into()))
    );
}

#[test]
fn a_large_answer_comes_in_blocks() {
    let house = House::open();
    let mut peer = Peer::of(&house);
    let long = "y".repeat(2500);
    let body = format!("{{\"long\":\"{long}\"}}");
    for (n, chunk) in body.as_bytes().chunks(1024).enumerate() {
        let block = (n as u32) << 4 | u32::from(n < 2) << 3 | 6;
        let request = peer.request("0.02", &below("attributes"), chunk);
        peer.ask(&with(request, CoapOption::Block1, &[block as u8]));
    }
    let mut got = Vec::new();
    let mut block = 6_u32;
    loop {
        let request = peer.request("0.01", &below("attributes"), b"");
        let asked = (block & !8).to_be_bytes();
        let answer = peer.ask(&with(request, CoapOption::Block2, &asked[2..]));
        assert_eq!(code(&answer), "2.05");
        got.extend_from_slice(&answer.payload);
        let told = uint(&answer, CoapOption::Block2).expect("Block2");
        if told & 8 == 0 {
            break;
        }
        block = told + 16;
    }
    let wanted = format!("{{\"client\":{{\"long\":\"{long}\"}}}}");
    assert_eq!(String::from_utf8(got).expect("text"), wanted);
}

#[test]
fn too_large_a_body_is_told_the_size_that_would_do() {
    let house = House::with(|config| config.coap.max_body.0 = 1000);
    let mut peer = Peer::of(&house);
    let request = peer.request("0.02", &below("telemetry"), &[b' '; 1024]);
    let answer = peer.ask(&with(request, CoapOption::Block1, &[0x0e]));
    assert_eq!(code(&answer), "4.13");
    assert_eq!(uint(&answer, CoapOption::Size1), Some(1000));
    assert!(text(&answer).contains("1000"));
    house.wait_for_rejected(Transport::Coap, Reason::TooLarge, 1);
}

#[test]
fn bodies_of_rpc_have_a_bound_of_their_own() {
    let house = House::with(|config| config.coap.max_rpc_body.0 = 100);
    let mut peer = Peer::of(&house);
    let body = format!(
        "{{\"method\":\"getTime\",\"params\":\"{}\"}}",
        "p".repeat(100)
    );
    for path in ["rpc", "rpc/1"] {
        let answer = peer.post(path, &body);
        assert_eq!(code(&answer), "4.13", "{path}");
        assert_eq!(uint(&answer, CoapOption::Size1), Some(100), "{path}");
    }
    let body = format!("{{\"p\":\"{}\"}}", "p".repeat(100));
    assert_eq!(code(&peer.post("telemetry", &body)), "2.01");
}
