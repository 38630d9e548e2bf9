//! Tokens that let somebody in lately, for devices that say who they are with every request. They
//! stand as long as the directory does: after any change of it all are asked for again.

use super::Identified;
use ahash::AHashMap;
use parking_lot::Mutex;

/// Tokens kept; with one more all are forgotten.
const MOST: usize = 4096;
/// Bytes of a device's own text above which it is not kept: an entry stays around 1 KiB.
const SMALL: usize = 512;

#[derive(Default)]
pub struct Known(Mutex<Tokens>);

#[derive(Default)]
struct Tokens {
    version: u64,
    by_token: AHashMap<Box<str>, Identified>,
}

impl Known {
    /// Who the token let in, if the directory is still the one of then.
    pub fn get(&self, token: &str, version: u64) -> Option<Identified> {
        let tokens = self.0.lock();
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
        if token.len() + device.name.len() + device.additional_info.len() > SMALL {
            return;
        }
        let mut tokens = self.0.lock();
        if tokens.version > version {
            return;
        }
        if tokens.version < version || tokens.by_token.len() >= MOST {
            tokens.by_token.clear();
            tokens.version = version;
        }
        tokens.by_token.insert(token.into(), identified.clone());
    }
}
