//! The store's doors. All async, none names an engine: a distributed engine fits behind them later.

use super::batch::Batch;
use super::error::StoreError;
use super::retention::RetentionStore;
use super::stream::PointStream;
use crate::model::attributes::{Attribute, AttributeChanges, Revision, Scope};
use crate::model::audit::AuditRow;
use crate::model::credentials::Credentials;
use crate::model::device::{Device, Profile};
use crate::model::ids::{
    CredentialsId, DeviceId, Incarnation, NodeId, OperatorId, ProfileId, RpcId,
};
use crate::model::operator::{ApiKey, Operator, RevokedSession};
use crate::model::query::{Aggregation, HistoryQuery, Page, PageRequest};
use crate::model::rpc::{RpcRecord, RpcState};
use crate::model::session::StoredSession;
use crate::model::telemetry::Point;
use crate::model::value::Key;
use crate::model::Millis;
use async_trait::async_trait;
use std::ops::Range;
use std::sync::Arc;

type Result<T> = std::result::Result<T, StoreError>;

/// Sequence of a batch in this node's log. With (node, incarnation) it is the dedup id.
pub type LogSequence = u64;

/// The only way to write.
#[async_trait]
pub trait Log: Send + Sync {
    /// Returns once the batch is synced to disk and visible to reads. Batches of one caller that
    /// are committed one after the other are applied in that order. Waits while too much is queued
    /// (`store.queue_bytes`).
    /// Errors: `Full`, `BatchTooLarge`, `Io`, `Closed`; nothing of the batch is kept then.
    async fn commit(&self, batch: Batch) -> Result<LogSequence>;

    /// As `commit` for each of them, in this order, with one result each: a refusal of one says
    /// nothing about the others. Cheaper than as many calls, for whoever speaks for many.
    async fn commit_all(&self, batches: Vec<Batch>) -> Vec<Result<LogSequence>> {
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            results.push(self.commit(batch).await);
        }
        results
    }

    /// Who we are: the data directory's node id and the incarnation raised at this start.
    fn identity(&self) -> (NodeId, Incarnation);

    /// Cheap health check for `/readyz`: `Err(Full)` while the disk is below its reserve.
    fn health(&self) -> Result<()>;

    /// Flushes everything and refuses further commits. Called once, last.
    async fn close(&self) -> Result<()>;
}

#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// Another number after any change of devices, credentials or profiles, before it is answered:
    /// what was read after asking is still so when the number is the same. `None`: ask again each
    /// time.
    fn directory_version(&self) -> Option<u64> {
        None
    }

    async fn device(&self, id: DeviceId) -> Result<Option<Device>>;
    async fn device_by_name(&self, name: &str) -> Result<Option<Device>>;
    /// `profile`: only devices of this profile. Listed as `paging::page_of_devices` does: text
    /// matches name or label without case, ties go by creation, then id.
    async fn devices(&self, page: &PageRequest, profile: Option<ProfileId>)
        -> Result<Page<Device>>;
    /// Ids of all devices that `devices` lists over all its pages, in that order (the request's
    /// page and size are not looked at): 16 bytes a device, for filters that only the caller knows.
    async fn device_ids(
        &self,
        page: &PageRequest,
        profile: Option<ProfileId>,
    ) -> Result<Vec<DeviceId>>;
    async fn credentials(&self, device: DeviceId) -> Result<Option<Credentials>>;
    async fn credentials_by_id(&self, id: CredentialsId) -> Result<Option<Credentials>>;
    /// By the unique look-up text (token, user name or hash).
    async fn credentials_by_lookup(&self, lookup: &str) -> Result<Option<Credentials>>;
    async fn profile(&self, id: ProfileId) -> Result<Option<Profile>>;
    /// All profiles; there are few.
    async fn profiles(&self) -> Result<Vec<Profile>>;
}

#[async_trait]
pub trait AttributeStore: Send + Sync {
    /// All attributes of the scope, or those of `keys` that exist, by key.
    async fn attributes(
        &self,
        device: DeviceId,
        scope: Scope,
        keys: Option<&[Key]>,
    ) -> Result<Vec<Attribute>>;

    /// Devices that have this attribute, in the store's order: one walk over all attributes.
    async fn devices_with(&self, scope: Scope, key: &str) -> Result<Vec<DeviceId>>;

    /// Revision of the last change of this scope; 0 when there was none.
    async fn revision(&self, device: DeviceId, scope: Scope) -> Result<Revision>;

    /// What changed after `since`, merged, each list by key (newest value of each key; deletions
    /// remembered for the last 1,000 deleted keys of a scope, of one revision the higher keys;
    /// `truncated` when `since` is before the revision of a forgotten one).
    async fn changes_since(
        &self,
        device: DeviceId,
        scope: Scope,
        since: Revision,
    ) -> Result<AttributeChanges>;
}

#[async_trait]
pub trait TimeseriesStore: Send + Sync {
    /// Keys that have a latest value or any point, sorted.
    async fn telemetry_keys(&self, device: DeviceId) -> Result<Vec<Key>>;

    /// Latest point of each asked key that has one (all keys when `None`), by key.
    async fn latest(&self, device: DeviceId, keys: Option<&[Key]>) -> Result<Vec<(Key, Point)>>;

    /// Points of one series, in the asked order, at most `limit`, chunk by chunk. What was committed
    /// before the call is in it, each time once; what is committed later may be. Nobody waits for
    /// its reader, however slow.
    /// Errors: those of reading what comes first; the stream gives those of what comes later.
    async fn stream(
        &self,
        device: DeviceId,
        key: &str,
        query: &HistoryQuery,
    ) -> Result<Box<dyn PointStream>>;

    /// The points of [`TimeseriesStore::stream`] in one piece: for a few.
    async fn history(
        &self,
        device: DeviceId,
        key: &str,
        query: &HistoryQuery,
    ) -> Result<Vec<Point>> {
        let mut stream = self.stream(device, key, query).await?;
        let mut points = Vec::new();
        while let Some(mut chunk) = stream.next().await? {
            points.append(&mut chunk);
        }
        Ok(points)
    }

    /// One point an interval that holds at least one point; its `ts` is start + (end - start) / 2.
    /// `intervals` are ascending and do not overlap. Rules: `query::Aggregation`,
    /// contract/admin-rest.md 5.
    async fn aggregate(
        &self,
        device: DeviceId,
        key: &str,
        intervals: &[Range<Millis>],
        aggregation: Aggregation,
    ) -> Result<Vec<Point>>;
}

#[async_trait]
pub trait RpcStore: Send + Sync {
    async fn rpc(&self, id: RpcId) -> Result<Option<RpcRecord>>;
    /// Records of the device that are not final, oldest first: by creation, then request id, then id
    /// (`paging::oldest_rpc_first`).
    async fn pending_rpcs(&self, device: DeviceId) -> Result<Vec<RpcRecord>>;
    /// Records of the device, only those in `state` if given, as `paging::page_of_rpcs` lists them.
    async fn rpcs(
        &self,
        device: DeviceId,
        state: Option<RpcState>,
        page: &PageRequest,
    ) -> Result<Page<RpcRecord>>;
    /// First request id that was never reserved (0 for a new device).
    async fn reserved_rpc_ids(&self, device: DeviceId) -> Result<i32>;
    /// Devices with a pending RPC whose `expires` is at or before `now`, at most `limit`, by
    /// `expires`, then id.
    async fn rpcs_due(&self, now: Millis, limit: usize) -> Result<Vec<(DeviceId, RpcId)>>;
}

#[async_trait]
pub trait SessionStore: Send + Sync {
    async fn session(&self, device: DeviceId) -> Result<Option<StoredSession>>;

    /// The last `Change::PollCursor` of the device; `None` before its first long poll.
    async fn poll_cursor(&self, device: DeviceId) -> Result<Option<Revision>>;
}

#[async_trait]
pub trait OperatorStore: Send + Sync {
    async fn operator(&self, id: OperatorId) -> Result<Option<Operator>>;
    /// Without regard to case.
    async fn operator_by_name(&self, username: &str) -> Result<Option<Operator>>;
    async fn operators(&self) -> Result<Vec<Operator>>;
    async fn system(&self, name: &str) -> Result<Option<Vec<u8>>>;
    /// Revocations not yet past their `until` at `now` (`until >= now`).
    async fn revoked_sessions(&self, now: Millis) -> Result<Vec<RevokedSession>>;
    /// All of them; there are few.
    async fn api_keys(&self) -> Result<Vec<ApiKey>>;
    /// Rows of the audit log whose time is in `range`, newest first, without the first `skip` of
    /// them, at most `limit`; and how many there are in all.
    async fn audit(
        &self,
        range: Range<Millis>,
        skip: usize,
        limit: usize,
    ) -> Result<Page<AuditRow>>;
}

/// Everything an engine offers.
pub trait Store:
    Log
    + DeviceStore
    + AttributeStore
    + TimeseriesStore
    + RpcStore
    + SessionStore
    + OperatorStore
    + RetentionStore
{
}

impl<T> Store for T where
    T: Log
        + DeviceStore
        + AttributeStore
        + TimeseriesStore
        + RpcStore
        + SessionStore
        + OperatorStore
        + RetentionStore
{
}

/// How the rooms above hold a store.
pub type SharedStore = Arc<dyn Store>;
