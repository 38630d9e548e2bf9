//! The limit of the HTTP door: an actix-web route that answers an empty 200.

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};

/// Serves for ever, a worker a core.
pub fn serve(port: u16) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let server = HttpServer::new(|| {
        // The body is taken, for actix-web ends connections whose bodies nobody took.
        let empty = web::post().to(|_: Bytes| async { HttpResponse::Ok().finish() });
        App::new().route("/api/v1/{token}/telemetry", empty)
    });
    let bound = server
        .workers(cores)
        .bind(("127.0.0.1", port))
        .expect("bind");
    actix_web::rt::System::new()
        .block_on(bound.run())
        .expect("a server");
}
