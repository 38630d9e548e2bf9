//! Random histories, with restarts, on an engine and on the oracle: all answers must be equal.

use super::generate::{self, device, name_of, slot_id, Step, DEVICES, NAMES, SLOTS};
use super::{devices::page, Bench, Harness};
use crate::model::attributes::Scope;
use crate::model::ids::{CredentialsId, DeviceId, OperatorId, ProfileId, RpcId};
use crate::model::query::{Aggregation, HistoryQuery, Order, SortBy};
use crate::model::rpc::RpcState;
use crate::model::value::Key;
use crate::store::memory::MemoryStore;
use crate::store::retention::{Doomed, Limit, Limits};
use crate::store::{Batch, Change, SharedStore, Store};
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;

/// Runs `H::cases` histories; a failing one is shrunk to its shortest form.
pub(crate) fn random_histories_match_the_oracle<H: Harness>() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: H::new().cases(),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let run = |steps: Vec<Step>| {
        runtime.block_on(replay::<H>(steps));
        Ok(())
    };
    TestRunner::new(config)
        .run(&generate::history(), run)
        .unwrap();
}

async fn replay<H: Harness>(steps: Vec<Step>) {
    let mut bench = Bench::new::<H>().await;
    let oracle: SharedStore = Arc::new(MemoryStore::new());
    for (n, step) in steps.into_iter().enumerate() {
        match step {
            Step::Commit(batch) => {
                oracle.commit(batch.clone()).await.unwrap();
                bench.store.commit(batch).await.unwrap();
            }
            Step::Reopen => {
                bench = bench.reopen().await;
                compare(&*bench.store, &*oracle).await;
            }
            Step::Disturb(what) => bench.disturb(what),
            Step::Shrink(keep) => {
                let doomed = bench.store.oldest(keep).await.unwrap();
                expire(&bench.store, &oracle, doomed).await;
            }
            Step::Age(before) => {
                let otherwise = Some(Limit {
                    before,
                    due: before,
                });
                let profiles = Default::default();
                let limits = Limits {
                    profiles,
                    otherwise,
                };
                let found = bench.store.aged(&limits, None, usize::MAX).await.unwrap();
                expire(&bench.store, &oracle, found.doomed).await;
            }
        }
        if n % 8 == 0 {
            compare(&*bench.store, &*oracle).await;
        }
    }
    compare(&*bench.store, &*oracle).await;
    let bench = bench.reopen().await;
    compare(&*bench.store, &*oracle).await;
}

/// As retention does.
async fn expire(engine: &SharedStore, oracle: &SharedStore, doomed: Vec<Doomed>) {
    for Doomed { device, before, .. } in doomed {
        let change = Change::TelemetryExpire { device, before };
        let batch = Batch::of_device(device, vec![change]);
        oracle.commit(batch.clone()).await.unwrap();
        engine.commit(batch).await.unwrap();
    }
}

/// Asks both the same question.
macro_rules! same {
    ($a:ident, $b:ident, $method:ident($($argument:expr),*)) => {
        let (left, right) = ($a.$method($($argument),*).await, $b.$method($($argument),*).await);
        assert_eq!(left, right, "{}", stringify!($method($($argument),*)));
    };
}

async fn compare(engine: &dyn Store, oracle: &dyn Store) {
    for n in 0..DEVICES {
        compare_records(engine, oracle, n).await;
        compare_attributes(engine, oracle, device(n)).await;
        compare_telemetry(engine, oracle, device(n)).await;
    }
    compare_lists(engine, oracle).await;
}

async fn compare_records(engine: &dyn Store, oracle: &dyn Store, n: u128) {
    let id = device(n);
    same!(engine, oracle, device(id));
    same!(engine, oracle, credentials(id));
    same!(engine, oracle, session(id));
    same!(engine, oracle, poll_cursor(id));
    same!(engine, oracle, reserved_rpc_ids(id));
    same!(engine, oracle, pending_rpcs(id));
    for state in [None, Some(RpcState::Queued), Some(RpcState::Delivered)] {
        same!(engine, oracle, rpcs(id, state, &page(2, 0)));
    }
    for slot in 0..SLOTS {
        same!(engine, oracle, device_by_name(&name_of(n, slot)));
        same!(engine, oracle, credentials_by_lookup(&name_of(n, slot)));
        same!(
            engine,
            oracle,
            credentials_by_id(CredentialsId(slot_id(n, slot)))
        );
        same!(engine, oracle, rpc(RpcId(slot_id(n, slot))));
        same!(
            engine,
            oracle,
            operator_by_name(&name_of(n, slot).to_uppercase())
        );
    }
}

async fn compare_attributes(engine: &dyn Store, oracle: &dyn Store, id: DeviceId) {
    let some: [Key; 2] = [NAMES[2].into(), NAMES[0].into()];
    for scope in Scope::ALL {
        same!(engine, oracle, attributes(id, scope, None));
        same!(engine, oracle, attributes(id, scope, Some(&some)));
        same!(engine, oracle, revision(id, scope));
        let newest = oracle.revision(id, scope).await.unwrap();
        for since in [0, newest / 2, newest.saturating_sub(1), newest] {
            same!(engine, oracle, changes_since(id, scope, since));
        }
    }
}

async fn compare_telemetry(engine: &dyn Store, oracle: &dyn Store, id: DeviceId) {
    use Aggregation::{Avg, Count, Max, Min, Sum};
    let some: [Key; 2] = [NAMES[1].into(), NAMES[0].into()];
    same!(engine, oracle, telemetry_keys(id));
    same!(engine, oracle, latest(id, None));
    same!(engine, oracle, latest(id, Some(&some)));
    for key in NAMES {
        for (range, limit) in [
            (i64::MIN..i64::MAX, usize::MAX),
            (2..9, 3),
            (i64::MIN..5, 2),
        ] {
            for order in [Order::Ascending, Order::Descending] {
                let range = range.clone();
                let query = HistoryQuery {
                    range,
                    order,
                    limit,
                };
                same!(engine, oracle, history(id, key, &query));
            }
        }
        let intervals = [i64::MIN..0, 0..4, 4..5, 7..i64::MAX];
        for aggregation in [Min, Max, Avg, Sum, Count] {
            same!(engine, oracle, aggregate(id, key, &intervals, aggregation));
        }
    }
}

async fn compare_lists(engine: &dyn Store, oracle: &dyn Store) {
    for sort in [
        SortBy::CreatedTime,
        SortBy::Name,
        SortBy::Label,
        SortBy::Type,
    ] {
        for (number, descending) in [(0, false), (1, true)] {
            let mut request = page(2, number);
            (request.sort, request.descending) = (sort, descending);
            same!(engine, oracle, devices(&request, None));
        }
    }
    let mut request = page(2, 0);
    request.text = Some("NAME 9 1".into());
    same!(engine, oracle, devices(&request, None));
    for slot in 0..SLOTS {
        let profile = ProfileId(slot_id(9, slot));
        same!(engine, oracle, devices(&page(9, 0), Some(profile)));
        same!(engine, oracle, profile(profile));
        same!(engine, oracle, operator(OperatorId(slot_id(9, slot))));
    }
    for name in NAMES {
        same!(engine, oracle, system(name));
    }
    for now in [i64::MIN, 4, i64::MAX] {
        same!(engine, oracle, rpcs_due(now, 4));
        let by_name = |rows: Vec<crate::model::operator::RevokedSession>| {
            let mut rows: Vec<_> = rows
                .into_iter()
                .map(|row| (row.session, row.until))
                .collect();
            rows.sort();
            rows
        };
        let left = engine.revoked_sessions(now).await.map(by_name);
        assert_eq!(left, oracle.revoked_sessions(now).await.map(by_name));
    }
    let mut left = engine.profiles().await.unwrap();
    let mut right = oracle.profiles().await.unwrap();
    left.sort_by_key(|profile| profile.id);
    right.sort_by_key(|profile| profile.id);
    assert_eq!(left, right);
    let mut left = engine.operators().await.unwrap();
    let mut right = oracle.operators().await.unwrap();
    left.sort_by_key(|operator| operator.id);
    right.sort_by_key(|operator| operator.id);
    assert_eq!(left, right);
    let mut left = engine.api_keys().await.unwrap();
    let mut right = oracle.api_keys().await.unwrap();
    left.sort_by_key(|key| key.id);
    right.sort_by_key(|key| key.id);
    assert_eq!(left, right);
    let left = engine.audit(2..7, 1, 5).await.unwrap();
    let right = oracle.audit(2..7, 1, 5).await.unwrap();
    assert_eq!((left.rows, left.total), (right.rows, right.total));
}
