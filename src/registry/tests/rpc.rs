//! Server-side RPC over sessions: one taker, steps, durable states, what a restart does to them
//! (contract/rpc.md 2, 3, 7).

use super::*;
use crate::model::rpc::{RpcAnswer, RpcState};
use bytes::Bytes;

fn rpc(downlink: &Downlink) -> (i32, bool) {
    match &downlink.body {
        DownlinkBody::Rpc {
            request_id,
            redelivery,
            method,
            params,
        } => {
            assert_eq!((method.as_str(), &**params), ("setGpio", "{\"pin\":7}"));
            (*request_id, *redelivery)
        }
        other => panic!("{other:?}"),
    }
}

async fn step(session: &Session, id: u64, step: DeliveryStep) {
    let outcome = session.send(Uplink::Delivery { id, step }).await;
    assert_eq!(outcome, Outcome::Done);
}

async fn reply(session: &Session, request_id: i32, body: &'static str) -> Outcome {
    let body = Bytes::from_static(body.as_bytes());
    session.send(Uplink::RpcReply { request_id, body }).await
}

async fn state(house: &House, id: RpcId) -> RpcState {
    house.store.rpc(id).await.unwrap().unwrap().state
}

#[actix::test]
async fn a_two_way_rpc_answers_with_the_devices_bytes() {
    let house = House::new();
    let device = house.device("a").await;
    let mut session = house.connect("a").await;
    session.subscribe(false, true).await;
    let call = house.call(device, Command::Rpc(order(false, false, PATIENCE)));
    let serve = async {
        let downlink = session.next().await;
        assert_eq!(rpc(&downlink), (0, false));
        step(&session, downlink.id, DeliveryStep::Delivered).await;
        assert_eq!(reply(&session, 0, "not json").await, Outcome::Done);
        assert_eq!(reply(&session, 0, "second").await, Outcome::Done);
    };
    let (answer, ()) = futures_util::join!(call, serve);
    let bytes = Bytes::from_static(b"not json");
    assert_eq!(answer, CommandReply::Rpc(RpcAnswer::Reply(bytes)));
    assert_eq!(house.refusals(device), [Reason::UnknownRpc]);
}

#[actix::test]
async fn a_one_way_rpc_is_over_when_it_was_sent() {
    for how in [DeliveryStep::Sent, DeliveryStep::Delivered] {
        let house = House::new();
        let device = house.device("a").await;
        let mut session = house.connect("a").await;
        session.subscribe(false, true).await;
        let call = house.call(device, Command::Rpc(order(true, false, PATIENCE)));
        let serve = async {
            let id = session.next().await.id;
            step(&session, id, how).await;
        };
        let (answer, ()) = futures_util::join!(call, serve);
        assert_eq!(answer, CommandReply::Rpc(RpcAnswer::Delivered));
        assert_eq!(house.snapshot(device).await.pending_rpcs, 0);
    }
}

#[actix::test]
async fn the_end_tells_not_connected_from_no_reply() {
    let house = House::new();
    let device = house.device("a").await;
    let short = Duration::from_millis(60);
    let offline = house.call(device, Command::Rpc(order(false, false, short)));
    assert_eq!(offline.await, CommandReply::Rpc(RpcAnswer::NotConnected));
    let mut session = house.connect("a").await;
    session.subscribe(false, true).await;
    let silent = house.call(device, Command::Rpc(order(false, false, short)));
    let (answer, downlink) = futures_util::join!(silent, session.next());
    assert_eq!(answer, CommandReply::Rpc(RpcAnswer::NoReply));
    assert_eq!(rpc(&downlink).0, 1, "request ids count up");
}

#[actix::test]
async fn an_rpc_waits_for_an_offline_device_and_goes_to_one_session_only() {
    let house = House::with(MemoryStore::new(), |s| s.device.sessions = 2);
    let device = house.device("a").await;
    let call = house.call(device, Command::Rpc(order(false, false, PATIENCE)));
    tokio::pin!(call);
    assert!(futures_util::poll!(&mut call).is_pending());
    let mut older = house.connect("a").await;
    let mut newer = house.connect("a").await;
    older.subscribe(false, true).await;
    let first = older.next().await;
    assert_eq!(rpc(&first), (0, false));
    newer.subscribe(false, true).await;
    newer.send(Uplink::Activity).await;
    assert!(newer.downlinks.try_recv().is_none(), "it has a taker");
    // The taker goes without a word: another one gets it, marked.
    older.close().await;
    let second = newer.next().await;
    assert_eq!(rpc(&second), (0, true));
    assert_eq!(second.id, first.id, "the same try has the same id");
    reply(&newer, 0, "1").await;
    let answer = RpcAnswer::Reply(Bytes::from_static(b"1"));
    assert_eq!(call.await, CommandReply::Rpc(answer));
}

#[actix::test]
async fn a_full_queue_refuses() {
    let house = House::with(MemoryStore::new(), |s| s.device.pending_rpcs = 3);
    let device = house.device("a").await;
    for _ in 0..3 {
        let order = order(false, true, PATIENCE);
        let accepted = RpcAnswer::Accepted(order.id);
        let reply = house.call(device, Command::Rpc(order)).await;
        assert_eq!(reply, CommandReply::Rpc(accepted));
    }
    let reply = house
        .call(device, Command::Rpc(order(false, false, PATIENCE)))
        .await;
    assert!(
        matches!(&reply, CommandReply::Refused(r) if r.reason == Reason::QueueFull),
        "{reply:?}"
    );
}

#[actix::test]
async fn a_persistent_rpc_passes_through_its_durable_states() {
    let house = House::new();
    let device = house.device("a").await;
    let wanted = order(false, true, PATIENCE);
    let id = wanted.id;
    house.call(device, Command::Rpc(wanted)).await;
    assert_eq!(state(&house, id).await, RpcState::Queued);
    let mut session = house.connect("a").await;
    session.subscribe(false, true).await;
    let downlink = session.next().await;
    step(&session, downlink.id, DeliveryStep::Sent).await;
    assert_eq!(state(&house, id).await, RpcState::Sent);
    step(&session, downlink.id, DeliveryStep::Delivered).await;
    assert_eq!(state(&house, id).await, RpcState::Delivered);
    assert_eq!(reply(&session, 0, "no \"json\"").await, Outcome::Done);
    let record = house.store.rpc(id).await.unwrap().unwrap();
    assert_eq!(record.state, RpcState::Successful);
    assert_eq!(
        record.response.as_deref(),
        Some("{\"error\":\"no \\\"json\\\"\"}")
    );
    let states: Vec<RpcState> = house
        .rows(device)
        .into_iter()
        .filter_map(|row| match row {
            EventKind::Rpc { state, .. } => Some(state),
            _ => None,
        })
        .collect();
    use RpcState::*;
    assert_eq!(states, [Queued, Sent, Delivered, Successful]);
}

#[actix::test]
async fn an_unacknowledged_try_is_repeated_by_itself_until_the_retries_are_used_up() {
    let house = House::with(MemoryStore::new(), |s| s.device.rpc_ack_timeout = ms(20));
    let device = house.device("a").await;
    let mut session = house.connect("a").await;
    session.subscribe(false, true).await;
    let mut wanted = order(true, true, PATIENCE);
    wanted.retries = 1;
    let id = wanted.id;
    house.call(device, Command::Rpc(wanted)).await;
    let first = session.next().await;
    step(&session, first.id, DeliveryStep::Sent).await;
    let second = session.next().await;
    assert_eq!(rpc(&second), (0, true));
    assert_ne!(second.id, first.id, "a new try has a new id");
    step(&session, second.id, DeliveryStep::Sent).await;
    until("it failed", async || {
        state(&house, id).await == RpcState::Failed
    })
    .await;
    let record = house.store.rpc(id).await.unwrap().unwrap();
    assert_eq!(
        record.response.as_deref(),
        Some("{\"error\":\"There was a Timeout and all retry attempts have been exhausted. Retry attempts set: 1\"}")
    );
}

#[actix::test]
async fn a_restart_brings_back_queued_sent_and_delivered_rpcs_and_never_an_old_request_id() {
    let house = House::new();
    let device = house.device("a").await;
    let orders: Vec<_> = (0..3).map(|_| order(false, true, PATIENCE)).collect();
    let ids: Vec<RpcId> = orders.iter().map(|order| order.id).collect();
    let mut session = house.connect("a").await;
    session.subscribe(false, true).await;
    for order in &orders[..2] {
        house.call(device, Command::Rpc(order.clone())).await;
    }
    let sent = session.next().await;
    step(&session, sent.id, DeliveryStep::Sent).await;
    let delivered = session.next().await;
    step(&session, delivered.id, DeliveryStep::Delivered).await;
    session.close().await;
    house.call(device, Command::Rpc(orders[2].clone())).await;
    let known = house.doorman.devices.lock()["a"].clone();

    let house = House::with(house.store.reopened(), |_| ());
    house.knows(known);
    let mut session = house.connect("a").await;
    session.subscribe(false, true).await;
    let mut back = Vec::new();
    for _ in 0..3 {
        let downlink = session.next().await;
        back.push(rpc(&downlink));
        step(&session, downlink.id, DeliveryStep::Delivered).await;
    }
    assert_eq!(back, [(0, true), (1, true), (2, false)]);
    for (request_id, id) in ids.iter().enumerate() {
        reply(&session, request_id as i32, "{}").await;
        assert_eq!(state(&house, *id).await, RpcState::Successful);
    }
    house
        .call(device, Command::Rpc(order(true, true, PATIENCE)))
        .await;
    let (request_id, _) = rpc(&session.next().await);
    assert!(request_id > 2, "{request_id}");
}

#[actix::test]
async fn a_persistent_rpc_of_a_device_without_an_actor_expires_and_a_deleted_one_is_gone() {
    let house = House::with(MemoryStore::new(), |s| s.device.idle_after = ms(1));
    let device = house.device("a").await;
    let (expiring, deleted) = (
        order(false, true, Duration::from_millis(300)),
        order(false, true, PATIENCE),
    );
    let (expiring_id, deleted_id) = (expiring.id, deleted.id);
    house.call(device, Command::Rpc(expiring)).await;
    house.call(device, Command::Rpc(deleted)).await;
    house.call(device, Command::RpcDelete(deleted_id)).await;
    assert!(house.store.rpc(deleted_id).await.unwrap().is_none());
    until("the actor has gone", async || {
        house.registry.actors().live().is_empty()
    })
    .await;
    let expired = async || state(&house, expiring_id).await == RpcState::Expired;
    until("it expired", expired).await;
}

#[actix::test]
async fn an_rpc_with_a_known_id_does_not_replace_the_other() {
    let house = House::new();
    let (a, b) = (house.device("a").await, house.device("b").await);
    let order = order(false, true, PATIENCE);
    house.call(a, Command::Rpc(order.clone())).await;
    for device in [a, b] {
        let reply = house.call(device, Command::Rpc(order.clone())).await;
        assert!(matches!(reply, CommandReply::Refused(_)), "{reply:?}");
    }
    let record = house.store.rpc(order.id).await.unwrap().unwrap();
    assert_eq!(record.device, a);
}

#[actix::test]
async fn client_side_rpcs_are_answered_at_once_and_told() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let call = |method: &str| Uplink::RpcCall {
        method: method.into(),
        params: "{}".into(),
    };
    for (method, handled, start) in [
        ("getTime", true, "{\"time\":1"),
        ("dance", false, "{\"error\":"),
    ] {
        match session.send(call(method)).await {
            Outcome::RpcResult(text) => assert!(text.starts_with(start), "{text}"),
            other => panic!("{other:?}"),
        }
        let row = EventKind::ClientRpc {
            method: method.into(),
            handled,
        };
        assert!(house.rows(device).contains(&row));
    }
}
