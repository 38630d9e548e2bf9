//! What credentials are made of: how each kind is checked, stored and looked up
//! (contract/provisioning.md 1, contract/mqtt.md 2). Pure.

use super::certificates::upload;
use super::directory::DirectoryError;
use crate::model::credentials::CredentialsKind;
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

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
        })
    }

    /// The password rule: none stored admits any; else they must be equal, and comparing takes
    /// the same time wherever they differ.
    pub(super) fn admits(&self, presented: Option<&[u8]>) -> bool {
        match &self.password {
            None => true,
            Some(stored) => same_secret(stored.as_bytes(), presented.unwrap_or_default()),
        }
    }
}

/// Checks credentials as they are given and brings them into their stored form.
/// `credentials_id` counts for access tokens only; the other kinds derive it.
pub(super) fn check(
    kind: Option<CredentialsKind>,
    credentials_id: Option<&str>,
    credentials_value: Option<&str>,
) -> Result<Material, DirectoryError> {
    let kind = kind.ok_or(DirectoryError::CredentialsKindMissing)?;
    let (lookup, value) = match kind {
        CredentialsKind::AccessToken => (access_token(credentials_id)?, None),
        CredentialsKind::MqttBasic => mqtt_basic(credentials_value)?,
        CredentialsKind::X509Certificate => certificate(credentials_value)?,
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
fn mqtt_basic(value: Option<&str>) -> Result<(String, Option<String>), DirectoryError> {
    let basic = value
        .and_then(BasicCredentials::parse)
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
    let text = serde_json::to_string(&basic).map_err(|_| DirectoryError::MqttBasicMalformed)?;
    Ok((lookup, Some(text)))
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
        check(Some(CredentialsKind::MqttBasic), None, Some(json))
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
            text(check(None, Some("t"), None)),
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
        let none = check(Some(CredentialsKind::MqttBasic), Some("u"), None);
        assert_eq!(
            text(none),
            "Invalid credentials body for simple mqtt credentials!"
        );
        for token in [None, Some(""), Some("  ")] {
            let refused = check(Some(AccessToken), token, None).err();
            assert_eq!(refused, Some(DirectoryError::CredentialsIdMissing));
        }
        let long = "t".repeat(LONGEST_LOOKUP + 1);
        let refused = check(Some(AccessToken), Some(&long), None).err();
        assert_eq!(refused, Some(DirectoryError::CredentialsTooLong));
        let refused = check(Some(Lwm2m), Some("e"), Some("{}")).err();
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
            let stored = check(Some(X509Certificate), Some("ignored"), Some(given))
                .ok()
                .unwrap();
            assert_eq!(stored.value.as_deref(), Some(&*text));
            assert_eq!(stored.lookup, sha3_hex(&text));
        }
        let refused = |text| check(Some(X509Certificate), None, text).err();
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
