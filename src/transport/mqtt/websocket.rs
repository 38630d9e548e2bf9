//! MQTT over WebSocket (MQTT 5, section 6): `/mqtt` on the HTTP door, sub-protocol `mqtt`.
//!
//! Packets are a stream of bytes: a message may hold several, or a part of one. A text message ends
//! the connection [MQTT-6.0.0-1].

use super::listener::{Bridge, Carried};
use crate::transport::tls::PeerCertificates;
use actix_web::http::header::SEC_WEBSOCKET_PROTOCOL;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{CloseCode, Item, Message, MessageStream, Session};
use bytes::Bytes;
use futures_util::future::{select, Either};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use tokio::sync::mpsc;

/// Later versions, and what 3.1 clients say.
const PROTOCOLS: &[&str] = &["mqtt", "mqttv3.1"];
/// Smallest limit of a message, in bytes: a client may put many small packets into one.
const MESSAGE: usize = 64 * 1024;

/// Mounts `/mqtt`.
pub fn configure(service: &mut ServiceConfig, bridge: Bridge) {
    let resource = web::resource("/mqtt")
        .app_data(Data::new(bridge))
        .route(web::get().to(upgrade));
    service.service(resource);
}

async fn upgrade(request: HttpRequest, body: Payload, bridge: Data<Bridge>) -> HttpResponse {
    if !offers_mqtt(&request) {
        return HttpResponse::BadRequest()
            .body("this is MQTT over WebSocket: the sub-protocol must be `mqtt`\n");
    }
    let upgraded = actix_ws::handle_with_protocols(&request, body, PROTOCOLS);
    let (response, session, messages) = match upgraded {
        Ok(upgraded) => upgraded,
        Err(error) => return error.error_response(),
    };
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let peer = request.peer_addr().map_or(unknown, |peer| peer.ip());
    let shown = request.conn_data::<PeerCertificates>();
    let certificates = shown.map(|shown| (*shown.0).clone());
    match bridge.open(peer, certificates) {
        Ok(carried) => {
            let largest = bridge.max_packet().saturating_add(16).max(MESSAGE);
            let messages = messages.max_frame_size(largest);
            actix_web::rt::spawn(carry(session, messages, carried));
            response
        }
        Err(rejection) => HttpResponse::ServiceUnavailable()
            .insert_header(("retry-after", "5"))
            .body(format!("{rejection}\n")),
    }
}

fn offers_mqtt(request: &HttpRequest) -> bool {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut offered = offered.filter_map(|value| value.to_str().ok());
    offered.any(|list| list.split(',').any(|one| PROTOCOLS.contains(&one.trim())))
}

/// Until both sides have ended. Each direction waits for itself alone: a client that does not read
/// must not keep what it sends from being heard, nor the other way round.
async fn carry(session: Session, messages: MessageStream, carried: Carried) {
    let Carried { incoming, outgoing } = carried;
    let heard = pin!(hear(session.clone(), messages, incoming));
    let said = pin!(say(session.clone(), outgoing));
    let reason = match select(heard, said).await {
        // The connection hears of the end, and may have last words.
        Either::Left((reason, said)) => {
            said.await;
            reason
        }
        Either::Right(((), _)) => CloseCode::Normal,
    };
    // It may be gone already.
    let _ = session.close(Some(reason.into())).await;
}

/// What the client sends goes to the connection. Returns why that ended.
async fn hear(
    mut session: Session,
    mut messages: MessageStream,
    incoming: mpsc::Sender<Bytes>,
) -> CloseCode {
    while let Some(message) = messages.recv().await {
        let piece = match message {
            Ok(Message::Binary(piece)) => piece,
            Ok(Message::Continuation(Item::FirstBinary(piece)))
            | Ok(Message::Continuation(Item::Continue(piece)))
            | Ok(Message::Continuation(Item::Last(piece))) => piece,
            Ok(Message::Text(_)) | Ok(Message::Continuation(Item::FirstText(_))) => {
                return CloseCode::Unsupported;
            }
            Ok(Message::Ping(data)) => {
                if session.pong(&data).await.is_err() {
                    break;
                }
                continue;
            }
            Ok(Message::Pong(_)) | Ok(Message::Nop) => continue,
            Ok(Message::Close(_)) => break,
            Err(_) => return CloseCode::Protocol,
        };
        if incoming.send(piece).await.is_err() {
            break;
        }
    }
    CloseCode::Normal
}

async fn say(mut session: Session, mut outgoing: mpsc::Receiver<Bytes>) {
    while let Some(piece) = outgoing.recv().await {
        if session.binary(piece).await.is_err() {
            return;
        }
    }
}
