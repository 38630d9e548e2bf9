//! Telemetry as operators write it: save and delete (contract/admin-rest.md 5). Everything goes
//! through the device's actor; 200 means on disk.

use super::endpoint::{delete, post, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::params::Params;
use super::telemetry::named_keys;
use super::ApiState;
use crate::model::device::ProfileOptions;
use crate::model::json;
use crate::model::reject::{Reason, Rejection};
use crate::model::telemetry::Telemetry;
use crate::registry::Command;
use crate::store::batch::DeleteSelection;
use actix_web::web::{Data, Path, Payload};
use actix_web::HttpResponse;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "telemetry",
        vec![
            delete(
                "/api/plugins/telemetry/{entityType}/{entityId}/timeseries/delete",
                remove,
            )
            .says("Delete points of some keys")
            .asks("keys", "comma-separated keys; these or key are needed")
            .asks("key", "one key, may repeat and hold commas; wins over keys")
            .asks("deleteAllDataForKeys", "true: without regard to time")
            .asks("startTs", "epoch ms, inclusive; needed unless all is deleted")
            .asks("endTs", "epoch ms, exclusive; needed unless all is deleted")
            .asks("deleteLatest", "false: keep latest values, default true")
            .asks(
                "rewriteLatestIfDeleted",
                "true: the newest remaining point becomes the latest",
            )
            .fails(&[400, 404]),
            post(
                "/api/plugins/telemetry/{entityType}/{entityId}/timeseries/{scope}",
                save,
            )
            .says("Save telemetry, in any of the shapes that devices send; any scope word")
            .takes("Telemetry")
            .fails(&[400, 404, 413]),
            post(
                "/api/plugins/telemetry/{entityType}/{entityId}/timeseries/{scope}/{ttl}",
                save_with_ttl,
            )
            .says(
                "Save telemetry with a time to live in seconds: 0, or that of the device's profile \
                 (storageTtlSeconds, or store.retention). Points of one device are kept equally \
                 long, so any other ttl is refused rather than ignored",
            )
            .takes("Telemetry")
            .fails(&[400, 404, 413]),
        ],
    )
}

async fn save(
    _: Guard,
    state: Data<ApiState>,
    path: Path<(String, String, String)>,
    payload: Payload,
) -> Answer {
    store(&state, &path.0, &path.1, payload).await
}

async fn save_with_ttl(
    _: Guard,
    state: Data<ApiState>,
    path: Path<(String, String, String, String)>,
    payload: Payload,
) -> Answer {
    let Ok(ttl) = path.3.parse::<u64>() else {
        return Err(ApiError::bad("Invalid ttl: must be a number of seconds"));
    };
    if ttl > 0 {
        let device = state.entity(&path.0, &path.1).await?;
        let profile = state.store.profile(device.profile).await?;
        let kept = profile.and_then(|profile| profile.retention);
        let kept = kept.unwrap_or(state.retention);
        if ttl != kept {
            return Err(ApiError::bad("A ttl of single messages is not served: set storageTtlSeconds of the device's profile")
                .detail(format!("points of this device are kept {kept} seconds (0 = for ever), not {ttl}")));
        }
    }
    store(&state, &path.0, &path.1, payload).await
}

async fn store(state: &ApiState, kind: &str, id: &str, payload: Payload) -> Answer {
    let device = state.entity(kind, id).await?;
    let limit = state.config.max_body;
    let body = state.body(device.id, payload, limit).await?;
    let profile = state.store.profile(device.profile).await?;
    let options = profile.map(|profile| profile.options).unwrap_or_default();
    let telemetry = match parse(&body, options, state) {
        Ok(telemetry) => telemetry,
        Err(rejection) => return Err(refusal(state.refuse(device.id, rejection).await)),
    };
    if telemetry.points() == 0 {
        return Err(ApiError::bad("No time series data found in request body!"));
    }
    state
        .done(device.id, Command::SaveTelemetry(telemetry))
        .await?;
    Ok(HttpResponse::Ok().finish())
}

fn parse(body: &[u8], options: ProfileOptions, state: &ApiState) -> Result<Telemetry, Rejection> {
    let telemetry = json::telemetry(body, super::now(), &state.payload, options)?;
    if telemetry.nulls_skipped > 0 {
        return Err(Rejection::new(
            Reason::NullValue,
            "null is no value; nothing of this request was saved",
        ));
    }
    Ok(telemetry)
}

/// ThingsBoard's text, with what and where beside it.
fn refusal(rejection: Rejection) -> ApiError {
    match rejection.reason {
        Reason::BadJson | Reason::BadShape | Reason::TooDeep => {
            ApiError::bad("Unable to parse time series payload: Invalid JSON body!")
                .detail(rejection.detail)
        }
        Reason::BadKey => super::attributes::bad_key(rejection),
        _ => rejection.into(),
    }
}

async fn remove(
    _: Guard,
    state: Data<ApiState>,
    path: Path<(String, String)>,
    params: Params,
) -> Answer {
    let device = state.entity(&path.0, &path.1).await?;
    let keys = named_keys(&params).filter(|keys| !keys.is_empty());
    let keys = keys.ok_or_else(|| ApiError::bad("Empty keys: []"))?;
    let selection = selection(&params)?;
    let command = Command::DeleteTelemetry { keys, selection };
    state.done(device.id, command).await?;
    Ok(HttpResponse::Ok().finish())
}

fn selection(params: &Params) -> Result<DeleteSelection, ApiError> {
    let range = if params.flag("deleteAllDataForKeys", false)? {
        None
    } else {
        match (params.value("startTs")?, params.value("endTs")?) {
            (Some(start), Some(end)) => Some((start, end)),
            _ => {
                return Err(ApiError::bad(
                    "When deleteAllDataForKeys is false, start and end timestamp values shouldn't be empty",
                ));
            }
        }
    };
    Ok(DeleteSelection {
        range,
        delete_latest: params.flag("deleteLatest", true)?,
        rewrite_latest: params.flag("rewriteLatestIfDeleted", false)?,
    })
}
