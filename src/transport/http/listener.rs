//! Opens the door: one HTTP server for the device API and for what other rooms mount.

use super::body::{Finished, Timed};
use super::connection::{Connection, Wire};
use super::entrance::Entrance;
use super::limits::Connections;
use super::routes::{self, Room};
use super::Config;
use crate::model::json::Rules;
use crate::observability::Metrics;
use crate::registry::{Budget, Registry};
use crate::transport::tls::{Handshakes, Security};
use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpService};
use actix_server::{GracefulShutdownSignal, Server, ServerHandle};
use actix_service::{
    apply_fn_factory, fn_service, map_config, IntoServiceFactory, ServiceFactory, ServiceFactoryExt,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, CONNECTION};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::net::TcpStream;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, HttpMessage};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Seconds that open requests have to end when the door closes.
const CLOSING: u64 = 5;

/// The open door.
pub struct Door {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    server: ServerHandle,
}

impl Door {
    /// Where it listens; the real port when the system chose it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens with TLS.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
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

/// The door's listening sockets.
pub struct Sockets {
    pub plain: TcpListener,
    /// With what it shakes hands.
    pub tls: Option<(TcpListener, Security)>,
}

/// Starts the server on its sockets, with the device API below `/api/v1` and with whatever `mount`
/// adds. Must run inside an actix `System`.
///
/// # Errors
/// When a socket cannot be used.
pub fn start<M>(
    config: Config,
    payload_rules: Rules,
    registry: Registry,
    metrics: Metrics,
    sockets: Sockets,
    mount: M,
) -> io::Result<Door>
where
    M: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let address = sockets.plain.local_addr()?;
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
    let hall = Hall {
        memory: Budget::new(config.body_memory.bytes(), metrics.budget("http_bodies")),
        connections: Connections::new(&config, metrics),
        config,
        payload_rules,
        registry,
        closing: builder.graceful_shutdown_signal(),
        mount,
    };
    let plain = hall.clone();
    let mut builder =
        builder.listen("http", sockets.plain, move || plain.service(address, None))?;
    let mut tls_address = None;
    if let Some((listener, security)) = sockets.tls {
        let address = listener.local_addr()?;
        let tls = (security.clone(), Handshakes::new(security.config()));
        let factory = move || hall.service(address, Some(tls.clone()));
        builder = builder.listen("https", listener, factory)?;
        tls_address = Some(address);
    }
    let server = builder.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(Door {
        address,
        tls_address,
        server: handle,
    })
}

/// What the services of all sockets and workers share.
#[derive(Clone)]
struct Hall<M> {
    config: Config,
    payload_rules: Rules,
    registry: Registry,
    connections: Connections,
    memory: Budget,
    closing: GracefulShutdownSignal,
    mount: M,
}

impl<M: Fn(&mut ServiceConfig) + Clone + Send + 'static> Hall<M> {
    /// Serves the connections of one socket in one worker.
    fn service(
        &self,
        address: SocketAddr,
        tls: Option<(Security, Handshakes)>,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
    {
        let config = &self.config;
        let rules = self.payload_rules.clone();
        let room = Room::new(
            config.clone(),
            rules,
            self.registry.clone(),
            self.memory.clone(),
        );
        let entrance = Entrance {
            config: config.clone(),
            connections: self.connections.clone(),
            registry: self.registry.clone(),
            tls,
        };
        let closing = self.closing.clone();
        let body_limit = config.body_timeout.0;
        let app = App::new()
            .app_data(web::Data::new(room))
            .service(web::scope("/api/v1").default_service(web::to(routes::serve)))
            .configure(self.mount.clone())
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
                let connection = wire.connection();
                if let Some(shown) = connection.certificates() {
                    data.insert(shown.clone());
                }
                data.insert(connection);
            })
            .h1(map_config(app, |()| AppConfig::default()));
        let door = entrance.clone();
        let serving = apply_fn_factory(http, move |arrival, http: &_| door.serve(arrival, http));
        fn_service(move |stream: TcpStream| entrance.clone().arrive(stream))
            .into_factory()
            .and_then(serving)
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
