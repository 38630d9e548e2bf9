//! The CoAP door: the only I/O of this protocol.
//!
//! One task on a thread of its own: `socket` reads and writes datagrams in batches, `worker` ties
//! socket, message layer and devices together, `guests` keeps who has been let in, `serve` turns
//! requests into uplinks and their outcomes into answers, `watch` holds the sessions of observers.
//! With DTLS it is a door of its own, on a thread of its own: `secure` is what stands between socket
//! and message layer then, `standing` what an association's peer may say.

mod guests;
mod secure;
mod serve;
mod socket;
mod standing;
mod tasks;
mod watch;
mod watching;
mod worker;

pub use socket::{bind, bind_secure};

use super::Config;
use crate::model::json::Rules;
use crate::observability::Metrics;
use crate::registry::Registry;
use crate::transport::dtls;
use actix_rt::Arbiter;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long `Door::stop` waits for the sessions of observers to end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// An open CoAP door. Dropping it does not close it: `stop` does.
pub struct Door {
    address: SocketAddr,
    arbiter: Arbiter,
    stop: CancellationToken,
    stopped: CancellationToken,
}

/// Opens the door on a bound socket; with `security` everything is said under DTLS there. Must run
/// inside an actix `System`.
///
/// # Errors
/// The socket cannot be used, or the thread cannot be started.
pub fn start(
    config: Config,
    rules: Rules,
    registry: Registry,
    metrics: Metrics,
    socket: UdpSocket,
    security: Option<dtls::Security>,
) -> io::Result<Door> {
    let address = socket.local_addr()?;
    let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
    let room = worker::Room {
        config,
        rules,
        registry,
        metrics,
        security,
    };
    let socket = socket::Socket::new(socket)?;
    let arbiter = Arbiter::try_new()?;
    let (listens, tells) = (stop.clone(), stopped.clone());
    arbiter.spawn_fn(move || {
        actix_rt::spawn(async move {
            if let Err(error) = worker::run(room, socket, listens).await {
                tracing::error!(%error, "the CoAP door is closed");
            }
            tells.cancel();
        });
    });
    Ok(Door {
        address,
        arbiter,
        stop,
        stopped,
    })
}

impl Door {
    /// Where it listens (the drawn port, if it was 0).
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes nothing more, tells the observers (5.03), and returns when their sessions have ended
    /// and the thread is gone.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(STOP_WITHIN, self.stopped.cancelled()).await;
        self.arbiter.stop();
        let _ = tokio::task::spawn_blocking(move || self.arbiter.join()).await;
    }
}
