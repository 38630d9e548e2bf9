//! Filtering, sorting and cutting of lists (contract/admin-rest.md 3), alike in every engine. Pure.

use crate::model::device::Device;
use crate::model::ids::ProfileId;
use crate::model::query::{Page, PageRequest, SortBy};
use crate::model::rpc::RpcRecord;
use std::cmp::Ordering;

/// One page of devices. Text matches name or label without case. Names, labels and types sort
/// without case; equal ones by time of creation, then id. `type_of` gives a profile's name and is
/// asked only when sorting by type.
pub fn page_of_devices(
    mut devices: Vec<Device>,
    type_of: impl Fn(ProfileId) -> Option<String>,
    request: &PageRequest,
) -> Page<Device> {
    let text = needle(request);
    devices.retain(|device| is_wanted(device, text.as_deref()));
    let keyed = devices.into_iter().map(|device| {
        let key = sort_key(&device, request.sort, &type_of);
        (key, device)
    });
    sort_and_cut(keyed.collect(), request, |a, b| {
        (a.created, a.id).cmp(&(b.created, b.id))
    })
}

/// Whether a device has the text of a search (see `needle`) in its name or label.
pub fn is_wanted(device: &Device, needle: Option<&str>) -> bool {
    needle.is_none_or(|text| {
        let label = device.label.as_deref();
        contains(&device.name, text) || label.is_some_and(|label| contains(label, text))
    })
}

/// What devices are sorted by, before time of creation and id.
pub fn sort_key(
    device: &Device,
    sort: SortBy,
    type_of: impl Fn(ProfileId) -> Option<String>,
) -> String {
    match sort {
        SortBy::CreatedTime => String::new(),
        SortBy::Name => device.name.to_lowercase(),
        SortBy::Label => device.label.as_deref().unwrap_or("").to_lowercase(),
        SortBy::Type => type_of(device.profile).unwrap_or_default().to_lowercase(),
    }
}

/// One page of RPC records. Text matches the method without case; `Name` sorts by method, every
/// other order is by time of creation, then request id.
pub fn page_of_rpcs(mut records: Vec<RpcRecord>, request: &PageRequest) -> Page<RpcRecord> {
    if let Some(text) = needle(request) {
        records.retain(|record| contains(&record.order.method, &text));
    }
    let keyed = records.into_iter().map(|record| {
        let key = match request.sort {
            SortBy::Name => record.order.method.to_lowercase(),
            _ => String::new(),
        };
        (key, record)
    });
    sort_and_cut(keyed.collect(), request, oldest_rpc_first)
}

/// The order in which RPCs were asked for: creation, then request id, then id.
pub fn oldest_rpc_first(a: &RpcRecord, b: &RpcRecord) -> Ordering {
    let key = |record: &RpcRecord| (record.order.created, record.request_id, record.order.id);
    key(a).cmp(&key(b))
}

/// The text to search for, without case; `None` when everything matches.
pub fn needle(request: &PageRequest) -> Option<String> {
    let text = request.text.as_deref().filter(|text| !text.is_empty());
    text.map(str::to_lowercase)
}

fn contains(hay: &str, lower_needle: &str) -> bool {
    hay.to_lowercase().contains(lower_needle)
}

fn sort_and_cut<T>(
    mut rows: Vec<(String, T)>,
    request: &PageRequest,
    by_age: impl Fn(&T, &T) -> Ordering,
) -> Page<T> {
    rows.sort_by(|(a_key, a), (b_key, b)| {
        let ordering = a_key.cmp(b_key).then_with(|| by_age(a, b));
        if request.descending {
            ordering.reverse()
        } else {
            ordering
        }
    });
    let total = rows.len();
    let skip = request.page.saturating_mul(request.size);
    let rows = rows.into_iter().skip(skip).take(request.size);
    Page {
        rows: rows.map(|(_, row)| row).collect(),
        total,
    }
}
