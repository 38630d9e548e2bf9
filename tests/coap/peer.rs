//! A CoAP client by hand: one socket, messages of `coap-lite`.

use crate::house::{House, TOKEN};
use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use industryos_iot::model::value::Value;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Peer {
    socket: UdpSocket,
    next: u16,
}

impl Peer {
    pub fn of(house: &House) -> Peer {
        Self::to(house.coap)
    }

    pub fn to(address: SocketAddr) -> Peer {
        let any = if address.is_ipv6() {
            "[::1]:0"
        } else {
            "127.0.0.1:0"
        };
        let socket = UdpSocket::bind(any).expect("a socket");
        socket.connect(address).expect("connect");
        socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
        Peer { socket, next: 0 }
    }

    pub fn send(&self, packet: &Packet) {
        self.send_bytes(&packet.to_bytes().expect("bytes"));
    }

    pub fn send_bytes(&self, bytes: &[u8]) {
        self.socket.send(bytes).expect("send");
    }

    /// The next message.
    #[track_caller]
    pub fn hear(&self) -> Packet {
        let mut bytes = [0; 2048];
        let length = self.socket.recv(&mut bytes).expect("an answer");
        Packet::from_bytes(&bytes[..length]).expect("a message")
    }

    /// Fails if anything comes within this time.
    #[track_caller]
    pub fn hears_nothing_for(&self, time: Duration) {
        let set = |time| self.socket.set_read_timeout(Some(time)).expect("timeout");
        set(time);
        let mut bytes = [0; 2048];
        let heard = self.socket.recv(&mut bytes);
        set(PATIENCE);
        assert!(heard.is_err(), "{:02x?}", &bytes[..heard.unwrap_or(0)]);
    }

    /// A request with an id and a token of its own.
    pub fn request(&mut self, code: &str, path: &str, payload: &[u8]) -> Packet {
        self.next += 1;
        let mut packet = Packet::new();
        packet.header.set_type(MessageType::Confirmable);
        packet.header.set_code(code);
        packet.header.message_id = self.next;
        packet.set_token(vec![7, self.next as u8]);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
        }
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            packet.add_option(CoapOption::UriQuery, parameter.as_bytes().to_vec());
        }
        packet.payload = payload.to_vec();
        packet
    }

    /// Sends, and hears the answer with its token; an empty acknowledgement before it is passed
    /// over, and a confirmable answer is acknowledged.
    #[track_caller]
    pub fn ask(&self, packet: &Packet) -> Packet {
        self.send(packet);
        loop {
            let answer = self.hear();
            self.acknowledge(&answer);
            if answer.get_token() == packet.get_token() {
                return answer;
            }
            assert_eq!(answer.header.code, MessageClass::Empty, "{answer:?}");
        }
    }

    pub fn acknowledge(&self, packet: &Packet) {
        if packet.header.get_type() == MessageType::Confirmable {
            self.empty(MessageType::Acknowledgement, packet.header.message_id);
        }
    }

    pub fn empty(&self, kind: MessageType, id: u16) {
        let mut packet = Packet::new();
        packet.header.set_type(kind);
        packet.header.set_code("0.00");
        packet.header.message_id = id;
        self.send(&packet);
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, payload: &str) -> Packet {
        let request = self.request("0.02", &below(path), payload.as_bytes());
        self.ask(&request)
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Packet {
        let request = self.request("0.01", &below(path), b"");
        self.ask(&request)
    }

    /// GET with Observe 0 (or 1) under a token.
    pub fn observing(&mut self, path: &str, token: &[u8], value: u32) -> Packet {
        let mut request = self.request("0.01", &below(path), b"");
        request.set_token(token.to_vec());
        request.set_observe_value(value);
        request
    }
}

/// Below the path of the test's device.
pub fn below(path: &str) -> String {
    format!("api/v1/{TOKEN}/{path}")
}

pub fn code(packet: &Packet) -> String {
    packet.header.get_code()
}

pub fn text(packet: &Packet) -> String {
    String::from_utf8(packet.payload.clone()).expect("text")
}

pub fn uint(packet: &Packet, option: CoapOption) -> Option<u32> {
    let value = packet.get_first_option(option)?;
    Some(
        value
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
    )
}

/// The latest value of a key of the test's device.
pub fn latest(house: &House, key: &str) -> Option<Value> {
    let mut all = house.latest().into_iter();
    all.find(|(name, _)| name == key).map(|(_, value)| value)
}

/// A sample of the metrics; 0 when it is not there yet.
pub fn metric(house: &House, sample: &str) -> u64 {
    let text = house.metrics.render();
    let line = text.lines().find(|line| line.starts_with(sample));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0)
}
