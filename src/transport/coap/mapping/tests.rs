//! Paths, formats and bodies as the contract has them.

use super::*;
use crate::model::downlink::DownlinkBody;
use crate::model::json::{self, Rules};
use crate::model::reject::Reason;
use crate::model::value::{Key, Value};
use crate::transport::coap::codec::{decode, number, Code, Kind, Token, Writer};
use minicbor::Encoder;

fn of(method: Code, segments: &[&str], association: u64) -> Result<Route, NoRoute> {
    let mut writer = Writer::new(Kind::Con, method, 1, Token::default());
    for segment in segments {
        writer.option(number::URI_PATH, segment.as_bytes());
    }
    let bytes = writer.finish(&[]);
    route(method, &decode(&bytes, 64).unwrap().options, association)
}

fn device(segments: &[&str], method: Code) -> Result<Resource, NoRoute> {
    match of(method, segments, 0)? {
        Route::Device(Speaker::Token(token), resource) if token == "T" => Ok(resource),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_resource_of_the_contract_has_its_path() {
    use Resource::*;
    for (path, method, resource) in [
        ("telemetry", Code::POST, PostTelemetry),
        ("attributes", Code::POST, PostAttributes),
        ("attributes", Code::GET, GetAttributes),
        ("rpc", Code::GET, ServerRpc),
        ("rpc", Code::POST, CallRpc),
    ] {
        assert_eq!(device(&["api", "v1", "T", path], method), Ok(resource));
        let whole = format!("api/v1/T/{path}");
        assert_eq!(
            device(&[&whole], method),
            Ok(resource),
            "one option with slashes"
        );
    }
    let reply = device(&["api", "v1", "T", "rpc", "-7"], Code::POST);
    assert_eq!(reply, Ok(ReplyRpc { request_id: -7 }));
}

#[test]
fn what_is_no_resource_has_the_contracts_code() {
    let code = |method, path: &[&str]| of(method, path, 0).unwrap_err().code();
    let deep = ["a", "b", "c", "d", "e", "f", "g"];
    for path in [
        &[][..],
        &["x"],
        &["api"],
        &["api", "v2", "T", "rpc"],
        &["fw", "T"],
        &["sw", "T"],
        &deep,
    ] {
        assert_eq!(code(Code::GET, path), Code::NOT_FOUND, "{path:?}");
    }
    for path in [
        &["api", "v1"][..],
        &["api", "v1", "T"],
        &["api", "v1", "T", "unknown"],
        &["api", "v1", "T", "telemetry"],
        &["api", "v1", "telemetry"],
        &["api", "v1", "T", "rpc", "x"],
    ] {
        assert_eq!(code(Code::GET, path), Code::BAD_REQUEST, "{path:?}");
    }
    assert_eq!(
        code(Code::POST, &["api", "v1", "T", "rpc", "2147483648"]),
        Code::BAD_REQUEST
    );
    for path in [
        &["api", "v1", "T", "claim"][..],
        &["api", "v1", "provision"],
    ] {
        assert_eq!(code(Code::POST, path), Code::NOT_IMPLEMENTED, "{path:?}");
    }
    for (method, path) in [
        (Code::GET, &["api", "v1", "provision"][..]),
        (Code::POST, &["fw", "T"]),
        (Code::POST, &["sw", "T"]),
    ] {
        assert_eq!(code(method, path), Code::METHOD_NOT_ALLOWED, "{path:?}");
    }
    for method in [0, 3, 4, 5, 31] {
        let path = ["api", "v1", "T", "telemetry"];
        if method > 0 {
            assert_eq!(
                code(Code(method), &path),
                Code::METHOD_NOT_ALLOWED,
                "{method}"
            );
        }
    }
    assert_eq!(
        code(Code::POST, &[".well-known", "core"]),
        Code::METHOD_NOT_ALLOWED
    );
}

#[test]
fn a_device_known_by_its_association_needs_no_token() {
    for (path, resource) in [
        (&["api", "v1", "telemetry"][..], Resource::PostTelemetry),
        (
            &["api", "v1", "rpc", "5"],
            Resource::ReplyRpc { request_id: 5 },
        ),
    ] {
        let route = of(Code::POST, path, 9).unwrap();
        assert_eq!(route, Route::Device(Speaker::Association(9), resource));
    }
    let with_token = of(Code::POST, &["api", "v1", "T", "telemetry"], 9).unwrap();
    let token = Speaker::Token("T".to_owned());
    assert_eq!(with_token, Route::Device(token, Resource::PostTelemetry));
    assert!(
        !format!("{with_token:?}").contains("\"T\""),
        "a token is never shown"
    );
}

fn formats(options: &[(u16, u32)]) -> (Result<Format, Code>, Result<Format, Code>) {
    let mut writer = Writer::new(Kind::Con, Code::POST, 1, Token::default());
    for (number, value) in options {
        writer.uint(*number, *value);
    }
    let bytes = writer.finish(&[]);
    let options = decode(&bytes, 64).unwrap().options;
    let code = |error: FormatError| error.code;
    (
        Format::of_payload(&options).map_err(code),
        Format::of_answer(&options).map_err(code),
    )
}

#[test]
fn json_is_spoken_unless_cbor_is_asked_for_and_nothing_else() {
    use Format::*;
    let (content, accept) = (number::CONTENT_FORMAT, number::ACCEPT);
    assert_eq!(formats(&[]), (Ok(Json), Ok(Json)));
    for json in [0, 42, 50] {
        assert_eq!(formats(&[(content, json)]), (Ok(Json), Ok(Json)));
    }
    assert_eq!(formats(&[(content, 60)]), (Ok(Cbor), Ok(Cbor)));
    assert_eq!(
        formats(&[(content, 60), (accept, 50)]),
        (Ok(Cbor), Ok(Json))
    );
    assert_eq!(formats(&[(accept, 60)]), (Ok(Json), Ok(Cbor)));
    assert_eq!(formats(&[(content, 41)]).0, Err(Code::UNSUPPORTED_FORMAT));
    assert_eq!(formats(&[(accept, 41)]).1, Err(Code::NOT_ACCEPTABLE));
    assert_eq!(formats(&[(accept, 0)]).1, Err(Code::NOT_ACCEPTABLE));
}

#[test]
fn cbor_becomes_the_json_that_says_the_same() {
    let mut encoder = Encoder::new(Vec::new());
    encoder.map(10).unwrap();
    encoder.str("a").unwrap().i64(-5).unwrap();
    encoder.str("b").unwrap().f64(42.0).unwrap();
    encoder.str("c").unwrap().f32(21.1).unwrap();
    encoder.str("d").unwrap().f16(0.5).unwrap();
    encoder.str("e").unwrap().bool(true).unwrap();
    encoder.str("f\"\n").unwrap().str("ü\"").unwrap();
    encoder.str("g").unwrap().u64(u64::MAX).unwrap();
    encoder.str("h").unwrap().null().unwrap();
    encoder
        .str("i")
        .unwrap()
        .begin_array()
        .unwrap()
        .i8(1)
        .unwrap()
        .begin_map()
        .unwrap();
    encoder.end().unwrap().end().unwrap();
    encoder
        .str("j")
        .unwrap()
        .tag(minicbor::data::Tag::new(1))
        .unwrap()
        .u32(7)
        .unwrap();
    let json = to_json(&encoder.into_writer());
    assert_eq!(
        json.unwrap(),
        "{\"a\":-5,\"b\":42.0,\"c\":21.1,\"d\":0.5,\"e\":true,\"f\\\"\\n\":\"ü\\\"\",\
         \"g\":18446744073709551615,\"h\":null,\"i\":[1,{}],\"j\":7}"
    );
}

fn to_json(body: &[u8]) -> Result<String, Reason> {
    cbor_to_json(body, 32).map_err(|no| no.reason)
}

#[test]
fn cbor_that_json_cannot_hold_is_refused_for_its_reason() {
    assert_eq!(to_json(&[]), Err(Reason::BadJson));
    assert_eq!(to_json(&[0xa1]), Err(Reason::BadJson));
    assert_eq!(to_json(&[0x01, 0x01]), Err(Reason::BadJson));
    assert_eq!(to_json(&[0x62, 0xff, 0xff]), Err(Reason::BadJson));
    assert_eq!(
        to_json(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Err(Reason::BadJson)
    );
    assert_eq!(
        to_json(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Err(Reason::BadJson)
    );
    assert_eq!(to_json(&[0x41, 0x01]), Err(Reason::BadShape));
    assert_eq!(to_json(&[0xa1, 0x01, 0x02]), Err(Reason::BadKey));
    assert_eq!(to_json(&[0xf9, 0x7e, 0x00]), Err(Reason::BadValue));
    assert_eq!(to_json(&[0x81; 1000]), Err(Reason::TooDeep));
    assert_eq!(to_json(&[0xc1; 1000]), Err(Reason::TooDeep));
    let mut huge = vec![0x99, 0x10, 0x00];
    for _ in 0..4096 {
        huge.push(0xfb);
        huge.extend_from_slice(&1e300_f64.to_be_bytes());
    }
    assert_eq!(to_json(&huge), Err(Reason::TooLarge));
}

#[test]
fn random_cbor_is_read_or_refused() {
    let mut draw = crate::transport::coap::codec::tests::Draw(0x0bad_cafe_1111_2222);
    let rules = Rules {
        max_depth: 32,
        max_key: 255,
        max_points: 1000,
        lenient: true,
    };
    let mut read = 0;
    for _ in 0..200_000 {
        let bytes = draw.bytes(30);
        if let Ok(text) = cbor_to_json(&bytes, 32) {
            read += 1;
            assert!(
                serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                "{text}"
            );
            let _ = json::telemetry(text.as_bytes(), 0, &rules, Default::default());
        }
    }
    assert!(read > 100, "{read}");
}

#[test]
fn json_becomes_cbor_and_comes_back() {
    let text =
        "{\"a\":-5,\"b\":42.0,\"c\":[true,null,\"x\"],\"d\":{\"e\":0.1},\"f\":9223372036854775807}";
    let cbor = cbor_from_json(text).unwrap();
    assert_eq!(to_json(&cbor).unwrap(), text);
    assert!(cbor.len() < text.len());
    assert_eq!(cbor_from_json("{"), None);
}

#[test]
fn changes_are_told_apart_and_rpc_has_its_id_inside() {
    let body = DownlinkBody::AttributesChanged {
        revision: 3,
        updated: vec![(Key::from("k"), Value::Long(1))],
        deleted: vec![Key::from("x")],
    };
    assert_eq!(parts(&body), ["{\"k\":1}", "{\"deleted\":[\"x\"]}"]);
    let rpc = DownlinkBody::Rpc {
        request_id: 3,
        method: "setGpio".into(),
        params: "{\"pin\":7}".into(),
        redelivery: false,
    };
    assert_eq!(
        parts(&rpc),
        ["{\"id\":3,\"method\":\"setGpio\",\"params\":{\"pin\":7}}"]
    );
}

#[test]
fn keys_split_at_commas_in_one_option_or_in_many() {
    let mut writer = Writer::new(Kind::Con, Code::GET, 1, Token::default());
    writer.option(number::URI_QUERY, b"clientKeys=a,b&sharedKeys=");
    writer.option(number::URI_QUERY, b"clientKeys=c");
    let bytes = writer.finish(&[]);
    let request = attributes_asked(&decode(&bytes, 64).unwrap().options);
    let keys: Vec<Key> = ["a", "b", "c"].map(Key::from).to_vec();
    assert_eq!((request.client, request.shared), (Some(keys), None));
}

#[test]
fn the_core_resource_lists_what_the_peer_may_use() {
    let (plain, known) = (links(false), links(true));
    assert!(
        plain.contains("</api/v1>") && !plain.contains("</api/v1/rpc>"),
        "{plain}"
    );
    assert!(known.contains("</api/v1/rpc>;ct=\"50 60\";obs"), "{known}");
}
