//! What devices that are being made already hold: reserved under the directory's lock, so that the
//! commit can be waited for outside of it, together with those of many others.

use super::{DirectoryError, Inner, Result};
use crate::model::ids::ProfileId;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Reserved(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    names: HashSet<String>,
    lookups: HashSet<String>,
    profiles: HashMap<ProfileId, u64>,
}

/// Frees what it holds when it is dropped: after the commit, whose outcome the store tells.
pub(super) struct Claim {
    reserved: Arc<Reserved>,
    name: String,
    lookup: String,
    profile: ProfileId,
}

impl Reserved {
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.0.lock().names.contains(name)
    }

    pub(super) fn has_lookup(&self, lookup: &str) -> bool {
        self.0.lock().lookups.contains(lookup)
    }

    /// Devices of the profile that are being made.
    pub(super) fn of_profile(&self, profile: ProfileId) -> u64 {
        self.0.lock().profiles.get(&profile).copied().unwrap_or(0)
    }
}

impl Inner {
    /// Only under the lock, and after name and look-up were found free.
    pub(super) fn claim(&self, name: &str, lookup: &str, profile: ProfileId) -> Claim {
        let mut taken = self.reserved.0.lock();
        taken.names.insert(name.to_owned());
        taken.lookups.insert(lookup.to_owned());
        *taken.profiles.entry(profile).or_default() += 1;
        Claim {
            reserved: self.reserved.clone(),
            name: name.to_owned(),
            lookup: lookup.to_owned(),
            profile,
        }
    }

    /// Error: `CredentialsTaken` when a device that is being made has it.
    pub(super) fn not_reserved(&self, lookup: &str) -> Result<()> {
        match self.reserved.has_lookup(lookup) {
            true => Err(DirectoryError::CredentialsTaken),
            false => Ok(()),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut taken = self.reserved.0.lock();
        taken.names.remove(&self.name);
        taken.lookups.remove(&self.lookup);
        if let Some(count) = taken.profiles.get_mut(&self.profile) {
            *count -= 1;
            if *count == 0 {
                taken.profiles.remove(&self.profile);
            }
        }
    }
}
