//! Which device a speaker is (contract/mqtt.md 2 for CONNECT, contract/http.md 2 for tokens).
//!
//! The reasons let MQTT choose its codes: `CredentialsMissing` 0x04 / 0x87, `CredentialsUnknown`
//! 0x05 / 0x86, `ClientIdUnknown` 0x02 / 0x85, `PasswordWrong` 0x04 / 0x86, `DeviceDisabled` and
//! those of certificates 0x05 / 0x87.

use super::material::{mqtt_lookup, BasicCredentials};
use super::{shared_key, Auth, Identified, NotIdentified};
use crate::model::credentials::{Credentials, CredentialsKind, Presented, SharedKey, SharedKeys};
use crate::model::ids::DeviceId;
use crate::model::reject::{Reason, Rejection};
use crate::store::StoreError;

/// The user name of sessions that only provision (contract/mqtt.md 10): never a device's.
const PROVISION: &str = "provision";

pub(super) type Result<T> = std::result::Result<T, NotIdentified>;

impl From<StoreError> for NotIdentified {
    fn from(error: StoreError) -> Self {
        Self {
            rejection: error.into(),
            device: None,
        }
    }
}

pub(super) fn refuse<T>(
    reason: Reason,
    detail: &'static str,
    device: Option<DeviceId>,
) -> Result<T> {
    Err(NotIdentified {
        rejection: Rejection::new(reason, detail),
        device,
    })
}

impl Auth {
    /// Who presents these credentials (contract/mqtt.md 2, contract/http.md 2).
    /// Refusals: `CredentialsMissing`, `CredentialsUnknown`, `ClientIdUnknown`, `PasswordWrong`,
    /// `CertificateUnknown`, `CertificateExpired`, `CertificateNotYetValid`, `CertificateRevoked`,
    /// `DeviceDisabled`, or the store's.
    pub async fn identify(&self, presented: &Presented) -> Result<Identified> {
        let seen = self.store().directory_version();
        if let (Presented::Token(token), Some(version)) = (presented, seen) {
            if let Some(known) = self.0.known.get(token, version) {
                return Ok(known);
            }
            let found = self.ask(presented, seen).await?;
            self.0.known.put(token, version, &found);
            return Ok(found);
        }
        self.ask(presented, seen).await
    }

    /// Another one after each change of devices, credentials or profiles: what was found before it
    /// may no longer hold. `None`: not counted.
    pub fn version(&self) -> Option<u64> {
        self.store().directory_version()
    }

    async fn ask(&self, presented: &Presented, seen: Option<u64>) -> Result<Identified> {
        let credentials = match presented {
            Presented::Token(token) => self.by_token(token).await?,
            Presented::Certificate(chain) => self.by_certificate(chain).await?,
            Presented::PreSharedKey { identity, digest } => {
                self.by_shared_key(identity, digest).await?
            }
            Presented::Mqtt {
                client_id,
                user_name,
                password,
            } => {
                let password = password.as_deref().filter(|password| !password.is_empty());
                match user_name.as_deref() {
                    Some(user_name) if !user_name.is_empty() => {
                        self.by_user_name(client_id, user_name, password).await?
                    }
                    user_name => {
                        self.by_client_id(client_id, user_name.is_some(), password)
                            .await?
                    }
                }
            }
        };
        let mut identified = self.let_in(credentials).await?;
        identified.seen = seen;
        Ok(identified)
    }

    /// Asks again, once the session stands: a device that was disabled, deleted or given new
    /// credentials between `identify` and its session's start must not stay connected.
    /// Refusals: `DeviceDisabled`, `DeviceDeleted`, `CredentialsChanged`, or the store's.
    pub async fn confirm(&self, identified: &Identified) -> Result<()> {
        let seen = identified.seen;
        if seen.is_some() && seen == self.store().directory_version() {
            return Ok(());
        }
        let id = identified.device.id;
        let Some(device) = self.store().device(id).await? else {
            return refuse(Reason::DeviceDeleted, "the device was deleted", Some(id));
        };
        if device.disabled {
            return disabled(id);
        }
        match self.store().credentials(id).await? {
            Some(now) if now.version == identified.credentials_version => Ok(()),
            _ => refuse(
                Reason::CredentialsChanged,
                "the device's credentials were changed",
                Some(id),
            ),
        }
    }

    /// Whose look-up text this is now.
    pub(super) async fn held(
        &self,
        lookup: &str,
    ) -> std::result::Result<Option<Credentials>, StoreError> {
        let found = self.store().credentials_by_lookup(lookup).await?;
        Ok(found.and_then(|found| found.accepted(lookup, self.directory().now())))
    }

    /// The password, or the one before a rotation that is still accepted.
    fn password_rule(
        &self,
        found: Credentials,
        basic: &BasicCredentials,
        password: Option<&[u8]>,
    ) -> Result<Credentials> {
        if basic.admits(password) {
            return Ok(found);
        }
        let (device, lookup) = (found.device, found.lookup.clone());
        let before = found.before_rotation(self.directory().now());
        let (client_id, user_name) = (basic.client_id.as_deref(), basic.user_name.as_deref());
        match before.filter(|before| before.lookup == lookup) {
            Some(before)
                if basic_of(&before, client_id, user_name)
                    .is_some_and(|basic| basic.admits(password)) =>
            {
                Ok(before)
            }
            _ => refuse(Reason::PasswordWrong, "wrong password", Some(device)),
        }
    }

    async fn by_token(&self, token: &str) -> Result<Credentials> {
        if token.is_empty() {
            return refuse(Reason::CredentialsMissing, "no access token", None);
        }
        match self.held(token).await? {
            Some(found) if found.kind == CredentialsKind::AccessToken => Ok(found),
            _ => refuse(Reason::CredentialsUnknown, "unknown access token", None),
        }
    }

    /// First as an MQTT_BASIC of client id and user name, where a wrong password ends it; then as
    /// an access token, whatever password and client id; then as an MQTT_BASIC of a user name.
    async fn by_user_name(
        &self,
        client_id: &str,
        user_name: &str,
        password: Option<&[u8]>,
    ) -> Result<Credentials> {
        const UNKNOWN: &str = "unknown access token or user name";
        if user_name == PROVISION {
            return refuse(Reason::CredentialsUnknown, UNKNOWN, None);
        }
        if !client_id.is_empty() {
            let lookup = mqtt_lookup(client_id, user_name);
            if let Some(found) = self.held(&lookup).await? {
                if let Some(basic) = basic_of(&found, Some(client_id), Some(user_name)) {
                    return self.password_rule(found, &basic, password);
                }
            }
        }
        let Some(found) = self.held(user_name).await? else {
            return refuse(Reason::CredentialsUnknown, UNKNOWN, None);
        };
        if found.kind == CredentialsKind::AccessToken {
            return Ok(found);
        }
        match basic_of(&found, None, Some(user_name)) {
            Some(basic) => self.password_rule(found, &basic, password),
            None => refuse(Reason::CredentialsUnknown, UNKNOWN, None),
        }
    }

    /// Without a user name only an MQTT_BASIC of a client id alone can match.
    async fn by_client_id(
        &self,
        client_id: &str,
        empty_user_name: bool,
        password: Option<&[u8]>,
    ) -> Result<Credentials> {
        if !client_id.is_empty() {
            let lookup = mqtt_lookup(client_id, "");
            if let Some(found) = self.held(&lookup).await? {
                if basic_of(&found, Some(client_id), None).is_some() {
                    return Ok(found);
                }
            }
        }
        if password.is_some() {
            return refuse(
                Reason::PasswordWrong,
                "a password without a user name",
                None,
            );
        }
        if client_id.trim().is_empty() || empty_user_name {
            return refuse(Reason::CredentialsMissing, "the user name is missing", None);
        }
        refuse(
            Reason::ClientIdUnknown,
            "no user name, and no device has this client id",
            None,
        )
    }

    /// The keys of an identity, for its handshake. Refusals: `CredentialsUnknown`,
    /// `DeviceDisabled`, or the store's.
    pub async fn keys_of(&self, identity: &str) -> Result<SharedKeys> {
        let found = self.store().credentials_by_lookup(identity).await?;
        let forms = found.into_iter().flat_map(|found| {
            let before = found.clone().before_rotation(self.directory().now());
            [Some(found), before].into_iter().flatten()
        });
        let fitting: Vec<Credentials> = forms
            .filter(|one| one.kind == CredentialsKind::PreSharedKey && one.lookup == identity)
            .collect();
        let Some(device) = fitting.first().map(|one| one.device) else {
            return refuse(Reason::CredentialsUnknown, "unknown identity", None);
        };
        match self.store().device(device).await? {
            Some(found) if found.disabled => return disabled(device),
            Some(_) => {}
            None => return refuse(Reason::CredentialsUnknown, "the device is gone", None),
        }
        let keys = fitting.iter().filter_map(shared_key::key_of);
        let keys = keys.map(|bytes| SharedKey {
            digest: shared_key::digest(&bytes),
            bytes,
        });
        Ok(SharedKeys {
            device,
            keys: keys.collect(),
        })
    }

    /// Whoever holds a key that is accepted now: it may have been rotated since the handshake.
    async fn by_shared_key(&self, identity: &str, digest: &[u8; 32]) -> Result<Credentials> {
        let holds = |one: &Credentials| {
            let key = shared_key::key_of(one).filter(|_| one.lookup == identity);
            key.is_some_and(|key| shared_key::digest(&key) == *digest)
        };
        let found = self.store().credentials_by_lookup(identity).await?;
        let Some(found) = found else {
            return refuse(Reason::CredentialsUnknown, "unknown identity", None);
        };
        if holds(&found) {
            return Ok(found);
        }
        let device = found.device;
        let before = found.before_rotation(self.directory().now());
        match before.filter(holds) {
            Some(before) => Ok(before),
            None => refuse(
                Reason::CredentialsChanged,
                "the pre-shared key was changed",
                Some(device),
            ),
        }
    }

    async fn let_in(&self, credentials: Credentials) -> Result<Identified> {
        let Some(device) = self.store().device(credentials.device).await? else {
            return refuse(Reason::CredentialsUnknown, "the device is gone", None);
        };
        if device.disabled {
            return disabled(device.id);
        }
        let Some(profile) = self.store().profile(device.profile).await? else {
            let what = "the device's profile is missing";
            return refuse(Reason::Internal, what, Some(device.id));
        };
        Ok(Identified {
            device,
            profile,
            credentials_version: credentials.version,
            seen: None,
            until: credentials.accepted_until(),
        })
    }
}

/// The record's content when it is an MQTT_BASIC of exactly these: a hash that somebody presents
/// as a user name opens nothing.
fn basic_of(
    found: &Credentials,
    client_id: Option<&str>,
    user_name: Option<&str>,
) -> Option<BasicCredentials> {
    if found.kind != CredentialsKind::MqttBasic {
        return None;
    }
    let basic = BasicCredentials::parse(found.value.as_deref()?)?;
    let same = basic.client_id.as_deref() == client_id && basic.user_name.as_deref() == user_name;
    same.then_some(basic)
}

fn disabled<T>(device: DeviceId) -> Result<T> {
    refuse(
        Reason::DeviceDisabled,
        "the device is disabled",
        Some(device),
    )
}
