//! Malformed input, by table: each refusal has its status, its reason in the device's stream and
//! a message that says where, and nothing of it is stored.

use crate::house::{House, TOKEN};
use crate::raw::{ask, request, to, Socket};
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;

#[test]
fn malformed_bodies_are_400_and_say_where() {
    use Reason::*;
    let house = House::open();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let long_key = format!("{{\"{}\":1}}", "k".repeat(256));
    let rows: &[(&str, &str, Reason, &str)] = &[
        ("telemetry", "", BadJson, "empty"),
        ("telemetry", "{", BadJson, "line 1 column"),
        ("telemetry", "{\"a\":1", BadJson, "line 1 column"),
        ("telemetry", "{\"a\":1}x", BadJson, "line 1 column"),
        ("telemetry", "{\"a\":tru}", BadJson, "line 1 column"),
        ("telemetry", "hello", BadJson, "line 1 column"),
        ("telemetry", "5", BadShape, "expected an object"),
        ("telemetry", "null", BadShape, "expected an object"),
        ("telemetry", "\"x\"", BadShape, "expected an object"),
        ("telemetry", "[1,2]", BadShape, "[0]"),
        ("telemetry", "[{\"a\":1},5]", BadShape, "[1]"),
        ("telemetry", "{\"ts\":1,\"values\":[]}", BadShape, "values"),
        (
            "telemetry",
            "{\"ts\":\"x\",\"values\":{}}",
            BadTimestamp,
            "ts",
        ),
        (
            "telemetry",
            "{\"ts\":1.5,\"values\":{}}",
            BadTimestamp,
            "ts",
        ),
        ("telemetry", "{\"\":1}", BadKey, "blank"),
        ("telemetry", "{\" \":1}", BadKey, "blank"),
        ("telemetry", &long_key, BadKey, "255"),
        ("telemetry", "{\"temp\":1e400}", BadValue, "temp"),
        ("telemetry", "{\"temp\":NaN}", BadValue, "NaN"),
        ("telemetry", &deep, TooDeep, "32"),
        ("attributes", "", BadJson, "empty"),
        ("attributes", "[{\"a\":1}]", BadShape, "expected an object"),
        ("attributes", "7", BadShape, "expected an object"),
        ("rpc", "", BadJson, "empty"),
        ("rpc", "{\"params\":{}}", BadShape, "method"),
        ("rpc", "{\"method\":5}", BadShape, "method"),
        ("rpc", "[]", BadShape, "expected an object"),
    ];
    for (path, body, _, place) in rows {
        let answer = ask(&house, request("POST", path, body));
        assert_eq!(answer.status, 400, "{path} {body}");
        let message = answer.error();
        assert!(message.contains(place), "{path} {body}: {message}");
    }
    let reasons: Vec<_> = rows.iter().map(|(_, _, reason, _)| *reason).collect();
    assert_eq!(house.refusals(), reasons);
    let telemetry = house.latest();
    assert!(
        telemetry.iter().all(|(key, _)| key != "a" && key != "temp"),
        "{telemetry:?}"
    );
}

#[test]
fn bytes_that_are_no_text_are_400() {
    let house = House::open();
    let mut bytes =
        format!("POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            .into_bytes();
    bytes.extend_from_slice(b"{\"a\":\"\xff\"}");
    let answer = ask(&house, bytes);
    assert_eq!(answer.status, 400);
    assert!(answer.error().contains("UTF-8 at byte 7"));
}

#[test]
fn malformed_parameters_and_ids_are_400() {
    let house = House::open();
    for (method, path) in [
        ("GET", "rpc?timeout=-1"),
        ("GET", "rpc?timeout=soon"),
        ("GET", "attributes/updates?timeout=1.5"),
        ("GET", "attributes/updates?timeout=-1"),
        ("POST", "rpc/seven"),
        ("POST", "rpc/2147483648"),
        ("POST", "rpc/"),
    ] {
        let answer = ask(&house, request(method, path, ""));
        assert_eq!(answer.status, 400, "{method} {path}");
        answer.error();
    }
}

#[test]
fn broken_escapes_in_the_path_are_400() {
    let house = House::open();
    for token in ["%zz", "%", "%ff", "A1%C3"] {
        let answer = ask(
            &house,
            to(&format!("/api/v1/{token}/telemetry"), "POST", "{}"),
        );
        assert_eq!(answer.status, 400, "{token}");
        assert!(answer.error().contains("escape"), "{token}");
    }
}

#[test]
fn bytes_that_are_no_http_are_refused_and_the_server_goes_on() {
    let house = House::open();
    let long_head = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(300_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    let smuggled = format!(
        "POST /api/v1/{TOKEN}/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{{}}"
    );
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /api/v1/x/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /api/v1/x/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/x/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /api/v1/x/telemetry HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        long_head.as_bytes(),
        many_headers.as_bytes(),
        smuggled.as_bytes(),
    ] {
        let mut socket = Socket::connect(&house);
        // The server may close while we still send.
        let _ = std::io::Write::write_all(&mut socket.0, bytes);
        if let Some(answer) = socket.answer() {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            assert!((400..500).contains(&answer.status), "{shown}: {answer:?}");
        }
    }
    assert_eq!(
        ask(&house, request("POST", "telemetry", "{\"a\":1}")).status,
        200
    );
    house.wait_for_rejected(Transport::Http, Reason::ProtocolViolation, 5);
}
