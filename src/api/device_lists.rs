//! Lists of devices: pages, by name, by ids, types (contract/admin-rest.md 3 and 4). No secrets.

use super::endpoint::{get, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::json;
use super::paging;
use super::params::{self, Params};
use super::ApiState;
use crate::model::attributes::Scope;
use crate::model::device::{Device, Profile};
use crate::model::ids::{DeviceId, ProfileId};
use crate::model::query::PageRequest;
use crate::model::value::{Key, Value};
use actix_web::web::Data;
use actix_web::HttpResponse;
use serde_json::{json, Value as Json};
use std::collections::HashMap;

/// Devices that are looked at in one go while all of them are searched for the active ones.
const SWEEP: usize = 256;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "devices",
        vec![
            get("/api/device/types", types)
                .says("Names of all device profiles, as entity subtypes")
                .gives("EntitySubtypes"),
            page_of_devices("/api/tenant/devices")
                .says("A page of devices; with deviceName the one device of that name instead"),
            page_of_devices("/api/user/devices")
                .says("The same as /api/tenant/devices: every operator sees every device"),
            get("/api/tenant/device", by_name)
                .says("The device with exactly this name")
                .needs("deviceName", "exact name")
                .gives("Device")
                .fails(&[400, 404]),
            page_of_infos("/api/tenant/deviceInfos")
                .says("A page of devices with profile name and activity"),
            page_of_infos("/api/deviceInfos/all").says("The same as /api/tenant/deviceInfos"),
            get("/api/devices", by_ids)
                .says("The devices of these ids; unknown ids are left out")
                .needs("deviceIds", "comma-separated ids")
                .gives("Devices")
                .fails(&[400]),
        ],
    )
}

/// The list of devices, under either of its paths.
fn page_of_devices(path: &'static str) -> Endpoint {
    get(path, devices)
        .asks("pageSize", "rows a page; required without deviceName")
        .asks(
            "page",
            "number of the page, from 0; required without deviceName",
        )
        .lists()
        .asks("type", "only devices of the profile with this name")
        .asks("deviceName", "exact name: answers one Device")
        .gives("PageOfDevices")
        .fails(&[400, 404])
}

/// The list of devices with their state, under either of its paths.
fn page_of_infos(path: &'static str) -> Endpoint {
    get(path, infos)
        .paged()
        .asks("type", "only devices of the profile with this name")
        .asks("deviceProfileId", "only devices of this profile")
        .asks("active", "only active (true) or inactive (false) devices")
        .gives("PageOfDeviceInfos")
        .fails(&[400])
}

/// Profile names by id, read once for a list.
struct Kinds(HashMap<ProfileId, String>);

impl Kinds {
    fn of(profiles: &[Profile]) -> Self {
        let named = profiles.iter().map(|p| (p.id, p.name.clone()));
        Self(named.collect())
    }

    fn name(&self, device: &Device) -> &str {
        self.0.get(&device.profile).map_or("", String::as_str)
    }
}

/// Which devices a list is about.
enum Wanted {
    All,
    Of(ProfileId),
    /// A type or profile that does not exist.
    None,
}

impl Wanted {
    fn of(params: &Params, profiles: &[Profile]) -> Result<Self, ApiError> {
        let by_id = params
            .text("deviceProfileId")
            .map(|id| params::id(id, ProfileId::parse));
        let by_name = params.text("type").map(|name| {
            let found = profiles.iter().find(|profile| profile.name == name);
            found.map(|profile| profile.id)
        });
        Ok(match (by_id.transpose()?, by_name) {
            (None, None) => Self::All,
            (Some(id), None) => Self::Of(id),
            (None, Some(Some(id))) => Self::Of(id),
            (Some(a), Some(Some(b))) if a == b => Self::Of(a),
            _ => Self::None,
        })
    }
}

async fn types(_: Guard, state: Data<ApiState>) -> Answer {
    let profiles = state.auth.directory().profiles().await?;
    let types: Vec<Json> = profiles.iter().map(subtype).collect();
    Ok(HttpResponse::Ok().json(types))
}

/// tb-rest-client reads `EntitySubtype`s here.
pub fn subtype(profile: &Profile) -> Json {
    json!({"tenantId": json::tenant(), "entityType": "DEVICE", "type": profile.name})
}

async fn devices(_: Guard, state: Data<ApiState>, params: Params) -> Answer {
    if params.get("deviceName").is_some() {
        return one_by_name(&state, &params).await;
    }
    let page = paging::request(&params, state.config.max_page_size)?;
    let profiles = state.store.profiles().await?;
    let kinds = Kinds::of(&profiles);
    let (rows, total) = page_of(&state, &page, &Wanted::of(&params, &profiles)?).await?;
    let rows = rows.iter().map(|row| json::device(row, kinds.name(row)));
    Ok(HttpResponse::Ok().json(paging::answer(rows.collect(), total, &page)))
}

async fn by_name(_: Guard, state: Data<ApiState>, params: Params) -> Answer {
    one_by_name(&state, &params).await
}

async fn one_by_name(state: &ApiState, params: &Params) -> Answer {
    let name: String = params.required("deviceName")?;
    let found = state.store.device_by_name(&name).await?;
    let device = found.ok_or_else(|| ApiError::not_found("Requested item wasn't found!"))?;
    let profile = state.store.profile(device.profile).await?;
    let kind = profile.map(|profile| profile.name).unwrap_or_default();
    Ok(HttpResponse::Ok().json(json::device(&device, &kind)))
}

async fn infos(_: Guard, state: Data<ApiState>, params: Params) -> Answer {
    let page = paging::request(&params, state.config.max_page_size)?;
    let profiles = state.store.profiles().await?;
    let kinds = Kinds::of(&profiles);
    let wanted = Wanted::of(&params, &profiles)?;
    let (rows, total) = match params.boolean("active")? {
        Some(active) => page_by_activity(&state, &page, &wanted, active).await?,
        None => {
            let (rows, total) = page_of(&state, &page, &wanted).await?;
            (with_activity(&state, rows).await?, total)
        }
    };
    let rows = rows
        .iter()
        .map(|(row, active)| json::device_info(row, kinds.name(row), *active));
    Ok(HttpResponse::Ok().json(paging::answer(rows.collect(), total, &page)))
}

async fn page_of(
    state: &ApiState,
    page: &PageRequest,
    wanted: &Wanted,
) -> Result<(Vec<Device>, usize), ApiError> {
    let profile = match wanted {
        Wanted::None => return Ok((Vec::new(), 0)),
        Wanted::All => None,
        Wanted::Of(profile) => Some(*profile),
    };
    let found = state.store.devices(page, profile).await?;
    Ok((found.rows, found.total))
}

/// Activity is an attribute, not a field: every device that fits otherwise is looked at, by id;
/// only the asked page is read. Other requests of this worker get their turn in between.
async fn page_by_activity(
    state: &ApiState,
    page: &PageRequest,
    wanted: &Wanted,
    active: bool,
) -> Result<(Vec<(Device, bool)>, usize), ApiError> {
    let profile = match wanted {
        Wanted::None => return Ok((Vec::new(), 0)),
        Wanted::All => None,
        Wanted::Of(profile) => Some(*profile),
    };
    let skip = page.page.saturating_mul(page.size);
    let (mut rows, mut seen) = (Vec::new(), 0_usize);
    let ids = state.store.device_ids(page, profile).await?;
    for some in ids.chunks(SWEEP) {
        for id in some {
            if state.is_active(*id).await? != active {
                continue;
            }
            if seen >= skip && rows.len() < page.size {
                let found = state.store.device(*id).await?;
                rows.extend(found.map(|device| (device, active)));
            }
            seen += 1;
        }
        tokio::task::yield_now().await;
    }
    Ok((rows, seen))
}

async fn with_activity(
    state: &ApiState,
    rows: Vec<Device>,
) -> Result<Vec<(Device, bool)>, ApiError> {
    let mut known = Vec::with_capacity(rows.len());
    for row in rows {
        let active = state.is_active(row.id).await?;
        known.push((row, active));
    }
    Ok(known)
}

async fn by_ids(_: Guard, state: Data<ApiState>, params: Params) -> Answer {
    let ids: String = params.required("deviceIds")?;
    let profiles = state.store.profiles().await?;
    let kinds = Kinds::of(&profiles);
    let mut found = Vec::new();
    for id in ids.split(',').map(str::trim) {
        let id = params::id(id, DeviceId::parse)?;
        if let Some(device) = state.store.device(id).await? {
            found.push(json::device(&device, kinds.name(&device)));
        }
    }
    Ok(HttpResponse::Ok().json(found))
}

impl ApiState {
    /// The device's SERVER attribute `active` (contract/data-model.md 6).
    pub(super) async fn is_active(&self, device: DeviceId) -> Result<bool, ApiError> {
        let key = [Key::const_new("active")];
        let found = self
            .store
            .attributes(device, Scope::Server, Some(&key))
            .await?;
        Ok(found.iter().any(|found| found.value == Value::Bool(true)))
    }
}
