//! The oracle's answers: the read traits over [`Tables`](super::tables::Tables).

use super::pages::Pages;
use super::MemoryStore;
use crate::model::attributes::{Attribute, AttributeChanges, Revision, Scope};
use crate::model::audit::AuditRow;
use crate::model::credentials::Credentials;
use crate::model::device::{Device, Profile};
use crate::model::ids::{CredentialsId, DeviceId, OperatorId, ProfileId, RpcId};
use crate::model::operator::{ApiKey, Operator, RevokedSession};
use crate::model::query::{Aggregation, HistoryQuery, Page, PageRequest};
use crate::model::rpc::{RpcRecord, RpcState};
use crate::model::session::StoredSession;
use crate::model::telemetry::Point;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::stream::PointStream;
use crate::store::traits::{
    AttributeStore, DeviceStore, OperatorStore, RpcStore, SessionStore, TimeseriesStore,
};
use crate::store::{aggregate, paging};
use async_trait::async_trait;
use std::ops::Range;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl DeviceStore for MemoryStore {
    fn directory_version(&self) -> Option<u64> {
        Some(self.directory())
    }

    async fn device(&self, id: DeviceId) -> Result<Option<Device>> {
        self.read(|tables| tables.devices.get(&id).cloned())
    }

    async fn device_by_name(&self, name: &str) -> Result<Option<Device>> {
        self.read(|tables| {
            let id = tables.names.get(name)?;
            tables.devices.get(id).cloned()
        })
    }

    async fn devices(
        &self,
        page: &PageRequest,
        profile: Option<ProfileId>,
    ) -> Result<Page<Device>> {
        self.read(|tables| {
            let asked = |device: &&Device| profile.is_none_or(|profile| device.profile == profile);
            let devices = tables.devices.values().filter(asked).cloned().collect();
            let type_of = |id| tables.profiles.get(&id).map(|profile| profile.name.clone());
            paging::page_of_devices(devices, type_of, page)
        })
    }

    async fn device_ids(
        &self,
        page: &PageRequest,
        profile: Option<ProfileId>,
    ) -> Result<Vec<DeviceId>> {
        let all = PageRequest {
            size: usize::MAX,
            page: 0,
            ..page.clone()
        };
        let listed = self.devices(&all, profile).await?;
        Ok(listed.rows.into_iter().map(|device| device.id).collect())
    }

    async fn credentials(&self, device: DeviceId) -> Result<Option<Credentials>> {
        self.read(|tables| tables.credentials.get(&device).cloned())
    }

    async fn credentials_by_id(&self, id: CredentialsId) -> Result<Option<Credentials>> {
        self.read(|tables| {
            let device = tables.credentials_ids.get(&id)?;
            tables.credentials.get(device).cloned()
        })
    }

    async fn credentials_by_lookup(&self, lookup: &str) -> Result<Option<Credentials>> {
        self.read(|tables| {
            let device = tables.lookups.get(lookup)?;
            tables.credentials.get(device).cloned()
        })
    }

    async fn profile(&self, id: ProfileId) -> Result<Option<Profile>> {
        self.read(|tables| tables.profiles.get(&id).cloned())
    }

    async fn profiles(&self) -> Result<Vec<Profile>> {
        self.read(|tables| tables.profiles.values().cloned().collect())
    }
}

#[async_trait]
impl AttributeStore for MemoryStore {
    async fn attributes(
        &self,
        device: DeviceId,
        scope: Scope,
        keys: Option<&[Key]>,
    ) -> Result<Vec<Attribute>> {
        self.read(|tables| {
            let Some(state) = tables.attributes.get(&(device, scope)) else {
                return Vec::new();
            };
            let values = state.values.values();
            let asked = |attribute: &&Attribute| keys.is_none_or(|k| k.contains(&attribute.key));
            values.filter(asked).cloned().collect()
        })
    }

    async fn devices_with(&self, scope: Scope, key: &str) -> Result<Vec<DeviceId>> {
        self.read(|tables| {
            let of_scope = tables.attributes.iter().filter(|(of, _)| of.1 == scope);
            let with = of_scope.filter(|(_, state)| state.values.contains_key(key));
            with.map(|(of, _)| of.0).collect()
        })
    }

    async fn revision(&self, device: DeviceId, scope: Scope) -> Result<Revision> {
        self.read(|tables| {
            let state = tables.attributes.get(&(device, scope));
            state.map_or(0, |state| state.revision)
        })
    }

    async fn changes_since(
        &self,
        device: DeviceId,
        scope: Scope,
        since: Revision,
    ) -> Result<AttributeChanges> {
        self.read(|tables| {
            let state = tables.attributes.get(&(device, scope));
            state.map_or_else(AttributeChanges::default, |state| {
                state.changes_since(since)
            })
        })
    }
}

#[async_trait]
impl TimeseriesStore for MemoryStore {
    async fn telemetry_keys(&self, device: DeviceId) -> Result<Vec<Key>> {
        self.read(|tables| {
            let series = tables.series.get(&device);
            series.map_or_else(Vec::new, |series| series.keys())
        })
    }

    async fn latest(&self, device: DeviceId, keys: Option<&[Key]>) -> Result<Vec<(Key, Point)>> {
        self.read(|tables| {
            let series = tables.series.get(&device);
            series.map_or_else(Vec::new, |series| {
                series.latest(|key| keys.is_none_or(|keys| keys.contains(key)))
            })
        })
    }

    async fn stream(
        &self,
        device: DeviceId,
        key: &str,
        query: &HistoryQuery,
    ) -> Result<Box<dyn PointStream>> {
        self.read(|_| ())?;
        Ok(Box::new(Pages::new(
            self,
            device,
            key.into(),
            query.clone(),
        )))
    }

    async fn aggregate(
        &self,
        device: DeviceId,
        key: &str,
        intervals: &[Range<Millis>],
        aggregation: Aggregation,
    ) -> Result<Vec<Point>> {
        let (Some(first), Some(last)) = (intervals.first(), intervals.last()) else {
            return self.read(|_| Vec::new());
        };
        self.points(device, key, &(first.start..last.end), |points| {
            aggregate::aggregate(points, intervals, aggregation)
        })
    }
}

impl MemoryStore {
    /// Hands the points of a series inside `range`, ascending, to `answer`.
    pub(super) fn points<T>(
        &self,
        device: DeviceId,
        key: &str,
        range: &Range<Millis>,
        answer: impl FnOnce(&mut dyn DoubleEndedIterator<Item = (Millis, &Value)>) -> Vec<T>,
    ) -> Result<Vec<T>> {
        self.read(|tables| {
            let series = tables.series.get(&device);
            let points = series.and_then(|series| series.points.get(key));
            match points {
                Some(points) if range.start < range.end => {
                    let inside = points.range(range.clone());
                    answer(&mut inside.map(|(ts, (_, value))| (*ts, value)))
                }
                _ => Vec::new(),
            }
        })
    }
}

#[async_trait]
impl RpcStore for MemoryStore {
    async fn rpc(&self, id: RpcId) -> Result<Option<RpcRecord>> {
        self.read(|tables| tables.rpcs.get(&id).cloned())
    }

    async fn pending_rpcs(&self, device: DeviceId) -> Result<Vec<RpcRecord>> {
        self.read(|tables| {
            let records = tables.rpcs.values();
            let pending = records.filter(|record| record.device == device && is_pending(record));
            let mut pending: Vec<_> = pending.cloned().collect();
            pending.sort_by(paging::oldest_rpc_first);
            pending
        })
    }

    async fn rpcs(
        &self,
        device: DeviceId,
        state: Option<RpcState>,
        page: &PageRequest,
    ) -> Result<Page<RpcRecord>> {
        self.read(|tables| {
            let records = tables.rpcs.values().filter(|record| {
                record.device == device && state.is_none_or(|state| record.state == state)
            });
            paging::page_of_rpcs(records.cloned().collect(), page)
        })
    }

    async fn reserved_rpc_ids(&self, device: DeviceId) -> Result<i32> {
        self.read(|tables| tables.reserved_rpc_ids.get(&device).copied().unwrap_or(0))
    }

    async fn rpcs_due(&self, now: Millis, limit: usize) -> Result<Vec<(DeviceId, RpcId)>> {
        self.read(|tables| {
            let records = tables.rpcs.values();
            let due = records.filter(|record| is_pending(record) && record.order.expires <= now);
            let mut due: Vec<&RpcRecord> = due.collect();
            due.sort_by_key(|record| (record.order.expires, record.order.id));
            let ids = due.into_iter().take(limit);
            ids.map(|record| (record.device, record.order.id)).collect()
        })
    }
}

fn is_pending(record: &RpcRecord) -> bool {
    !record.state.is_final(record.order.oneway)
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn session(&self, device: DeviceId) -> Result<Option<StoredSession>> {
        self.read(|tables| tables.sessions.get(&device).cloned())
    }

    async fn poll_cursor(&self, device: DeviceId) -> Result<Option<Revision>> {
        self.read(|tables| tables.poll_cursors.get(&device).copied())
    }
}

#[async_trait]
impl OperatorStore for MemoryStore {
    async fn operator(&self, id: OperatorId) -> Result<Option<Operator>> {
        self.read(|tables| tables.operators.get(&id).cloned())
    }

    async fn operator_by_name(&self, username: &str) -> Result<Option<Operator>> {
        self.read(|tables| {
            let wanted = username.to_lowercase();
            let mut operators = tables.operators.values();
            operators
                .find(|operator| operator.username.to_lowercase() == wanted)
                .cloned()
        })
    }

    async fn operators(&self) -> Result<Vec<Operator>> {
        self.read(|tables| tables.operators.values().cloned().collect())
    }

    async fn system(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.read(|tables| tables.system.get(name).cloned())
    }

    async fn revoked_sessions(&self, now: Millis) -> Result<Vec<RevokedSession>> {
        self.read(|tables| {
            let standing = tables.revoked.iter().filter(|(_, until)| **until >= now);
            let record = |(session, until): (&String, &Millis)| RevokedSession {
                session: session.clone(),
                until: *until,
            };
            standing.map(record).collect()
        })
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        self.read(|tables| tables.api_keys.values().cloned().collect())
    }

    async fn audit(
        &self,
        range: Range<Millis>,
        skip: usize,
        limit: usize,
    ) -> Result<Page<AuditRow>> {
        self.read(|tables| {
            let inside = |row: &&AuditRow| range.contains(&row.at);
            let rows = tables.audit.values().rev().filter(inside);
            Page {
                total: rows.clone().count(),
                rows: rows.skip(skip).take(limit).cloned().collect(),
            }
        })
    }
}
