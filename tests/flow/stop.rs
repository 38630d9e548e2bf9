//! How it stops: in order on SIGTERM and SIGINT, with everything on disk.

use crate::common::operator::{agent, request};
use crate::common::{wait_for, Server};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn sigterm_and_sigint_end_it_with_status_zero() {
    for name in ["TERM", "INT"] {
        let server = Server::start();
        let (status, _) = server.signal(name);
        assert!(status.success(), "{name}: {status}");
    }
}

#[test]
fn a_stop_keeps_everything_and_the_next_start_serves_it() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("keeper");
    let url = format!("{}/api/v1/{}", server.http(), device.token);
    let post = |path: &str, body: &str| {
        request(&agent(), "POST", &format!("{url}/{path}"), &[], body).status
    };
    assert_eq!(
        post(
            "telemetry",
            r#"{"ts":1700000000000,"values":{"t":1.5,"on":true,"s":"007","o":{"b":1,"a":2}}}"#
        ),
        200
    );
    assert_eq!(post("attributes", r#"{"fw":"1.2"}"#), 200);
    let (status, folder) = server.terminate();
    assert!(status.success());

    let server = Server::start_in(folder, "", &[]);
    let operator = server.operator();
    assert_eq!(
        operator.latest(&device.id),
        json!({"t": 1.5, "on": true, "s": "007", "o": {"b": 1, "a": 2}})
    );
    let url = format!("{}/api/v1/{}/attributes", server.http(), device.token);
    assert_eq!(
        request(&agent(), "GET", &url, &[], "").json,
        json!({"client": {"fw": "1.2"}})
    );
}

#[test]
fn a_connected_mqtt_client_and_a_waiting_poll_do_not_hold_up_the_stop() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("connected");
    let other = operator.create_device("polling");
    let mut socket = TcpStream::connect(server.mqtt_address()).unwrap();
    socket.write_all(&connect(&device.token)).unwrap();
    let mut connack = [0; 4];
    socket.read_exact(&mut connack).unwrap();
    assert_eq!(connack[3], 0);
    let url = format!("{}/api/v1/{}/rpc?timeout=60000", server.http(), other.token);
    let poll = std::thread::spawn(move || {
        // Any answer or a closed connection is fine; only waiting for a minute is not.
        let _ = agent().get(&url).call();
    });
    wait_for("the poll to be noticed", || {
        operator
            .events(&other.id)
            .iter()
            .any(|row| row.to_string().to_lowercase().contains("active"))
            .then_some(())
    });
    let begin = std::time::Instant::now();
    let (status, _) = server.terminate();
    assert!(status.success());
    assert!(
        begin.elapsed() < std::time::Duration::from_secs(15),
        "{:?}",
        begin.elapsed()
    );
    poll.join().unwrap();
    let mut rest = Vec::new();
    // Reset or orderly end: the socket must be closed either way.
    let _ = socket.read_to_end(&mut rest);
}

/// A 3.1.1 CONNECT by token, keepalive 60 s.
fn connect(token: &str) -> Vec<u8> {
    let mut body = vec![
        0,
        4,
        b'M',
        b'Q',
        b'T',
        b'T',
        4,
        0b1000_0010,
        0,
        60,
        0,
        1,
        b'c',
    ];
    body.extend((token.len() as u16).to_be_bytes());
    body.extend(token.as_bytes());
    let mut packet = vec![0x10, body.len() as u8];
    packet.extend(body);
    packet
}
