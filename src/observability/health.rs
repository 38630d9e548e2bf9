//! `/livez` (the process answers), `/readyz` (it can take data), `/metrics` (OpenMetrics text).

use super::Metrics;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Handler, HttpResponse, Resource};
use std::sync::Arc;

/// Whether data can be taken now; the text says why not.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Mounts the three routes. They need no login and tell no secret.
pub fn configure(service: &mut ServiceConfig, metrics: Metrics, ready: Ready) {
    service
        .service(resource("/livez", || async { text("ok") }))
        .service(resource("/readyz", move || readiness(ready.clone())))
        .service(resource("/metrics", move || exposition(metrics.clone())));
}

/// GET and HEAD (load balancers ask either way); other methods are 405.
fn resource<F>(path: &'static str, answer: F) -> Resource
where
    F: Handler<(), Output = HttpResponse>,
{
    let other = || async {
        HttpResponse::MethodNotAllowed()
            .insert_header((ALLOW, "GET, HEAD"))
            .finish()
    };
    web::resource(path)
        .route(web::get().to(answer.clone()))
        .route(web::head().to(answer))
        .default_service(web::to(other))
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
