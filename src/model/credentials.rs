//! Device credentials: stored records, and what a speaker presents.

use super::ids::{CredentialsId, DeviceId};
use super::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A stored credentials record; one a device (contract/provisioning.md 1).
/// `Debug` shows no secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    pub id: CredentialsId,
    pub device: DeviceId,
    pub created: Millis,
    pub kind: CredentialsKind,
    /// What look-ups go by; unique over all devices. The token itself for access tokens.
    pub lookup: String,
    /// As the REST's `credentialsValue`; `None` for access tokens.
    pub value: Option<String>,
    pub version: u64,
    /// What it was before the last rotation, as long as that is still accepted.
    pub former: Option<Former>,
}

impl Credentials {
    /// The record as whoever is looked up by this text knows it: as it is, or, as long as that is
    /// accepted, as it was before its rotation.
    pub fn accepted(self, lookup: &str, now: Millis) -> Option<Self> {
        if self.lookup == lookup {
            return Some(self);
        }
        self.before_rotation(now).filter(|old| old.lookup == lookup)
    }

    /// As it was before its rotation, as long as that is accepted.
    pub fn before_rotation(self, now: Millis) -> Option<Self> {
        let former = self.former.clone().filter(|former| now < former.until)?;
        Some(Self {
            kind: former.kind,
            lookup: former.lookup,
            value: former.value,
            ..self
        })
    }

    /// Epoch ms until which a record out of `before_rotation` is accepted; `None` for the present
    /// one. (A rotation to what is there already is none, so the two always differ.)
    pub fn accepted_until(&self) -> Option<Millis> {
        let former = self.former.as_ref()?;
        let same =
            former.kind == self.kind && former.lookup == self.lookup && former.value == self.value;
        same.then_some(former.until)
    }
}

/// Credentials that were rotated away and are accepted for a while. Holds secrets: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    pub kind: CredentialsKind,
    pub lookup: String,
    pub value: Option<String>,
    /// Epoch ms from which on they are refused.
    pub until: Millis,
}

/// A record as journals and tables of the first format hold it: without `former`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct CredentialsV1 {
    pub id: CredentialsId,
    pub device: DeviceId,
    pub created: Millis,
    pub kind: CredentialsKind,
    pub lookup: String,
    pub value: Option<String>,
    pub version: u64,
}

impl From<CredentialsV1> for Credentials {
    fn from(old: CredentialsV1) -> Self {
        Self {
            id: old.id,
            device: old.device,
            created: old.created,
            kind: old.kind,
            lookup: old.lookup,
            value: old.value,
            version: old.version,
            former: None,
        }
    }
}

impl fmt::Debug for CredentialsV1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsV1(***)")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CredentialsKind {
    AccessToken,
    X509Certificate,
    MqttBasic,
    Lwm2m,
    /// An identity and a key for DTLS (RFC 4279).
    PreSharedKey,
}

impl CredentialsKind {
    /// The REST name, e.g. `ACCESS_TOKEN`.
    pub fn name(self) -> &'static str {
        match self {
            CredentialsKind::AccessToken => "ACCESS_TOKEN",
            CredentialsKind::X509Certificate => "X509_CERTIFICATE",
            CredentialsKind::MqttBasic => "MQTT_BASIC",
            CredentialsKind::Lwm2m => "LWM2M_CREDENTIALS",
            CredentialsKind::PreSharedKey => "PRE_SHARED_KEY",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::AccessToken,
            Self::X509Certificate,
            Self::MqttBasic,
            Self::Lwm2m,
            Self::PreSharedKey,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("id", &self.id)
            .field("device", &self.device)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What a speaker shows to be let in. `Debug` shows no secret.
#[derive(Clone)]
pub enum Presented {
    /// HTTP and CoAP: the token of the path. Only access tokens match.
    Token(String),
    /// MQTT CONNECT fields as they came (user name and password may be absent or empty).
    Mqtt {
        client_id: String,
        user_name: Option<String>,
        password: Option<Vec<u8>>,
    },
    /// TLS and DTLS: the peer has proved that it holds the key of the first certificate.
    Certificate(CertificateChain),
    /// DTLS: the peer has proved that it holds the key of this digest, under this identity.
    PreSharedKey { identity: String, digest: [u8; 32] },
}

/// The keys that a peer of an identity may hold, the newest first: more than one while a rotated
/// one is still accepted. Holds secrets: no `Debug`.
#[derive(Clone)]
pub struct SharedKeys {
    pub device: DeviceId,
    pub keys: Vec<SharedKey>,
}

/// Wiped when it is dropped. Holds a secret: no `Debug`.
#[derive(Clone)]
pub struct SharedKey {
    pub bytes: zeroize::Zeroizing<Vec<u8>>,
    pub digest: [u8; 32],
}

/// What a peer presented in its handshake.
#[derive(Clone)]
pub struct CertificateChain {
    /// DER, the peer's own first, then as they were sent. Not empty.
    pub certificates: Vec<Vec<u8>>,
    /// One of them stands on the door's revocation list.
    pub revoked: bool,
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Presented::Token(_) => "Presented::Token(***)",
            Presented::Mqtt { .. } => "Presented::Mqtt(***)",
            Presented::Certificate(_) => "Presented::Certificate(***)",
            Presented::PreSharedKey { .. } => "Presented::PreSharedKey(***)",
        })
    }
}
