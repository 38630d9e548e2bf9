//! Where connections come in: is there room, is it TLS, and how did it end?

use super::connection::{Connection, Wire};
use super::limits::Connections;
use super::socket::Socket;
use super::Config;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::registry::Registry;
use crate::transport::proxy;
use crate::transport::tls::{HandshakeError, Handshakes, Security, TlsStream};
use actix_http::error::DispatchError;
use actix_web::dev::Service;
use actix_web::rt::net::TcpStream;
use std::future::Future;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// One of the door's sockets.
#[derive(Clone)]
pub(super) struct Entrance {
    pub config: Config,
    pub connections: Connections,
    pub registry: Registry,
    /// `None`: in the clear.
    pub tls: Option<(Security, Handshakes)>,
}

pub(super) type Arrival = (Wire, Option<SocketAddr>);

impl Entrance {
    /// The connection, if there is room for it, and its handshake if it needs one. What went wrong
    /// before any handler knew of it is counted here.
    pub async fn arrive(self, stream: TcpStream) -> Result<Arrival, DispatchError> {
        let mut peer = stream.peer_addr().map_err(DispatchError::Io)?;
        if self.config.proxy_protocol {
            if let Some(client) = self.hear_balancer(&stream, peer.ip()).await? {
                peer = SocketAddr::new(client, 0);
            }
        }
        // Only delays small writes if it fails.
        let _ = stream.set_nodelay(true);
        let place = match self.connections.admit(peer.ip()) {
            Ok(place) => place,
            Err(rejection) => {
                self.refuse(peer.ip(), &rejection);
                return Err(self.full(stream));
            }
        };
        let socket = match &self.tls {
            None => Socket::Plain(stream),
            Some((security, handshakes)) => {
                self.shake_hands(security, handshakes, stream, peer.ip())
                    .await?
            }
        };
        Ok((Wire::new(socket, place, &self.config), Some(peer)))
    }

    /// The address that a balancer tells; `None`: its own.
    async fn hear_balancer(
        &self,
        stream: &TcpStream,
        balancer: IpAddr,
    ) -> Result<Option<IpAddr>, DispatchError> {
        let (balancers, limit) = (&self.config.proxy_from, self.config.header_timeout.0);
        let heard = proxy::receive(stream, balancer, balancers, limit).await;
        heard.map_err(|error| {
            self.refuse(balancer, &error.into());
            DispatchError::Io(io::ErrorKind::ConnectionRefused.into())
        })
    }

    async fn shake_hands(
        &self,
        security: &Security,
        handshakes: &Handshakes,
        stream: TcpStream,
        peer: IpAddr,
    ) -> Result<Socket, DispatchError> {
        let refused = |rejection: Rejection| {
            self.refuse(peer, &rejection);
            DispatchError::Io(io::ErrorKind::ConnectionRefused.into())
        };
        let place = handshakes
            .begin(peer)
            .map_err(|limit| refused(Rejection::new(Reason::TooManyConnections, limit)))?;
        let limit = security.config().handshake_timeout.0;
        let accepted = TlsStream::accept(security.clone(), stream, limit, place).await;
        accepted.map(Socket::Tls).map_err(|error| {
            let reason = match error {
                HandshakeError::TooSlow => Reason::TooSlow,
                HandshakeError::Gone | HandshakeError::Failed(_) => Reason::HandshakeFailed,
            };
            refused(Rejection::new(reason, error.to_string()))
        })
    }

    /// Serves a connection to its end.
    pub fn serve<S>(
        &self,
        arrival: Arrival,
        http: &S,
    ) -> impl Future<Output = Result<(), DispatchError>>
    where
        S: Service<Arrival, Response = (), Error = DispatchError>,
    {
        let (wire, peer) = arrival;
        let connection: Connection = wire.connection();
        let service = http.call((wire, peer));
        let registry = self.registry.clone();
        async move {
            let result = service.await;
            if let (Some(rejection), Some(peer)) = (connection.verdict(&result), peer) {
                registry.refuse_stranger(Transport::Http, peer.ip(), &rejection);
            }
            result
        }
    }

    fn refuse(&self, peer: IpAddr, rejection: &Rejection) {
        self.registry
            .refuse_stranger(Transport::Http, peer, rejection);
    }

    /// It hears why, unless it waits for a handshake, and is closed.
    fn full(&self, stream: TcpStream) -> DispatchError {
        const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n\
            connection: close\r\ncontent-length: 0\r\n\r\n";
        if self.tls.is_none() {
            // A courtesy; the kernel's buffer of a new connection takes it.
            let _ = stream.into_std().and_then(|mut stream| stream.write(BUSY));
        }
        DispatchError::Io(io::ErrorKind::ConnectionRefused.into())
    }
}
