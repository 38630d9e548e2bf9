//! Profiles as records. Form 1 had no retention.

use super::super::tx::Tx;
use super::super::{keys, record};
use crate::model::device::{Profile, ProfileV1};
use crate::store::error::StoreError;

/// The form written now.
const VERSION: u8 = 2;

pub fn put(tx: &mut Tx<'_>, profile: &Profile) -> Result<(), StoreError> {
    let value = record::encode_as(VERSION, profile)?;
    tx.put(keys::profile(profile.id), value);
    Ok(())
}

/// Errors: `Damaged`, which has been reported.
pub fn decode(value: &[u8]) -> Result<Profile, StoreError> {
    if value.first() == Some(&record::VERSION) {
        return record::decode::<ProfileV1>("profile", value).map(Profile::from);
    }
    record::decode_as(VERSION, "profile", value)
}
