//! The operator REST (contract/admin-rest.md, contract/rpc.md): operators see and steer.
//!
//! A file per resource. Each lists its calls as [`endpoint::Endpoint`]s, from which both the routes
//! and the OpenAPI document are made. Reads go to the store; everything that changes a device goes
//! through its actor (`Registry::call`), and 200 leaves only after the commit.
//!
//! Knows nothing of: actors' addresses, device protocols, engines.

mod api_keys;
mod attributes;
mod audit;
mod auth;
mod body;
mod call;
pub mod config;
mod credentials;
mod device_lists;
mod devices;
mod endpoint;
mod error;
mod events;
mod extract;
mod history;
mod history_body;
mod json;
mod openapi;
mod paging;
mod params;
mod permissions;
mod profiles;
mod provisioning;
mod rpc;
mod rpc_records;
mod schemas;
mod telemetry;
mod telemetry_writes;
mod trace;
mod users;

pub use config::Config;
pub use error::ApiError;

use crate::auth::Auth;
use crate::model::json::Rules;
use crate::model::Millis;
use crate::observability::Metrics;
use crate::registry::Registry;
use crate::store::SharedStore;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{guard, HttpResponse};
use endpoint::Endpoint;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub config: Config,
    /// How payloads that operators save for a device are read.
    pub payload: Rules,
    /// For reads only.
    pub store: SharedStore,
    pub auth: Auth,
    pub registry: Registry,
    pub metrics: Metrics,
    /// Upper bound for an RPC's `retries` (`device.rpc_retries`).
    pub rpc_retries: u32,
    /// Seconds that points are kept where the profile says nothing (`store.retention`); 0 = for
    /// ever.
    pub retention: u64,
}

/// Mounts the operator REST below `/api`. Paths of other rooms (`/api/v1/...`) are untouched.
pub fn configure(service: &mut ServiceConfig, state: ApiState) {
    service.app_data(Data::new(state));
    endpoint::mount(service, endpoints());
    let elsewhere = guard::fn_guard(|context| !context.head().uri.path().starts_with("/api/v1/"));
    service.service(
        web::resource("/api/{rest:.*}")
            .guard(elsewhere)
            .to(|| async { Err::<HttpResponse, _>(ApiError::not_found("There is no such path")) }),
    );
}

/// Every call there is, as (method, path with `{parameters}`).
pub fn routes() -> Vec<(String, &'static str)> {
    let row = |endpoint: Endpoint| (endpoint.method.to_string(), endpoint.path);
    endpoints().into_iter().map(row).collect()
}

fn endpoints() -> Vec<Endpoint> {
    [
        openapi::endpoints(),
        auth::endpoints(),
        api_keys::endpoints(),
        audit::endpoints(),
        // Before devices: `/api/device/credentials` and `/api/device/types` are no device ids.
        credentials::endpoints(),
        // ... and before users: `/api/user/devices` is no user id.
        device_lists::endpoints(),
        users::endpoints(),
        devices::endpoints(),
        events::endpoints(),
        profiles::endpoints(),
        telemetry::endpoints(),
        // Before attributes: `/{entity}/timeseries/...` is no attribute scope.
        telemetry_writes::endpoints(),
        attributes::endpoints(),
        rpc_records::endpoints(),
        rpc::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The wall clock, epoch ms.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    })
}
