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
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CredentialsKind {
    AccessToken,
    X509Certificate,
    MqttBasic,
    Lwm2m,
}

impl CredentialsKind {
    /// The REST name, e.g. `ACCESS_TOKEN`.
    pub fn name(self) -> &'static str {
        match self {
            CredentialsKind::AccessToken => "ACCESS_TOKEN",
            CredentialsKind::X509Certificate => "X509_CERTIFICATE",
            CredentialsKind::MqttBasic => "MQTT_BASIC",
            CredentialsKind::Lwm2m => "LWM2M_CREDENTIALS",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::AccessToken,
            Self::X509Certificate,
            Self::MqttBasic,
            Self::Lwm2m,
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
        })
    }
}
