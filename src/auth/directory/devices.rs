//! Making and changing devices (contract/admin-rest.md 4). Runs under the directory's lock.

use super::orders::{DeviceOrder, NewCredentials, Saved};
use super::reserved::Claim;
use super::{names, DirectoryError, Inner, Result};
use crate::model::attributes::Scope;
use crate::model::device::Device;
use crate::model::ids::DeviceId;
use crate::model::reject::Reason;
use crate::model::value::{Key, Value};
use crate::store::{Batch, Change};
use serde_json::value::RawValue;

/// Largest `additionalInfo`, in bytes: lists of devices carry it.
const LARGEST_INFO: usize = 64 * 1024;

impl Inner {
    /// A new device, what its commit holds, and what is reserved until that is done.
    pub(super) async fn prepare_device(
        &self,
        order: DeviceOrder,
        credentials: NewCredentials,
    ) -> Result<(Device, Batch, Claim)> {
        let (label, additional_info) = parts(&order)?;
        let name = self
            .free_name(&order.name, &order.on_conflict, None)
            .await?;
        let id = DeviceId::new();
        let now = self.now();
        let credentials = self.new_credentials(id, credentials, now).await?;
        // Last, because it may make a profile.
        let profile = self.profile_for(&order.profile, None).await?;
        let device = Device {
            id,
            created: now,
            name,
            label,
            profile: profile.id,
            disabled: order.disabled.unwrap_or(false),
            additional_info,
            version: 1,
        };
        let inactive = Change::AttributesPut {
            device: id,
            scope: Scope::Server,
            at: now,
            entries: vec![(Key::const_new("active"), Value::Bool(false))],
        };
        let claim = self.claim(&device.name, &credentials.lookup, device.profile);
        let changes = vec![
            Change::DevicePut(device.clone()),
            Change::CredentialsPut(credentials),
            inactive,
        ];
        Ok((device, Batch::of_device(id, changes), claim))
    }

    pub(super) async fn update_device(
        &self,
        id: DeviceId,
        order: DeviceOrder,
    ) -> Result<Saved<Device>> {
        let present = self.present(id).await?;
        if order.version.is_some_and(|read| read != present.version) {
            return Err(DirectoryError::VersionConflict);
        }
        let (label, additional_info) = parts(&order)?;
        let name = self
            .free_name(&order.name, &order.on_conflict, Some(id))
            .await?;
        let profile = self
            .profile_for(&order.profile, Some(present.profile))
            .await?;
        let wanted = Device {
            name,
            label,
            profile: profile.id,
            disabled: order.disabled.unwrap_or(present.disabled),
            additional_info,
            ..present.clone()
        };
        self.put(present, wanted).await
    }

    pub(super) async fn set_disabled(&self, id: DeviceId, disabled: bool) -> Result<Saved<Device>> {
        let present = self.present(id).await?;
        let wanted = Device {
            disabled,
            ..present.clone()
        };
        self.put(present, wanted).await
    }

    /// Commits a changed device under the next version; an unchanged one is left as it is.
    async fn put(&self, present: Device, mut wanted: Device) -> Result<Saved<Device>> {
        if wanted != present {
            wanted.version = present.version + 1;
            let change = Change::DevicePut(wanted.clone());
            let batch = Batch::of_device(wanted.id, vec![change]);
            self.store.commit(batch).await?;
        }
        Ok(Saved {
            end_sessions: wanted.disabled.then_some(Reason::DeviceDisabled),
            record: wanted,
        })
    }

    pub(super) async fn present(&self, id: DeviceId) -> Result<Device> {
        let found = self.store.device(id).await?;
        found.ok_or(DirectoryError::DeviceUnknown(id))
    }
}

/// Label and additional information as they are stored.
fn parts(order: &DeviceOrder) -> Result<(Option<String>, Box<str>)> {
    let label = order.label.clone().filter(|label| !label.is_empty());
    if !label.as_deref().is_none_or(names::fits) {
        return Err(DirectoryError::LabelTooLong);
    }
    Ok((label, additional_info(order.additional_info.as_deref())?))
}

/// The JSON text of an object, `{}` for none and for `null`.
fn additional_info(text: Option<&str>) -> Result<Box<str>> {
    let text = text.map_or("{}", str::trim);
    if text.len() > LARGEST_INFO {
        return Err(DirectoryError::BadAdditionalInfo);
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(json) if json.get() == "null" => Ok("{}".into()),
        Ok(json) if json.get().starts_with('{') => Ok(json.get().into()),
        _ => Err(DirectoryError::BadAdditionalInfo),
    }
}
