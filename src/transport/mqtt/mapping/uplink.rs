//! A device's PUBLISH → `Uplink`, and what is to be said once its outcome is there
//! (contract/mqtt.md 5 to 9).

use super::{Form, Topic};
use crate::model::device::ProfileOptions;
use crate::model::json::{self, Rules};
use crate::model::reject::{Reason, Rejection};
use crate::model::telemetry::Telemetry;
use crate::model::uplink::Uplink;
use crate::model::Millis;
use bytes::Bytes;

/// Which message, besides the acknowledgement, answers a publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    None,
    Attributes(Form, i32),
    Rpc(Form, i32),
    /// `getSessionLimits`: answered by the transport from its settings.
    SessionLimits(i32),
}

/// Reads a publish. `now`: the receive time of telemetry without `ts`.
///
/// Errors: `UnknownTopic`, `NotAGateway`, `BadRequestId`, and what the payload parsers refuse.
pub fn uplink(
    topic: &Topic,
    payload: &[u8],
    now: Millis,
    rules: &Rules,
    profile: ProfileOptions,
) -> Result<(Uplink, Reply), Rejection> {
    match topic {
        Topic::Telemetry => {
            let telemetry = json::telemetry(payload, now, rules, profile)?;
            Ok((telemetry_or_activity(telemetry), Reply::None))
        }
        Topic::Attributes => {
            let (entries, nulls_skipped) = json::attributes(payload, rules, profile)?;
            let uplink = Uplink::Attributes {
                entries,
                nulls_skipped,
            };
            Ok((uplink, Reply::None))
        }
        Topic::AttributeRequest(form, id) => {
            let id = known(*id)?;
            let request = json::attribute_request(payload, rules)?;
            let reply = Reply::Attributes(*form, id);
            Ok((Uplink::AttributeRequest(request), reply))
        }
        Topic::RpcCall(form, id) => rpc_call(*form, known(*id)?, payload, rules),
        Topic::RpcReply(id) => {
            let uplink = Uplink::RpcReply {
                request_id: known(*id)?,
                // A copy: a slice would keep the whole read buffer alive while the reply waits.
                body: Bytes::copy_from_slice(payload),
            };
            Ok((uplink, Reply::None))
        }
        Topic::Gateway => Err(Rejection::new(
            Reason::NotAGateway,
            "v1/gateway/… topics are for gateways",
        )),
        Topic::Unknown(name) => Err(Rejection::new(
            Reason::UnknownTopic,
            format!("topic `{name}` is not one that devices publish to"),
        )),
    }
}

/// An empty array is a legal way of saying nothing: acknowledged, and a sign of life.
fn telemetry_or_activity(telemetry: Telemetry) -> Uplink {
    if telemetry.points() == 0 && telemetry.nulls_skipped == 0 {
        Uplink::Activity
    } else {
        Uplink::Telemetry(telemetry)
    }
}

fn rpc_call(
    form: Form,
    id: i32,
    payload: &[u8],
    rules: &Rules,
) -> Result<(Uplink, Reply), Rejection> {
    let (method, params) = json::rpc_call(payload, rules)?;
    if form == Form::Long && method == "getSessionLimits" {
        return Ok((Uplink::Activity, Reply::SessionLimits(id)));
    }
    Ok((Uplink::RpcCall { method, params }, Reply::Rpc(form, id)))
}

fn known(id: Option<i32>) -> Result<i32, Rejection> {
    id.ok_or_else(|| {
        Rejection::new(
            Reason::BadRequestId,
            "the last level of the topic must be a 32-bit integer",
        )
    })
}
