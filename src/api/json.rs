//! JSON of entities, as ThingsBoard's tools know it (contract/admin-rest.md 4).

use super::provisioning;
use crate::model::credentials::Credentials;
use crate::model::device::{Device, Profile};
use crate::model::operator::{NO_CUSTOMER_ID, TENANT_ID};
use crate::model::rates::Rates;
use serde_json::{json, Value};
use std::fmt::Display;

/// `{"entityType":"DEVICE","id":"784f394c-..."}`.
pub fn entity(kind: &str, id: impl Display) -> Value {
    json!({"entityType": kind, "id": id.to_string()})
}

pub fn tenant() -> Value {
    entity("TENANT", TENANT_ID)
}

/// "No customer" is the null UUID, not null.
pub fn no_customer() -> Value {
    entity("CUSTOMER", NO_CUSTOMER_ID)
}

/// A device; `kind` is its profile's name.
pub fn device(device: &Device, kind: &str) -> Value {
    // What the directory stored is an object; anything else is shown as text rather than lost.
    let additional_info = serde_json::from_str(&device.additional_info)
        .unwrap_or_else(|_| json!(device.additional_info));
    json!({
        "id": entity("DEVICE", device.id),
        "createdTime": device.created,
        "tenantId": tenant(),
        "customerId": no_customer(),
        "name": device.name,
        "type": kind,
        "label": device.label,
        "deviceProfileId": entity("DEVICE_PROFILE", device.profile),
        "deviceData": {
            "configuration": {"type": "DEFAULT"},
            "transportConfiguration": {"type": "DEFAULT"},
        },
        "firmwareId": null,
        "softwareId": null,
        "externalId": null,
        "disabled": device.disabled,
        "version": device.version,
        "additionalInfo": additional_info,
    })
}

/// A device with what lists show beside it.
pub fn device_info(record: &Device, kind: &str, active: bool) -> Value {
    let mut info = device(record, kind);
    if let Some(object) = info.as_object_mut() {
        object.insert("customerTitle".to_owned(), Value::Null);
        object.insert("customerIsPublic".to_owned(), json!(false));
        object.insert("deviceProfileName".to_owned(), json!(kind));
        object.insert("active".to_owned(), json!(active));
    }
    info
}

/// Credentials with their secrets: only for the two calls that are about one device's credentials.
pub fn credentials(record: &Credentials) -> Value {
    json!({
        "id": {"id": record.id.to_string()},
        "createdTime": record.created,
        "deviceId": entity("DEVICE", record.device),
        "credentialsType": record.kind.name(),
        "credentialsId": record.lookup,
        "credentialsValue": crate::auth::shown_value(record),
        "version": record.version,
    })
}

pub fn profile(record: &Profile) -> Value {
    json!({
        "id": entity("DEVICE_PROFILE", record.id),
        "createdTime": record.created,
        "tenantId": tenant(),
        "name": record.name,
        "description": record.description,
        "image": null,
        "default": record.default,
        "type": "DEFAULT",
        "transportType": "DEFAULT",
        "provisionType": provisioning::kind(record.chain.as_ref()),
        "defaultRuleChainId": null,
        "defaultDashboardId": null,
        "defaultQueueName": null,
        "profileData": {
            "configuration": {
                "type": "DEFAULT",
                "storageTtlSeconds": record.retention,
                "transportDeviceMsgRateLimit": shown(&record.rates.messages),
                "transportDeviceTelemetryDataPointsRateLimit": shown(&record.rates.points),
            },
            "transportConfiguration": {
                "type": "DEFAULT",
                "sendAckOnValidationException": record.options.ack_malformed,
                "castNumericStrings": record.options.cast_numeric_strings,
            },
            "provisionConfiguration": provisioning::configuration(record.chain.as_ref()),
            "alarms": null,
        },
        "provisionDeviceKey": provisioning::key(record.chain.as_ref()),
        "firmwareId": null,
        "softwareId": null,
        "defaultEdgeRuleChainId": null,
        "externalId": null,
        "version": record.version,
    })
}

fn shown(rates: &Option<Rates>) -> Option<String> {
    rates.as_ref().map(ToString::to_string)
}

pub fn profile_info(record: &Profile) -> Value {
    json!({
        "id": entity("DEVICE_PROFILE", record.id),
        "name": record.name,
        "image": null,
        "defaultDashboardId": null,
        "type": "DEFAULT",
        "transportType": "DEFAULT",
        "tenantId": tenant(),
    })
}
