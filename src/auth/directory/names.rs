//! Device names: what one may be, and a free one when the wanted one is taken
//! (contract/admin-rest.md 4, `nameConflictPolicy`).

use super::orders::{NameConflict, UniquifyStrategy};
use super::{DirectoryError, Inner, Result};
use crate::auth::material::random_text;
use crate::model::ids::DeviceId;

/// Longest name, label and profile name, in characters.
const LONGEST: usize = 255;
/// How many suffixes are tried before giving up.
const TRIES: usize = 10_000;
/// Random characters of a suffix.
const RANDOM_SUFFIX: usize = 6;

/// Whether a name, label or profile name is short enough.
pub(super) fn fits(text: &str) -> bool {
    text.chars().count() <= LONGEST
}

fn check(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(DirectoryError::NameMissing);
    }
    if !fits(name) {
        return Err(DirectoryError::NameTooLong);
    }
    Ok(())
}

impl Inner {
    /// The name to use for `device` (`None`: a new one): the wanted one, or another that is free.
    pub(super) async fn free_name(
        &self,
        wanted: &str,
        policy: &NameConflict,
        device: Option<DeviceId>,
    ) -> Result<String> {
        check(wanted)?;
        if self.is_free(wanted, device).await? {
            return Ok(wanted.to_owned());
        }
        let NameConflict::Uniquify {
            separator,
            strategy,
        } = policy
        else {
            return Err(DirectoryError::NameTaken);
        };
        for try_number in 1..=TRIES {
            let suffix = match strategy {
                UniquifyStrategy::Random => random_text(RANDOM_SUFFIX),
                UniquifyStrategy::Incremental => try_number.to_string(),
            };
            let name = format!("{wanted}{separator}{suffix}");
            check(&name)?;
            if self.is_free(&name, device).await? {
                return Ok(name);
            }
        }
        Err(DirectoryError::NameTaken)
    }

    async fn is_free(&self, name: &str, device: Option<DeviceId>) -> Result<bool> {
        // Before the store: what is no longer reserved is stored by now.
        if self.reserved.has_name(name) {
            return Ok(false);
        }
        let holder = self.store.device_by_name(name).await?;
        Ok(holder.is_none_or(|holder| Some(holder.id) == device))
    }
}
