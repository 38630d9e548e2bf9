//! Nothing that lets somebody in reaches a log, however much is logged, whether it opened a door or
//! was refused: tokens in addresses, headers and CONNECTs, passwords, keys, certificates' keys.

use crate::common::certificates::{authority, days, key_pem, pem, server as certificate};
use crate::common::operator::{agent, request};
use crate::common::server::PASSWORD;
use crate::common::{until, Operator, Server};
use industryos_iot::auth::certificates::make::KeyKind;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

/// Unlike anything else that may stand in a log.
const WRONG: &str = "wrong-token-0451";
const BASIC: &str = "password-of-a-device-0452";
const GUESS: &str = "guessed-password-0453";
const ROTATED: &str = "rotated-token-0454";

#[test]
fn no_secret_is_in_the_log_at_any_level_at_any_door() {
    let folder = tempfile::tempdir().unwrap();
    let made = certificate(KeyKind::Ec, days(-1..90), &authority("ca"));
    std::fs::write(folder.path().join("server.pem"), pem(&made)).unwrap();
    std::fs::write(folder.path().join("server.key"), key_pem(&made)).unwrap();
    let files = "certificate = \"server.pem\"\nprivate_key = \"server.key\"\n";
    let settings = format!("[log]\nlevel = \"trace\"\n[mqtt.tls]\n{files}[http.tls]\n{files}");
    let server = Server::start_in(folder, &settings, &[]);
    let operator = server.operator();
    let device = operator.create_device("quiet");
    let key = operator
        .post("/api/apiKey", &json!({"description": "k"}))
        .json;
    let key = key["value"].as_str().expect("a key").to_owned();
    let upload = key_pem(&authority("pasted"));
    for token in [&device.token, WRONG] {
        over_http(&server, token);
        over_tls(server.https_address(), http_head(token).as_bytes());
        over_tls(server.mqtts_address(), &mqtt_connect(4, token, BASIC));
        for level in [4, 5] {
            over_mqtt(&server, &mqtt_connect(level, token, BASIC));
        }
        over_coap(&server, token);
        with_secret(&server, &format!("Bearer {token}"));
    }
    with_secret(&server, &format!("ApiKey {key}"));
    as_operator(&server, &operator, &device.id, &upload);
    // Whatever is to be written has been written when this is.
    server.operator();
    assert_eq!(operator.get("/api/device/not-a-uuid").status, 400);
    until("the log to be read to here", || {
        server.stderr().contains("failed login")
    });
    let log = server.stdout() + &server.stderr();
    assert!(log.contains("TRACE") && log.contains("device saved"));
    let jwt = &operator.token;
    for secret in [
        &device.token,
        WRONG,
        BASIC,
        GUESS,
        ROTATED,
        PASSWORD,
        &key,
        jwt,
        upload.lines().nth(1).expect("a key"),
        key_pem(&made).lines().nth(1).expect("a key"),
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
    }
}

fn http_head(token: &str) -> String {
    format!("GET /api/v1/{token}/attributes HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

/// Good and bad requests with the token in the path, as clients write them and as nobody should.
fn over_http(server: &Server, token: &str) {
    let base = format!("{}/api/v1/{token}", server.http());
    for (method, path, body) in [
        ("POST", "telemetry", "{\"a\":1}"),
        ("POST", "telemetry", "not JSON"),
        ("GET", "attributes?clientKeys=a", ""),
        ("GET", "rpc?timeout=1", ""),
        ("POST", "rpc/x", "{}"),
        ("DELETE", "telemetry", ""),
        ("GET", "nothing/here", ""),
    ] {
        request(&agent(), method, &format!("{base}/{path}"), &[], body);
    }
    for raw in [
        http_head(token),
        format!("GET /api/v1/{token}/x HTTP/9.9\r\n\r\n"),
        format!("GET /api/v1/{token}/x HTTP/1.1\r\nhost : x\r\n\r\n"),
        format!("POST /api/v1/{token}/telemetry HTTP/1.1\r\ncontent-length: x\r\n\r\n"),
        format!("POST /api/v1/{token}/telemetry HTTP/1.1\r\ncontent-length: 9\r\n\r\n{{"),
        format!("GET /mqtt?token={token} HTTP/1.1\r\nupgrade: websocket\r\n\r\n"),
    ] {
        send(server.http_address(), raw.as_bytes());
    }
}

/// Sends, says that no more will come, and reads to the end.
fn send(address: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("connect");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("time limit");
    stream.write_all(bytes).expect("send");
    stream.shutdown(std::net::Shutdown::Write).expect("the end");
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut rest);
}

fn over_tls(address: &str, bytes: &[u8]) {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).expect("a client");
    builder.set_verify(SslVerifyMode::NONE);
    let stream = TcpStream::connect(address).expect("connect");
    let mut stream = builder
        .build()
        .connect("localhost", stream)
        .expect("a handshake");
    stream.write_all(bytes).expect("send");
    assert!(stream.read(&mut [0; 100]).expect("an answer") > 0);
}

fn mqtt_connect(level: u8, user: &str, password: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
    let properties: &[u8] = if level == 5 { &[0] } else { &[] };
    let head = [&text("MQTT")[..], &[level, 0xc2, 0, 60], properties];
    let body = [head.concat(), text("c"), text(user), text(password)].concat();
    [&[0x10, body.len() as u8], &body[..]].concat()
}

/// A session, and a packet in it that is none.
fn over_mqtt(server: &Server, connect: &[u8]) {
    send(server.mqtt_address(), connect);
    send(
        server.mqtt_address(),
        &[connect, b"\xff\xff\xff\xff\xff"].concat(),
    );
    send(server.mqtt_address(), &connect[..connect.len() - 3]);
}

/// POST coap://…/api/v1/TOKEN/telemetry, good and malformed (RFC 7252, section 3).
fn over_coap(server: &Server, token: &str) {
    let mut message = vec![0x40, 0x02, 0x12, 0x34];
    for (number, segment) in ["api", "v1", token, "telemetry"].into_iter().enumerate() {
        let delta = if number == 0 { 11 << 4 } else { 0 };
        match segment.len() {
            short @ 0..13 => message.push(delta | short as u8),
            long => message.extend([delta | 13, (long - 13) as u8]),
        }
        message.extend(segment.as_bytes());
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("time limit");
    for (id, payload) in [
        (1, &b"\xff{\"a\":1}"[..]),
        (2, b"\xffnot JSON"),
        (3, b"\xf1"),
    ] {
        message[3] = id;
        let all = [&message, payload].concat();
        socket.send_to(&all, server.coap_address()).expect("send");
        // An answer or a reset.
        assert!(socket.recv(&mut [0; 1500]).expect("an answer") >= 4);
    }
}

/// A device's or an operator's, in either header.
fn with_secret(server: &Server, value: &str) {
    for header in ["Authorization", "X-Authorization"] {
        for path in ["/api/v1/me/attributes", "/api/users?pageSize=1&page=0"] {
            let url = format!("{}{path}", server.http());
            request(&agent(), "GET", &url, &[(header, value)], "");
        }
    }
}

/// What operators send: good and wrong passwords, credentials, a private key by mistake.
fn as_operator(server: &Server, operator: &Operator, device: &str, private_key: &str) {
    let login = json!({"username": "admin@localhost", "password": GUESS}).to_string();
    let url = format!("{}/api/auth/login", server.http());
    assert_eq!(request(&agent(), "POST", &url, &[], &login).status, 401);
    let change = json!({"currentPassword": GUESS, "newPassword": GUESS});
    operator.post("/api/auth/changePassword", &change);
    let user = json!({"email": "a@b", "authority": "CUSTOMER_USER", "password": GUESS});
    operator.post("/api/user", &user);
    let basic = json!({"clientId": "c", "userName": "u", "password": BASIC}).to_string();
    for (kind, id, value) in [
        ("X509_CERTIFICATE", "", private_key),
        ("ACCESS_TOKEN", ROTATED, ""),
        ("MQTT_BASIC", "", basic.as_str()),
    ] {
        let body = json!({
            "deviceId": {"id": device, "entityType": "DEVICE"},
            "credentialsType": kind, "credentialsId": id, "credentialsValue": value,
        });
        let saved = operator.post("/api/device/credentials", &body);
        assert_eq!(
            saved.status == 200,
            kind != "X509_CERTIFICATE",
            "{}",
            saved.text
        );
    }
    let path = format!("/api/device/{device}/credentials/certificate");
    assert_eq!(operator.call("POST", &path, private_key).status, 400);
}
