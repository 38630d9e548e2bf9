//! A panic ends one actor, and only for a moment.

use super::*;

fn panic_now() -> Uplink {
    Uplink::RpcCall {
        method: crate::device::client_rpc::PANIC_METHOD.into(),
        params: "{}".into(),
    }
}

#[actix::test]
async fn a_panic_refuses_what_was_under_way_and_the_device_is_back_at_the_next_call() {
    let house = House::with(MemoryStore::new(), |s| s.registry.arbiters = 1);
    let device = house.device("a").await;
    house.device("neighbour").await;
    let neighbour = house.connect("neighbour").await;
    let mut session = house.connect("a").await;
    assert_eq!(session.send(points(1, "t", 1)).await, Outcome::Done);
    let before = house.snapshot(device).await.epoch;

    let outcomes = session
        .handle()
        .submit(vec![points(2, "t", 2), panic_now()])
        .await;
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        assert!(
            matches!(&outcome, Outcome::Refused(r) if r.reason == Reason::Internal),
            "{outcome:?}"
        );
    }
    let told = session.next().await;
    assert_eq!(told.body, DownlinkBody::Close(Reason::Internal));
    assert!(session.downlinks.recv().await.is_none());
    let late = session.send(points(3, "t", 3)).await;
    assert!(matches!(late, Outcome::Refused(r) if r.reason == Reason::Internal));
    // Ending a session whose actor has died neither hangs nor hurts.
    session.close().await;

    let rows = house.rows(device);
    let ended = |kind: &&EventKind| matches!(kind, EventKind::Disconnected { reason } if reason == "internal");
    assert_eq!(rows.iter().filter(ended).count(), 1, "{rows:?}");
    assert_eq!(house.refusals(device), [Reason::Internal]);
    assert!(house
        .metrics
        .render()
        .contains("rejected_total{transport=\"mqtt\",reason=\"internal\"} 1"));

    assert_eq!(neighbour.send(points(1, "t", 1)).await, Outcome::Done);
    let again = house.connect("a").await;
    assert_eq!(again.send(points(4, "t", 4)).await, Outcome::Done);
    let after = house.snapshot(device).await;
    assert!(after.epoch > before);
    assert_eq!(after.sessions, 1);
    let latest = house.store.latest(device, None).await.unwrap();
    assert_eq!(latest[0].1.value, Value::Long(4));
}

#[actix::test]
async fn a_caller_whose_device_panics_hears_of_it() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let call = house.call(device, Command::Rpc(order(false, false, PATIENCE)));
    let panic = async {
        until("it waits", async || {
            house.snapshot(device).await.pending_rpcs == 1
        })
        .await;
        session.send(panic_now()).await
    };
    let (answer, _) = futures_util::join!(call, panic);
    assert!(
        matches!(&answer, CommandReply::Refused(r) if r.reason == Reason::Internal),
        "{answer:?}"
    );
}

#[actix::test]
async fn a_device_that_cannot_be_read_is_refused_with_the_reason_and_tried_again() {
    let house = House::new();
    let device = house.device("a").await;
    house
        .store
        .fail_reads(Some(StoreError::Io("unreadable".into())));
    let refused = house.connect_as("a", "c", true, Duration::ZERO).await;
    assert_eq!(refused.err().unwrap().reason, Reason::StoreFailed);
    house.store.fail_reads(None);
    until("it is tried again", async || {
        house
            .connect_as("a", "c", true, Duration::ZERO)
            .await
            .is_ok()
    })
    .await;
    assert!(house.refusals(device).contains(&Reason::StoreFailed));
}

#[actix::test]
async fn a_session_can_begin_and_end_while_the_disk_is_full_and_its_marks_follow_later() {
    let house = House::new();
    let device = house.device("a").await;
    house.store.fail_commits(Some(StoreError::Full));
    let session = house.connect("a").await;
    session.close().await;
    assert_eq!(
        house.server_attribute(device, "lastDisconnectTime").await,
        None
    );
    house.store.fail_commits(None);
    until("the marks are there", async || {
        house
            .server_attribute(device, "lastDisconnectTime")
            .await
            .is_some()
    })
    .await;
}

#[actix::test]
async fn what_was_due_in_an_actor_that_panicked_still_happens_though_nobody_calls() {
    let house = House::new();
    let device = house.device("a").await;
    let command = Command::SaveAttributes {
        scope: Scope::Server,
        entries: vec![("inactivityTimeout".into(), Value::Long(100))],
    };
    house.call(device, command).await;
    let session = house.connect("a").await;
    session.send(panic_now()).await;
    let inactive =
        async || house.server_attribute(device, "active").await == Some(Value::Bool(false));
    until("it is inactive", inactive).await;
}
