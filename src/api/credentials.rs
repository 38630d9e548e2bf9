//! Device credentials: read and update (contract/admin-rest.md 4, contract/provisioning.md 1), and a
//! certificate's upload as a file.
//! The only answers that hold a device's secret.

use super::body;
use super::call::to_the_end;
use super::devices::EntityRef;
use super::endpoint::{get, post, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::json;
use super::params::{self, Params};
use super::ApiState;
use crate::auth::certificates::upload;
use crate::auth::directory::{CredentialsOrder, DirectoryError};
use crate::model::credentials::{Credentials, CredentialsKind};
use crate::model::ids::{CredentialsId, DeviceId};
use actix_web::web::{Data, Path, Payload};
use actix_web::HttpResponse;
use serde::Deserialize;
use std::time::Duration;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "credentials",
        vec![
            post("/api/device/credentials", update)
                .says("Replace a device's credentials; a change ends its live sessions")
                .asks(
                    "overlapSeconds",
                    "how long the present ones are still accepted; default admin.rotation_overlap",
                )
                .takes("DeviceCredentials")
                .gives("DeviceCredentials")
                .fails(&[400, 404, 409, 413]),
            post("/api/device/{deviceId}/credentials/certificate", upload_file)
                .says(
                    "Make a certificate the device's credentials: the body is the file, PEM, DER or \
                     Base64 of DER, whatever its Content-Type; a private key is refused and not kept",
                )
                .asks(
                    "overlapSeconds",
                    "how long the present ones are still accepted; default admin.rotation_overlap",
                )
                .takes_file()
                .gives("DeviceCredentials")
                .fails(&[400, 404, 413]),
            get("/api/device/{deviceId}/credentials", read)
                .says("A device's credentials")
                .gives("DeviceCredentials")
                .fails(&[400, 404]),
        ],
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    id: Option<EntityRef>,
    device_id: EntityRef,
    credentials_type: Option<String>,
    credentials_id: Option<String>,
    credentials_value: Option<String>,
    version: Option<u64>,
}

async fn read(_: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, DeviceId::parse)?;
    let record = state.auth.directory().credentials(id).await?;
    Ok(answer(&record))
}

async fn upload_file(
    guard: Guard,
    state: Data<ApiState>,
    path: Path<String>,
    params: Params,
    payload: Payload,
) -> Answer {
    let device = params::id(&path, DeviceId::parse)?;
    let limit = state.config.max_body.bytes().min(upload::LARGEST);
    let file = body::read(payload, &state, limit).await;
    let file = file.inspect_err(|rejection| state.count(rejection.reason))?;
    let der = upload::from_bytes(&file).map_err(DirectoryError::Certificate)?;
    let order = CredentialsOrder {
        id: None,
        device,
        kind: Some(CredentialsKind::X509Certificate),
        credentials_id: None,
        credentials_value: Some(upload::text_of(&der)),
        version: None,
        overlap: params.value("overlapSeconds")?.map(Duration::from_secs),
    };
    saved(&guard, &state, order).await
}

async fn update(guard: Guard, state: Data<ApiState>, params: Params, payload: Payload) -> Answer {
    let asked: Update = body::json(payload, &state).await?;
    let id = asked.id.map(|id| params::id(&id.id, CredentialsId::parse));
    let order = CredentialsOrder {
        id: id.transpose()?,
        device: params::id(&asked.device_id.id, DeviceId::parse)?,
        kind: kind(asked.credentials_type.as_deref())?,
        credentials_id: asked.credentials_id,
        credentials_value: asked.credentials_value,
        version: asked.version,
        overlap: params.value("overlapSeconds")?.map(Duration::from_secs),
    };
    saved(&guard, &state, order).await
}

async fn saved(guard: &Guard, state: &ApiState, order: CredentialsOrder) -> Answer {
    let record = replace(state, order).await?;
    guard.about("DEVICE", record.device, record.kind.name());
    tracing::info!(operator = %guard.0.username, device = %record.device, "credentials saved");
    Ok(answer(&record))
}

/// Saves credentials and ends the sessions that the old ones let in.
pub async fn replace(state: &ApiState, order: CredentialsOrder) -> Result<Credentials, ApiError> {
    let device = order.device;
    let state = state.clone();
    to_the_end(async move {
        let saved = state.auth.directory().update_credentials(order).await?;
        state.end_sessions(device, saved.end_sessions).await?;
        Ok(saved.record)
    })
    .await
}

/// The `credentialsType` word; 400 for one that does not exist.
pub fn kind(word: Option<&str>) -> Result<Option<CredentialsKind>, ApiError> {
    word.map(|word| {
        CredentialsKind::parse(word).ok_or_else(|| {
            ApiError::bad("Unknown device credentials type").detail(
                "known are ACCESS_TOKEN, X509_CERTIFICATE, MQTT_BASIC, PRE_SHARED_KEY and LWM2M_CREDENTIALS",
            )
        })
    })
    .transpose()
}

fn answer(record: &Credentials) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(json::credentials(record))
}
