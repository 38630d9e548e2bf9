//! Method and path to what is asked for (contract/coap.md 1 and 2).

use crate::model::reject::{Reason, Rejection};
use crate::transport::coap::codec::{number, Code, Options};
use std::fmt;

/// Who speaks: by the path, or by the security association.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// A secret: never in logs, errors or `Debug`.
    Token(String),
    Association(u64),
}

impl fmt::Debug for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speaker::Token(_) => f.write_str("Token(***)"),
            Speaker::Association(id) => write!(f, "Association({id})"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    PostTelemetry,
    PostAttributes,
    GetAttributes,
    /// Makes sense with Observe only.
    ServerRpc,
    CallRpc,
    ReplyRpc {
        request_id: i32,
    },
}

impl Resource {
    /// Its bodies have a bound of their own.
    pub fn is_rpc(self) -> bool {
        matches!(self, Resource::CallRpc | Resource::ReplyRpc { .. })
    }
}

#[derive(PartialEq, Eq, Debug)]
pub enum Route {
    /// `/.well-known/core`.
    Core,
    Device(Speaker, Resource),
}

/// Why a request has no route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRoute {
    NotFound(&'static str),
    /// A resource of the contract that this version does not serve.
    NotServed(&'static str),
    Method(&'static str),
    Malformed(&'static str),
    RequestId,
}

impl NoRoute {
    pub fn code(self) -> Code {
        match self {
            NoRoute::NotFound(_) => Code::NOT_FOUND,
            NoRoute::NotServed(_) => Code::NOT_IMPLEMENTED,
            NoRoute::Method(_) => Code::METHOD_NOT_ALLOWED,
            NoRoute::Malformed(_) | NoRoute::RequestId => Code::BAD_REQUEST,
        }
    }

    pub fn rejection(self) -> Rejection {
        match self {
            NoRoute::NotFound(what) | NoRoute::NotServed(what) => {
                Rejection::new(Reason::UnknownTopic, what)
            }
            NoRoute::Method(what) | NoRoute::Malformed(what) => {
                Rejection::new(Reason::ProtocolViolation, what)
            }
            NoRoute::RequestId => Rejection::new(
                Reason::BadRequestId,
                "the request id in the path is not a 32-bit integer",
            ),
        }
    }
}

const NOTHING_HERE: NoRoute = NoRoute::NotFound("the path names nothing here");
const NO_PROVISIONING: NoRoute =
    NoRoute::NotServed("devices are not provisioned here: an operator creates them");
const NO_CLAIM: NoRoute = NoRoute::NotServed("devices are not claimed here");
/// What a device hears that has no update: it asks again another time.
const NO_PACKAGE: NoRoute = NoRoute::NotFound("no package is assigned to this device");
const NO_FEATURE: NoRoute =
    NoRoute::Malformed("the path is api/v1/{token}/ with telemetry, attributes, rpc or rpc/{id}");
const METHODS: NoRoute = NoRoute::Method("this resource takes GET and POST only");

/// What is asked for. `association`: of the peer, 0 for none.
///
/// # Errors
/// Why there is nothing to be asked for.
pub fn route(method: Code, options: &Options<'_>, association: u64) -> Result<Route, NoRoute> {
    let mut segments = [""; 6];
    let mut count = 0;
    for option in options.all(number::URI_PATH) {
        let text = std::str::from_utf8(option);
        let text = text.map_err(|_| NoRoute::Malformed("the path is not UTF-8"))?;
        // Some clients put the whole path into one option.
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            *segments.get_mut(count).ok_or(NOTHING_HERE)? = segment;
            count += 1;
        }
    }
    match segments.get(..count).unwrap_or(&[]) {
        [".well-known", "core"] => match method {
            Code::GET => Ok(Route::Core),
            _ => Err(NoRoute::Method("this resource takes GET only")),
        },
        ["api", "v1", "provision"] => match method {
            Code::POST => Err(NO_PROVISIONING),
            _ => Err(NoRoute::Method("this resource takes POST only")),
        },
        ["fw" | "sw", _] => match method {
            Code::GET => Err(NO_PACKAGE),
            _ => Err(NoRoute::Method("this resource takes GET only")),
        },
        ["api", "v1", rest @ ..] => device(method, rest, association),
        _ => Err(NOTHING_HERE),
    }
}

fn device(method: Code, rest: &[&str], association: u64) -> Result<Route, NoRoute> {
    if let [token, feature @ ..] = rest {
        if is_feature(feature) {
            let speaker = Speaker::Token((*token).to_owned());
            return Ok(Route::Device(speaker, resource(method, feature)?));
        }
    }
    if is_feature(rest) {
        if association == 0 {
            return Err(NoRoute::Malformed("the path holds no access token"));
        }
        let speaker = Speaker::Association(association);
        return Ok(Route::Device(speaker, resource(method, rest)?));
    }
    Err(NO_FEATURE)
}

fn is_feature(words: &[&str]) -> bool {
    matches!(
        words,
        ["telemetry" | "attributes" | "rpc" | "claim"] | ["rpc", _]
    )
}

fn resource(method: Code, words: &[&str]) -> Result<Resource, NoRoute> {
    match (words, method) {
        (_, method) if method != Code::GET && method != Code::POST => Err(METHODS),
        (["telemetry"], Code::POST) => Ok(Resource::PostTelemetry),
        (["attributes"], Code::POST) => Ok(Resource::PostAttributes),
        (["attributes"], _) => Ok(Resource::GetAttributes),
        (["rpc"], Code::POST) => Ok(Resource::CallRpc),
        (["rpc"], _) => Ok(Resource::ServerRpc),
        (["rpc", id], Code::POST) => {
            let request_id = id.parse().map_err(|_| NoRoute::RequestId)?;
            Ok(Resource::ReplyRpc { request_id })
        }
        (["claim"], Code::POST) => Err(NO_CLAIM),
        _ => Err(NoRoute::Malformed("this resource takes POST only")),
    }
}
