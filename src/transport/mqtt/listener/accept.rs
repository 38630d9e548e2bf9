//! Takes connections and spreads them over the door's arbiters.

use super::connection::Connection;
use super::Shared;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use actix_rt::ArbiterHandle;
use futures_util::FutureExt;
use std::future::Future;
use std::net::TcpListener as StdListener;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// After an error that concerns no single connection, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(shared: Arc<Shared>, listener: StdListener, hands: Vec<ArbiterHandle>) {
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
                    admit(&shared, stream, peer.ip().to_canonical(), hand);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an MQTT connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn admit(shared: &Arc<Shared>, stream: TcpStream, peer: std::net::IpAddr, hand: &ArbiterHandle) {
    let pass = match shared.gate.enter(peer) {
        Ok(pass) => pass,
        Err(limit) => {
            let rejection = Rejection::new(Reason::TooManyConnections, limit);
            shared
                .registry
                .refuse_stranger(Transport::Mqtt, peer, &rejection);
            return;
        }
    };
    let handed = stream.set_nodelay(true).and_then(|()| stream.into_std());
    let stream = match handed {
        Ok(stream) => stream,
        // Already gone.
        Err(error) => return tracing::debug!(%error, "an MQTT connection ended at once"),
    };
    let shared = shared.clone();
    hand.spawn_fn(move || {
        // The stream belongs to the runtime that it was made in.
        if let Ok(stream) = TcpStream::from_std(stream) {
            actix_rt::spawn(serve(Connection::new(shared, stream, pass)));
        }
    });
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
