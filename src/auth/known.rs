//! Tokens that let somebody in lately, for devices that say who they are with every request. They
//! stand as long as the directory does: after any change of it all are asked for again.

use super::{Config, Identified};
use ahash::AHashMap;
use parking_lot::Mutex;

pub struct Known {
    /// Tokens kept; with one more all are forgotten.
    most: usize,
    /// Bytes of a device's own text above which it is not kept: an entry stays around 1 KiB.
    small: usize,
    tokens: Mutex<Tokens>,
}

#[derive(Default)]
struct Tokens {
    version: u64,
    by_token: AHashMap<Box<str>, Identified>,
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
        found.filter(|_| tokens.version == version).cloned()
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
            tokens.by_token.clear();
            tokens.version = version;
        }
        tokens.by_token.insert(token.into(), identified.clone());
    }
}
