//! What retention asks of an engine. Nothing here changes anything: changes go through the log.

use crate::model::ids::{DeviceId, ProfileId};
use crate::model::Millis;
use crate::store::error::StoreError;
use async_trait::async_trait;
use std::collections::HashMap;
use std::iter::Sum;

/// How old points may be, by profile.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub profiles: HashMap<ProfileId, Option<Limit>>,
    /// Of devices whose profile is not among them.
    pub otherwise: Option<Limit>,
}

/// Points before `before` go as soon as there are some before `due`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub before: Millis,
    pub due: Millis,
}

impl Limits {
    /// `None` = kept for ever.
    pub fn of(&self, profile: ProfileId) -> Option<Limit> {
        let named = self.profiles.get(&profile);
        named.copied().unwrap_or(self.otherwise)
    }
}

/// A device whose points before `before` are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doomed {
    pub device: DeviceId,
    pub before: Millis,
    /// Of blocks that go whole; points of blocks that are cut are not in it.
    pub extent: Extent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    pub blocks: u64,
    /// Rows: times with all their values.
    pub rows: u64,
    pub bytes: u64,
}

impl Extent {
    pub fn add(&mut self, other: Extent) {
        self.blocks += other.blocks;
        self.rows += other.rows;
        self.bytes += other.bytes;
    }
}

impl Sum for Extent {
    fn sum<I: Iterator<Item = Extent>>(all: I) -> Self {
        all.fold(Extent::default(), |mut sum, one| {
            sum.add(one);
            sum
        })
    }
}

/// One slice of a pass over the devices.
#[derive(Clone, Debug, Default)]
pub struct Aged {
    pub doomed: Vec<Doomed>,
    /// The last device looked at; `None` when there is none behind it.
    pub last: Option<DeviceId>,
}

#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Looks at `count` devices behind `behind` (from the first when `None`), in the engine's own
    /// order.
    async fn aged(
        &self,
        limits: &Limits,
        behind: Option<DeviceId>,
        count: usize,
    ) -> Result<Aged, StoreError>;

    /// Bytes that the data directory takes on the disk.
    async fn disk_use(&self) -> Result<u64, StoreError>;

    /// Bytes of all blocks of points, as far as they are sealed.
    async fn block_bytes(&self) -> Result<u64, StoreError>;

    /// What to expire so that about `keep` bytes of blocks stay, the oldest of all devices first. No
    /// block is cut for it, unless late points lie across.
    async fn oldest(&self, keep: u64) -> Result<Vec<Doomed>, StoreError>;
}
