//! `/livez` (the process answers), `/readyz` (it can take data), `/metrics` (OpenMetrics text).

use super::Metrics;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, ServiceConfig};
use actix_web::HttpResponse;
use std::sync::Arc;

/// Whether data can be taken now; the text says why not.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Mounts the three routes. They need no login and tell no secret.
pub fn configure(service: &mut ServiceConfig, metrics: Metrics, ready: Ready) {
    service
        .route("/livez", web::get().to(|| async { text("ok") }))
        .route("/readyz", web::get().to(move || readiness(ready.clone())))
        .route(
            "/metrics",
            web::get().to(move || exposition(metrics.clone())),
        );
}

async fn readiness(ready: Ready) -> HttpResponse {
    match ready() {
        Ok(()) => text("ok"),
        Err(why) => HttpResponse::ServiceUnavailable()
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(why),
    }
}

async fn exposition(metrics: Metrics) -> HttpResponse {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, OPENMETRICS))
        .body(metrics.render())
}

fn text(body: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/plain; charset=utf-8")
        .body(body)
}
