//! Topics that devices publish to (contract/mqtt.md 3).
//!
//! ```text
//! v1/devices/me/telemetry              v2/t         v2/t/j
//! v1/devices/me/attributes             v2/a         v2/a/j
//! v1/devices/me/attributes/request/$id v2/a/req/$id v2/a/req/j/$id
//! v1/devices/me/rpc/request/$id        v2/r/req/$id v2/r/req/j/$id
//! v1/devices/me/rpc/response/$id       v2/r/res/$id v2/r/res/j/$id
//! ```
//! `$id` is the rest of the topic. The forms in `/p` (Protobuf) are nobody's.

use super::Form;
use compact_str::CompactString;

/// How much of an unknown topic is kept for the refusal's detail.
const SHOWN: usize = 80;

/// What a PUBLISH is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Topic {
    Telemetry,
    Attributes,
    AttributeRequest(Form, RequestId),
    /// Client-side RPC.
    RpcCall(Form, RequestId),
    /// The answer to a server-side RPC.
    RpcReply(RequestId),
    /// `v1/gateway/…`: for gateways only.
    Gateway,
    /// Names nothing here; the beginning of it, to be shown.
    Unknown(CompactString),
}

/// `None`: the rest of the topic is no 32-bit integer.
pub type RequestId = Option<i32>;

impl Topic {
    /// What `name` stands for; never fails, since an unknown topic is answered, not fatal.
    pub fn parse(name: &str) -> Self {
        // Nearly every publish.
        if matches!(name, "v1/devices/me/telemetry" | "v2/t") {
            return Self::Telemetry;
        }
        if let Some(rest) = name.strip_prefix("v1/devices/me/") {
            return long(rest).unwrap_or_else(|| unknown(name));
        }
        if let Some(rest) = name.strip_prefix("v2/") {
            return short(rest).unwrap_or_else(|| unknown(name));
        }
        if name.starts_with("v1/gateway/") {
            return Self::Gateway;
        }
        unknown(name)
    }
}

fn long(rest: &str) -> Option<Topic> {
    match rest {
        "telemetry" => return Some(Topic::Telemetry),
        "attributes" => return Some(Topic::Attributes),
        _ => {}
    }
    if let Some(id) = rest.strip_prefix("attributes/request/") {
        Some(Topic::AttributeRequest(Form::Long, request_id(id)))
    } else if let Some(id) = rest.strip_prefix("rpc/request/") {
        Some(Topic::RpcCall(Form::Long, request_id(id)))
    } else {
        let id = rest.strip_prefix("rpc/response/")?;
        Some(Topic::RpcReply(request_id(id)))
    }
}

fn short(rest: &str) -> Option<Topic> {
    match rest {
        "t" | "t/j" => return Some(Topic::Telemetry),
        "a" | "a/j" => return Some(Topic::Attributes),
        _ => {}
    }
    if let Some(rest) = rest.strip_prefix("a/req/") {
        let (form, id) = form_and_id(rest)?;
        Some(Topic::AttributeRequest(form, id))
    } else if let Some(rest) = rest.strip_prefix("r/req/") {
        let (form, id) = form_and_id(rest)?;
        Some(Topic::RpcCall(form, id))
    } else {
        let (_, id) = form_and_id(rest.strip_prefix("r/res/")?)?;
        Some(Topic::RpcReply(id))
    }
}

/// `None` for the Protobuf forms.
fn form_and_id(rest: &str) -> Option<(Form, RequestId)> {
    if rest.starts_with("p/") {
        return None;
    }
    Some(match rest.strip_prefix("j/") {
        Some(id) => (Form::ShortJson, request_id(id)),
        None => (Form::Short, request_id(rest)),
    })
}

fn request_id(text: &str) -> RequestId {
    text.parse().ok()
}

fn unknown(name: &str) -> Topic {
    Topic::Unknown(name.chars().take(SHOWN).collect())
}
