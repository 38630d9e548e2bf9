//! Devices whose certificate a profile's authority has signed (contract/provisioning.md 6,
//! `X509_CERTIFICATE_CHAIN`). Runs under the directory's lock.

use super::orders::{CredentialsOrder, DeviceOrder, NewCredentials, ProfileChoice};
use super::{Inner, Result};
use crate::model::credentials::{Credentials, CredentialsKind};
use crate::model::device::Device;
use crate::model::ids::ProfileId;

/// What an authority's signature claims.
pub(in crate::auth) struct Claim {
    pub profile: ProfileId,
    /// Of the device, from the certificate's common name.
    pub name: String,
    /// Base64 of the certificate.
    pub certificate: String,
    /// A missing device is made.
    pub create: bool,
}

impl Inner {
    /// The device of this name gets the certificate if it is known by one already; a missing one
    /// is made if that is allowed.
    pub(super) async fn certify(&self, claim: Claim) -> Result<Option<Credentials>> {
        match self.store.device_by_name(&claim.name).await? {
            Some(device) => self.renew(device, claim).await,
            None if claim.create => self.make(claim).await,
            None => Ok(None),
        }
    }

    async fn renew(&self, device: Device, claim: Claim) -> Result<Option<Credentials>> {
        let present = self.store.credentials(device.id).await?;
        let certified = |one: &Credentials| one.kind == CredentialsKind::X509Certificate;
        if device.profile != claim.profile || !present.as_ref().is_some_and(certified) {
            return Ok(None);
        }
        let order = CredentialsOrder {
            id: None,
            device: device.id,
            kind: Some(CredentialsKind::X509Certificate),
            credentials_id: None,
            credentials_value: Some(claim.certificate),
            version: None,
            overlap: Some(std::time::Duration::ZERO),
        };
        let saved = self.update_credentials(order).await?;
        tracing::info!(device = %device.id, "a new certificate of the profile's authority");
        Ok(Some(saved.record))
    }

    async fn make(&self, claim: Claim) -> Result<Option<Credentials>> {
        let order = DeviceOrder {
            name: claim.name,
            profile: ProfileChoice {
                id: Some(claim.profile),
                type_name: None,
            },
            ..DeviceOrder::default()
        };
        let credentials = NewCredentials::Given {
            kind: Some(CredentialsKind::X509Certificate),
            credentials_id: None,
            credentials_value: Some(claim.certificate),
        };
        let (device, batch, _claim) = self.prepare_device(order, credentials).await?;
        self.store.commit(batch).await?;
        tracing::info!(device = %device.id, "made for a certificate of the profile's authority");
        Ok(self.store.credentials(device.id).await?)
    }
}
