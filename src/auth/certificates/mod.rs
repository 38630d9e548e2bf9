//! Devices that are known by a certificate (contract/mqtt.md 2, contract/provisioning.md 1).
//!
//! The handshake proves that the peer holds the key of the certificate that it shows first; who it
//! is, and whether that is still so, is asked here at each connect. No authority needs to vouch
//! for a certificate that is registered for a device: it is known exactly.
//!
//! Knows nothing of: handshakes, files, protocols.

pub mod authority;
pub mod chain;
pub mod make;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_authority;
pub mod upload;

use super::identify::{refuse, Result};
use super::material::sha3_hex;
use super::Auth;
use crate::model::credentials::{CertificateChain, Credentials, CredentialsKind};
use crate::model::ids::DeviceId;
use crate::model::reject::Reason;
use crate::model::Millis;
use chain::Validity;
use openssl::x509::{X509Ref, X509};

impl Auth {
    /// The credentials of the device whose certificate this is.
    /// Refusals: `CertificateUnknown`, `CertificateRevoked`, `CertificateExpired`,
    /// `CertificateNotYetValid`, or the store's.
    pub(super) async fn by_certificate(&self, shown: &CertificateChain) -> Result<Credentials> {
        let now = self.directory().now();
        let linked = chain::linked(&shown.certificates);
        let (used, found) = self.registered(&linked).await?;
        let device = found.as_ref().map(|found| found.device);
        if shown.revoked {
            return refuse(Reason::CertificateRevoked, "it has been revoked", device);
        }
        for certificate in linked.iter().take(used) {
            check_time(certificate, now, device)?;
        }
        match found {
            Some(found) => Ok(found),
            None => match linked.split_first() {
                Some((own, others)) => self.by_authority(own, others, now).await,
                None => refuse(Reason::CertificateUnknown, "it cannot be read", None),
            },
        }
    }

    /// The first of them that is registered for a device, and how many were needed to find it;
    /// the peer's own counts in any case.
    async fn registered(&self, linked: &[X509]) -> Result<(usize, Option<Credentials>)> {
        for (above, certificate) in linked.iter().enumerate() {
            let Ok(der) = certificate.to_der() else {
                break;
            };
            let text = upload::text_of(&der);
            let found = self.held(&sha3_hex(&text)).await?;
            let exactly = |found: &Credentials| {
                found.kind == CredentialsKind::X509Certificate
                    && found.value.as_deref() == Some(&*text)
            };
            if let Some(found) = found.filter(exactly) {
                return Ok((above + 1, Some(found)));
            }
        }
        Ok((1, None))
    }
}

fn check_time(certificate: &X509Ref, now: Millis, device: Option<DeviceId>) -> Result<()> {
    match chain::validity(certificate, now) {
        Ok(Validity::Valid) => Ok(()),
        Ok(Validity::NotYet) => refuse(
            Reason::CertificateNotYetValid,
            "it is not valid yet: check the clocks of device and platform",
            device,
        ),
        Ok(Validity::Expired) => refuse(
            Reason::CertificateExpired,
            "it has expired: give the device a new one",
            device,
        ),
        Err(_) => refuse(
            Reason::CertificateUnknown,
            "its times cannot be read",
            device,
        ),
    }
}
