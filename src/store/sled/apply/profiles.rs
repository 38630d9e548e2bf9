//! Profiles as records. Form 1 had no retention, form 2 no chain.

use super::super::tx::Tx;
use super::super::{keys, record};
use crate::model::device::{Profile, ProfileV1, ProfileV2};
use crate::store::error::StoreError;

/// The form written now.
const VERSION: u8 = 3;
const SECOND: u8 = 2;

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
    if value.first() == Some(&SECOND) {
        return record::decode_as::<ProfileV2>(SECOND, "profile", value).map(Profile::from);
    }
    record::decode_as(VERSION, "profile", value)
}
