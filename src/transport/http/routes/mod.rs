//! The way of a request: route, registry, body, uplink, answer; a file per kind.

mod attributes;
mod poll;
mod rpc;
mod telemetry;

use super::connection::Connection;
use super::route::{route, NoRoute, Resource};
use super::{body, error, Config};
use crate::model::credentials::Presented;
use crate::model::json::Rules;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::model::uplink::{Outcome, Uplink};
use crate::model::Millis;
use crate::registry::{Budget, ConnectRequest, Connected, Credit, Registry};
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{SystemTime, UNIX_EPOCH};

/// In the place of the token: who it is stands elsewhere.
const ME: &str = "me";

/// What every request needs.
pub(super) struct Room {
    config: Config,
    rules: Rules,
    registry: Registry,
    /// For bodies.
    memory: Budget,
}

impl Room {
    pub fn new(config: Config, rules: Rules, registry: Registry, memory: Budget) -> Self {
        Self {
            config,
            rules,
            registry,
            memory,
        }
    }
}

/// What is read out of a body takes about as many times its length, with the body.
const DECODED: usize = 4;

/// A body and its credits.
struct Body {
    bytes: Bytes,
    /// For what is read out of it.
    in_flight: Credit,
    _memory: Credit,
}

impl Body {
    /// `uplink` is what was read out of it: its bytes are not needed any more.
    fn becomes(self, uplink: &Uplink) -> Credit {
        let mut credit = self.in_flight;
        credit.hold(self.bytes.len().saturating_add(uplink.memory()));
        credit
    }
}

/// One authenticated request.
struct Call {
    room: Data<Room>,
    request: HttpRequest,
    device: Connected,
}

/// Serves whatever is below `/api/v1`.
pub(super) async fn serve(
    request: HttpRequest,
    payload: Payload,
    room: Data<Room>,
) -> HttpResponse {
    let peer = peer(&request);
    let uri = request.uri();
    let route = match route(request.method().as_str(), uri.path()) {
        Ok(route) => route,
        Err(none) => {
            body::discard(payload).await;
            return nowhere(&room, peer, &none);
        }
    };
    let speaker = ConnectRequest {
        presented: presented(&request, route.token),
        transport: Transport::Http,
        peer,
        session: None,
    };
    // Refusals have been counted by the registry.
    match room.registry.connect(speaker).await {
        Err(rejection) => {
            body::discard(payload).await;
            error::refusal(&rejection, now())
        }
        Ok(device) => {
            let call = Call {
                room,
                request,
                device,
            };
            let answer = call.answer(route.resource, payload).await;
            answer.unwrap_or_else(|rejection| error::refusal(&rejection, now()))
        }
    }
}

/// Below `/api/v1/me` the token stands in a header, or the client's certificate says who it is: so
/// no secret stands in the address. A device whose token is the word itself still gets in.
fn presented(request: &HttpRequest, token: String) -> Presented {
    if token != ME {
        return Presented::Token(token);
    }
    if let Some(token) = bearer(request) {
        return Presented::Token(token.to_owned());
    }
    let connection = request.conn_data::<Connection>();
    match connection.and_then(Connection::certificates) {
        Some(chain) => Presented::Certificate((*chain.0).clone()),
        None => Presented::Token(token),
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1).
fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn nowhere(room: &Room, peer: IpAddr, none: &NoRoute) -> HttpResponse {
    let rejection = none.rejection();
    room.registry
        .refuse_stranger(Transport::Http, peer, &rejection);
    match none {
        NoRoute::Method(allowed) => error::wrong_method(allowed, &rejection, now()),
        _ => error::refusal(&rejection, now()),
    }
}

fn peer(request: &HttpRequest) -> IpAddr {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    request.peer_addr().map_or(unknown, |peer| peer.ip())
}

/// The server's time: read once a request, here at the edge.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    })
}

impl Call {
    async fn answer(
        &self,
        resource: Resource,
        payload: Payload,
    ) -> Result<HttpResponse, Rejection> {
        match resource {
            Resource::PostTelemetry => telemetry::post(self, payload).await,
            Resource::PostAttributes => attributes::post(self, payload).await,
            Resource::GetAttributes => attributes::get(self).await,
            Resource::PollAttributes => poll::attributes(self).await,
            Resource::PollRpc => poll::rpc(self).await,
            Resource::CallRpc => rpc::call(self, payload).await,
            Resource::ReplyRpc { request_id } => rpc::reply(self, request_id, payload).await,
        }
    }

    /// The body, with credit for its bytes and for what is read out of it: to be kept as long as
    /// those. What is wrong with the body goes into the device's stream.
    async fn body(&self, payload: Payload, limit: usize) -> Result<Body, Rejection> {
        let (room, mut memory) = (&self.room, self.room.memory.credit());
        let wait = room.config.body_wait.0;
        let headers = self.request.headers();
        let read = body::read(headers, payload, limit, &mut memory, wait).await;
        let bytes = self.noted(read).await?;
        let mut in_flight = room.registry.in_flight().credit();
        let taken = body::take(&mut in_flight, bytes.len().saturating_mul(DECODED), wait).await;
        self.noted(taken).await?;
        Ok(Body {
            bytes,
            in_flight,
            _memory: memory,
        })
    }

    /// Puts a refusal of ours into the device's stream, and hands it on.
    async fn noted<T>(&self, result: Result<T, Rejection>) -> Result<T, Rejection> {
        if let Err(rejection) = &result {
            let refused = Uplink::Refused(rejection.clone());
            self.device.handle.submit(vec![refused]).await;
        }
        result
    }

    /// Sends one uplink and waits for what became of it.
    async fn submit(&self, uplink: Uplink) -> Result<Outcome, Rejection> {
        let outcomes = self.device.handle.submit(vec![uplink]).await;
        match outcomes.into_iter().next() {
            Some(Outcome::Refused(rejection)) => Err(rejection),
            Some(outcome) => Ok(outcome),
            None => Err(Rejection::new(Reason::Internal, "no answer")),
        }
    }

    /// The same where success has an empty body. `body`: what the uplink was read out of.
    async fn stored(&self, uplink: Uplink, body: Body) -> Result<HttpResponse, Rejection> {
        let _credit = body.becomes(&uplink);
        self.submit(uplink).await?;
        Ok(HttpResponse::Ok().finish())
    }

    fn connection(&self) -> Connection {
        let connection = self.request.conn_data::<Connection>();
        connection.cloned().unwrap_or_default()
    }
}

fn json(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
}
