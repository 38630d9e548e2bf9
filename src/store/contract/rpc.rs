//! Sentences about RPC records.

use super::devices::page;
use super::{both_lives, Bench};
use crate::model::ids::{DeviceId, RpcId};
use crate::model::query::SortBy;
use crate::model::rpc::{RpcOrder, RpcRecord, RpcState};
use crate::store::Change;

/// A persistent two-way RPC; created and due in the order of `request_id`.
pub(super) fn record(device: DeviceId, request_id: i32, state: RpcState) -> RpcRecord {
    RpcRecord {
        device,
        order: RpcOrder {
            id: RpcId::new(),
            oneway: false,
            method: format!("method{request_id}"),
            params: r#"{"pin": 7,  "value":1}"#.into(),
            created: i64::from(request_id),
            expires: 1_000 + i64::from(request_id),
            persistent: true,
            retries: 3,
            additional_info: Some("{}".into()),
        },
        request_id,
        state,
        attempts: 0,
        response: None,
        updated: 1,
    }
}

async fn put(bench: &Bench, record: &RpcRecord) {
    bench
        .change(record.device, vec![Change::RpcPut(record.clone())])
        .await;
}

pub(crate) async fn an_rpc_is_found_by_id_and_replaced_as_it_proceeds(bench: Bench) {
    let mut rpc = record(DeviceId::new(), 1, RpcState::Queued);
    put(&bench, &rpc).await;
    assert_eq!(bench.store.rpc(rpc.order.id).await, Ok(Some(rpc.clone())));
    let bench = bench.reopen().await;
    rpc.state = RpcState::Successful;
    rpc.attempts = 2;
    rpc.response = Some("[1, 2]".into());
    put(&bench, &rpc).await;
    both_lives!(bench, {
        assert_eq!(bench.store.rpc(rpc.order.id).await, Ok(Some(rpc.clone())));
        assert_eq!(bench.store.rpc(RpcId::new()).await, Ok(None));
        assert_eq!(bench.store.pending_rpcs(rpc.device).await, Ok(vec![]));
        let all = bench
            .store
            .rpcs(rpc.device, None, &page(9, 0))
            .await
            .unwrap();
        assert_eq!(all.rows, [rpc.clone()]);
    });
}

pub(super) const STATES: [RpcState; 7] = [
    RpcState::Queued,
    RpcState::Sent,
    RpcState::Delivered,
    RpcState::Successful,
    RpcState::Timeout,
    RpcState::Expired,
    RpcState::Failed,
];

/// One record of each state, two-way, then one-way, put in backward order.
async fn one_of_each(bench: &Bench, device: DeviceId) {
    for (n, state) in STATES.into_iter().enumerate().rev() {
        for oneway in [true, false] {
            let mut rpc = record(device, n as i32 + 10 * i32::from(oneway), state);
            rpc.order.oneway = oneway;
            put(bench, &rpc).await;
        }
    }
}

pub(crate) async fn pending_rpcs_are_those_not_final_oldest_first(bench: Bench) {
    let device = DeviceId::new();
    one_of_each(&bench, device).await;
    put(&bench, &record(DeviceId::new(), 5, RpcState::Queued)).await;
    let same_moment = |request_id| {
        let mut rpc = record(device, request_id, RpcState::Queued);
        rpc.order.created = 50;
        rpc
    };
    for request_id in [31, 32, 30] {
        put(&bench, &same_moment(request_id)).await;
    }
    both_lives!(bench, {
        let pending = bench.store.pending_rpcs(device).await.unwrap();
        let ids: Vec<i32> = pending.iter().map(|rpc| rpc.request_id).collect();
        assert_eq!(ids, [0, 1, 2, 4, 10, 11, 14, 30, 31, 32]);
        assert_eq!(bench.store.pending_rpcs(DeviceId::new()).await, Ok(vec![]));
    });
}

pub(crate) async fn rpcs_are_paged_by_state_and_text(bench: Bench) {
    let device = DeviceId::new();
    one_of_each(&bench, device).await;
    put(&bench, &record(DeviceId::new(), 5, RpcState::Queued)).await;
    both_lives!(bench, {
        for (n, state) in STATES.into_iter().enumerate() {
            let found = bench
                .store
                .rpcs(device, Some(state), &page(9, 0))
                .await
                .unwrap();
            let ids: Vec<i32> = found.rows.iter().map(|rpc| rpc.request_id).collect();
            assert_eq!(ids, [n as i32, n as i32 + 10]);
        }
        let mut request = page(4, 1);
        request.descending = true;
        let found = bench.store.rpcs(device, None, &request).await.unwrap();
        let ids: Vec<i32> = found.rows.iter().map(|rpc| rpc.request_id).collect();
        assert_eq!((ids, found.total), (vec![12, 11, 10, 6], 14));
        request = page(9, 0);
        request.text = Some("METHOD1".into());
        request.sort = SortBy::Name;
        let found = bench.store.rpcs(device, None, &request).await.unwrap();
        assert_eq!((found.rows[0].request_id, found.total), (1, 8));
    });
}

pub(crate) async fn due_rpcs_are_pending_and_expired_up_to_the_limit(bench: Bench) {
    let (device, other) = (DeviceId::new(), DeviceId::new());
    let mut rpcs: Vec<RpcRecord> = (1..=4)
        .map(|n| record(if n % 2 == 0 { other } else { device }, n, RpcState::Sent))
        .collect();
    for rpc in rpcs.iter().rev() {
        put(&bench, rpc).await;
    }
    let bench = bench.reopen().await;
    rpcs[1].state = RpcState::Failed;
    put(&bench, &rpcs[1]).await;
    rpcs[3].order.expires = 5_000;
    put(&bench, &rpcs[3]).await;
    both_lives!(bench, {
        let due = |now, limit| {
            let store = bench.store.clone();
            async move { store.rpcs_due(now, limit).await.unwrap() }
        };
        let id = |n: usize| (rpcs[n].device, rpcs[n].order.id);
        assert_eq!(due(1_000, 9).await, []);
        assert_eq!(due(1_001, 9).await, [id(0)]);
        assert_eq!(due(4_999, 9).await, [id(0), id(2)]);
        assert_eq!(due(i64::MAX, 9).await, [id(0), id(2), id(3)]);
        assert_eq!(due(i64::MAX, 2).await, [id(0), id(2)]);
        assert_eq!(due(i64::MAX, 0).await, []);
        assert_eq!(due(i64::MIN, 9).await, []);
    });
}

pub(crate) async fn a_deleted_rpc_is_gone_everywhere(bench: Bench) {
    let device = DeviceId::new();
    let (gone, kept) = (
        record(device, 1, RpcState::Queued),
        record(device, 2, RpcState::Queued),
    );
    put(&bench, &gone).await;
    put(&bench, &kept).await;
    let bench = bench.reopen().await;
    for rpc in [gone.order.id, RpcId::new()] {
        bench
            .change(device, vec![Change::RpcDelete { device, rpc }])
            .await;
    }
    both_lives!(bench, {
        assert_eq!(bench.store.rpc(gone.order.id).await, Ok(None));
        assert_eq!(
            bench.store.pending_rpcs(device).await,
            Ok(vec![kept.clone()])
        );
        let due = bench.store.rpcs_due(i64::MAX, 9).await.unwrap();
        assert_eq!(due, [(device, kept.order.id)]);
        let all = bench.store.rpcs(device, None, &page(9, 0)).await.unwrap();
        assert_eq!((all.rows, all.total), (vec![kept.clone()], 1));
    });
}

pub(crate) async fn reserved_request_ids_grow_and_survive(bench: Bench) {
    let device = DeviceId::new();
    assert_eq!(bench.store.reserved_rpc_ids(device).await, Ok(0));
    for upto in [100, 200, i32::MAX] {
        bench
            .change(device, vec![Change::RpcIdsReserved { device, upto }])
            .await;
    }
    both_lives!(bench, {
        assert_eq!(bench.store.reserved_rpc_ids(device).await, Ok(i32::MAX));
        assert_eq!(bench.store.reserved_rpc_ids(DeviceId::new()).await, Ok(0));
    });
}
