//! Values of the tables: a version byte, then postcard. A record that cannot be read is reported
//! and never served.

use crate::store::error::StoreError;
use serde::de::DeserializeOwned;
use serde::Serialize;

/// The version written now. Values below 0xF0; those above mark long values (see `table`).
pub const VERSION: u8 = 1;

pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    encode_as(VERSION, value)
}

/// For records whose form has changed.
pub fn encode_as<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![version])
        .map_err(|e| StoreError::Io(format!("encoding a record: {e}")))
}

/// Errors: `Damaged`, naming the table by its tag and never the content.
pub fn decode<T: DeserializeOwned>(table: &str, bytes: &[u8]) -> Result<T, StoreError> {
    decode_as(VERSION, table, bytes)
}

/// A record of this version and no other.
pub fn decode_as<T: DeserializeOwned>(
    wanted: u8,
    table: &str,
    bytes: &[u8],
) -> Result<T, StoreError> {
    let decoded = match bytes.split_first() {
        Some((version, rest)) if *version == wanted => {
            postcard::from_bytes(rest).map_err(|e| e.to_string())
        }
        Some((version, _)) => Err(format!("version {version} is unknown")),
        None => Err("it is empty".to_owned()),
    };
    decoded.map_err(|why| {
        tracing::error!(table, why, "a record cannot be read");
        StoreError::Damaged(format!("a record of {table}: {why}"))
    })
}
