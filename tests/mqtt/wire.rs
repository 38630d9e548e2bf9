//! A client of raw bytes: packets written out by hand, answers compared byte by byte.

use crate::common::operator::NewDevice;
use crate::common::{Operator, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub const TELEMETRY: &str = "v1/devices/me/telemetry";

/// Protocol name, level and what follows the keepalive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    Three,
    Four,
    Five,
}

pub const LEVELS: [Level; 3] = [Level::Three, Level::Four, Level::Five];

impl Level {
    fn name(self) -> &'static [u8] {
        match self {
            Level::Three => b"\0\x06MQIsdp\x03",
            Level::Four => b"\0\x04MQTT\x04",
            Level::Five => b"\0\x04MQTT\x05",
        }
    }

    /// The empty properties of MQTT 5.
    fn properties(self) -> &'static [u8] {
        match self {
            Level::Five => b"\0",
            _ => b"",
        }
    }
}

/// A whole packet: first byte, Remaining Length, body.
pub fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let low = (length % 128) as u8;
        length /= 128;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(&body);
    bytes
}

/// A string with its length.
pub fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// CONNECT with the fields whose flags are set, in their order.
pub fn connect_with(level: Level, flags: u8, keepalive: u16, fields: &[&[u8]]) -> Vec<u8> {
    let mut parts = vec![level.name(), std::slice::from_ref(&flags)];
    let keepalive = keepalive.to_be_bytes();
    parts.push(&keepalive);
    parts.push(level.properties());
    parts.extend_from_slice(fields);
    packet(0x10, &parts)
}

/// CONNECT as devices send it: client id, the token as user name, no password, clean session.
pub fn connect(level: Level, token: &str) -> Vec<u8> {
    connect_with(level, 0x82, 60, &[&text("raw"), &text(token)])
}

/// PUBLISH; `id` is left out at QoS 0.
pub fn publish(level: Level, qos: u8, id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id: &[u8] = if qos == 0 { b"" } else { &id };
    packet(
        0x30 | qos << 1,
        &[&text(topic), id, level.properties(), payload],
    )
}

/// SUBSCRIBE to one filter.
pub fn subscribe(level: Level, id: u16, filter: &str, qos: u8) -> Vec<u8> {
    packet(
        0x82,
        &[&id.to_be_bytes(), level.properties(), &text(filter), &[qos]],
    )
}

/// An open socket; reads give up after 20 s.
pub struct Wire(TcpStream);

impl Wire {
    pub fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(server.mqtt_address()).expect("connect");
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("time limit");
        stream.set_nodelay(true).expect("no delay");
        Wire(stream)
    }

    /// Connected as the device; CONNACK is read.
    pub fn connected(server: &Server, level: Level, device: &NewDevice) -> Self {
        let mut wire = Self::open(server);
        wire.send(&connect(level, &device.token));
        wire.expect_connack(0);
        wire
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("send");
    }

    /// The next packet: first byte and body.
    #[track_caller]
    pub fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("a packet");
        let first = byte[0];
        let (mut length, mut shift) = (0usize, 0);
        loop {
            self.0.read_exact(&mut byte).expect("a length");
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        (first, body)
    }

    #[track_caller]
    pub fn expect(&mut self, first: u8, body: &[u8]) {
        let found = self.packet();
        assert_eq!(found, (first, body.to_vec()));
    }

    /// CONNACK with this code; session present is 0 unless a session went on.
    #[track_caller]
    pub fn expect_connack(&mut self, code: u8) {
        let (first, body) = self.packet();
        assert_eq!((first, &body[..2]), (0x20, &[0, code][..]));
    }

    /// Code of an acknowledgement of MQTT 5, of its packet id.
    #[track_caller]
    pub fn expect_puback(&mut self, id: u16) -> u8 {
        let (first, body) = self.packet();
        assert_eq!((first, &body[..2]), (0x40, &id.to_be_bytes()[..]));
        body.get(2).copied().unwrap_or(0)
    }

    /// Everything that still comes until the server closes.
    #[track_caller]
    pub fn until_closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server did not close: {error}; it sent {rest:02x?}"),
        }
        rest
    }

    /// Closed; MQTT 5 hears DISCONNECT with this code first, older levels hear nothing.
    #[track_caller]
    pub fn expect_end(&mut self, level: Level, code: u8) {
        let rest = self.until_closed();
        if level == Level::Five {
            let found = last_words(&rest);
            assert_eq!(found, Some(code), "{}", String::from_utf8_lossy(&rest));
        } else {
            assert_eq!(rest, b"", "{level:?}");
        }
    }

    /// The connection lives: a ping is answered.
    #[track_caller]
    pub fn ping(&mut self) {
        self.send(b"\xc0\0");
        self.expect(0xD0, b"");
    }
}

/// Code of a DISCONNECT of MQTT 5 with which `bytes` begins.
pub fn last_words(bytes: &[u8]) -> Option<u8> {
    let length = 1 + bytes.get(1..)?.iter().position(|byte| byte & 0x80 == 0)? + 1;
    bytes.get(length).copied().filter(|_| bytes[0] == 0xE0)
}

/// A server, its operator and one device.
pub fn scene(settings: &str) -> (Server, Operator, NewDevice) {
    let server = Server::start_with(settings);
    let operator = server.operator();
    let device = operator.create_device("raw device");
    (server, operator, device)
}

/// Reasons in the device's stream, newest first.
pub fn refusals(operator: &Operator, device: &NewDevice) -> Vec<String> {
    let rows = operator.events(&device.id);
    let reasons = rows.iter().filter_map(|row| row["reason"].as_str());
    reasons.map(str::to_owned).collect()
}

/// `rejected_total{transport="mqtt",reason=…}`.
pub fn rejected(operator: &Operator, reason: &str) -> f64 {
    let sample = format!("rejected_total{{transport=\"mqtt\",reason=\"{reason}\"}}");
    operator.metric(&sample)
}
