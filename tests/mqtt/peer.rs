//! A client on a blocking socket that speaks in packets; `wire` is the one that speaks in bytes.

use crate::house::{House, TOKEN};
use bytes::BytesMut;
use industryos_iot::transport::mqtt::codec::packet::{
    Ack, Connack, Connect, Filter, Publish, Subscribe,
};
use industryos_iot::transport::mqtt::codec::{Codec, Framer, Level, Packet, QoS};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub const ALL: [Level; 3] = [Level::V31, Level::V311, Level::V5];

pub struct Peer {
    stream: TcpStream,
    codec: Codec,
    framer: Framer,
    buffer: BytesMut,
}

/// CONNECT with the token of the house's device.
pub fn connect(level: Level) -> Connect {
    let mut connect = Connect::new(level, "peer");
    connect.user_name = Some(TOKEN.to_owned());
    connect.keepalive = 60;
    connect
}

/// The same for a session that outlives its connection.
pub fn persistent(level: Level) -> Connect {
    let mut connect = connect(level);
    connect.clean_start = false;
    connect.session_expiry = 3600;
    connect
}

pub fn publish(topic: &str, qos: u8, id: u16, payload: &str) -> Packet {
    let mut publish = Publish::new(topic, payload.to_owned());
    publish.qos = QoS::from_bits(qos).expect("a QoS");
    publish.packet_id = (qos > 0).then_some(id);
    Packet::Publish(publish)
}

pub fn puback(id: u16) -> Packet {
    Packet::Puback(Ack::new(id))
}

impl Peer {
    pub fn open(house: &House, level: Level) -> Self {
        let stream = TcpStream::connect(house.mqtt).expect("connect");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("time limit");
        stream.set_nodelay(true).expect("no delay");
        let mut framer = Framer::new(1 << 20);
        framer.set_level(level);
        Self {
            stream,
            codec: Codec::new(level),
            framer,
            buffer: BytesMut::new(),
        }
    }

    /// Connects; returns the CONNACK too.
    pub fn connect(house: &House, connect: Connect) -> (Self, Connack) {
        let mut peer = Self::open(house, connect.level);
        peer.send(&Packet::Connect(Box::new(connect)));
        match peer.next() {
            Packet::Connack(connack) => (peer, *connack),
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    /// Connected as the house's device.
    pub fn device(house: &House, level: Level) -> Self {
        let (peer, connack) = Self::connect(house, connect(level));
        assert_eq!(connack.code, 0, "{connack:?}");
        peer
    }

    pub fn send(&mut self, packet: &Packet) {
        self.send_all(std::slice::from_ref(packet));
    }

    /// In one write.
    pub fn send_all(&mut self, packets: &[Packet]) {
        let mut bytes = BytesMut::new();
        for packet in packets {
            self.codec.encode(packet, &mut bytes).expect("encode");
        }
        self.raw(&bytes);
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("send");
    }

    pub fn publish(&mut self, topic: &str, qos: u8, id: u16, payload: &str) {
        self.send(&publish(topic, qos, id, payload));
    }

    /// Subscribes and waits until it is in force.
    pub fn subscribe(&mut self, filter: &'static str, qos: u8) {
        self.send(&Packet::Subscribe(Subscribe {
            packet_id: 999,
            filters: vec![Filter::new(filter, QoS::from_bits(qos).expect("a QoS"))],
            subscription_id: None,
        }));
        match self.next() {
            Packet::Suback(suback) => assert_eq!(suback.codes, [qos.min(1)], "{filter}"),
            other => panic!("expected SUBACK, got {other:?}"),
        }
    }

    /// The next packet; `None` when the server closed.
    pub fn try_next(&mut self) -> Option<Packet> {
        loop {
            if let Some(frame) = self.framer.next(&mut self.buffer).expect("a frame") {
                return Some(self.codec.decode(frame).expect("a packet"));
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    pub fn next(&mut self) -> Packet {
        self.try_next().expect("the connection is open")
    }

    /// The next packet must be a PUBLISH.
    pub fn message(&mut self) -> Publish {
        match self.next() {
            Packet::Publish(publish) => publish,
            other => panic!("expected PUBLISH, got {other:?}"),
        }
    }

    /// Topic and payload of the next PUBLISH, which is acknowledged if it wants to be.
    pub fn take(&mut self) -> (String, String) {
        let publish = self.message();
        if let Some(id) = publish.packet_id {
            self.send(&puback(id));
        }
        let payload = String::from_utf8(publish.payload.to_vec()).expect("text");
        (publish.topic.to_string(), payload)
    }

    /// Packet id and reason of the acknowledgement that comes next.
    pub fn ack(&mut self) -> (u16, u8) {
        match self.next() {
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => {
                (ack.packet_id, ack.reason)
            }
            other => panic!("expected an acknowledgement, got {other:?}"),
        }
    }

    /// Everything sent so far has been dealt with.
    pub fn ping(&mut self) {
        self.send(&Packet::Pingreq);
        assert_eq!(self.next(), Packet::Pingresp);
    }

    /// Nothing more but the end comes.
    pub fn expect_closed(&mut self) {
        assert_eq!(self.try_next(), None);
    }

    /// The end comes: in MQTT 5 behind a DISCONNECT with this code.
    pub fn expect_end(&mut self, code: u8) {
        if self.codec.level() == Level::V5 {
            match self.next() {
                Packet::Disconnect(disconnect) => assert_eq!(disconnect.reason, code),
                other => panic!("expected DISCONNECT, got {other:?}"),
            }
        }
        self.expect_closed();
    }

    pub fn disconnect(mut self) {
        self.send(&Packet::Disconnect(Default::default()));
        self.expect_closed();
    }
}

/// For tests of limits.
impl Peer {
    /// The server has closed without a word; waits a moment for it to do so.
    pub fn closes_at_once(mut self) -> bool {
        let moment = Some(Duration::from_millis(100));
        self.stream.set_read_timeout(moment).expect("time limit");
        matches!(self.stream.read(&mut [0; 1]), Ok(0))
    }

    pub fn set_write_timeout(&mut self) {
        let moment = Some(Duration::from_millis(20));
        self.stream.set_write_timeout(moment).expect("time limit");
    }

    /// At QoS 0, as far as the server takes it.
    pub fn try_publish(&mut self, topic: &str, payload: &str) -> std::io::Result<()> {
        let mut bytes = BytesMut::new();
        let packet = publish(topic, 0, 0, payload);
        self.codec.encode(&packet, &mut bytes).expect("encode");
        self.stream.write_all(&bytes)
    }
}
