//! Random histories over a small universe, where everything collides with everything.
//!
//! Names, look-ups and RPC ids belong to one device each: keeping them unique is the caller's duty.

use super::access::{api_key, audit_row};
use super::credentials::token;
use super::devices::profile;
use super::named;
use super::rpc::{record, STATES};
use crate::model::attributes::Scope;
use crate::model::credentials::Former;
use crate::model::ids::{CredentialsId, DeviceId, Epoch, OperatorId, Origin, ProfileId, RpcId};
use crate::model::operator::{Operator, RevokedSession, Role};
use crate::model::session::{StoredSession, Subscriptions};
use crate::model::telemetry::Row;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::batch::DeleteSelection;
use crate::store::{Batch, Change};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

pub(super) const DEVICES: u128 = 3;
pub(super) const SLOTS: u128 = 3;
pub(super) const NAMES: [&str; 4] = ["a", "ab", "b", "ü"];

#[derive(Clone, Debug)]
pub(super) enum Step {
    Commit(Batch),
    Reopen,
    /// Something that changes no answer.
    Disturb(Disturbance),
    /// The oldest points go, as the engine lies, until about so many bytes of blocks are left.
    Shrink(u64),
    /// Points before this time go of the devices that have any.
    Age(Millis),
}

/// What an engine may do by itself at any moment. One that has nothing of the kind does nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disturbance {
    /// Points of one device become blocks.
    Seal(DeviceId),
    /// One merge, or all.
    Merge,
    MergeAll,
    /// What is due, or everything, is made durable; the journal is trimmed.
    Checkpoint,
    CheckpointAll,
}

/// The `n`-th device; `n` below [`DEVICES`].
pub(super) fn device(n: u128) -> DeviceId {
    DeviceId(Uuid::from_u128(n + 1))
}

/// An id of the `slot`-th thing of the `n`-th device.
pub(super) fn slot_id(n: u128, slot: u128) -> Uuid {
    Uuid::from_u128(1_000 + n * SLOTS + slot)
}

pub(super) fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        30 => (0..DEVICES).prop_flat_map(device_batch).prop_map(Step::Commit),
        3 => system_batch().prop_map(Step::Commit),
        2 => Just(Step::Reopen),
        12 => disturbance().prop_map(Step::Disturb),
        1 => (0..200u64).prop_map(Step::Shrink),
        1 => ts().prop_map(Step::Age),
    ];
    prop::collection::vec(step, 1..80)
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    prop_oneof![
        6 => (0..DEVICES).prop_map(|n| Disturbance::Seal(device(n))),
        4 => Just(Disturbance::Merge),
        2 => Just(Disturbance::MergeAll),
        1 => Just(Disturbance::Checkpoint),
        1 => Just(Disturbance::CheckpointAll),
    ]
}

fn device_batch(n: u128) -> impl Strategy<Value = Batch> {
    let changes = prop_oneof![
        8 => telemetry(n),
        3 => telemetry_delete(n),
        2 => telemetry_expire(n),
        4 => attributes(n),
        3 => device_and_credentials(n),
        3 => rpcs(n),
        1 => session(n),
    ];
    prop::collection::vec(changes, 1..5)
        .prop_map(move |changes| Batch::of_device(device(n), changes))
}

fn key() -> impl Strategy<Value = Key> {
    select(&NAMES[..]).prop_map(Key::from)
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    prop::collection::vec(key(), 0..4)
}

fn ts() -> impl Strategy<Value = Millis> {
    prop_oneof![12 => 0..12i64, 1 => Just(Millis::MIN), 1 => Just(Millis::MAX), 1 => any::<i64>()]
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Long),
        (-5..5i64).prop_map(Value::Long),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::Double),
        (-50..50i32).prop_map(|tenths| Value::Double(f64::from(tenths) / 10.0)),
        Just(Value::Double(-0.0)),
        any::<bool>().prop_map(Value::Bool),
        "[a-c]{0,3}".prop_map(|text| Value::Text(text.into())),
        (0..9).prop_map(|n| Value::Json(format!("[{n}]").into())),
    ]
}

fn entries() -> impl Strategy<Value = Vec<(Key, Value)>> {
    prop::collection::btree_map(key(), value(), 0..4)
        .prop_map(|entries| entries.into_iter().collect())
}

fn telemetry(n: u128) -> impl Strategy<Value = Change> {
    let row = (ts(), entries()).prop_map(|(ts, values)| Row { ts, values });
    let origin = (1..3u64, 0..4u64).prop_map(|(epoch, sequence)| Origin {
        epoch: Epoch(epoch),
        sequence,
    });
    (origin, prop::collection::vec(row, 0..6)).prop_map(move |(origin, rows)| Change::Telemetry {
        device: device(n),
        origin,
        rows: rows.into(),
    })
}

fn telemetry_expire(n: u128) -> impl Strategy<Value = Change> {
    ts().prop_map(move |before| Change::TelemetryExpire {
        device: device(n),
        before,
    })
}

fn telemetry_delete(n: u128) -> impl Strategy<Value = Change> {
    let range = prop::option::weighted(0.8, (ts(), ts()));
    (keys(), range, any::<bool>(), any::<bool>()).prop_map(
        move |(keys, range, delete_latest, rewrite_latest)| Change::TelemetryDelete {
            device: device(n),
            keys,
            selection: DeleteSelection {
                range,
                delete_latest,
                rewrite_latest,
            },
        },
    )
}

fn attributes(n: u128) -> impl Strategy<Value = Change> {
    let device = device(n);
    let scope = || select(&Scope::ALL[..]);
    prop_oneof![
        (scope(), 0..99i64, entries()).prop_map(move |(scope, at, entries)| {
            Change::AttributesPut {
                device,
                scope,
                at,
                entries,
            }
        }),
        (scope(), 0..99i64, keys()).prop_map(move |(scope, at, keys)| {
            Change::AttributesDelete {
                device,
                scope,
                at,
                keys,
            }
        }),
    ]
}

/// A name or look-up of the device's `slot`.
pub(super) fn name_of(n: u128, slot: u128) -> String {
    format!("name {n} {slot}")
}

fn device_and_credentials(n: u128) -> impl Strategy<Value = Change> {
    let slot = || 0..SLOTS;
    prop_oneof![
        4 => (slot(), 0..5i64, slot()).prop_map(move |(slot, created, label)| {
            let mut record = named(&name_of(n, slot));
            record.id = device(n);
            record.created = created;
            record.label = (label > 0).then(|| name_of(9, label));
            record.profile = ProfileId(slot_id(9, label));
            Change::DevicePut(record)
        }),
        3 => (slot(), slot()).prop_map(move |(slot, lookup)| {
            let mut record = token(device(n), &name_of(n, lookup));
            record.id = CredentialsId(slot_id(n, slot));
            record.former = (slot != lookup).then(|| Former {
                kind: record.kind,
                lookup: name_of(n, slot),
                value: None,
                until: 1,
            });
            Change::CredentialsPut(record)
        }),
        1 => Just(Change::DeviceDelete(device(n))),
    ]
}

fn rpcs(n: u128) -> impl Strategy<Value = Change> {
    let device = device(n);
    prop_oneof![
        4 => (0..SLOTS, 0..5i32, select(&STATES[..]), any::<bool>(), 0..9i64).prop_map(
            move |(slot, request_id, state, oneway, expires)| {
                let mut record = record(device, request_id, state);
                record.order.id = RpcId(slot_id(n, slot));
                record.order.created = 1;
                record.order.oneway = oneway;
                record.order.expires = expires;
                Change::RpcPut(record)
            }
        ),
        1 => (0..SLOTS).prop_map(move |slot| {
            Change::RpcDelete { device, rpc: RpcId(slot_id(n, slot)) }
        }),
        1 => any::<i32>().prop_map(move |upto| Change::RpcIdsReserved { device, upto }),
    ]
}

fn session(n: u128) -> impl Strategy<Value = Change> {
    let device = device(n);
    let put = any::<u64>().prop_map(move |acknowledged| Change::SessionPut {
        device,
        session: StoredSession {
            client_id: "client".into(),
            subscriptions: Subscriptions::default(),
            expires_at: 1,
            acknowledged,
            inflight: vec![1],
        },
    });
    let cursor = any::<u64>().prop_map(move |acknowledged| Change::PollCursor {
        device,
        acknowledged,
    });
    prop_oneof![2 => put, 1 => Just(Change::SessionDelete(device)), 1 => cursor]
}

fn system_batch() -> impl Strategy<Value = Batch> {
    let change = prop_oneof![
        (0..SLOTS, 0..SLOTS).prop_map(|(slot, name)| {
            let mut profile = profile(ProfileId(slot_id(9, slot)), &name_of(slot, name));
            profile.retention = (name > 0).then_some(name as u64);
            Change::ProfilePut(profile)
        }),
        (0..SLOTS).prop_map(|slot| Change::ProfileDelete(ProfileId(slot_id(9, slot)))),
        (0..9i64).prop_map(|before| Change::RevocationsExpire { before }),
        (0..SLOTS).prop_map(|slot| Change::OperatorDelete(OperatorId(slot_id(9, slot)))),
        (0..SLOTS, 1..4u8)
            .prop_map(|(slot, n)| Change::ApiKeyPut(api_key(OperatorId(slot_id(9, slot)), n))),
        (1..4u8).prop_map(|n| Change::ApiKeyDelete(api_key(OperatorId(Uuid::nil()), n).id)),
        (0..9i64, 0..3u128).prop_map(|(at, n)| Change::AuditPut(audit_row(at, n))),
        (0..9i64, 0..3u128).prop_map(|(at, n)| Change::AuditExpire {
            upto: audit_row(at, n).place(),
        }),
        (0..SLOTS, 0..SLOTS).prop_map(|(slot, name)| Change::OperatorPut(Operator {
            id: OperatorId(slot_id(9, slot)),
            created: 1,
            username: name_of(slot, name),
            password_hash: String::new(),
            tokens_valid_from: 0,
            role: Role::Administrator,
            disabled: false,
            first_name: None,
            last_name: None,
        })),
        (key(), any::<Vec<u8>>()).prop_map(|(name, value)| Change::SystemPut {
            name: name.into(),
            value,
        }),
        (key(), 0..9i64).prop_map(|(session, until)| Change::SessionRevoked(RevokedSession {
            session: session.into(),
            until,
        })),
    ];
    prop::collection::vec(change, 1..4).prop_map(Batch::of_system)
}
