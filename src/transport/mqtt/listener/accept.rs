//! Takes connections and spreads them over the door's arbiters.

use super::connection::Connection;
use super::gate::Pass;
use super::wire::Wire;
use super::Shared;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::transport::proxy;
use crate::transport::tls::{Handshake, HandshakeError, Handshakes, Security, TlsStream};
use actix_rt::ArbiterHandle;
use futures_util::FutureExt;
use std::future::Future;
use std::net::{IpAddr, TcpListener as StdListener};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// After an error that concerns no single connection, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket of the door.
pub(super) struct Entrance {
    pub listener: StdListener,
    pub ways: Ways,
}

/// How its connections begin.
pub(super) struct Ways {
    /// `None`: in the clear.
    pub tls: Option<(Security, Handshakes)>,
    /// Connections begin with a PROXY header, and so many may still owe it.
    pub headers: Option<Handshakes>,
}

pub(super) async fn run(shared: Arc<Shared>, entrance: Entrance, hands: Vec<ArbiterHandle>) {
    let Entrance { listener, ways } = entrance;
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the MQTT socket cannot be used"),
    };
    let mut next = 0;
    loop {
        let accepted = tokio::select! {
            _ = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                next = (next + 1) % hands.len().max(1);
                if let Some(hand) = hands.get(next) {
                    let peer = peer.ip().to_canonical();
                    match admit(&shared, &ways, peer) {
                        Ok(admitted) => hand_out(&shared, &ways, stream, admitted, hand),
                        // Counted first, then closed without a word.
                        Err(limit) => crowded(&shared, peer, limit),
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an MQTT connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn crowded(shared: &Shared, peer: IpAddr, limit: &'static str) {
    let rejection = Rejection::new(Reason::TooManyConnections, limit);
    let registry = &shared.registry;
    registry.refuse_stranger(Transport::Mqtt, peer, &rejection);
}

/// What a connection is let in with.
enum Admitted {
    Place(Box<Place>),
    /// It owes a header, which tells whose it is.
    Header(IpAddr, Handshake),
}

/// `Err`: the limit that is reached.
fn admit(shared: &Shared, ways: &Ways, peer: IpAddr) -> Result<Admitted, &'static str> {
    match &ways.headers {
        Some(headers) => Ok(Admitted::Header(peer, headers.begin(peer)?)),
        None => Ok(Admitted::Place(Box::new(enter(shared, &ways.tls, peer)?))),
    }
}

fn hand_out(
    shared: &Arc<Shared>,
    ways: &Ways,
    stream: TcpStream,
    admitted: Admitted,
    hand: &ArbiterHandle,
) {
    let handed = stream.set_nodelay(true).and_then(|()| stream.into_std());
    let stream = match handed {
        Ok(stream) => stream,
        // Already gone.
        Err(error) => return tracing::debug!(%error, "an MQTT connection ended at once"),
    };
    let (shared, tls) = (shared.clone(), ways.tls.clone());
    hand.spawn_fn(move || {
        // The stream belongs to the runtime that it was made in.
        let Ok(stream) = TcpStream::from_std(stream) else {
            return;
        };
        match admitted {
            Admitted::Place(place) => begin(shared, stream, *place),
            Admitted::Header(peer, owed) => {
                actix_rt::spawn(hear_balancer(shared, tls, stream, peer, owed));
            }
        }
    });
}

/// What a connection must have: a place at the door, and one among the handshakes with TLS.
type Place = (Pass, Option<(Security, Handshake)>);

fn enter(
    shared: &Shared,
    tls: &Option<(Security, Handshakes)>,
    peer: IpAddr,
) -> Result<Place, &'static str> {
    let pass = shared.gate.enter(peer)?;
    let tls = match tls {
        Some((security, handshakes)) => Some((security.clone(), handshakes.begin(peer)?)),
        None => None,
    };
    Ok((pass, tls))
}

fn begin(shared: Arc<Shared>, stream: TcpStream, (pass, tls): Place) {
    match tls {
        None => {
            let wire = Wire::Plain(stream);
            actix_rt::spawn(serve(Connection::new(shared, wire, pass)));
        }
        Some((security, place)) => {
            actix_rt::spawn(shake_hands(shared, security, stream, pass, place));
        }
    }
}

/// Behind a balancer the limits ask for the address that it tells.
async fn hear_balancer(
    shared: Arc<Shared>,
    tls: Option<(Security, Handshakes)>,
    stream: TcpStream,
    balancer: IpAddr,
    owed: Handshake,
) {
    let limit = shared.config.connect_timeout.0;
    let heard = tokio::select! {
        _ = shared.stop.cancelled() => return,
        heard = proxy::receive(&stream, balancer, &shared.config.proxy_from, limit) => heard,
    };
    drop(owed);
    match heard {
        Ok(client) => {
            let peer = client.map_or(balancer, |client| client.to_canonical());
            match enter(&shared, &tls, peer) {
                Ok(place) => begin(shared, stream, place),
                Err(limit) => crowded(&shared, peer, limit),
            }
        }
        Err(error) => {
            let registry = &shared.registry;
            registry.refuse_stranger(Transport::Mqtt, balancer, &error.into());
        }
    }
}

/// What needs memory only during the handshake is gone when the connection is served.
async fn shake_hands(
    shared: Arc<Shared>,
    security: Security,
    stream: TcpStream,
    pass: Pass,
    place: Handshake,
) {
    let limit = security.config().handshake_timeout.0;
    let accepted = tokio::select! {
        _ = shared.stop.cancelled() => return,
        accepted = TlsStream::accept(security, stream, limit, place) => accepted,
    };
    match accepted {
        Ok(stream) => {
            let wire = Wire::Tls(stream);
            actix_rt::spawn(serve(Connection::new(shared, wire, pass)));
        }
        Err(error) => {
            let reason = match error {
                HandshakeError::TooSlow => Reason::TooSlow,
                HandshakeError::Gone | HandshakeError::Failed(_) => Reason::HandshakeFailed,
            };
            let rejection = Rejection::new(reason, error.to_string());
            let registry = &shared.registry;
            registry.refuse_stranger(Transport::Mqtt, pass.peer(), &rejection);
        }
    }
}

/// One connection until it ends or moves; its failure is its own.
///
/// Not an `async fn`: that keeps its arguments twice.
#[allow(clippy::manual_async_fn)]
pub(super) fn serve(mut connection: Connection) -> impl Future<Output = ()> {
    async move {
        match AssertUnwindSafe(connection.run()).catch_unwind().await {
            Ok(None) => {}
            Ok(Some(hand)) => hand_over(connection, &hand),
            Err(_) => tracing::error!("an MQTT connection failed; the others go on"),
        }
    }
}

/// It goes on in the thread of its device.
fn hand_over(connection: Connection, hand: &ArbiterHandle) {
    // `None`: the socket is gone, and with it everything.
    let Some(moving) = connection.depart() else {
        return;
    };
    hand.spawn_fn(move || {
        if let Ok(connection) = moving.arrive() {
            actix_rt::spawn(serve(connection));
        }
    });
}
