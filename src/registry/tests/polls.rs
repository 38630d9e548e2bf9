//! Long polls: one event each, nothing lost between two, one RPC to one poll (contract/http.md 5).

use super::*;

const SHORT: Duration = Duration::from_millis(30);

async fn poll(house: &House, kind: Poll, timeout: Duration) -> Option<Polled> {
    let visit = house.visit("a").await;
    visit.handle.poll(kind, timeout).await.unwrap()
}

fn value(polled: &Polled) -> Option<Value> {
    match &polled.downlink.body {
        DownlinkBody::AttributesChanged { updated, .. } => updated.first().map(|e| e.1.clone()),
        other => panic!("{other:?}"),
    }
}

#[actix::test]
async fn a_poll_ends_with_nothing_when_its_time_is_over() {
    let house = House::new();
    house.device("a").await;
    for kind in [Poll::Attributes, Poll::Rpc] {
        assert!(poll(&house, kind, SHORT).await.is_none());
    }
}

#[actix::test]
async fn a_change_between_two_polls_is_not_lost_also_when_the_actor_went_or_the_node_restarted() {
    let quick = |s: &mut Settings| s.device.idle_after = ms(1);
    let house = House::with(MemoryStore::new(), quick);
    let device = house.device("a").await;
    house.save_shared(device, "x", 1).await;
    assert!(
        poll(&house, Poll::Attributes, SHORT).await.is_none(),
        "the first poll starts at the present"
    );
    until("the actor has gone", async || {
        house.registry.actors().live().is_empty()
    })
    .await;
    house.save_shared(device, "x", 2).await;
    let known = house.doorman.devices.lock()["a"].clone();
    house.registry.stop().await;

    let house = House::with(house.store.reopened(), quick);
    house.knows(known);
    let polled = poll(&house, Poll::Attributes, PATIENCE).await.unwrap();
    assert_eq!(value(&polled), Some(Value::Long(2)));
    // The client had gone: the same change is there for the next poll.
    drop(polled);
    let polled = poll(&house, Poll::Attributes, PATIENCE).await.unwrap();
    assert_eq!(value(&polled), Some(Value::Long(2)));
    polled.written.send(true).unwrap();
    let written = async || house.store.poll_cursor(device).await.unwrap() == Some(2);
    until("the cursor is on disk", written).await;
    assert!(poll(&house, Poll::Attributes, SHORT).await.is_none());
}

#[actix::test]
async fn a_waiting_poll_is_answered_by_the_change() {
    let house = House::new();
    let device = house.device("a").await;
    let visit = house.visit("a").await;
    let waiting = visit.handle.poll(Poll::Attributes, PATIENCE);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    house.save_shared(device, "x", 5).await;
    let polled = waiting.await.unwrap().unwrap();
    assert_eq!(value(&polled), Some(Value::Long(5)));
}

#[actix::test]
async fn one_rpc_goes_to_one_poll_and_comes_back_when_its_client_has_gone() {
    let house = House::new();
    let device = house.device("a").await;
    let order = order(false, false, PATIENCE);
    let call = house.call(device, Command::Rpc(order));
    tokio::pin!(call);
    assert!(futures_util::poll!(&mut call).is_pending());
    let first = poll(&house, Poll::Rpc, PATIENCE).await.unwrap();
    assert!(
        poll(&house, Poll::Rpc, SHORT).await.is_none(),
        "it is taken"
    );
    drop(first);
    let second = poll(&house, Poll::Rpc, PATIENCE).await.unwrap();
    let DownlinkBody::Rpc { request_id, .. } = second.downlink.body else {
        panic!("{:?}", second.downlink);
    };
    second.written.send(true).unwrap();
    let body = bytes::Bytes::from_static(b"{\"ok\":true}");
    let visit = house.visit("a").await;
    let reply = Uplink::RpcReply {
        request_id,
        body: body.clone(),
    };
    assert_eq!(one(&visit.handle, reply).await, Outcome::Done);
    let answer = crate::model::rpc::RpcAnswer::Reply(body);
    assert_eq!(call.await, CommandReply::Rpc(answer));
}

#[actix::test]
async fn a_poll_whose_client_has_left_takes_nothing_and_gives_up_its_place() {
    let house = House::with(MemoryStore::new(), |s| s.device.pending_polls = 2);
    let device = house.device("a").await;
    let visit = house.visit("a").await;
    for _ in 0..5 {
        let left = visit.handle.poll(Poll::Rpc, PATIENCE);
        assert!(tokio::time::timeout(Duration::from_millis(5), left)
            .await
            .is_err());
    }
    let command = Command::Rpc(order(true, false, PATIENCE));
    let call = house.call(device, command);
    let serve = async {
        let polled = poll(&house, Poll::Rpc, PATIENCE).await.unwrap();
        polled.written.send(true).unwrap();
    };
    let (answer, ()) = futures_util::join!(call, serve);
    let delivered = crate::model::rpc::RpcAnswer::Delivered;
    assert_eq!(answer, CommandReply::Rpc(delivered));
}

#[actix::test]
async fn too_many_polls_are_refused() {
    let house = House::with(MemoryStore::new(), |s| s.device.pending_polls = 2);
    let device = house.device("a").await;
    let visit = house.visit("a").await;
    let mut waiting: Vec<_> = (0..2)
        .map(|_| Box::pin(visit.handle.poll(Poll::Rpc, PATIENCE)))
        .collect();
    for poll in &mut waiting {
        assert!(futures_util::poll!(poll).is_pending());
    }
    let refused = visit.handle.poll(Poll::Rpc, PATIENCE).await.unwrap_err();
    assert_eq!(refused.reason, Reason::QueueFull);
    assert_eq!(house.refusals(device), [Reason::QueueFull]);
}
