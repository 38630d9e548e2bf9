//! Records whose form has changed since the first format: what is written now, and reading all that
//! was ever written.
//!
//! ```text
//!  record        form 1                     form 2          form 3
//!  Profile       without retention          without chain   now
//!                                            and rates
//!  Operator      without role and names     now
//!  Credentials   without former             now
//! ```

use super::super::record;
use super::super::tx::Tx;
use crate::model::credentials::{Credentials, CredentialsV1};
use crate::model::device::{Profile, ProfileV1, ProfileV2};
use crate::model::operator::{Operator, OperatorV1};
use crate::store::error::StoreError;

type Result<T> = std::result::Result<T, StoreError>;

/// A record with older forms.
pub trait Form: Sized {
    /// Names the table in reports.
    const TABLE: &'static str;

    /// In the form written now.
    fn encode(&self) -> Result<Vec<u8>>;

    /// In whatever form it was written. Errors: `Damaged`, which has been reported.
    fn decode(value: &[u8]) -> Result<Self>;
}

impl Form for Profile {
    const TABLE: &'static str = "profile";

    fn encode(&self) -> Result<Vec<u8>> {
        record::encode_as(3, self)
    }

    fn decode(value: &[u8]) -> Result<Self> {
        match value.first() {
            Some(1) => record::decode_as::<ProfileV1>(1, Self::TABLE, value).map(Self::from),
            Some(2) => record::decode_as::<ProfileV2>(2, Self::TABLE, value).map(Self::from),
            _ => record::decode_as(3, Self::TABLE, value),
        }
    }
}

impl Form for Operator {
    const TABLE: &'static str = "operator";

    fn encode(&self) -> Result<Vec<u8>> {
        record::encode_as(2, self)
    }

    fn decode(value: &[u8]) -> Result<Self> {
        match value.first() {
            Some(1) => record::decode_as::<OperatorV1>(1, Self::TABLE, value).map(Self::from),
            _ => record::decode_as(2, Self::TABLE, value),
        }
    }
}

impl Form for Credentials {
    const TABLE: &'static str = "credentials";

    fn encode(&self) -> Result<Vec<u8>> {
        record::encode_as(2, self)
    }

    fn decode(value: &[u8]) -> Result<Self> {
        match value.first() {
            Some(1) => record::decode_as::<CredentialsV1>(1, Self::TABLE, value).map(Self::from),
            _ => record::decode_as(2, Self::TABLE, value),
        }
    }
}

impl Tx<'_> {
    pub fn put_form<T: Form>(&mut self, key: Vec<u8>, value: &T) -> Result<()> {
        let value = value.encode()?;
        self.put(key, value);
        Ok(())
    }

    /// A record that cannot be read counts as absent, as in [`Tx::record`].
    pub fn form<T: Form>(&self, key: &[u8]) -> Result<Option<T>> {
        Ok(self.get(key)?.and_then(|bytes| T::decode(&bytes).ok()))
    }
}
