//! Just enough of an MQTT 3.1.1 client: CONNECT, PUBLISH at QoS 1, PUBACK, PINGREQ.

use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const TOPIC: &[u8] = b"v1/devices/me/telemetry";
/// A CONNACK that accepts.
pub const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
pub const PINGREQ: [u8; 2] = [0xc0, 0];
pub const PINGRESP: [u8; 2] = [0xd0, 0];

/// Opens a connection and a session. `from`: our own address, where one has too few ports.
/// Errors: the socket's, or a CONNACK that refuses.
pub async fn connect(
    to: SocketAddr,
    from: Option<IpAddr>,
    user: &str,
    client_id: &str,
) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let mut stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&connect_packet(user, client_id)).await?;
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).await?;
    if connack != CONNACK {
        return Err(io::Error::other(format!("CONNACK {connack:?} for {user}")));
    }
    Ok(stream)
}

/// CONNECT with a token.
pub fn connect_packet(user: &str, client_id: &str) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0b1000_0010, 0, 60];
    for text in [client_id, user] {
        body.extend((text.len() as u16).to_be_bytes());
        body.extend(text.as_bytes());
    }
    let mut packet = vec![0x10, body.len() as u8];
    packet.extend(body);
    packet
}

/// Appends one PUBLISH at QoS 1.
pub fn publish(out: &mut Vec<u8>, packet_id: u16, body: &[u8]) {
    let mut length = 2 + TOPIC.len() + 2 + body.len();
    out.push(0x32);
    while length >= 128 {
        out.push((length % 128) as u8 | 0x80);
        length /= 128;
    }
    out.push(length as u8);
    out.extend((TOPIC.len() as u16).to_be_bytes());
    out.extend_from_slice(TOPIC);
    out.extend(packet_id.to_be_bytes());
    out.extend_from_slice(body);
}

/// The packet id of a PUBACK. Errors: it is something else.
pub fn puback(packet: &[u8]) -> io::Result<u16> {
    match packet {
        [0x40, 2, high, low] => Ok(u16::from_be_bytes([*high, *low])),
        other => Err(io::Error::other(format!("not a PUBACK: {other:?}"))),
    }
}

/// Packet ids in order: 1 to 65535 and again.
pub fn after(packet_id: u16) -> u16 {
    if packet_id == u16::MAX {
        1
    } else {
        packet_id + 1
    }
}
