//! Bodies and methods that are not as they should be: sizes, speed, encodings, 405.

use crate::harness::{assert_error, start, start_with, Api};
use industryos_iot::model::units::{ByteSize, Period};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Sends bytes as they are and reads until the server closes or has answered.
fn raw(api: &Api, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(api.address).expect("connect");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("timeout");
    for piece in pieces {
        // The server may have answered and closed already.
        let _ = stream.write_all(piece);
    }
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&answer);
        if read == 0 || text.contains("\"timestamp\"") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(api: &Api, path: &str, framing: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nX-Authorization: Bearer {}\r\n{framing}\r\n\r\n",
        api.token
    )
}

#[test]
fn a_body_over_the_limit_is_413_also_when_it_comes_in_chunks() {
    let api = start_with(|config| config.api.max_body = ByteSize(1_000));
    let long = api.call("POST", "/api/device", &"x".repeat(1_001));
    assert_error(
        &long,
        413,
        31,
        "Payload size exceeds the limit of 1000 bytes",
    );

    let head = head(&api, "/api/device", "Transfer-Encoding: chunked");
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let chunk = chunk.as_bytes();
    let answer = raw(&api, &[head.as_bytes(), chunk, chunk, chunk]);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("limit of 1000 bytes"), "{answer}");
}

#[test]
fn strangers_may_only_send_small_bodies() {
    let api = start();
    let long = format!(r#"{{"username":"{}","password":"x"}}"#, "x".repeat(20_000));
    for path in ["/api/auth/login", "/api/auth/token"] {
        let answer = api.anonymous("POST", path, &long);
        assert_error(&answer, 413, 31, "limit of 16384 bytes");
    }
    let metrics = api.metrics.render();
    let counted = r#"rejected_total{transport="rest",reason="too_large"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn a_body_that_never_comes_is_408() {
    let api = start_with(|config| config.api.body_timeout = Period(Duration::from_millis(200)));
    let head = head(&api, "/api/device", "Content-Length: 100");
    let answer = raw(&api, &[head.as_bytes(), b"{"]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[test]
fn a_body_that_is_no_text_or_too_deep_is_400() {
    let api = start();
    let bytes = [b"\xff\xfe\x00{".as_slice(), &b"[".repeat(100_000)];
    for body in bytes {
        let framing = format!("Content-Length: {}", body.len());
        let head = head(&api, "/api/device", &framing);
        let answer = raw(&api, &[head.as_bytes(), body]);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[test]
fn a_stranger_is_told_401_before_anything_about_the_body() {
    let api = start_with(|config| config.api.max_body = ByteSize(200));
    for (path, body) in [
        ("/api/device", "x".repeat(100)),
        ("/api/device/x/disable", String::new()),
    ] {
        let answer = api.anonymous("POST", path, &body);
        assert_error(&answer, 401, 10, "Authentication failed");
    }
}

#[test]
fn methods_that_a_path_does_not_have_are_405_with_allow() {
    let api = start();
    let device = api.create_device("a");
    for (method, path, allow) in [
        ("PUT", format!("/api/device/{}", device.id), "GET, DELETE"),
        ("GET", "/api/device".to_owned(), "POST"),
        ("DELETE", "/api/tenant/devices".to_owned(), "GET"),
        ("GET", format!("/api/rpc/oneway/{}", device.id), "POST"),
        ("PATCH", api.plugin(&device, "SERVER_SCOPE"), "POST, DELETE"),
    ] {
        let answer = api.call(method, &path, "");
        assert_error(&answer, 405, 31, "not supported");
        let header = api.header(method, &path, "", "allow");
        assert_eq!(header.as_deref(), Some(allow), "{method} {path}");
    }
}

#[test]
fn paths_that_are_none_are_404_in_the_one_shape() {
    let api = start();
    for path in ["/api/", "/api/nothing", "/api/device/a/b/c", "/api/tenant"] {
        assert_error(&api.get(path), 404, 32, "no such path");
    }
}

#[test]
fn a_query_or_path_with_broken_escapes_does_no_harm() {
    let api = start();
    for path in [
        "/api/tenant/devices?pageSize=%zz&page=0",
        "/api/tenant/devices?pageSize=1&page=0&textSearch=%ff%fe",
        "/api/device/%ff%fe",
        "/api/device/%00",
    ] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Authorization: Bearer {}\r\n\r\n",
            api.token
        );
        let answer = raw(&api, &[head.as_bytes()]);
        let status: u16 = answer[9..12].parse().expect("a status");
        assert!(
            status == 200 || status == 400 || status == 404,
            "{path}: {answer}"
        );
    }
}
