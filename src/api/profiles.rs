//! Device profiles: lists, one, the default one, save (contract/admin-rest.md 4).

use super::body;
use super::devices::EntityRef;
use super::endpoint::{delete, get, post, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::json;
use super::paging;
use super::params::{self, Params};
use super::provisioning;
use super::ApiState;
use crate::auth::directory::ProfileOrder;
use crate::model::device::{ChainOptions, Profile, ProfileOptions, ProfileRates};
use crate::model::ids::ProfileId;
use crate::model::query::{PageRequest, SortBy};
use crate::model::rates::Rates;
use actix_web::web::{Data, Path, Payload};
use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::Value;

/// Seconds.
const LONGEST_TTL: u64 = 100 * 365 * 24 * 3600;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "profiles",
        vec![
            get("/api/deviceProfiles", profiles)
                .says("A page of device profiles")
                .paged()
                .gives("PageOfDeviceProfiles")
                .fails(&[400]),
            get("/api/deviceProfileInfos", infos)
                .says("A page of device profiles in short")
                .paged()
                .gives("PageOfDeviceProfileInfos")
                .fails(&[400]),
            get("/api/deviceProfileInfo/default", default)
                .says("The profile of devices that name none, in short")
                .gives("DeviceProfileInfo"),
            get("/api/deviceProfileInfo/{deviceProfileId}", info)
                .says("One device profile in short")
                .gives("DeviceProfileInfo")
                .fails(&[400, 404]),
            get("/api/deviceProfile/{deviceProfileId}", read)
                .says("One device profile")
                .gives("DeviceProfile")
                .fails(&[400, 404]),
            post("/api/deviceProfile/{deviceProfileId}/default", make_default)
                .says("Make it the profile of devices that name none")
                .gives("DeviceProfile")
                .fails(&[400, 404]),
            post("/api/deviceProfile", save)
                .says(
                    "Create a device profile, or update the one that `id` names. \
                     `profileData.configuration.storageTtlSeconds`: how long points of its devices \
                     are kept, in seconds; 0 = for ever, null = as store.retention says, left out = \
                     as it was. `transportDeviceMsgRateLimit` and \
                     `transportDeviceTelemetryDataPointsRateLimit` (`\"100:1s,3000:1m\"`, or \
                     `\"100:1\"` in plain seconds): what one device may send; empty = without limit, \
                     null = as device.message_rate and device.point_rate say",
                )
                .takes("SaveDeviceProfile")
                .gives("DeviceProfile")
                .fails(&[400, 404, 409, 413]),
            delete("/api/deviceProfile/{deviceProfileId}", remove)
                .says("Delete a device profile that no device has and that is not the default one")
                .fails(&[400, 404]),
        ],
    )
}

async fn profiles(_: Guard, state: Data<ApiState>, params: Params) -> Answer {
    page(&state, &params, json::profile).await
}

async fn infos(_: Guard, state: Data<ApiState>, params: Params) -> Answer {
    page(&state, &params, json::profile_info).await
}

async fn page(state: &ApiState, params: &Params, show: fn(&Profile) -> Value) -> Answer {
    let page = paging::request(params, state.config.max_page_size)?;
    let mut found = state.auth.directory().profiles().await?;
    if let Some(text) = page.text.as_ref().map(|text| text.to_lowercase()) {
        found.retain(|profile| profile.name.to_lowercase().contains(&text));
    }
    sort(&mut found, &page);
    let (rows, total) = paging::cut(found, &page);
    let rows = rows.iter().map(show).collect();
    Ok(HttpResponse::Ok().json(paging::answer(rows, total, &page)))
}

fn sort(profiles: &mut [Profile], page: &PageRequest) {
    match page.sort {
        SortBy::CreatedTime => profiles.sort_by_key(|profile| (profile.created, profile.id)),
        _ => profiles.sort_by_key(|profile| (profile.name.to_lowercase(), profile.id)),
    }
    if page.descending {
        profiles.reverse();
    }
}

async fn default(_: Guard, state: Data<ApiState>) -> Answer {
    let profile = state.auth.directory().default_profile().await?;
    Ok(HttpResponse::Ok().json(json::profile_info(&profile)))
}

async fn read(_: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let profile = one(&state, &path).await?;
    Ok(HttpResponse::Ok().json(json::profile(&profile)))
}

async fn info(_: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let profile = one(&state, &path).await?;
    Ok(HttpResponse::Ok().json(json::profile_info(&profile)))
}

async fn one(state: &ApiState, id: &str) -> Result<Profile, ApiError> {
    let id = params::id(id, ProfileId::parse)?;
    Ok(state.auth.directory().profile(id).await?)
}

async fn make_default(guard: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, ProfileId::parse)?;
    let profile = state.auth.directory().set_default_profile(id).await?;
    guard.about("DEVICE_PROFILE", id, &profile.name);
    tracing::info!(operator = %guard.0.username, profile = %id, "default profile chosen");
    Ok(HttpResponse::Ok().json(json::profile(&profile)))
}

async fn remove(guard: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, ProfileId::parse)?;
    state.auth.directory().delete_profile(id).await?;
    tracing::info!(operator = %guard.0.username, profile = %id, "profile deleted");
    Ok(HttpResponse::Ok().finish())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Save {
    id: Option<EntityRef>,
    name: Option<String>,
    description: Option<String>,
    transport_type: Option<String>,
    provision_type: Option<String>,
    profile_data: Option<ProfileData>,
    version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileData {
    configuration: Option<Configuration>,
    transport_configuration: Option<TransportConfiguration>,
    provision_configuration: Option<provisioning::Configuration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    /// Left out is not the same as `null`.
    #[serde(default, deserialize_with = "named")]
    storage_ttl_seconds: Option<Option<u64>>,
    #[serde(default, deserialize_with = "named")]
    transport_device_msg_rate_limit: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    transport_device_telemetry_data_points_rate_limit: Option<Option<String>>,
}

fn named<'de, T, D>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransportConfiguration {
    send_ack_on_validation_exception: Option<bool>,
    cast_numeric_strings: Option<bool>,
}

impl Save {
    /// What cannot be had yet is refused, rather than taken and forgotten.
    fn refuse_unserved(&self) -> Result<(), ApiError> {
        let default =
            |word: &Option<String>, only: &str| word.as_deref().is_none_or(|word| word == only);
        if !default(&self.transport_type, "DEFAULT") {
            return Err(ApiError::bad(
                "transportType other than DEFAULT is not served yet",
            ));
        }
        if self
            .storage_ttl()
            .flatten()
            .is_some_and(|ttl| ttl > LONGEST_TTL)
        {
            return Err(ApiError::bad("storageTtlSeconds must be at most 100 years"));
        }
        Ok(())
    }

    /// `None` = not named.
    fn storage_ttl(&self) -> Option<Option<u64>> {
        let data = self.profile_data.as_ref()?;
        data.configuration.as_ref()?.storage_ttl_seconds
    }

    fn chain(&self, before: Option<ChainOptions>) -> Result<Option<ChainOptions>, ApiError> {
        let data = self.profile_data.as_ref();
        let given = data.and_then(|data| data.provision_configuration.as_ref());
        provisioning::wanted(self.provision_type.as_deref(), given, before)
    }

    /// Rates that are not named keep what they were.
    fn rates(&self, before: ProfileRates) -> Result<ProfileRates, ApiError> {
        let named = self.profile_data.as_ref();
        let Some(named) = named.and_then(|data| data.configuration.as_ref()) else {
            return Ok(before);
        };
        let read = |named: &Option<Option<String>>, before| match named {
            None => Ok(before),
            Some(text) => {
                let rates = text.as_deref().map(Rates::parse).transpose();
                rates.map_err(|why| ApiError::bad("Invalid rate limit").detail(why))
            }
        };
        Ok(ProfileRates {
            messages: read(&named.transport_device_msg_rate_limit, before.messages)?,
            points: read(
                &named.transport_device_telemetry_data_points_rate_limit,
                before.points,
            )?,
        })
    }

    /// Options that are not named keep what they were.
    fn options(&self, before: ProfileOptions) -> ProfileOptions {
        let named = self
            .profile_data
            .as_ref()
            .and_then(|data| data.transport_configuration.as_ref());
        let Some(named) = named else {
            return before;
        };
        ProfileOptions {
            ack_malformed: named
                .send_ack_on_validation_exception
                .unwrap_or(before.ack_malformed),
            cast_numeric_strings: named
                .cast_numeric_strings
                .unwrap_or(before.cast_numeric_strings),
        }
    }
}

async fn save(guard: Guard, state: Data<ApiState>, payload: Payload) -> Answer {
    let asked: Save = body::json(payload, &state).await?;
    asked.refuse_unserved()?;
    let id = asked
        .id
        .as_ref()
        .map(|id| params::id(&id.id, ProfileId::parse))
        .transpose()?;
    let (before, retention, chain, rates) = match id {
        Some(id) => {
            let before = state.auth.directory().profile(id).await?;
            (before.options, before.retention, before.chain, before.rates)
        }
        None => (
            ProfileOptions::default(),
            None,
            None,
            ProfileRates::default(),
        ),
    };
    let order = ProfileOrder {
        options: asked.options(before),
        retention: asked.storage_ttl().unwrap_or(retention),
        rates: asked.rates(rates)?,
        chain: asked.chain(chain)?,
        name: asked.name.unwrap_or_default(),
        description: asked.description,
        version: asked.version,
    };
    let profile = state.auth.directory().save_profile(id, order).await?;
    guard.about("DEVICE_PROFILE", profile.id, &profile.name);
    tracing::info!(operator = %guard.0.username, profile = %profile.id, "profile saved");
    Ok(HttpResponse::Ok().json(json::profile(&profile)))
}
