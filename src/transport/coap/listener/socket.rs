//! One UDP socket for IPv4 and IPv6: datagrams in batches, and answers from the very address that
//! was spoken to.

use crate::transport::coap::session::Peer;
use crate::transport::coap::Config;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState, BATCH_SIZE};
use socket2::{Domain, Protocol, Type};
use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use tokio::io::Interest;

/// Room for what one read may bring of one peer (the kernel may join datagrams).
const JOINED: usize = 64 * 1024;

/// Binds what `[coap]` says; `0.0.0.0` with `ipv6` serves both families where the machine has them.
///
/// # Errors
/// The address is taken or is none.
pub fn bind(config: &Config) -> io::Result<std::net::UdpSocket> {
    bind_at(&config.bind, config)
}

/// The same for what `[coap.dtls]` says.
///
/// # Errors
/// The address is taken or is none.
pub fn bind_secure(config: &Config) -> io::Result<std::net::UdpSocket> {
    bind_at(&config.dtls.bind, config)
}

fn bind_at(address: &str, config: &Config) -> io::Result<std::net::UdpSocket> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let address: SocketAddr = address.parse().map_err(invalid)?;
    if config.ipv6 && address.is_ipv4() && address.ip().is_unspecified() {
        let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
        match bind_to(both, config) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    bind_to(address, config)
}

fn bind_to(address: SocketAddr, config: &Config) -> io::Result<std::net::UdpSocket> {
    let socket = socket2::Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Less is no reason not to serve: the system may allow no more.
    let _ = socket.set_recv_buffer_size(config.receive_buffer.bytes());
    let _ = socket.set_send_buffer_size(config.receive_buffer.bytes());
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

pub(super) struct Socket {
    socket: std::net::UdpSocket,
    state: UdpSocketState,
    buffers: Vec<Vec<u8>>,
}

impl Socket {
    pub fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            state: UdpSocketState::new(UdpSockRef::from(&socket))?,
            socket,
            // Pages that no datagram reaches take no memory.
            buffers: (0..BATCH_SIZE).map(|_| vec![0; JOINED]).collect(),
        })
    }

    /// Goes on in the runtime of the caller.
    pub fn arrive(self) -> io::Result<Live> {
        Ok(Live {
            socket: tokio::net::UdpSocket::from_std(self.socket)?,
            state: self.state,
            buffers: self.buffers,
        })
    }
}

pub(super) struct Live {
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    buffers: Vec<Vec<u8>>,
}

impl Live {
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_recv_ready(cx)
    }

    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_send_ready(cx)
    }

    /// One batch; 0 when there is nothing to be read.
    pub fn read(&mut self, mut take: impl FnMut(Peer, &[u8])) -> io::Result<usize> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<IoSliceMut<'_>> = self
            .buffers
            .iter_mut()
            .map(|b| IoSliceMut::new(b))
            .collect();
        let (socket, state) = (&self.socket, &self.state);
        let read = socket.try_io(Interest::READABLE, || {
            state.recv(UdpSockRef::from(socket), &mut slices, &mut metas)
        });
        drop(slices);
        let count = match read {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            // What an earlier datagram of ours met with; it says nothing about the next.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(0),
            Err(error) => return Err(error),
        };
        for (meta, buffer) in metas.iter().zip(&self.buffers).take(count) {
            let peer = Peer {
                address: meta.addr,
                local: meta.dst_ip,
                association: 0,
            };
            let bytes = buffer.get(..meta.len).unwrap_or(&[]);
            match bytes.is_empty() {
                true => take(peer, bytes),
                false => bytes
                    .chunks(meta.stride.max(1))
                    .for_each(|one| take(peer, one)),
            }
        }
        Ok(count)
    }

    /// False: the socket takes no more for now.
    pub fn write(&self, peer: &Peer, bytes: &[u8]) -> bool {
        let transmit = Transmit {
            destination: peer.address,
            ecn: None,
            contents: bytes,
            segment_size: None,
            src_ip: peer.local,
        };
        let sent = self.socket.try_io(Interest::WRITABLE, || {
            self.state.send(UdpSockRef::from(&self.socket), &transmit)
        });
        // Any other failure is of this one peer: a lost datagram, which it makes good.
        !matches!(sent, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
