//! `/api/device`: create, read, update, delete, disable (contract/admin-rest.md 4).

use super::body;
use super::call::to_the_end;
use super::endpoint::{delete as delete_, get, post, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::json;
use super::params::{self, Params};
use super::ApiState;
use crate::auth::directory::{
    CredentialsOrder, DeviceOrder, DirectoryError, ErrorKind, NameConflict, NewCredentials,
    ProfileChoice, UniquifyStrategy,
};
use crate::model::device::Device;
use crate::model::ids::{DeviceId, ProfileId};
use crate::registry::Command;
use actix_web::web::{Data, Path, Payload};
use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::Value;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "devices",
        vec![
            post("/api/device", save)
                .says("Create a device, or update the one that `id` names")
                .asks(
                    "accessToken",
                    "token of the new device; made up when absent",
                )
                .asks("nameConflictPolicy", "FAIL (default) or UNIQUIFY")
                .asks("uniquifySeparator", "between name and suffix, default _")
                .asks("uniquifyStrategy", "RANDOM (default) or INCREMENTAL")
                .takes("SaveDevice")
                .gives("Device")
                .fails(&[400, 404, 409, 413]),
            post("/api/device-with-credentials", save_with_credentials)
                .says("Create or update a device together with its credentials")
                .asks("nameConflictPolicy", "FAIL (default) or UNIQUIFY")
                .asks("uniquifySeparator", "between name and suffix, default _")
                .asks("uniquifyStrategy", "RANDOM (default) or INCREMENTAL")
                .takes("SaveDeviceWithCredentials")
                .gives("Device")
                .fails(&[400, 404, 409, 413]),
            get("/api/device/info/{deviceId}", info)
                .says("One device with its profile's name and whether it is active")
                .gives("DeviceInfo")
                .fails(&[400, 404]),
            get("/api/device/{deviceId}", read)
                .says("One device")
                .gives("Device")
                .fails(&[400, 404]),
            delete_("/api/device/{deviceId}", delete)
                .says("Delete a device and everything it owns; its live sessions end")
                .fails(&[400, 404]),
            post("/api/device/{deviceId}/disable", disable)
                .says("Refuse the device from now on; its live sessions end, its data stays")
                .gives("Device")
                .fails(&[400, 404]),
            post("/api/device/{deviceId}/enable", enable)
                .says("Let a disabled device in again")
                .gives("Device")
                .fails(&[400, 404]),
        ],
    )
}

/// `{"entityType":"DEVICE","id":"..."}`; the type may be left out.
#[derive(Deserialize)]
pub struct EntityRef {
    pub id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SaveDevice {
    id: Option<EntityRef>,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    label: Option<String>,
    device_profile_id: Option<EntityRef>,
    disabled: Option<bool>,
    additional_info: Option<Value>,
    version: Option<u64>,
}

#[derive(Deserialize)]
struct SaveDeviceWithCredentials {
    device: SaveDevice,
    credentials: GivenCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenCredentials {
    credentials_type: Option<String>,
    credentials_id: Option<String>,
    credentials_value: Option<String>,
}

impl SaveDevice {
    /// The id to update (`None`: create), and the order.
    fn order(self, params: &Params) -> Result<(Option<DeviceId>, DeviceOrder), ApiError> {
        let id = self.id.map(|id| params::id(&id.id, DeviceId::parse));
        let profile = self
            .device_profile_id
            .map(|id| params::id(&id.id, ProfileId::parse));
        let order = DeviceOrder {
            name: self.name.unwrap_or_default(),
            label: self.label,
            profile: ProfileChoice {
                id: profile.transpose()?,
                type_name: self.kind.filter(|kind| !kind.trim().is_empty()),
            },
            disabled: self.disabled,
            additional_info: self
                .additional_info
                .filter(|info| !info.is_null())
                .map(|info| info.to_string().into()),
            version: self.version,
            on_conflict: name_conflict(params)?,
        };
        Ok((id.transpose()?, order))
    }
}

fn name_conflict(params: &Params) -> Result<NameConflict, ApiError> {
    let strategy = match params.text("uniquifyStrategy") {
        None | Some("RANDOM") => UniquifyStrategy::Random,
        Some("INCREMENTAL") => UniquifyStrategy::Incremental,
        Some(_) => {
            return Err(ApiError::bad(
                "Invalid value of parameter 'uniquifyStrategy'",
            ))
        }
    };
    match params.text("nameConflictPolicy") {
        None | Some("FAIL") => Ok(NameConflict::Fail),
        Some("UNIQUIFY") => Ok(NameConflict::Uniquify {
            separator: params.get("uniquifySeparator").unwrap_or("_").to_owned(),
            strategy,
        }),
        Some(_) => Err(ApiError::bad(
            "Invalid value of parameter 'nameConflictPolicy'",
        )),
    }
}

async fn save(guard: Guard, state: Data<ApiState>, params: Params, payload: Payload) -> Answer {
    let asked: SaveDevice = body::json(payload, &state).await?;
    let (id, order) = asked.order(&params)?;
    let token = params.text("accessToken");
    let saved = match (id, token) {
        (None, None) => create(&state, order, NewCredentials::Generated).await?,
        (None, Some(token)) => {
            create(&state, order, NewCredentials::AccessToken(token.to_owned())).await?
        }
        (Some(id), None) => update(&state, id, order).await?,
        (Some(_), Some(_)) => {
            return Err(ApiError::bad(
                "accessToken is for new devices; update with POST /api/device/credentials",
            ));
        }
    };
    guard.about("DEVICE", saved.id, &saved.name);
    tracing::info!(operator = %guard.0.username, device = %saved.id, "device saved");
    answer(&state, &saved).await
}

async fn save_with_credentials(
    guard: Guard,
    state: Data<ApiState>,
    params: Params,
    payload: Payload,
) -> Answer {
    let asked: SaveDeviceWithCredentials = body::json(payload, &state).await?;
    let (id, order) = asked.device.order(&params)?;
    let kind = super::credentials::kind(asked.credentials.credentials_type.as_deref())?;
    let saved = match id {
        None => {
            let credentials = NewCredentials::Given {
                kind,
                credentials_id: asked.credentials.credentials_id,
                credentials_value: asked.credentials.credentials_value,
            };
            create(&state, order, credentials).await?
        }
        Some(id) => {
            let credentials = CredentialsOrder {
                id: None,
                device: id,
                kind,
                credentials_id: asked.credentials.credentials_id,
                credentials_value: asked.credentials.credentials_value,
                version: None,
                overlap: None,
            };
            let change = state.clone();
            to_the_end(async move {
                let saved = update(&change, id, order).await?;
                super::credentials::replace(&change, credentials).await?;
                Ok(saved)
            })
            .await?
        }
    };
    guard.about("DEVICE", saved.id, &saved.name);
    tracing::info!(operator = %guard.0.username, device = %saved.id, "device saved with credentials");
    answer(&state, &saved).await
}

async fn create(
    state: &ApiState,
    order: DeviceOrder,
    credentials: NewCredentials,
) -> Result<Device, ApiError> {
    let directory = state.auth.directory();
    Ok(directory.create_device(order, credentials).await?)
}

async fn update(state: &ApiState, id: DeviceId, order: DeviceOrder) -> Result<Device, ApiError> {
    let state = state.clone();
    to_the_end(async move {
        let saved = state.auth.directory().update_device(id, order).await?;
        state.end_sessions(id, saved.end_sessions).await?;
        Ok(saved.record)
    })
    .await
}

async fn read(_: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, DeviceId::parse)?;
    let device = state.auth.directory().device(id).await?;
    answer(&state, &device).await
}

async fn info(_: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, DeviceId::parse)?;
    let device = state.auth.directory().device(id).await?;
    let kind = kind_of(&state, &device).await?;
    let active = state.is_active(id).await?;
    Ok(HttpResponse::Ok().json(json::device_info(&device, &kind, active)))
}

async fn delete(guard: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, DeviceId::parse)?;
    let gone = to_the_end(async move {
        let (device, _exclusive) = state.auth.directory().begin_delete(id).await?;
        state.done(id, Command::Delete).await?;
        Ok(device)
    })
    .await?;
    guard.about("DEVICE", id, &gone.name);
    tracing::info!(operator = %guard.0.username, device = %id, "device deleted");
    Ok(HttpResponse::Ok().finish())
}

async fn disable(guard: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    set_disabled(guard, &state, &path, true).await
}

async fn enable(guard: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    set_disabled(guard, &state, &path, false).await
}

async fn set_disabled(guard: Guard, state: &ApiState, id: &str, disabled: bool) -> Answer {
    let id = params::id(id, DeviceId::parse)?;
    let doer = state.clone();
    let device = to_the_end(async move {
        let saved = doer.auth.directory().set_disabled(id, disabled).await?;
        doer.end_sessions(id, saved.end_sessions).await?;
        Ok(saved.record)
    })
    .await?;
    guard.about("DEVICE", id, &device.name);
    tracing::info!(operator = %guard.0.username, device = %id, disabled, "device switched");
    answer(state, &device).await
}

async fn answer(state: &ApiState, device: &Device) -> Answer {
    let kind = kind_of(state, device).await?;
    Ok(HttpResponse::Ok().json(json::device(device, &kind)))
}

async fn kind_of(state: &ApiState, device: &Device) -> Result<String, ApiError> {
    let profile = state.store.profile(device.profile).await?;
    Ok(profile.map(|profile| profile.name).unwrap_or_default())
}

impl From<DirectoryError> for ApiError {
    fn from(error: DirectoryError) -> Self {
        if let DirectoryError::Store(error) = error {
            return error.into();
        }
        match error.kind() {
            ErrorKind::Invalid => ApiError::bad(error.to_string()),
            ErrorKind::NotFound => ApiError::not_found(error.to_string()),
            ErrorKind::Conflict => ApiError::version_conflict().detail(error.to_string()),
            ErrorKind::Store => ApiError::internal(error.to_string()),
        }
    }
}
