//! Opens the door: one HTTP server for the device API and for what other rooms mount.

use super::body::{Finished, Timed};
use super::connection::{Connection, Wire};
use super::limits::{BodyMemory, Connections};
use super::routes::{self, Room};
use super::Config;
use crate::model::json::Rules;
use crate::model::session::Transport;
use crate::observability::Metrics;
use crate::registry::Registry;
use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpService};
use actix_server::{Server, ServerHandle};
use actix_service::{apply_fn_factory, map_config, IntoServiceFactory, ServiceFactoryExt};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, CONNECTION};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::net::TcpStream;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, HttpMessage};
use std::future::Future;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Seconds that open requests have to end when the door closes.
const CLOSING: u64 = 5;

/// The open door.
pub struct Door {
    address: SocketAddr,
    server: ServerHandle,
}

impl Door {
    /// Where it listens; the real port when the system chose it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections; open ones go on.
    pub async fn pause(&self) {
        self.server.pause().await;
    }

    /// Takes no more connections, waits (a few seconds at most) for open requests to be answered.
    /// Stop the registry first: that ends the long polls.
    pub async fn stop(&self) {
        self.server.stop(true).await;
    }
}

/// Starts the server on `listener`, with the device API below `/api/v1` and with whatever `mount`
/// adds. Must run inside an actix `System`.
///
/// # Errors
/// When the listener cannot be used.
pub fn start(
    config: Config,
    payload_rules: Rules,
    registry: Registry,
    metrics: Metrics,
    listener: TcpListener,
    mount: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<Door> {
    let address = listener.local_addr()?;
    let connections = Connections::new(&config, metrics);
    let memory = BodyMemory::new(config.body_memory.bytes());
    let workers = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    };
    let builder = Server::build()
        .workers(workers)
        // Ours counts over all workers and refuses; actix's would only stop accepting.
        .max_concurrent_connections(config.max_connections.saturating_add(1024))
        .shutdown_timeout(CLOSING)
        .disable_signals();
    let closing = builder.graceful_shutdown_signal();
    let server = builder
        .listen("http", listener, move || {
            let rules = payload_rules.clone();
            let room = Room::new(config.clone(), rules, registry.clone(), memory.clone());
            let entrance = Entrance {
                config: config.clone(),
                connections: connections.clone(),
                registry: registry.clone(),
            };
            let closing = closing.clone();
            let (mount, body_limit) = (mount.clone(), config.body_timeout.0);
            let app = App::new()
                .app_data(web::Data::new(room))
                .service(web::scope("/api/v1").default_service(web::to(routes::serve)))
                .configure(mount)
                .wrap_fn(move |request, service| watched(request, service, body_limit))
                .into_factory()
                .map_err(|error: Error| error.error_response());
            let http = HttpService::build()
                .keep_alive(config.keep_alive.0)
                .client_request_timeout(config.header_timeout.0)
                .graceful_shutdown_signal(move || {
                    let signal = closing.clone();
                    async move { signal.notified().await }
                })
                .local_addr(address)
                .on_connect_ext(|wire: &Wire, data| {
                    data.insert(wire.connection());
                })
                .h1(map_config(app, |()| AppConfig::default()));
            apply_fn_factory(http, move |stream: TcpStream, http: &_| {
                entrance.receive(stream, http)
            })
        })?
        .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(Door {
        address,
        server: handle,
    })
}

/// Where connections come in, and where it is noted how they ended.
#[derive(Clone)]
struct Entrance {
    config: Config,
    connections: Connections,
    registry: Registry,
}

type Arrival = (Wire, Option<SocketAddr>);

impl Entrance {
    /// Serves a connection to its end. What went wrong before any handler knew of it (no room, no
    /// HTTP, too slow) is counted here.
    fn receive<S>(
        &self,
        stream: TcpStream,
        http: &S,
    ) -> impl Future<Output = Result<(), DispatchError>>
    where
        S: Service<Arrival, Response = (), Error = DispatchError>,
    {
        let peer = stream.peer_addr();
        let begun = self.admit(stream).map(|wire| {
            let connection = wire.connection();
            let peer = peer.as_ref().ok().copied();
            (connection, http.call((wire, peer)))
        });
        let registry = self.registry.clone();
        async move {
            let (connection, service) = begun?;
            let result = service.await;
            if let (Some(rejection), Ok(peer)) = (connection.verdict(&result), peer) {
                registry.refuse_stranger(Transport::Http, peer.ip(), &rejection);
            }
            result
        }
    }

    /// The connection, if there is room for it; otherwise it hears why and is closed.
    fn admit(&self, stream: TcpStream) -> Result<Wire, DispatchError> {
        const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n\
            connection: close\r\ncontent-length: 0\r\n\r\n";
        let peer = stream.peer_addr().map_err(DispatchError::Io)?.ip();
        // Only delays small writes if it fails.
        let _ = stream.set_nodelay(true);
        match self.connections.admit(peer) {
            Ok(place) => Ok(Wire::new(stream, place, &self.config)),
            Err(rejection) => {
                self.registry
                    .refuse_stranger(Transport::Http, peer, &rejection);
                // A courtesy; the kernel's buffer of a new connection takes it.
                let _ = stream.into_std().and_then(|mut stream| stream.write(BUSY));
                Err(DispatchError::Io(io::ErrorKind::ConnectionRefused.into()))
            }
        }
    }
}

/// Around every request, whoever serves it: bodies are limited in time, the connection knows
/// when a handler is at work, and one whose body was not read to the end is closed after the
/// answer.
fn watched<S, B>(
    mut request: ServiceRequest,
    service: &S,
    body_limit: Duration,
) -> impl Future<Output = Result<ServiceResponse<B>, Error>>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let connection = request
        .conn_data::<Connection>()
        .cloned()
        .unwrap_or_default();
    connection.busy();
    let finished = limit_body(&mut request, body_limit);
    let response = service.call(request);
    async move {
        let mut response = response.await?;
        let upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        connection.answered(upgraded);
        if finished.is_some_and(|finished| !finished.get()) {
            connection.close_soon();
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
            response
                .response_mut()
                .head_mut()
                .set_connection_type(ConnectionType::Close);
        }
        Ok(response)
    }
}

/// Puts the time limit around a body; `None` when there is none, or a WebSocket's.
fn limit_body(request: &mut ServiceRequest, limit: Duration) -> Option<Finished> {
    if request.method() == Method::GET && request.head().upgrade() {
        return None;
    }
    match request.take_payload() {
        Payload::None => None,
        body => {
            let (timed, finished) = Timed::new(body, limit);
            request.set_payload(Payload::Stream {
                payload: Box::pin(timed),
            });
            Some(finished)
        }
    }
}
