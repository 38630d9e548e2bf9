//! `provisionType` and `provisionConfiguration` of a device profile, in and out
//! (contract/provisioning.md 2 and 6).

use super::error::ApiError;
use crate::auth::certificates::upload;
use crate::model::device::ChainOptions;
use serde::Deserialize;
use serde_json::{json, Value};

const DISABLED: &str = "DISABLED";
const CHAIN: &str = "X509_CERTIFICATE_CHAIN";
/// The whole common name.
const ANY: &str = "(.*)";

/// As it is sent.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    provision_device_secret: Option<String>,
    certificate_reg_ex_pattern: Option<String>,
    #[serde(rename = "allowCreateNewDevicesByX509Certificate")]
    allow_create: Option<bool>,
}

/// What a profile shall have; what is not named stays as it was.
///
/// # Errors
/// A type that is not served.
pub fn wanted(
    kind: Option<&str>,
    given: Option<&Configuration>,
    before: Option<ChainOptions>,
) -> Result<Option<ChainOptions>, ApiError> {
    match kind {
        None if given.is_none() => Ok(before),
        None if before.is_none() => Ok(None),
        Some(DISABLED) => Ok(None),
        None | Some(CHAIN) => Ok(Some(merged(given, before))),
        Some(_) => Err(ApiError::bad(
            "provisionType other than DISABLED and X509_CERTIFICATE_CHAIN is not served yet",
        )),
    }
}

fn merged(given: Option<&Configuration>, before: Option<ChainOptions>) -> ChainOptions {
    let before = before.unwrap_or(ChainOptions {
        authority: String::new(),
        pattern: ANY.to_owned(),
        create: false,
    });
    let Some(given) = given.cloned() else {
        return before;
    };
    ChainOptions {
        authority: given.provision_device_secret.unwrap_or(before.authority),
        pattern: given.certificate_reg_ex_pattern.unwrap_or(before.pattern),
        create: given.allow_create.unwrap_or(before.create),
    }
}

/// `provisionType`.
pub fn kind(chain: Option<&ChainOptions>) -> &'static str {
    match chain {
        Some(_) => CHAIN,
        None => DISABLED,
    }
}

/// `provisionDeviceKey`: the hash of the authority.
pub fn key(chain: Option<&ChainOptions>) -> Option<String> {
    chain.map(|chain| upload::hash_of(&chain.authority))
}

/// `provisionConfiguration`. An authority's certificate is no secret, whatever the field's name.
pub fn configuration(chain: Option<&ChainOptions>) -> Value {
    match chain {
        None => json!({"type": DISABLED, "provisionDeviceSecret": null}),
        Some(chain) => json!({
            "type": CHAIN,
            "provisionDeviceSecret": chain.authority,
            "certificateRegExPattern": chain.pattern,
            "allowCreateNewDevicesByX509Certificate": chain.create,
        }),
    }
}
