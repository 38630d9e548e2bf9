//! What the log carries. A batch is self-contained: applying it needs no clock and nothing else.
//!
//! The order of variants and fields is the journal's format (postcard): append only, and raise
//! the frame's version byte when something must change.

use crate::model::attributes::{Revision, Scope};
use crate::model::audit::AuditRow;
use crate::model::credentials::{Credentials, CredentialsV1};
use crate::model::device::{Device, Profile, ProfileV1, ProfileV2};
use crate::model::ids::{
    ApiKeyId, AuditId, DeviceId, OperatorId, Origin, Partition, ProfileId, RpcId,
};
use crate::model::operator::{ApiKey, Operator, OperatorV1, RevokedSession};
use crate::model::packed::PackedRows;
use crate::model::rpc::RpcRecord;
use crate::model::session::StoredSession;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use serde::{Deserialize, Serialize};

/// Changes that become durable together, or not at all. All belong to one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub partition: Partition,
    pub changes: Vec<Change>,
}

impl Batch {
    /// A batch of one device's changes.
    pub fn of_device(device: DeviceId, changes: Vec<Change>) -> Self {
        Self {
            partition: device.partition(),
            changes,
        }
    }

    /// A batch of what belongs to no device.
    pub fn of_system(changes: Vec<Change>) -> Self {
        Self {
            partition: Partition::SYSTEM,
            changes,
        }
    }
}

/// One fact. Applying the same fact again changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Upserts of points. For one (device, key, ts) the higher origin wins, whatever the order of
    /// arrival; latest = highest (ts, origin).
    Telemetry {
        device: DeviceId,
        origin: Origin,
        rows: PackedRows,
    },
    TelemetryDelete {
        device: DeviceId,
        keys: Vec<Key>,
        selection: DeleteSelection,
    },
    /// Each put and each delete that names an existing key raises the scope's revision by one
    /// for the whole change (all its keys get the same revision). A put without entries and a
    /// delete without an existing key change nothing.
    AttributesPut {
        device: DeviceId,
        scope: Scope,
        at: Millis,
        entries: Vec<(Key, Value)>,
    },
    AttributesDelete {
        device: DeviceId,
        scope: Scope,
        at: Millis,
        keys: Vec<Key>,
    },
    /// Creates or replaces a device together with its name index.
    DevicePut(Device),
    /// Removes the device and everything it owns: credentials, attributes, telemetry, RPCs, session.
    DeviceDelete(DeviceId),
    /// Creates or replaces a device's credentials together with their look-up index: the old
    /// look-up text and the old id are free then.
    ///
    /// What is written now is `CredentialsPut`.
    CredentialsPutV1(CredentialsV1),
    /// What is written now is `ProfilePut`.
    ProfilePutV1(ProfileV1),
    RpcPut(RpcRecord),
    RpcDelete {
        device: DeviceId,
        rpc: RpcId,
    },
    /// Request ids below `upto` may have been used; the next life of the actor starts there.
    /// The last one stands.
    RpcIdsReserved {
        device: DeviceId,
        upto: i32,
    },
    SessionPut {
        device: DeviceId,
        session: StoredSession,
    },
    SessionDelete(DeviceId),
    /// What is written now is `OperatorPut`.
    OperatorPutV1(OperatorV1),
    /// A secret or setting of the node itself, e.g. the token signing key. Never in logs.
    SystemPut {
        name: String,
        value: Vec<u8>,
    },
    /// Of two for one session the later `until` stands: a revocation is never shortened.
    SessionRevoked(RevokedSession),
    /// SHARED revision up to which long polls of the device have been answered (written to the
    /// client). Goes with `DeviceDelete`.
    PollCursor {
        device: DeviceId,
        acknowledged: Revision,
    },
    /// All points of the device with a time before `before` are gone, whatever their key. Latest
    /// values stay, and with them their keys.
    TelemetryExpire {
        device: DeviceId,
        before: Millis,
    },
    /// What is written now is `ProfilePut`.
    ProfilePutV2(ProfileV2),
    /// Nothing of its devices changes: whoever writes this has seen that there are none.
    ProfileDelete(ProfileId),
    /// Forgets the revocations whose `until` is before `before`.
    RevocationsExpire {
        before: Millis,
    },
    ProfilePut(Profile),
    /// As `CredentialsPutV1`; the look-up text of `former` leads to the device, too.
    CredentialsPut(Credentials),
    OperatorPut(Operator),
    /// Removes the operator and its API keys.
    OperatorDelete(OperatorId),
    ApiKeyPut(ApiKey),
    ApiKeyDelete(ApiKeyId),
    AuditPut(AuditRow),
    /// Forgets the rows up to this place, itself included.
    AuditExpire {
        upto: (Millis, AuditId),
    },
}

impl Change {
    /// Devices, credentials and profiles: who may speak, and how. No `_`: whoever adds a change has
    /// to think of this.
    pub fn is_of_directory(&self) -> bool {
        match self {
            Change::DevicePut(_)
            | Change::DeviceDelete(_)
            | Change::CredentialsPutV1(_)
            | Change::CredentialsPut(_)
            | Change::ProfilePutV1(_)
            | Change::ProfilePutV2(_)
            | Change::ProfilePut(_)
            | Change::ProfileDelete(_) => true,
            Change::Telemetry { .. }
            | Change::TelemetryDelete { .. }
            | Change::TelemetryExpire { .. }
            | Change::AttributesPut { .. }
            | Change::AttributesDelete { .. }
            | Change::RpcPut(_)
            | Change::RpcDelete { .. }
            | Change::RpcIdsReserved { .. }
            | Change::SessionPut { .. }
            | Change::SessionDelete(_)
            | Change::PollCursor { .. }
            | Change::OperatorPutV1(_)
            | Change::OperatorPut(_)
            | Change::OperatorDelete(_)
            | Change::ApiKeyPut(_)
            | Change::ApiKeyDelete(_)
            | Change::AuditPut(_)
            | Change::AuditExpire { .. }
            | Change::SystemPut { .. }
            | Change::SessionRevoked(_)
            | Change::RevocationsExpire { .. } => false,
        }
    }
}

/// Which points a telemetry deletion takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteSelection {
    /// Start inclusive, end exclusive; `None` = all points of the keys.
    pub range: Option<(Millis, Millis)>,
    /// Whether a latest value inside the range goes too.
    pub delete_latest: bool,
    /// Whether the newest remaining point then becomes the latest (only when one was taken).
    pub rewrite_latest: bool,
}
