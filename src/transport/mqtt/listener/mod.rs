//! The MQTT door: the only I/O of this protocol (design.md 4, "Actors").
//!
//! `accept` takes connections and hands each to one of the door's arbiters; once its device is
//! known it moves to that device's thread. `connection` is one
//! client's task between socket and device, `conversation` its bytes, packets and session; `wire`
//! the socket or what stands for it, `bridge` bytes that another door carries; `gate` holds the
//! limits on their number, and in its `seats` they hear that the door stops and what time it is;
//! `buffers` keeps memory off idle connections.

mod accept;
mod bridge;
mod buffers;
mod connection;
mod conversation;
mod gate;
mod moving;
mod seats;
mod wait;
mod wire;

use super::session::{Now, Settings};
use super::Config;
use crate::model::json::Rules;
use crate::observability::Metrics;
use crate::registry::Registry;
use crate::transport::tls::{Handshakes, Security};
pub use bridge::{Bridge, Carried};

use accept::{Entrance, Ways};
use actix_rt::Arbiter;
use gate::Gate;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// How long `Door::stop` waits for connections to end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What every connection of the door shares.
struct Shared {
    config: Config,
    settings: Arc<Settings>,
    registry: Registry,
    gate: Arc<Gate>,
    /// For what is not a connection yet; those sit in the seats of `gate`.
    stop: CancellationToken,
    started: Instant,
}

impl Shared {
    /// The only clock of this room.
    fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        Now {
            wall: i64::try_from(wall).unwrap_or(i64::MAX),
            mono: self.started.elapsed(),
        }
    }
}

/// An open MQTT door. Dropping it does not close it: `stop` does.
pub struct Door {
    shared: Arc<Shared>,
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    arbiters: Vec<Arbiter>,
    bridge: Bridge,
}

/// The door's listening sockets.
pub struct Sockets {
    pub plain: TcpListener,
    /// With what it shakes hands.
    pub tls: Option<(TcpListener, Security)>,
}

/// Opens the door on its sockets. Must run inside an actix `System`.
///
/// Errors: a socket cannot be used, or threads cannot be started.
pub fn start(
    config: Config,
    rules: Rules,
    registry: Registry,
    metrics: Metrics,
    sockets: Sockets,
) -> io::Result<Door> {
    let address = sockets.plain.local_addr()?;
    let tls = sockets.tls.as_ref();
    let tls_address = tls.map(|(socket, _)| socket.local_addr()).transpose()?;
    let entrances = entrances(&config, sockets)?;
    let settings = Settings::new(&config, rules, registry.max_session_expiry());
    let arbiters = (0..workers(&config))
        .map(|_| Arbiter::try_new())
        .collect::<io::Result<Vec<_>>>()?;
    let shared = Arc::new(Shared {
        gate: Gate::new(&config, metrics),
        config,
        settings: Arc::new(settings),
        registry,
        stop: CancellationToken::new(),
        started: Instant::now(),
    });
    let hands: Vec<_> = arbiters.iter().map(Arbiter::handle).collect();
    if let Some(first) = arbiters.first() {
        let (gate, opened) = (shared.gate.clone(), shared.started);
        first.spawn(async move { gate.seats.run(opened).await });
    }
    for entrance in entrances {
        if let Some(first) = arbiters.first() {
            first.spawn(accept::run(shared.clone(), entrance, hands.clone()));
        }
    }
    Ok(Door {
        address,
        tls_address,
        bridge: Bridge::new(shared.clone(), hands),
        shared,
        arbiters,
    })
}

fn entrances(config: &Config, sockets: Sockets) -> io::Result<Vec<Entrance>> {
    sockets.plain.set_nonblocking(true)?;
    let headers = || {
        config
            .proxy_protocol
            .then(|| Handshakes::in_all(&config.tls))
    };
    let mut entrances = vec![Entrance {
        listener: sockets.plain,
        ways: Ways {
            tls: None,
            headers: headers(),
        },
    }];
    if let Some((listener, security)) = sockets.tls {
        listener.set_nonblocking(true)?;
        let handshakes = Handshakes::new(security.config());
        entrances.push(Entrance {
            listener,
            ways: Ways {
                tls: Some((security, handshakes)),
                headers: headers(),
            },
        });
    }
    Ok(entrances)
}

fn workers(config: &Config) -> usize {
    match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

impl Door {
    /// Where it listens (the drawn port, if it was 0).
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// For connections whose bytes another door carries.
    pub fn bridge(&self) -> Bridge {
        self.bridge.clone()
    }

    /// Where it listens with TLS.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Takes no more connections, tells the live ones (MQTT 5: DISCONNECT 0x8B), and returns when
    /// they have ended and the threads are gone.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.gate.seats.ring();
        let _ = tokio::time::timeout(STOP_WITHIN, self.shared.gate.empty()).await;
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        for arbiter in self.arbiters {
            let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
        }
    }
}
