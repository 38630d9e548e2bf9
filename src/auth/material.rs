//! What credentials are made of: how each kind is checked, stored and looked up
//! (contract/provisioning.md 1, contract/mqtt.md 2). Pure.

use super::certificates::upload;
use super::directory::DirectoryError;
use super::shared_key;
use crate::model::credentials::{Credentials, CredentialsKind};
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use sha3::{Digest, Sha3_256};
use subtle::ConstantTimeEq;

/// Longest look-up text (a token, a user name), in bytes.
const LONGEST_LOOKUP: usize = 1024;
/// Longest stored value (a certificate), in bytes.
const LONGEST_VALUE: usize = 64 * 1024;

/// The checked, stored form of credentials. Holds secrets: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Material {
    pub kind: CredentialsKind,
    pub lookup: String,
    pub value: Option<String>,
}

/// The JSON text of an MQTT_BASIC record. Holds secrets: no `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BasicCredentials {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// In what an operator gives, and in records of the first format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// What is stored of it: `salt:digest`, both hex; the digest is SHA3-256 of salt and password.
    /// Fast, because a hundred thousand devices may come back at once: it keeps who reads the
    /// store from the passwords themselves, and long random ones safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
}

/// What stands for a stored password where credentials are read back. Written back, it keeps it.
pub const MASK: &str = "********";

impl BasicCredentials {
    /// Empty texts count as absent. `None` when it is not the JSON of one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // serde would take an array's elements for the fields.
        let object = text.trim_start().starts_with('{').then_some(text)?;
        let read: BasicCredentials = serde_json::from_str(object).ok()?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Some(Self {
            client_id: filled(read.client_id),
            user_name: filled(read.user_name),
            password: filled(read.password),
            password_hash: filled(read.password_hash),
        })
    }

    /// The password rule: none stored admits any; else they must be equal, and comparing takes
    /// the same time wherever they differ.
    pub(super) fn admits(&self, presented: Option<&[u8]>) -> bool {
        let presented = presented.unwrap_or_default();
        match (&self.password, &self.password_hash) {
            (None, None) => true,
            (_, Some(stored)) => {
                let salt = stored.split_once(':').map_or("", |(salt, _)| salt);
                let hashed = hash_password(salt, presented);
                same_secret(stored.as_bytes(), hashed.as_bytes())
            }
            (Some(stored), None) => same_secret(stored.as_bytes(), presented),
        }
    }

    fn has_password(&self) -> bool {
        self.password.is_some() || self.password_hash.is_some()
    }
}

/// Checks credentials as they are given and brings them into their stored form.
/// `credentials_id` counts for access tokens only; the other kinds derive it. `present`: what the
/// device has; of it a masked password is kept.
pub(super) fn check(
    kind: Option<CredentialsKind>,
    credentials_id: Option<&str>,
    credentials_value: Option<&str>,
    present: Option<&Credentials>,
) -> Result<Material, DirectoryError> {
    let kind = kind.ok_or(DirectoryError::CredentialsKindMissing)?;
    let (lookup, value) = match kind {
        CredentialsKind::AccessToken => (access_token(credentials_id)?, None),
        CredentialsKind::MqttBasic => mqtt_basic(credentials_value, present)?,
        CredentialsKind::X509Certificate => certificate(credentials_value)?,
        CredentialsKind::PreSharedKey => shared_key::check(credentials_value, present)?,
        CredentialsKind::Lwm2m => return Err(DirectoryError::CredentialsKindUnsupported),
    };
    let long = |text: &String| text.len() > LONGEST_VALUE;
    if lookup.len() > LONGEST_LOOKUP || value.as_ref().is_some_and(long) {
        return Err(DirectoryError::CredentialsTooLong);
    }
    Ok(Material {
        kind,
        lookup,
        value,
    })
}

/// A new access token: 20 random alphanumerics (119 bits).
pub(super) fn new_token() -> String {
    random_text(20)
}

/// `length` random alphanumerics from a cryptographically secure generator.
pub(super) fn random_text(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

/// `sha3-256hex(clientId + "|" + userName)`; an empty part is left out with the separator.
pub(super) fn mqtt_lookup(client_id: &str, user_name: &str) -> String {
    let parts = [client_id, user_name];
    let filled: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    sha3_hex(&filled.join("|"))
}

/// Lower-case hex of FIPS-202 SHA3-256 over the text's UTF-8.
pub(super) fn sha3_hex(text: &str) -> String {
    let digest = Sha3_256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Equal or not, in a time that tells neither where they differ nor how long the secret is.
fn same_secret(stored: &[u8], presented: &[u8]) -> bool {
    let stored = Sha3_256::digest(stored);
    let presented = Sha3_256::digest(presented);
    stored.ct_eq(&presented).into()
}

fn access_token(token: Option<&str>) -> Result<String, DirectoryError> {
    match token {
        Some(token) if !token.trim().is_empty() => Ok(token.to_owned()),
        _ => Err(DirectoryError::CredentialsIdMissing),
    }
}

/// {userName[,password]} is looked up by the user name itself, the others by their hash.
fn mqtt_basic(
    value: Option<&str>,
    present: Option<&Credentials>,
) -> Result<(String, Option<String>), DirectoryError> {
    let basic = value
        .and_then(BasicCredentials::parse)
        .filter(|basic| basic.password_hash.is_none())
        .ok_or(DirectoryError::MqttBasicMalformed)?;
    let lookup = match (&basic.client_id, &basic.user_name) {
        (None, None) => return Err(DirectoryError::MqttBasicEmpty),
        (Some(_), None) if basic.password.is_some() => {
            return Err(DirectoryError::MqttBasicPasswordWithoutUser);
        }
        (None, Some(user_name)) => user_name.clone(),
        (Some(client_id), None) => mqtt_lookup(client_id, ""),
        (Some(client_id), Some(user_name)) => mqtt_lookup(client_id, user_name),
    };
    let present = present.filter(|present| present.kind == CredentialsKind::MqttBasic);
    let present = present.and_then(|present| BasicCredentials::parse(present.value.as_deref()?));
    let basic = without_password(basic, present)?;
    let text = serde_json::to_string(&basic).map_err(|_| DirectoryError::MqttBasicMalformed)?;
    Ok((lookup, Some(text)))
}

/// The password as a hash: the one that is stored already when it is the same, or is to be kept.
fn without_password(
    mut given: BasicCredentials,
    present: Option<BasicCredentials>,
) -> Result<BasicCredentials, DirectoryError> {
    let Some(password) = given.password.take() else {
        return Ok(given);
    };
    let present = present.filter(BasicCredentials::has_password);
    let kept = match present {
        Some(present) if password == MASK || present.admits(Some(password.as_bytes())) => present,
        None if password == MASK => return Err(DirectoryError::MqttBasicMasked),
        _ => {
            let salt: [u8; 16] = rand::random();
            given.password_hash = Some(hash_password(&hex(&salt), password.as_bytes()));
            return Ok(given);
        }
    };
    // A record of the first format holds it in clear: this is the time to mend that.
    given.password_hash = kept.password_hash.or_else(|| {
        let salt: [u8; 16] = rand::random();
        let clear = kept.password.unwrap_or_default();
        Some(hash_password(&hex(&salt), clear.as_bytes()))
    });
    Ok(given)
}

/// The `credentialsValue` that operators are shown: as they gave it, but a password or a key masked. Tools
/// that write back what they have read change nothing by it.
pub fn shown_value(record: &Credentials) -> Option<String> {
    let value = record.value.as_deref()?;
    match record.kind {
        CredentialsKind::MqttBasic => {}
        CredentialsKind::PreSharedKey => return shared_key::shown(value),
        _ => return Some(value.to_owned()),
    }
    let mut basic = BasicCredentials::parse(value)?;
    basic.password = basic.has_password().then(|| MASK.to_owned());
    basic.password_hash = None;
    serde_json::to_string(&basic).ok()
}

fn hash_password(salt: &str, password: &[u8]) -> String {
    let mut digest = Sha3_256::new();
    digest.update(salt.as_bytes());
    digest.update(b":");
    digest.update(password);
    format!("{salt}:{}", hex(&digest.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 of the DER without PEM lines; looked up by its hash.
fn certificate(value: Option<&str>) -> Result<(String, Option<String>), DirectoryError> {
    let der = upload::from_text(value.unwrap_or_default()).map_err(DirectoryError::Certificate)?;
    let text = upload::text_of(&der);
    Ok((sha3_hex(&text), Some(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::certificates::make::{make, KeyKind, Order, Role};
    use CredentialsKind::{AccessToken, Lwm2m, X509Certificate};

    fn basic(json: &str) -> Result<Material, DirectoryError> {
        check(Some(CredentialsKind::MqttBasic), None, Some(json), None)
    }

    #[test]
    fn hashes_are_those_of_the_contract() {
        let both = "d98329e5c4bd5eb46f8a19211595ec0aa39825c9b1bec20c7dcc444a40195aba";
        let client = "a5fd918b6cfa34661e686345b7e1b27eeab3887526e8b3ebeb814342c0956024";
        assert_eq!(mqtt_lookup("c7", "u7"), both);
        assert_eq!(mqtt_lookup("c7", ""), client);
        assert_eq!(
            mqtt_lookup("", "c7"),
            client,
            "no separator next to an empty part"
        );
    }

    #[test]
    fn each_form_of_mqtt_basic_is_looked_up_as_the_contract_says() {
        let lookup = |json| basic(json).ok().map(|material| material.lookup);
        assert_eq!(
            lookup(r#"{"userName":"u","password":"p"}"#),
            Some("u".into())
        );
        assert_eq!(lookup(r#"{"clientId":"c7"}"#), Some(mqtt_lookup("c7", "")));
        let both = r#"{"clientId":"c7","userName":"u7","password":"p"}"#;
        assert_eq!(lookup(both), Some(mqtt_lookup("c7", "u7")));
        assert_eq!(
            lookup(r#"{"clientId":"","userName":"u"}"#),
            Some("u".into())
        );
    }

    #[test]
    fn bad_credentials_are_refused_in_the_contracts_words() {
        let text = |result: Result<Material, DirectoryError>| {
            result
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert_eq!(
            text(check(None, Some("t"), None, None)),
            "Device credentials type should be specified"
        );
        for json in [
            r#"{}"#,
            r#"{"clientId":"","userName":""}"#,
            r#"{"password":"p"}"#,
        ] {
            assert_eq!(
                text(basic(json)),
                "Both mqtt client id and user name are empty!"
            );
        }
        assert_eq!(
            text(basic(r#"{"clientId":"c","password":"p"}"#)),
            "Password cannot be specified along with client id"
        );
        for json in [
            "",
            "[]",
            "nonsense",
            r#"{"userName":7}"#,
            r#"{"username":"u"}"#,
        ] {
            let expected = "Invalid credentials body for simple mqtt credentials!";
            assert_eq!(text(basic(json)), expected, "{json}");
        }
        let none = check(Some(CredentialsKind::MqttBasic), Some("u"), None, None);
        assert_eq!(
            text(none),
            "Invalid credentials body for simple mqtt credentials!"
        );
        for token in [None, Some(""), Some("  ")] {
            let refused = check(Some(AccessToken), token, None, None).err();
            assert_eq!(refused, Some(DirectoryError::CredentialsIdMissing));
        }
        let long = "t".repeat(LONGEST_LOOKUP + 1);
        let refused = check(Some(AccessToken), Some(&long), None, None).err();
        assert_eq!(refused, Some(DirectoryError::CredentialsTooLong));
        let refused = check(Some(Lwm2m), Some("e"), Some("{}"), None).err();
        assert_eq!(refused, Some(DirectoryError::CredentialsKindUnsupported));
    }

    #[test]
    fn a_certificate_is_stored_without_its_pem_lines_and_looked_up_by_its_hash() {
        let order = Order {
            role: Role::Device,
            common_name: "pump-7",
            key: KeyKind::Ec,
            valid: 0..1000,
        };
        let made = make(&order, None).unwrap();
        let pem = String::from_utf8(made.certificate.to_pem().unwrap()).unwrap();
        let lines: Vec<&str> = pem.lines().collect();
        let text = lines[1..lines.len() - 1].concat();
        for given in [&pem, &text] {
            let stored = check(Some(X509Certificate), Some("ignored"), Some(given), None)
                .ok()
                .unwrap();
            assert_eq!(stored.value.as_deref(), Some(&*text));
            assert_eq!(stored.lookup, sha3_hex(&text));
        }
        let refused = |text| check(Some(X509Certificate), None, text, None).err();
        let fault = |fault| Some(DirectoryError::Certificate(fault));
        assert_eq!(refused(None), fault(upload::Fault::Missing));
        assert_eq!(refused(Some("not base64!")), fault(upload::Fault::Form));
    }

    #[test]
    fn the_password_rule_admits_all_when_none_is_stored_and_else_only_the_same() {
        let open = BasicCredentials::default();
        assert!(open.admits(None) && open.admits(Some(b"x")));
        let closed = BasicCredentials {
            password: Some("p".into()),
            ..BasicCredentials::default()
        };
        assert!(closed.admits(Some(b"p")));
        for wrong in [
            None,
            Some(&b""[..]),
            Some(b"P"),
            Some(b"pp"),
            Some(b"\xff\xfe"),
        ] {
            assert!(!closed.admits(wrong));
        }
    }

    #[test]
    fn tokens_are_twenty_alphanumerics_and_differ() {
        let tokens: std::collections::HashSet<String> = (0..200).map(|_| new_token()).collect();
        assert_eq!(tokens.len(), 200);
        let fits =
            |token: &String| token.len() == 20 && token.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(tokens.iter().all(fits));
    }
}
