//! A CoAP client under DTLS by OpenSSL, over a socket of which a test sees and spoils datagrams.

use crate::house::House;
use crate::peer::Peer;
use coap_lite::{MessageClass, Packet};
use industryos_iot::auth::certificates::make::Made;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslSession, SslStream,
    SslVerifyMode,
};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// What becomes of a datagram on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Arrives,
    Lost,
    Twice,
    /// Overtaken by the next one.
    Late,
}

type Fates = Box<dyn FnMut() -> Fate>;

pub struct Wire {
    pub socket: UdpSocket,
    fates: Fates,
    arrived: VecDeque<Vec<u8>>,
    late_in: Option<Vec<u8>>,
    late_out: Option<Vec<u8>>,
    /// Everything as it came and went, before its fate.
    pub received: Vec<Vec<u8>>,
    pub sent: Vec<Vec<u8>>,
    mute_after: usize,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    pub fn to(address: SocketAddr) -> Wire {
        let any = match address.is_ipv6() {
            true => "[::1]:0",
            false => "127.0.0.1:0",
        };
        let socket = UdpSocket::bind(any).expect("a socket");
        socket.connect(address).expect("connect");
        Self::over(socket)
    }

    pub fn over(socket: UdpSocket) -> Wire {
        let short = Some(Duration::from_millis(20));
        socket.set_read_timeout(short).expect("time limit");
        Wire {
            socket,
            fates: Box::new(|| Fate::Arrives),
            arrived: VecDeque::new(),
            late_in: None,
            late_out: None,
            received: Vec::new(),
            sent: Vec::new(),
            mute_after: usize::MAX,
        }
    }
}

impl Wire {
    /// So many datagrams are sent, and none after them.
    pub fn mute_after(&mut self, count: usize) {
        self.mute_after = count;
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(datagram) = self.arrived.pop_front() {
                into[..datagram.len()].copy_from_slice(&datagram);
                return Ok(datagram.len());
            }
            let mut bytes = [0; 4096];
            let length = match self.socket.recv(&mut bytes) {
                Ok(length) => length,
                // An unreachable port, while a server is away.
                Err(_) => match self.late_in.take() {
                    Some(late) => {
                        self.arrived.push_back(late);
                        continue;
                    }
                    None => return Err(io::ErrorKind::WouldBlock.into()),
                },
            };
            let datagram = bytes[..length].to_vec();
            self.received.push(datagram.clone());
            match (self.fates)() {
                Fate::Lost => {}
                Fate::Late => self.late_in = Some(datagram),
                fate => {
                    self.arrived.push_back(datagram.clone());
                    if fate == Fate::Twice {
                        self.arrived.push_back(datagram);
                    }
                    self.arrived.extend(self.late_in.take());
                }
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent.push(bytes.to_vec());
        if self.sent.len() > self.mute_after {
            return Ok(bytes.len());
        }
        match (self.fates)() {
            Fate::Lost => {}
            Fate::Late => self.late_out = Some(bytes.to_vec()),
            fate => {
                let _ = self.socket.send(bytes);
                if fate == Fate::Twice {
                    let _ = self.socket.send(bytes);
                }
                if let Some(late) = self.late_out.take() {
                    let _ = self.socket.send(&late);
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn builder(suites: &str) -> SslContextBuilder {
    let mut builder = SslContext::builder(SslMethod::dtls_client()).expect("a context");
    let list = format!("{suites}:@SECLEVEL=0");
    builder.set_cipher_list(&list).expect("suites");
    builder.set_options(SslOptions::NO_QUERY_MTU);
    builder
}

/// Comes in by identity and key.
pub fn keyed(identity: &str, key: &str) -> SslContext {
    let mut builder = builder("PSK-AES128-CCM8");
    let (identity, key) = (identity.to_owned(), key.to_owned());
    builder.set_psk_client_callback(move |_, _, to_identity, to_key| {
        to_identity[..identity.len()].copy_from_slice(identity.as_bytes());
        to_identity[identity.len()] = 0;
        to_key[..key.len()].copy_from_slice(key.as_bytes());
        Ok(key.len())
    });
    builder.build()
}

/// Trusts this authority; shows a certificate with those above it, or none.
pub fn certified(ca: &Made, chain: &[&Made]) -> SslContext {
    let mut builder = builder("ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-GCM-SHA256");
    let store = builder.cert_store_mut();
    store.add_cert(ca.certificate.clone()).expect("the CA");
    builder.set_verify(SslVerifyMode::PEER);
    if let Some((own, above)) = chain.split_first() {
        builder.set_certificate(&own.certificate).expect("its own");
        builder.set_private_key(&own.key).expect("its key");
        for made in above {
            let one = made.certificate.clone();
            builder.add_extra_chain_cert(one).expect("one above");
        }
    }
    builder.build()
}

/// A client with its association.
pub struct Secure {
    pub stream: SslStream<Wire>,
    /// Makes requests.
    pub packets: Peer,
}

pub fn unshaken(context: &SslContext, wire: Wire, session: Option<&SslSession>) -> SslStream<Wire> {
    let mut ssl = Ssl::new(context).expect("a connection");
    ssl.set_connect_state();
    ssl.set_mtu(1200).expect("MTU");
    if let Some(session) = session {
        #[allow(unsafe_code, reason = "the session is of the same context")]
        unsafe {
            ssl.set_session(session).expect("a session");
        }
    }
    SslStream::new(ssl, wire).expect("a stream")
}

/// Shakes hands until `patience` ends. Error: OpenSSL's words.
pub fn shake(stream: &mut SslStream<Wire>, patience: Duration) -> Result<(), String> {
    let until = Instant::now() + patience;
    loop {
        match stream.connect() {
            Ok(()) => return Ok(()),
            Err(error) if error.code() == ErrorCode::WANT_READ => {}
            Err(error) => return Err(error.to_string()),
        }
        if Instant::now() > until {
            return Err("no end in time".into());
        }
    }
}

pub const PATIENCE: Duration = Duration::from_secs(30);

impl Secure {
    pub fn open(house: &House, context: &SslContext) -> Result<Secure, String> {
        Self::over(house, context, Wire::to(secure_door(house)), None)
    }

    pub fn over(
        house: &House,
        context: &SslContext,
        wire: Wire,
        session: Option<&SslSession>,
    ) -> Result<Secure, String> {
        let mut stream = unshaken(context, wire, session);
        shake(&mut stream, PATIENCE)?;
        Ok(Secure {
            stream,
            packets: Peer::of(house),
        })
    }

    /// Another connection's handshake through fates.
    pub fn through(
        house: &House,
        context: &SslContext,
        fates: impl FnMut() -> Fate + 'static,
    ) -> Result<Secure, String> {
        let mut wire = Wire::to(secure_door(house));
        wire.fates = Box::new(fates);
        let mut secure = Self::over(house, context, wire, None)?;
        secure.stream.get_mut().fates = Box::new(|| Fate::Arrives);
        Ok(secure)
    }

    pub fn socket(&self) -> UdpSocket {
        self.stream.get_ref().socket.try_clone().expect("a socket")
    }

    pub fn send(&mut self, packet: &Packet) {
        let bytes = packet.to_bytes().expect("bytes");
        self.stream.ssl_write(&bytes).expect("send");
    }

    /// The next message; `None`: a goodbye came instead.
    #[track_caller]
    pub fn next(&mut self) -> Option<Packet> {
        let until = Instant::now() + PATIENCE;
        let mut bytes = [0; 4096];
        loop {
            match self.stream.ssl_read(&mut bytes) {
                Ok(length) => {
                    return Some(Packet::from_bytes(&bytes[..length]).expect("a message"))
                }
                Err(error) if error.code() == ErrorCode::WANT_READ => {}
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => return None,
                Err(error) => panic!("{error}"),
            }
            assert!(Instant::now() < until, "nothing came");
        }
    }

    /// Sends, and hears the answer with its token; confirmable ones are acknowledged.
    #[track_caller]
    pub fn ask(&mut self, packet: &Packet) -> Packet {
        self.send(packet);
        loop {
            let answer = self.next().expect("an answer, not a goodbye");
            self.acknowledge(&answer);
            if answer.get_token() == packet.get_token() {
                return answer;
            }
            assert_eq!(answer.header.code, MessageClass::Empty, "{answer:?}");
        }
    }

    pub fn acknowledge(&mut self, packet: &Packet) {
        if packet.header.get_type() == coap_lite::MessageType::Confirmable {
            let mut ack = Packet::new();
            ack.header.set_type(coap_lite::MessageType::Acknowledgement);
            ack.header.set_code("0.00");
            ack.header.message_id = packet.header.message_id;
            self.send(&ack);
        }
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, payload: &str) -> Packet {
        let request = self.packets.request("0.02", path, payload.as_bytes());
        self.ask(&request)
    }

    /// GET of attributes with Observe 0.
    #[track_caller]
    pub fn observe(&mut self, token: &[u8]) -> Packet {
        let mut request = self.packets.request("0.01", "api/v1/attributes", b"");
        request.set_token(token.to_vec());
        request.set_observe_value(0);
        self.ask(&request)
    }
}

pub fn secure_door(house: &House) -> SocketAddr {
    house.coap_dtls.expect("the DTLS door")
}
