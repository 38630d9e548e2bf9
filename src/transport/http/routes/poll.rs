//! Long polls: `GET /{token}/attributes/updates` and `GET /{token}/rpc` (contract/http.md 5).
//!
//! What a poll got is confirmed when the response has been written to the socket. If the client
//! goes away before that, the confirmation is dropped and the device actor takes it back. Closing
//! the sending half counts as gone: over TCP the two cannot be told apart.

use super::{json as answer, Call};
use crate::model::reject::Rejection;
use crate::registry::{Poll, Polled};
use crate::transport::http::connection::Connection;
use crate::transport::http::mapping;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::HttpResponse;
use bytes::Bytes;
use std::convert::Infallible;
use std::pin::Pin;
use std::task;
use tokio::sync::oneshot;

pub(super) async fn attributes(call: &Call) -> Result<HttpResponse, Rejection> {
    poll(call, Poll::Attributes).await
}

pub(super) async fn rpc(call: &Call) -> Result<HttpResponse, Rejection> {
    poll(call, Poll::Rpc).await
}

async fn poll(call: &Call, poll: Poll) -> Result<HttpResponse, Rejection> {
    let timeout = mapping::poll_timeout(call.request.query_string(), &call.room.config);
    let timeout = call.noted(timeout).await?;
    let connection = call.connection();
    let polled = tokio::select! {
        biased;
        () = connection.gone() => return Ok(nothing()),
        polled = call.device.handle.poll(poll, timeout) => polled?,
    };
    match polled {
        None => Ok(nothing()),
        Some(Polled { downlink, written }) => {
            let body = mapping::polled(&downlink.body)?;
            let body = Confirmed::new(body, written, connection);
            Ok(answer(String::new()).set_body(body).map_into_boxed_body())
        }
    }
}

/// Nothing came: 408 with an empty body.
fn nothing() -> HttpResponse {
    HttpResponse::new(StatusCode::REQUEST_TIMEOUT)
}

/// A body that confirms its downlink once the socket has taken it.
struct Confirmed {
    size: u64,
    rest: Option<(Bytes, oneshot::Sender<bool>)>,
    connection: Connection,
}

impl Confirmed {
    fn new(body: String, written: oneshot::Sender<bool>, connection: Connection) -> Self {
        Self {
            size: body.len() as u64,
            rest: Some((Bytes::from(body), written)),
            connection,
        }
    }
}

impl MessageBody for Confirmed {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    /// actix puts what it gets here into its buffer at once, and flushes the connection when the
    /// buffer has been written.
    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> task::Poll<Option<Result<Bytes, Infallible>>> {
        task::Poll::Ready(self.rest.take().map(|(bytes, written)| {
            self.connection.confirm_when_written(written);
            Ok(bytes)
        }))
    }
}
