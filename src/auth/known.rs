//! Tokens that let somebody in lately, for devices that say who they are with every request. They
//! stand as long as the directory does: after any change of it all are asked for again.

use super::{Config, Identified};
use crate::model::device::{Device, Profile};
use ahash::AHashMap;
use parking_lot::Mutex;
use std::sync::Arc;

pub struct Known {
    /// Tokens kept; with one more all are forgotten.
    most: usize,
    /// Bytes of a device's own text above which it is not kept: an entry stays around half a KiB.
    small: usize,
    tokens: Mutex<Tokens>,
}

#[derive(Default)]
struct Tokens {
    version: u64,
    /// Boxed: a table has places for twice as many as are in it.
    by_token: AHashMap<Box<str>, Box<Entry>>,
    /// Those of the entries: thousands of devices share a few.
    profiles: Vec<Arc<Profile>>,
}

struct Entry {
    device: Device,
    profile: Arc<Profile>,
    credentials_version: u64,
    seen: Option<u64>,
}

impl Tokens {
    fn forget(&mut self, version: u64) {
        self.by_token.clear();
        self.profiles.clear();
        self.version = version;
    }

    fn profile(&mut self, profile: &Profile) -> Arc<Profile> {
        let same = |known: &&Arc<Profile>| known.id == profile.id && ***known == *profile;
        if let Some(known) = self.profiles.iter().find(same) {
            return known.clone();
        }
        let known = Arc::new(profile.clone());
        self.profiles.push(known.clone());
        known
    }
}

impl Known {
    pub fn new(config: &Config) -> Self {
        Self {
            most: config.known_tokens,
            small: config.known_token_size.bytes(),
            tokens: Mutex::default(),
        }
    }

    /// Who the token let in, if the directory is still the one of then.
    pub fn get(&self, token: &str, version: u64) -> Option<Identified> {
        let tokens = self.tokens.lock();
        let found = tokens.by_token.get(token);
        let found = found.filter(|_| tokens.version == version)?;
        Some(Identified {
            device: found.device.clone(),
            profile: (*found.profile).clone(),
            credentials_version: found.credentials_version,
            seen: found.seen,
            until: None,
        })
    }

    /// `version`: the directory's, asked for before it was read.
    pub fn put(&self, token: &str, version: u64, identified: &Identified) {
        let device = &identified.device;
        // One that was rotated out is let in for a while only.
        if identified.until.is_some() {
            return;
        }
        if token.len() + device.name.len() + device.additional_info.len() > self.small {
            return;
        }
        let mut tokens = self.tokens.lock();
        if tokens.version > version {
            return;
        }
        if tokens.version < version || tokens.by_token.len() >= self.most {
            tokens.forget(version);
        }
        let entry = Entry {
            device: device.clone(),
            profile: tokens.profile(&identified.profile),
            credentials_version: identified.credentials_version,
            seen: identified.seen,
        };
        tokens.by_token.insert(token.into(), Box::new(entry));
    }
}
