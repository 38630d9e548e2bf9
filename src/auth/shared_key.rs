//! Pre-shared keys of DTLS (RFC 4279): how they are given, stored and shown, and what the handshake
//! needs of them. Pure.
//!
//! The key is stored as it is: unlike a password it is no proof that is compared, both sides
//! compute with it. Operators see a mask in its place.

use super::directory::DirectoryError;
use super::material::MASK;
use crate::model::credentials::{Credentials, CredentialsKind};
use serde::{Deserialize, Serialize};
use sha3::{Digest, Sha3_256};
use zeroize::Zeroizing;

/// Bytes. Who hears one handshake can try out keys at leisure: fewer would be found.
const SHORTEST: usize = 16;
/// Bytes, as common clients can hold.
const LONGEST: usize = 64;
/// Bytes (RFC 4279, section 5.3).
const LONGEST_IDENTITY: usize = 128;

/// The JSON text of a PRE_SHARED_KEY record. Holds a secret: no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    identity: String,
    /// Hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// In what an operator gives: a key whose bytes are those of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_text: Option<String>,
}

fn parse(text: &str) -> Option<Written> {
    // serde would take an array's elements for the fields.
    let object = text.trim_start().starts_with('{').then_some(text)?;
    serde_json::from_str(object).ok()
}

/// The identity, by which it is looked up, and the stored text. `present`: what the device has; of
/// it a masked key is kept.
pub(super) fn check(
    value: Option<&str>,
    present: Option<&Credentials>,
) -> Result<(String, Option<String>), DirectoryError> {
    let given = value
        .and_then(parse)
        .ok_or(DirectoryError::SharedKeyMalformed)?;
    let identity = given.identity.clone();
    if identity.trim().is_empty() || identity.len() > LONGEST_IDENTITY || identity.contains('\0') {
        return Err(DirectoryError::SharedKeyIdentity);
    }
    let key = match (given.key, given.key_text) {
        (Some(mask), None) | (None, Some(mask)) if mask == MASK => {
            let kept = present.and_then(key_of);
            kept.ok_or(DirectoryError::SharedKeyMasked)?
        }
        (Some(hex), None) => from_hex(&hex).ok_or(DirectoryError::SharedKeyMalformed)?,
        (None, Some(text)) => Zeroizing::new(text.into_bytes()),
        _ => return Err(DirectoryError::SharedKeyMalformed),
    };
    if !(SHORTEST..=LONGEST).contains(&key.len()) {
        return Err(DirectoryError::SharedKeyLength);
    }
    let stored = Written {
        identity: identity.clone(),
        key: Some(to_hex(&key)),
        key_text: None,
    };
    let text = serde_json::to_string(&stored).map_err(|_| DirectoryError::SharedKeyMalformed)?;
    Ok((identity, Some(text)))
}

/// The record's key; `None` when it is of another kind.
pub(super) fn key_of(record: &Credentials) -> Option<Zeroizing<Vec<u8>>> {
    if record.kind != CredentialsKind::PreSharedKey {
        return None;
    }
    let written = parse(record.value.as_deref()?)?;
    from_hex(&written.key?)
}

/// The stored text with a mask for the key.
pub(super) fn shown(value: &str) -> Option<String> {
    let mut written = parse(value)?;
    written.key = Some(MASK.to_owned());
    serde_json::to_string(&written).ok()
}

/// What stands for a key where it is only told from others (SHA3-256).
pub(super) fn digest(key: &[u8]) -> [u8; 32] {
    Sha3_256::digest(key).into()
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let digits: Option<Zeroizing<Vec<u32>>> = text
        .as_bytes()
        .iter()
        .map(digit)
        .collect::<Option<Vec<u32>>>()
        .map(Zeroizing::new);
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    let bytes = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit) as u8);
    Some(Zeroizing::new(bytes.collect()))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "00112233445566778899aabbccddeeff";

    fn refused(text: &str) -> Option<DirectoryError> {
        check(Some(text), None).err()
    }

    #[test]
    fn a_key_is_given_as_hex_or_as_a_text_and_stored_as_hex() {
        let hex = format!(r#"{{"identity":"pump 7","key":"{}"}}"#, KEY.to_uppercase());
        let stored = format!(r#"{{"identity":"pump 7","key":"{KEY}"}}"#);
        let expected = Some((String::from("pump 7"), Some(stored)));
        assert_eq!(check(Some(&hex), None).ok(), expected);
        let text = r#"{"keyText":"0123456789abcdef","identity":"i"}"#;
        let stored = r#"{"identity":"i","key":"30313233343536373839616263646566"}"#;
        let expected = Some((String::from("i"), Some(String::from(stored))));
        assert_eq!(check(Some(text), None).ok(), expected);
    }

    #[test]
    fn what_is_no_identity_with_one_key_of_a_safe_length_is_refused() {
        use DirectoryError::{SharedKeyIdentity, SharedKeyLength, SharedKeyMalformed};
        let with = |identity: &str, rest: &str| format!(r#"{{"identity":"{identity}"{rest}}}"#);
        let key = format!(r#","key":"{KEY}""#);
        for text in [
            String::new(),
            String::from("[]"),
            String::from("{}"),
            with("i", ""),
            with("i", r#","key":"0x00112233445566778899aabbccddeeff""#),
            with("i", r#","key":"00112233445566778899aabbccddeef""#),
            with("i", r#","keyText":"0123456789abcdef","key":"00""#),
            with("i", &format!("{key},\"more\":1")),
        ] {
            assert_eq!(refused(&text), Some(SharedKeyMalformed), "{text}");
        }
        for identity in ["", "  ", &"x".repeat(129), "\\u0000"] {
            assert_eq!(refused(&with(identity, &key)), Some(SharedKeyIdentity));
        }
        for key in ["0011", &"ab".repeat(65)] {
            let text = with("i", &format!(r#","key":"{key}""#));
            assert_eq!(refused(&text), Some(SharedKeyLength));
        }
        let masked = with("i", r#","key":"********""#);
        assert_eq!(refused(&masked), Some(DirectoryError::SharedKeyMasked));
    }

    #[test]
    fn operators_see_a_mask_and_what_they_write_back_keeps_the_key() {
        let given = format!(r#"{{"identity":"i","key":"{KEY}"}}"#);
        let shown = shown(&given).unwrap();
        assert_eq!(shown, r#"{"identity":"i","key":"********"}"#);
        let present = Credentials {
            id: crate::model::ids::CredentialsId::new(),
            device: crate::model::ids::DeviceId::new(),
            created: 0,
            kind: CredentialsKind::PreSharedKey,
            lookup: String::from("i"),
            value: Some(given.clone()),
            version: 1,
            former: None,
        };
        let kept = check(Some(&shown), Some(&present)).ok().unwrap();
        assert_eq!(kept.1.as_deref(), Some(&*given));
    }
}
