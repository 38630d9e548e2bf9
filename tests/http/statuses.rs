//! The status codes of contract/http.md 2, "ours", and what is counted.

use crate::house::{House, TOKEN};
use crate::raw::{ask, request, to, Socket};
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::registry::Command;
use industryos_iot::store::StoreError;

const ENDPOINTS: [(&str, &str); 7] = [
    ("POST", "telemetry"),
    ("POST", "attributes"),
    ("GET", "attributes"),
    ("GET", "attributes/updates"),
    ("GET", "rpc"),
    ("POST", "rpc"),
    ("POST", "rpc/1"),
];

#[test]
fn an_unknown_token_is_401_with_an_empty_body_everywhere() {
    let house = House::open();
    for (method, path) in ENDPOINTS {
        for body in ["", "{}"] {
            let answer = ask(&house, to(&format!("/api/v1/WRONG/{path}"), method, body));
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (401, ""),
                "{method} {path}"
            );
        }
    }
    assert!(house.rejected(Transport::Http, Reason::CredentialsUnknown) >= 14);
}

#[test]
fn a_disabled_device_is_401() {
    let house = House::open();
    assert_eq!(ask(&house, request("POST", "telemetry", "{}")).status, 200);
    house.set_disabled(true);
    for (method, path) in ENDPOINTS {
        let answer = ask(&house, request(method, path, ""));
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (401, ""),
            "{method} {path}"
        );
    }
}

#[test]
fn unknown_paths_are_404_with_error_json_that_tells_no_token() {
    let house = House::open();
    for path in [
        "/api/v1",
        "/api/v1/",
        &format!("/api/v1/{TOKEN}"),
        &format!("/api/v1/{TOKEN}/nothing"),
        &format!("/api/v1/{TOKEN}/telemetry/"),
        &format!("/api/v1/{TOKEN}//telemetry"),
        &format!("/api/v1/{TOKEN}/telemetry/more"),
        "/api/v1//telemetry",
        &format!("/api/v1/{TOKEN}/claim"),
        "/api/v1/provision",
    ] {
        let answer = ask(&house, to(path, "POST", "{}"));
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        answer.error();
        assert!(!answer.body.contains(TOKEN), "{answer:?}");
    }
    for path in [
        format!("/api/v1/{TOKEN}/firmware"),
        format!("/api/v1/{TOKEN}/software"),
    ] {
        let answer = ask(&house, to(&path, "GET", ""));
        assert!(answer.error().contains("not available yet"), "{answer:?}");
        assert_eq!(answer.status, 404);
    }
    assert!(house.rejected(Transport::Http, Reason::UnknownTopic) >= 12);
}

#[test]
fn other_methods_are_405_with_what_is_allowed() {
    let house = House::open();
    for (path, allowed) in [
        ("telemetry", "POST"),
        ("attributes", "GET, POST"),
        ("attributes/updates", "GET"),
        ("rpc", "GET, POST"),
        ("rpc/1", "POST"),
    ] {
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
            let answer = ask(&house, request(method, path, ""));
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
            answer.error();
        }
    }
    // A response to HEAD has the length of a body but no body.
    let mut socket = Socket::connect(&house);
    socket.send(format!("HEAD /api/v1/{TOKEN}/attributes HTTP/1.0\r\n\r\n"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut socket.0, &mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.0 405"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn an_empty_poll_is_408_with_an_empty_body() {
    let house = House::open();
    for path in ["rpc?timeout=50", "attributes/updates?timeout=50"] {
        let mut socket = Socket::connect(&house);
        for _ in 0..2 {
            socket.send(request("GET", path, ""));
            let answer = socket.expect(408);
            assert_eq!(answer.body, "", "{path}");
        }
    }
}

#[test]
fn bodies_over_the_limit_are_413_whatever_they_hold() {
    let house = House::with(|config| {
        config.http.max_body.0 = 1000;
        config.http.max_rpc_body.0 = 100;
    });
    let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(992));
    assert_eq!(fits.len(), 1000);
    assert_eq!(ask(&house, request("POST", "telemetry", &fits)).status, 200);
    for (path, length, limit) in [
        ("telemetry", 1001, 1000),
        ("attributes", 5000, 1000),
        ("rpc", 101, 100),
        ("rpc/1", 200, 100),
    ] {
        let answer = ask(&house, request("POST", path, &"x".repeat(length)));
        assert_eq!(answer.status, 413, "{path}");
        assert_eq!(
            answer.error(),
            format!("Payload size exceeds the limit of {limit} bytes")
        );
    }
    assert_eq!(house.refusals(), vec![Reason::TooLarge; 4]);
}

#[test]
fn a_full_disk_is_503_until_space_returns() {
    let house = House::open();
    assert_eq!(
        ask(&house, request("POST", "telemetry", "{\"a\":1}")).status,
        200
    );
    house.store.fail_commits(Some(StoreError::Full));
    for path in ["telemetry", "attributes"] {
        let answer = ask(&house, request("POST", path, "{\"a\":2}"));
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), Some("5"));
        answer.error();
    }
    house.store.fail_commits(None);
    assert_eq!(
        ask(&house, request("POST", "telemetry", "{\"a\":3}")).status,
        200
    );
}

#[test]
fn a_deleted_devices_token_is_401() {
    let house = House::open();
    assert_eq!(
        ask(&house, request("POST", "telemetry", "{\"a\":1}")).status,
        200
    );
    house.command(Command::Delete);
    assert_eq!(
        ask(&house, request("POST", "telemetry", "{\"a\":1}")).status,
        401
    );
}

#[test]
fn too_much_is_429_with_the_time_to_come_back() {
    let house = House::with(|config| {
        let rate = |text| industryos_iot::model::rates::Rates::parse(text).unwrap();
        config.device.message_rate = rate("2:1m");
        config.device.point_rate = rate("5:1m");
    });
    let say = |body| ask(&house, request("POST", "telemetry", body));
    assert_eq!(say(r#"{"a":1,"b":2,"c":3}"#).status, 200);
    let points = say(r#"{"a":1,"b":2,"c":3}"#);
    assert_eq!(points.status, 429);
    assert_eq!(
        points.header("retry-after"),
        Some("12"),
        "a point in twelve seconds"
    );
    assert!(points
        .error()
        .contains("data points of the device than 5:1m"));
    assert_eq!(say(r#"{"a":1}"#).status, 200);
    let messages = say(r#"{"a":1}"#);
    assert_eq!(messages.status, 429);
    let seconds: u64 = messages.header("retry-after").unwrap().parse().unwrap();
    assert!((28..=30).contains(&seconds), "{seconds}");
    assert!(house.rejected(Transport::Http, Reason::RateLimited) >= 2);
}
