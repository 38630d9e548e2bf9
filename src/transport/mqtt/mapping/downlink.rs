//! What the platform says → topic and payload (contract/mqtt.md 7 to 9).

use super::Form;
use crate::model::attributes::AttributeReply;
use crate::model::json;
use crate::model::value::{Key, Value};
use bytes::Bytes;
use bytestring::ByteString;

/// A message to be published to a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub topic: ByteString,
    pub payload: Bytes,
}

impl Message {
    fn new(topic: impl Into<ByteString>, payload: String) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
        }
    }
}

/// SHARED changes: updates and deletions are messages of their own, updates first. No payload is
/// over `room` bytes, but for that of an entry which is by itself.
pub fn attribute_changes(
    form: Form,
    updated: &[(Key, Value)],
    deleted: &[Key],
    room: usize,
) -> Vec<Message> {
    let topic = match form {
        Form::Long => "v1/devices/me/attributes",
        Form::Short => "v2/a",
        Form::ShortJson => "v2/a/j",
    };
    let updates = in_parts(updated, room, json::write_object);
    let deletions = in_parts(deleted, room, json::write_deleted);
    updates
        .into_iter()
        .chain(deletions)
        .map(|payload| Message::new(ByteString::from_static(topic), payload))
        .collect()
}

/// Halves what is too large until each half fits, in the order of the entries.
fn in_parts<T>(entries: &[T], room: usize, write: fn(&[T], &mut String)) -> Vec<String> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut payload = String::new();
    write(entries, &mut payload);
    if payload.len() <= room || entries.len() == 1 {
        return vec![payload];
    }
    drop(payload);
    let (first, second) = entries.split_at(entries.len() / 2);
    let mut parts = in_parts(first, room, write);
    parts.extend(in_parts(second, room, write));
    parts
}

/// `{"method":…,"params":…}`: these two fields, in this order, and `params` byte for byte.
pub fn rpc_request(form: Form, id: i32, method: &str, params: &str) -> Message {
    let topic = match form {
        Form::Long => format!("v1/devices/me/rpc/request/{id}"),
        Form::Short => format!("v2/r/req/{id}"),
        Form::ShortJson => format!("v2/r/req/j/{id}"),
    };
    let mut payload = String::with_capacity(method.len() + params.len() + 24);
    payload.push_str("{\"method\":");
    json::write_value(&Value::Text(method.into()), &mut payload);
    payload.push_str(",\"params\":");
    payload.push_str(params);
    payload.push('}');
    Message::new(topic, payload)
}

pub fn attribute_response(form: Form, id: i32, reply: &AttributeReply) -> Message {
    let topic = match form {
        Form::Long => format!("v1/devices/me/attributes/response/{id}"),
        Form::Short => format!("v2/a/res/{id}"),
        Form::ShortJson => format!("v2/a/res/j/{id}"),
    };
    let mut payload = String::new();
    json::write_attribute_reply(reply, &mut payload);
    Message::new(topic, payload)
}

/// `result` is JSON text.
pub fn rpc_response(form: Form, id: i32, result: &str) -> Message {
    let topic = match form {
        Form::Long => format!("v1/devices/me/rpc/response/{id}"),
        Form::Short => format!("v2/r/res/{id}"),
        Form::ShortJson => format!("v2/r/res/j/{id}"),
    };
    Message::new(topic, result.to_owned())
}

/// The answer to `getSessionLimits`: largest payload in bytes, and how many publishes may be
/// unacknowledged. Empty rate limits mean unlimited.
pub fn session_limits(max_payload: u64, max_inflight: u16) -> String {
    format!(
        "{{\"maxPayloadSize\":{max_payload},\"maxInflightMessages\":{max_inflight},\
         \"rateLimits\":{{\"messages\":\"\",\"telemetryMessages\":\"\",\"telemetryDataPoints\":\"\"}}}}"
    )
}
