//! The wiring: opens the store, starts the registry, then the doors; stops in reverse.

pub mod certificates;

use crate::api::{self, ApiState};
use crate::auth::{self, Auth, GeneratedPassword};
use crate::config::Config;
use crate::model::event::EventKind;
use crate::observability::{health, Metrics};
use crate::registry::Registry;
use crate::store::retention::Ticked;
use crate::store::sled::SledStore;
use crate::store::{Keeper, SharedStore, StoreError};
use crate::transport::tls::{self, Security, TlsError};
use crate::transport::{coap, dtls, http, mqtt};
use actix_web::web::ServiceConfig;
use std::fmt;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Sockets that are bound but not yet served; a test brings its own with port 0.
#[derive(Debug, Default)]
pub struct Listeners {
    pub http: Option<TcpListener>,
    pub mqtt: Option<TcpListener>,
    /// Beside the plain ones, with TLS.
    pub http_tls: Option<TcpListener>,
    pub mqtt_tls: Option<TcpListener>,
    pub coap: Option<UdpSocket>,
    pub coap_dtls: Option<UdpSocket>,
}

/// Why the platform cannot start: one line for whoever started it.
#[derive(Debug)]
pub enum AppError {
    Bind {
        door: &'static str,
        address: String,
        why: std::io::Error,
    },
    Serve {
        door: &'static str,
        why: std::io::Error,
    },
    Tls {
        door: &'static str,
        why: TlsError,
    },
    Store(StoreError),
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppError::Bind { door, address, why } => {
                write!(
                    f,
                    "cannot open the {door} door: `{door}.bind` = {address}: {why}"
                )
            }
            AppError::Serve { door, why } => write!(f, "cannot serve the {door} door: {why}"),
            AppError::Tls { door, why } => write!(f, "cannot open the {door} door with TLS: {why}"),
            AppError::Store(error) => write!(f, "cannot open the store: {error}"),
        }
    }
}

impl std::error::Error for AppError {}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        AppError::Store(error)
    }
}

impl Listeners {
    /// Binds what the configuration enables.
    pub fn bind(config: &Config) -> Result<Self, AppError> {
        let bind = |door, enabled: bool, address: &str| {
            enabled
                .then(|| TcpListener::bind(address))
                .transpose()
                .map_err(|why| AppError::Bind {
                    door,
                    address: address.to_owned(),
                    why,
                })
        };
        let tls = |door: bool, tls: &tls::Config| door && tls.is_on();
        let (http, mqtt) = (&config.http, &config.mqtt);
        Ok(Self {
            http: bind("http", http.enabled, &http.bind)?,
            mqtt: bind("mqtt", mqtt.enabled, &mqtt.bind)?,
            http_tls: bind("http.tls", tls(http.enabled, &http.tls), &http.tls.bind)?,
            mqtt_tls: bind("mqtt.tls", tls(mqtt.enabled, &mqtt.tls), &mqtt.tls.bind)?,
            coap: bind_coap(config)?,
            coap_dtls: bind_coap_dtls(config)?,
        })
    }
}

fn bind_coap(config: &Config) -> Result<Option<UdpSocket>, AppError> {
    let socket = config.coap.enabled.then(|| coap::bind(&config.coap));
    socket.transpose().map_err(|why| AppError::Bind {
        door: "coap",
        address: config.coap.bind.clone(),
        why,
    })
}

fn bind_coap_dtls(config: &Config) -> Result<Option<UdpSocket>, AppError> {
    let on = config.coap.enabled && config.coap.dtls.is_on();
    let socket = on.then(|| coap::bind_secure(&config.coap));
    socket.transpose().map_err(|why| AppError::Bind {
        door: "coap.dtls",
        address: config.coap.dtls.bind.clone(),
        why,
    })
}

/// The running platform. Stop it with [`App::stop`]; dropping it is as safe as a kill.
pub struct App {
    store: SharedStore,
    auth: Auth,
    registry: Registry,
    metrics: Metrics,
    http: Option<http::Door>,
    mqtt: Option<mqtt::Door>,
    coap: Option<coap::Door>,
    coap_dtls: Option<coap::Door>,
    generated: Option<GeneratedPassword>,
    /// Looks after old points.
    keeping: tokio::task::JoinHandle<()>,
    /// What the doors shake hands with.
    securities: Vec<Security>,
    dtls: Option<dtls::Security>,
    /// Ends the looks at their files.
    watching: CancellationToken,
}

impl App {
    /// Opens the data directory of the configuration and serves the listeners. Must run inside an
    /// actix `System`. Errors: data directory (locked, damaged, unreadable), doors.
    pub async fn start(config: Config, listeners: Listeners) -> Result<App, AppError> {
        let metrics = Metrics::new();
        let store = SledStore::open(&config.store, metrics.clone())?;
        Self::start_on(Arc::new(store), metrics, config, listeners).await
    }

    /// The same on a store that is already open: tests bring the memory engine.
    pub async fn start_on(
        store: SharedStore,
        metrics: Metrics,
        config: Config,
        listeners: Listeners,
    ) -> Result<App, AppError> {
        let (auth, generated) = Auth::open(config.admin.clone(), store.clone()).await?;
        let registry = Registry::start(
            config.registry.clone(),
            config.device.clone(),
            store.clone(),
            auth.clone(),
            metrics.clone(),
        );
        let keeper = Keeper::new(store.clone(), metrics.clone(), &config.store);
        let keeping = actix::spawn(keep(keeper, registry.clone()));
        let mut app = App {
            store,
            auth,
            registry,
            metrics,
            http: None,
            mqtt: None,
            coap: None,
            coap_dtls: None,
            generated,
            keeping,
            securities: Vec::new(),
            dtls: None,
            watching: CancellationToken::new(),
        };
        app.open_doors(config, listeners)?;
        Ok(app)
    }

    fn open_doors(&mut self, config: Config, listeners: Listeners) -> Result<(), AppError> {
        let serve = |door| move |why| AppError::Serve { door, why };
        if let Some(plain) = listeners.mqtt {
            let tls = self.secure("mqtt", &config.mqtt.tls, listeners.mqtt_tls)?;
            let door = mqtt::start(
                config.mqtt.clone(),
                config.payload.clone(),
                self.registry.clone(),
                self.metrics.clone(),
                mqtt::Sockets { plain, tls },
            );
            self.mqtt = Some(door.map_err(serve("mqtt"))?);
        }
        if let Some(socket) = listeners.coap {
            let door = coap::start(
                config.coap.clone(),
                config.payload.clone(),
                self.registry.clone(),
                self.metrics.clone(),
                socket,
                None,
            );
            self.coap = Some(door.map_err(serve("coap"))?);
        }
        if let Some(socket) = listeners.coap_dtls {
            let security = self.secure_datagrams("coap", &config.coap.dtls)?;
            let door = coap::start(
                config.coap.clone(),
                config.payload.clone(),
                self.registry.clone(),
                self.metrics.clone(),
                socket,
                Some(security),
            );
            self.coap_dtls = Some(door.map_err(serve("coap.dtls"))?);
        }
        if let Some(plain) = listeners.http {
            let tls = self.secure("http", &config.http.tls, listeners.http_tls)?;
            let mount = self.routes(&config);
            let door = http::start(
                config.http,
                config.payload,
                self.registry.clone(),
                self.metrics.clone(),
                http::Sockets { plain, tls },
                mount,
            );
            self.http = Some(door.map_err(serve("http"))?);
        }
        Ok(())
    }

    /// What a TLS socket shakes hands with, kept up to date from now on.
    fn secure(
        &mut self,
        door: &'static str,
        config: &tls::Config,
        listener: Option<TcpListener>,
    ) -> Result<Option<(TcpListener, Security)>, AppError> {
        let Some(listener) = listener else {
            return Ok(None);
        };
        let security = Security::open(door, config.clone(), self.metrics.clone())
            .map_err(|why| AppError::Tls { door, why })?;
        actix::spawn(security.clone().watch(self.watching.clone()));
        self.securities.push(security.clone());
        Ok(Some((listener, security)))
    }

    /// The same for DTLS.
    fn secure_datagrams(
        &mut self,
        door: &'static str,
        config: &dtls::Config,
    ) -> Result<dtls::Security, AppError> {
        let security = dtls::Security::open(door, config.clone(), self.metrics.clone())
            .map_err(|why| AppError::Tls { door, why })?;
        actix::spawn(security.clone().watch(self.watching.clone()));
        self.dtls = Some(security.clone());
        Ok(security)
    }

    /// Reads the certificates of all doors again; each says what came of it. Live sessions stay.
    pub fn reload_certificates(&self) {
        for security in &self.securities {
            security.reload();
        }
        if let Some(security) = &self.dtls {
            security.reload();
        }
    }

    /// Some door has TLS or DTLS.
    pub fn has_tls(&self) -> bool {
        !self.securities.is_empty() || self.dtls.is_some()
    }

    /// What other rooms mount on the HTTP door.
    fn routes(&self, config: &Config) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let state = ApiState {
            config: config.api.clone(),
            payload: config.payload.clone(),
            rpc_retries: config.device.rpc_retries,
            retention: config.store.retention.0.as_secs(),
            store: self.store.clone(),
            auth: self.auth.clone(),
            registry: self.registry.clone(),
            metrics: self.metrics.clone(),
        };
        let (metrics, store) = (self.metrics.clone(), self.store.clone());
        let bridge = self.mqtt.as_ref().map(mqtt::Door::bridge);
        move |service| {
            let store = store.clone();
            let ready: health::Ready = Arc::new(move || store.health().map_err(|e| e.to_string()));
            health::configure(service, metrics.clone(), ready);
            if let Some(bridge) = &bridge {
                mqtt::websocket::configure(service, bridge.clone());
            }
            api::configure(service, state.clone());
        }
    }

    /// The administrator's password, if this was the first start. Given out once.
    pub fn take_generated_password(&mut self) -> Option<GeneratedPassword> {
        self.generated.take()
    }

    /// The generated password has been shown to a person: from now on it stays the one.
    pub async fn password_was_shown(&self) -> Result<(), StoreError> {
        self.auth.password_was_shown().await
    }

    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(http::Door::address)
    }

    pub fn mqtt_address(&self) -> Option<SocketAddr> {
        self.mqtt.as_ref().map(mqtt::Door::local_addr)
    }

    pub fn http_tls_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().and_then(http::Door::tls_address)
    }

    pub fn mqtt_tls_address(&self) -> Option<SocketAddr> {
        self.mqtt.as_ref().and_then(mqtt::Door::tls_addr)
    }

    pub fn coap_address(&self) -> Option<SocketAddr> {
        self.coap.as_ref().map(coap::Door::local_addr)
    }

    pub fn coap_dtls_address(&self) -> Option<SocketAddr> {
        self.coap_dtls.as_ref().map(coap::Door::local_addr)
    }

    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    /// Orderly end: no new connections, sessions told why, last commits, store flushed.
    /// Errors: the last flush failed; what was acknowledged is in the journal all the same.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.watching.cancel();
        if let Some(http) = &self.http {
            http.pause().await;
        }
        // MQTT clients hear why (0x8B) before their actors go; the actors' end answers the polls.
        if let Some(mqtt) = self.mqtt {
            mqtt.stop().await;
        }
        for coap in [self.coap, self.coap_dtls].into_iter().flatten() {
            coap.stop().await;
        }
        self.keeping.abort();
        self.registry.stop().await;
        if let Some(http) = self.http {
            http.stop().await;
        }
        self.store.close().await
    }
}

/// Gives a user a new password in the data directory of the configuration, which nobody else may
/// hold. Error: one line for whoever asked.
pub async fn reset_password(
    config: &Config,
    user: Option<&str>,
) -> Result<GeneratedPassword, String> {
    let exists = config.store.path.join("journal").exists();
    if !exists {
        let path = config.store.path.display();
        return Err(format!(
            "{path} is no data directory: nothing was ever stored there"
        ));
    }
    let store = SledStore::open(&config.store, Metrics::new());
    let store: SharedStore = Arc::new(store.map_err(|error| AppError::from(error).to_string())?);
    let reset = auth::reset::reset_password(&store, user, auth::system_clock()).await;
    let closed = store.close().await.map_err(|error| error.to_string());
    let reset = reset.map_err(|error| error.to_string())?;
    closed.map(|()| reset)
}

/// How often; `store.retention_slice` devices are looked at each time.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// Lets old points go, and tells the streams of devices that the cap took some of.
async fn keep(mut keeper: Keeper, registry: Registry) {
    let mut failing: Option<StoreError> = None;
    loop {
        tokio::time::sleep(KEEP_EVERY).await;
        let Ticked { dropped, failed } = keeper.tick(registry.now()).await;
        for one in dropped {
            let kind = EventKind::TelemetryDropped {
                before: one.before,
                blocks: one.extent.blocks,
                rows: one.extent.rows,
                bytes: one.extent.bytes,
            };
            registry.tell(one.device, kind);
        }
        // Said once, not each second.
        if let Some(error) = failed.as_ref().filter(|_| failed != failing) {
            tracing::warn!(%error, "old points could not be dropped; it is tried again");
        }
        failing = failed;
    }
}
