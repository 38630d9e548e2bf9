//! OpenSSL's client over a blocking socket, and MQTT packets through it.

use bytes::BytesMut;
use industryos_iot::auth::certificates::make::Made;
use industryos_iot::transport::mqtt::codec::packet::{Connack, Connect, Publish};
use industryos_iot::transport::mqtt::codec::{Codec, Framer, Level, Packet, QoS};
use openssl::ssl::{
    HandshakeError, SslConnector, SslConnectorBuilder, SslMethod, SslSession, SslSessionCacheMode,
    SslStream, SslVersion,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub type Tls = SslStream<TcpStream>;

/// Trusts this authority only.
pub fn trusting(ca: &Made) -> SslConnectorBuilder {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).expect("a connector");
    let store = builder.cert_store_mut();
    store.add_cert(ca.certificate.clone()).expect("the CA");
    builder
}

/// Shows this certificate, with those above it.
pub fn showing(ca: &Made, chain: &[&Made]) -> SslConnectorBuilder {
    let mut builder = trusting(ca);
    let (own, above) = chain.split_first().expect("a certificate");
    builder.set_certificate(&own.certificate).expect("its own");
    builder.set_private_key(&own.key).expect("its key");
    for made in above {
        let one = made.certificate.clone();
        builder.add_extra_chain_cert(one).expect("one above");
    }
    builder
}

pub fn at_most(mut builder: SslConnectorBuilder, version: SslVersion) -> SslConnectorBuilder {
    builder
        .set_max_proto_version(Some(version))
        .expect("a version");
    builder
}

pub fn socket(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connect");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("time limit");
    stream
}

/// The stream, or OpenSSL's words.
pub fn handshake(address: SocketAddr, builder: SslConnectorBuilder) -> Result<Tls, String> {
    handshake_over(socket(address), builder)
}

pub fn handshake_over(socket: TcpStream, builder: SslConnectorBuilder) -> Result<Tls, String> {
    let connector = builder.build();
    let result = connector.connect("localhost", socket);
    result.map_err(|error| match error {
        HandshakeError::Failure(stream) => stream.error().to_string(),
        other => other.to_string(),
    })
}

/// A client that keeps its last ticket and shows it again.
pub struct Returning {
    connector: SslConnector,
    kept: Arc<Mutex<Option<SslSession>>>,
}

impl Returning {
    pub fn new(mut builder: SslConnectorBuilder, version: SslVersion) -> Self {
        builder
            .set_min_proto_version(Some(version))
            .expect("a version");
        builder = at_most(builder, version);
        let kept = Arc::<Mutex<Option<SslSession>>>::default();
        builder.set_session_cache_mode(
            SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL_STORE,
        );
        let sink = kept.clone();
        builder.set_new_session_callback(move |_, session| {
            *sink.lock().expect("the ticket") = Some(session);
        });
        let connector = builder.build();
        Self { connector, kept }
    }

    /// A ticket has come: with TLS 1.3 behind the first bytes that were read.
    pub fn has_ticket(&self) -> bool {
        self.kept.lock().expect("the ticket").is_some()
    }

    pub fn connect(&self, address: SocketAddr) -> Tls {
        let configured = self.connector.configure().expect("a client");
        let mut ssl = configured.into_ssl("localhost").expect("a client");
        if let Some(session) = &*self.kept.lock().expect("the ticket") {
            #[allow(unsafe_code, reason = "the session is of the same context")]
            unsafe {
                ssl.set_session(session).expect("a session");
            }
        }
        ssl.connect(socket(address)).expect("a handshake")
    }
}

/// An MQTT client over any stream.
pub struct Peer<S> {
    pub stream: S,
    codec: Codec,
    framer: Framer,
    buffer: BytesMut,
}

impl<S: Read + Write> Peer<S> {
    pub fn new(stream: S, level: Level) -> Self {
        let mut framer = Framer::new(1 << 20);
        framer.set_level(level);
        Self {
            stream,
            codec: Codec::new(level),
            framer,
            buffer: BytesMut::new(),
        }
    }

    /// CONNECT with this user name (none for a certificate); the CONNACK.
    pub fn connect(&mut self, level: Level, user_name: Option<&str>) -> Connack {
        let mut connect = Connect::new(level, "peer");
        connect.user_name = user_name.map(str::to_owned);
        connect.keepalive = 60;
        self.send(&[Packet::Connect(Box::new(connect))]);
        match self.next() {
            Some(Packet::Connack(connack)) => *connack,
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    /// In one write.
    pub fn send(&mut self, packets: &[Packet]) {
        let mut bytes = BytesMut::new();
        for packet in packets {
            self.codec.encode(packet, &mut bytes).expect("encode");
        }
        self.stream.write_all(&bytes).expect("send");
    }

    /// A QoS 1 publish that is acknowledged.
    pub fn publish(&mut self, id: u16, payload: &str) {
        self.send(&[telemetry(id, payload)]);
        match self.next() {
            Some(Packet::Puback(ack)) => assert_eq!(ack.packet_id, id),
            other => panic!("expected PUBACK, got {other:?}"),
        }
    }

    /// `None`: the platform has closed.
    pub fn next(&mut self) -> Option<Packet> {
        let mut chunk = [0; 32 * 1024];
        loop {
            if let Some(frame) = self.framer.next(&mut self.buffer).expect("a frame") {
                return Some(self.codec.decode(frame).expect("a packet"));
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

pub fn telemetry(id: u16, payload: &str) -> Packet {
    let mut publish = Publish::new("v1/devices/me/telemetry", payload.to_owned());
    publish.qos = QoS::AtLeastOnce;
    publish.packet_id = Some(id);
    Packet::Publish(publish)
}
