//! Attributes: the last known values of a device, in three scopes (contract/data-model.md 5).

use super::value::{Key, Value};
use super::Millis;
use serde::{Deserialize, Serialize};

/// Who writes and who reads. The discriminants are part of the on-disk format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Scope {
    /// Written by the device, read by it and by operators.
    Client = 0,
    /// Written by operators, read by the device, which is notified of changes.
    Shared = 1,
    /// Written by operators and the platform, never visible to the device.
    Server = 2,
}

impl Scope {
    pub const ALL: [Scope; 3] = [Scope::Client, Scope::Shared, Scope::Server];

    /// The REST name: `CLIENT_SCOPE`, `SHARED_SCOPE`, `SERVER_SCOPE`.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Client => "CLIENT_SCOPE",
            Scope::Shared => "SHARED_SCOPE",
            Scope::Server => "SERVER_SCOPE",
        }
    }

    pub fn parse(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Counts the changes of one device and scope from 1 (design.md 7.9); 0 is "before the first".
pub type Revision = u64;

/// One attribute as it is read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    pub key: Key,
    pub value: Value,
    pub last_update: Millis,
    /// Revision of the change that gave it this value.
    pub revision: Revision,
}

/// What changed in one scope since some revision, merged: the newest value of each changed key.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AttributeChanges {
    /// Resume from here next time.
    pub revision: Revision,
    pub updated: Vec<(Key, Value)>,
    pub deleted: Vec<Key>,
    /// Deletions older than the store remembers may be missing (bounded memory of deletions).
    pub truncated: bool,
}

impl AttributeChanges {
    pub fn is_empty(&self) -> bool {
        self.updated.is_empty() && self.deleted.is_empty()
    }
}

/// A device's request for attributes (contract/mqtt.md 7). `None` = this section was not named.
/// Both `None` = everything in both scopes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AttributeRequest {
    pub client: Option<Vec<Key>>,
    pub shared: Option<Vec<Key>>,
}

/// The answer: only keys that exist; a section without a hit is empty and left out on the wire.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AttributeReply {
    pub client: Vec<(Key, Value)>,
    pub shared: Vec<(Key, Value)>,
}
