//! Shapes of bodies and answers for the OpenAPI document. Answers are shown by the very functions
//! that write them, over a sample, so the document cannot drift from the code.

use super::json;
use super::{paging, rpc_records};
use crate::model::audit::{AuditRow, Via};
use crate::model::credentials::{Credentials, CredentialsKind};
use crate::model::device::{Device, Profile, ProfileOptions};
use crate::model::event::{DeviceEvent, EventKind};
use crate::model::ids::{ApiKeyId, AuditId, CredentialsId, DeviceId, OperatorId, ProfileId, RpcId};
use crate::model::operator::{ApiKey, Operator, Role};
use crate::model::query::{PageRequest, SortBy};
use crate::model::reject::Reason;
use crate::model::rpc::{RpcOrder, RpcRecord, RpcState};
use crate::model::session::Transport;
use serde_json::{json, Value};
use std::sync::Arc;
use uuid::Uuid;

/// Sample time of all shapes.
const AT: i64 = 1_700_000_000_000;
const ID: Uuid = Uuid::from_u128(0x784f_394c_42b6_435a_983c_b7be_ff27_84f9);

/// Name and sample of each shape.
pub fn samples() -> Vec<(&'static str, Value)> {
    let mut all = bodies();
    all.extend(answers());
    all
}

fn bodies() -> Vec<(&'static str, Value)> {
    let named = json!({"id": json::entity("DEVICE", ID)});
    let save_device = json!({
        "id": named["id"], "name": "pump-7", "type": "default", "label": "cellar",
        "deviceProfileId": json::entity("DEVICE_PROFILE", ID), "disabled": false,
        "additionalInfo": {"gateway": false, "description": ""}, "version": 1,
    });
    let given = json!({
        "credentialsType": "ACCESS_TOKEN", "credentialsId": "tok", "credentialsValue": null,
    });
    vec![
        (
            "Login",
            json!({"username": "admin@localhost", "password": "secret"}),
        ),
        (
            "SaveUser",
            json!({
                "id": json::entity("USER", ID), "email": "vera@example.org", "role": "VIEWER",
                "authority": "CUSTOMER_USER", "firstName": "Vera", "lastName": "Example",
                "password": "secret",
            }),
        ),
        ("SetPassword", json!({"password": "secret"})),
        (
            "SaveApiKey",
            json!({
                "description": "dashboard", "role": "VIEWER", "readOnly": true,
                "expirationTime": AT,
            }),
        ),
        ("RefreshToken", json!({"refreshToken": "eyJ..."})),
        (
            "ChangePassword",
            json!({"currentPassword": "old", "newPassword": "new"}),
        ),
        (
            "SaveDeviceWithCredentials",
            json!({"device": save_device, "credentials": given}),
        ),
        ("SaveDevice", save_device),
        (
            "SaveDeviceProfile",
            json!({
                "id": json::entity("DEVICE_PROFILE", ID), "name": "pumps", "description": "all pumps",
                "transportType": "DEFAULT", "provisionType": "DISABLED",
                "profileData": {
                    "configuration": {
                        "storageTtlSeconds": 2_592_000,
                        "transportDeviceMsgRateLimit": "100:1s,3000:1m",
                        "transportDeviceTelemetryDataPointsRateLimit": null,
                    },
                    "transportConfiguration": {
                        "sendAckOnValidationException": false, "castNumericStrings": false,
                    },
                },
                "version": 1,
            }),
        ),
        (
            "Telemetry",
            json!({"ts": AT, "values": {"temperature": 21.5}}),
        ),
        ("AttributeValues", json!({"targetTemperature": 21.5})),
        (
            "Rpc",
            json!({
                "method": "setGpio", "params": {"pin": 7, "value": 1}, "timeout": 8000,
                "expirationTime": AT, "persistent": false, "retries": 5, "additionalInfo": {},
                "requestUUID": ID.to_string(),
            }),
        ),
    ]
}

fn answers() -> Vec<(&'static str, Value)> {
    let device = sample_device();
    let profile = sample_profile();
    let rpc = rpc_records::show(&sample_rpc());
    let device_json = json::device(&device, "default");
    let info = json::device_info(&device, "default", true);
    let profile_info = json::profile_info(&profile);
    vec![
        (
            "Error",
            json!({
                "status": 404, "message": "Device with requested id wasn't found!", "errorCode": 32,
                "timestamp": AT, "detail": "what and where, on some errors",
            }),
        ),
        (
            "TokenPair",
            json!({"token": "eyJ...", "refreshToken": "eyJ..."}),
        ),
        ("PageOfUsers", page(&super::auth::show(&sample_operator()))),
        ("User", super::auth::show(&sample_operator())),
        (
            "SavedUser",
            super::users::saved(&sample_operator(), Some("shown once")),
        ),
        ("PageOfApiKeys", page(&super::api_keys::show(&sample_key()))),
        ("NewApiKey", super::api_keys::new(&sample_key(), "ios_...")),
        (
            "PageOfAuditLogs",
            page(&super::audit::show(&sample_audit())),
        ),
        (
            "EntitySubtypes",
            json!([super::device_lists::subtype(&profile)]),
        ),
        ("PageOfDevices", page(&device_json)),
        ("Devices", json!([device_json])),
        ("Device", device_json),
        ("PageOfDeviceInfos", page(&info)),
        ("DeviceInfo", info),
        (
            "DeviceCredentials",
            json::credentials(&sample_credentials()),
        ),
        ("PageOfDeviceProfiles", page(&json::profile(&profile))),
        ("DeviceProfile", json::profile(&profile)),
        ("PageOfDeviceProfileInfos", page(&profile_info)),
        ("DeviceProfileInfo", profile_info),
        ("DeviceEvents", json!([super::events::row(&sample_event())])),
        ("Keys", json!(["temperature"])),
        (
            "Timeseries",
            json!({"temperature": [{"ts": AT, "value": "21.5"}]}),
        ),
        (
            "Attributes",
            json!([{"lastUpdateTs": AT, "key": "targetTemperature", "value": 21.5}]),
        ),
        ("RpcReply", Value::Null),
        ("PageOfPersistentRpcs", page(&rpc)),
        ("PersistentRpc", rpc),
    ]
}

fn page(row: &Value) -> Value {
    let request = PageRequest {
        size: 10,
        page: 0,
        text: None,
        sort: SortBy::CreatedTime,
        descending: false,
    };
    paging::answer(vec![row.clone()], 1, &request)
}

fn sample_device() -> Device {
    Device {
        id: DeviceId(ID),
        created: AT,
        name: "pump-7".to_owned(),
        label: Some("cellar".to_owned()),
        profile: ProfileId(ID),
        disabled: false,
        additional_info: r#"{"gateway":false,"description":""}"#.into(),
        version: 1,
    }
}

fn sample_profile() -> Profile {
    Profile {
        id: ProfileId(ID),
        created: AT,
        name: "default".to_owned(),
        description: Some("for devices that name none".to_owned()),
        default: true,
        options: ProfileOptions::default(),
        version: 1,
        retention: None,
        chain: None,
        rates: Default::default(),
    }
}

fn sample_operator() -> Operator {
    Operator {
        id: OperatorId(ID),
        created: AT,
        username: "admin@localhost".to_owned(),
        password_hash: String::new(),
        tokens_valid_from: 0,
        role: Role::Administrator,
        disabled: false,
        first_name: Some("Ada".to_owned()),
        last_name: Some("Example".to_owned()),
    }
}

fn sample_key() -> ApiKey {
    ApiKey {
        id: ApiKeyId(ID),
        owner: OperatorId(ID),
        created: AT,
        description: "dashboard".to_owned(),
        digest: [0; 32],
        role: Role::Viewer,
        read_only: true,
        expires: Some(AT),
    }
}

fn sample_audit() -> AuditRow {
    AuditRow {
        id: AuditId(ID),
        at: AT,
        operator: Some(OperatorId(ID)),
        username: "admin@localhost".to_owned(),
        via: Via::ApiKey(ApiKeyId(ID)),
        from: "192.0.2.1".parse().ok(),
        action: "POST /api/device".to_owned(),
        entity: format!("DEVICE {ID} pump-7"),
        status: 200,
        detail: String::new(),
    }
}

fn sample_credentials() -> Credentials {
    Credentials {
        id: CredentialsId(ID),
        device: DeviceId(ID),
        created: AT,
        kind: CredentialsKind::AccessToken,
        lookup: "tok".to_owned(),
        value: None,
        version: 1,
        former: None,
    }
}

fn sample_event() -> DeviceEvent {
    DeviceEvent {
        device: DeviceId(ID),
        at: AT,
        transport: Some(Transport::Mqtt),
        kind: Arc::new(EventKind::Refused {
            reason: Reason::BadJson,
            detail: "expected a value at line 1 column 9".to_owned(),
        }),
    }
}

fn sample_rpc() -> RpcRecord {
    RpcRecord {
        device: DeviceId(ID),
        order: RpcOrder {
            id: RpcId(ID),
            oneway: false,
            method: "setGpio".to_owned(),
            params: r#"{"pin":7,"value":1}"#.into(),
            created: AT,
            expires: AT,
            persistent: true,
            retries: 5,
            additional_info: None,
        },
        request_id: 0,
        state: RpcState::Successful,
        attempts: 0,
        response: Some(r#"{"result":"ok"}"#.into()),
        updated: AT,
    }
}
