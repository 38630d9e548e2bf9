//! What the platform says → bodies of notifications (contract/coap.md 4 and 5).

use crate::model::attributes::{AttributeReply, AttributeRequest};
use crate::model::downlink::DownlinkBody;
use crate::model::json;
use crate::model::value::Key;
use crate::transport::coap::codec::{number, Options};

/// One notification for each: updates and deletions are told apart. Empty for `Close`.
pub fn parts(body: &DownlinkBody) -> Vec<String> {
    let mut parts = Vec::new();
    let mut add = |write: &dyn Fn(&mut String)| {
        let mut text = String::new();
        write(&mut text);
        parts.push(text);
    };
    match body {
        DownlinkBody::AttributesChanged {
            updated, deleted, ..
        } => {
            if !updated.is_empty() {
                add(&|text| json::write_object(updated, text));
            }
            if !deleted.is_empty() {
                add(&|text| json::write_deleted(deleted, text));
            }
        }
        DownlinkBody::Rpc {
            request_id,
            method,
            params,
            ..
        } => add(&|text| json::write_rpc(Some(*request_id), method, params, text)),
        DownlinkBody::Close(_) => {}
    }
    parts
}

/// `clientKeys` and `sharedKeys` of a query; keys split at commas, untrimmed, empty lists count as
/// not given, unknown parameters are ignored.
pub fn attributes_asked(options: &Options<'_>) -> AttributeRequest {
    let keys = |name: &str| {
        let mut all: Option<Vec<Key>> = None;
        for query in options.all(number::URI_QUERY) {
            let query = String::from_utf8_lossy(query);
            // Some clients put the whole query into one option.
            for parameter in query.split('&') {
                let value = parameter.split_once('=').filter(|(key, _)| *key == name);
                if let Some((_, list)) = value.filter(|(_, list)| !list.is_empty()) {
                    let keys = list.split(',').map(Key::from);
                    all.get_or_insert_default().extend(keys);
                }
            }
        }
        all
    };
    AttributeRequest {
        client: keys("clientKeys"),
        shared: keys("sharedKeys"),
    }
}

/// Asks for all attributes that a device may read.
pub fn everything() -> AttributeRequest {
    AttributeRequest::default()
}

/// All shared attributes, flat.
pub fn shared(reply: &AttributeReply) -> String {
    let mut text = String::new();
    json::write_object(&reply.shared, &mut text);
    text
}
