//! Giving a device credentials (contract/provisioning.md 1). Runs under the directory's lock.

use super::orders::{CredentialsOrder, NewCredentials, Saved};
use super::{DirectoryError, Inner, Result};
use crate::auth::material::{self, Material};
use crate::model::credentials::{Credentials, CredentialsKind, Former};
use crate::model::ids::{CredentialsId, DeviceId};
use crate::model::reject::Reason;
use crate::model::Millis;
use crate::store::{Batch, Change};
use std::time::Duration;

impl Inner {
    /// The record of a device that is being made. Commits nothing.
    pub(super) async fn new_credentials(
        &self,
        device: DeviceId,
        wanted: NewCredentials,
        now: Millis,
    ) -> Result<Credentials> {
        let token = Some(CredentialsKind::AccessToken);
        let material = match wanted {
            NewCredentials::Generated => {
                material::check(token, Some(&material::new_token()), None, None)
            }
            NewCredentials::AccessToken(text) => material::check(token, Some(&text), None, None),
            NewCredentials::Given {
                kind,
                credentials_id,
                credentials_value,
            } => material::check(
                kind,
                credentials_id.as_deref(),
                credentials_value.as_deref(),
                None,
            ),
        }?;
        self.unregistered(&material, device).await?;
        Ok(record(CredentialsId::new(), device, now, material, 1))
    }

    pub(super) async fn update_credentials(
        &self,
        order: CredentialsOrder,
    ) -> Result<Saved<Credentials>> {
        self.present(order.device).await?;
        let present = self.store.credentials(order.device).await?;
        let present = present.ok_or(DirectoryError::CredentialsUnknown)?;
        if order.id.is_some_and(|id| id != present.id) {
            return Err(DirectoryError::CredentialsUnknown);
        }
        if order.version.is_some_and(|read| read != present.version) {
            return Err(DirectoryError::VersionConflict);
        }
        let material = material::check(
            order.kind,
            order.credentials_id.as_deref(),
            order.credentials_value.as_deref(),
            Some(&present),
        )?;
        let overlap = order.overlap.unwrap_or(self.overlap);
        if overlap > self.longest_overlap {
            return Err(DirectoryError::OverlapTooLong(self.longest_overlap));
        }
        if is_same(&present, &material) {
            return Ok(Saved {
                record: present,
                end_sessions: None,
            });
        }
        self.unregistered(&material, order.device).await?;
        let version = present.version + 1;
        let mut changed = record(
            present.id,
            present.device,
            present.created,
            material,
            version,
        );
        changed.former = former(present, self.now(), overlap);
        let change = Change::CredentialsPut(changed.clone());
        let batch = Batch::of_device(changed.device, vec![change]);
        self.store.commit(batch).await?;
        Ok(Saved {
            record: changed,
            end_sessions: Some(Reason::CredentialsChanged),
        })
    }

    /// Error: `CredentialsTaken` when another device is looked up by the same text.
    async fn unregistered(&self, material: &Material, device: DeviceId) -> Result<()> {
        let lookup = &material.lookup;
        // Before the store: what is no longer reserved is stored by now.
        self.not_reserved(lookup)?;
        match self.store.credentials_by_lookup(lookup).await? {
            Some(holder) if holder.device != device => {
                let held = holder.accepted(lookup, self.now());
                held.map_or(Ok(()), |_| Err(DirectoryError::CredentialsTaken))
            }
            _ => Ok(()),
        }
    }
}

/// What was rotated away, for as long as it is still accepted.
fn former(present: Credentials, now: Millis, overlap: Duration) -> Option<Former> {
    let overlap = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
    (overlap > 0).then(|| Former {
        kind: present.kind,
        lookup: present.lookup,
        value: present.value,
        until: now.saturating_add(overlap),
    })
}

fn is_same(present: &Credentials, material: &Material) -> bool {
    present.kind == material.kind
        && present.lookup == material.lookup
        && present.value == material.value
}

fn record(
    id: CredentialsId,
    device: DeviceId,
    created: Millis,
    material: Material,
    version: u64,
) -> Credentials {
    Credentials {
        id,
        device,
        created,
        kind: material.kind,
        lookup: material.lookup,
        value: material.value,
        version,
        former: None,
    }
}
