//! HTTP by hand over a socket: what an ordinary client library would never send.

use crate::house::{House, TOKEN};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One parsed response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The contract's error JSON: returns its message.
    pub fn error(&self) -> String {
        let json = self.json();
        assert_eq!(json["status"], self.status, "{self:?}");
        assert!(json["errorCode"].is_u64(), "{self:?}");
        assert!(
            json["timestamp"].as_i64() > Some(1_700_000_000_000),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), Some("application/json"));
        json["message"].as_str().expect("a message").to_string()
    }
}

pub struct Socket(pub TcpStream);

impl Socket {
    pub fn connect(house: &House) -> Socket {
        let stream = TcpStream::connect(house.http).expect("connect");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("timeout");
        stream.set_nodelay(true).expect("nodelay");
        Socket(stream)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("send");
    }

    /// The next response; `None` when the server closed instead.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}; so far {}", String::from_utf8_lossy(&head)),
            }
        }
        let head = String::from_utf8(head).expect("a text head");
        let status = head
            .get(9..12)
            .and_then(|text| text.parse().ok())
            .expect("a status");
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |n| n.parse().expect("a length"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        answer.body = String::from_utf8(body).expect("a text body");
        Some(answer)
    }

    pub fn expect(&mut self, status: u16) -> Answer {
        let answer = self.answer().expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
        answer
    }

    /// Waits until the server closes.
    pub fn closed(&mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest)),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

/// A request below the device's path, body and length included.
pub fn request(method: &str, path: &str, body: &str) -> String {
    to(&format!("/api/v1/{TOKEN}/{path}"), method, body)
}

/// A request to any path.
pub fn to(path: &str, method: &str, body: &str) -> String {
    let length = match body {
        "" => String::new(),
        body => format!("Content-Length: {}\r\n", body.len()),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{length}\r\n{body}")
}

/// One request on a connection of its own.
pub fn ask(house: &House, request: impl AsRef<[u8]>) -> Answer {
    let mut socket = Socket::connect(house);
    socket.send(request);
    socket.answer().expect("an answer")
}

/// Sends a request in the background; the answer comes through the handle.
pub fn begin(house: &House, request: String) -> std::thread::JoinHandle<Answer> {
    let mut socket = Socket::connect(house);
    socket.send(request);
    std::thread::spawn(move || socket.answer().expect("an answer"))
}
