//! The operator's door: each call ends in one of the outcomes of design.md 7.2.

use super::*;

#[actix::test]
async fn a_device_that_does_not_exist_is_nobody_home_and_leaves_no_actor() {
    let house = House::new();
    let device = DeviceId::new();
    let outcome = house.registry.call(device, Command::Snapshot).await;
    assert_eq!(outcome, CallOutcome::NobodyHome);
    until("no actor", async || {
        house.registry.actors().live().is_empty()
    })
    .await;
    assert_eq!(house.store.commits(), 0);
}

#[actix::test]
async fn a_call_that_is_not_answered_in_time_is_told_so() {
    let house = House::with(MemoryStore::new(), |s| s.registry.call_timeout = ms(50));
    let device = house.device("a").await;
    let gate = house.store.gate();
    let command = Command::SaveAttributes {
        scope: Scope::Server,
        entries: vec![("x".into(), Value::Long(1))],
    };
    let outcome = house.registry.call(device, command).await;
    assert_eq!(outcome, CallOutcome::TimedOut);
    drop(gate);
    until("it works again", async || {
        house.registry.call(device, Command::Snapshot).await != CallOutcome::TimedOut
    })
    .await;
}

#[actix::test]
async fn operators_save_and_delete_telemetry_without_making_the_device_active() {
    let house = House::new();
    let device = house.device("a").await;
    let telemetry = Telemetry {
        rows: vec![Row {
            ts: 5,
            values: vec![("t".into(), Value::Long(1)), ("u".into(), Value::Long(2))],
        }]
        .into(),
        nulls_skipped: 0,
    };
    let saved = house.call(device, Command::SaveTelemetry(telemetry)).await;
    assert_eq!(saved, CommandReply::Done);
    let delete = Command::DeleteTelemetry {
        keys: vec!["t".into()],
        selection: crate::store::batch::DeleteSelection {
            range: None,
            delete_latest: true,
            rewrite_latest: false,
        },
    };
    assert_eq!(house.call(device, delete).await, CommandReply::Done);
    let keys = house.store.telemetry_keys(device).await.unwrap();
    assert_eq!(keys, ["u"]);
    assert!(!house.snapshot(device).await.active);
}

#[actix::test]
async fn a_deleted_device_ends_its_sessions_and_calls_and_writes_nothing_more() {
    let house = House::new();
    let device = house.device("a").await;
    let mut session = house.connect("a").await;
    let rpc = house.call(device, Command::Rpc(order(false, false, PATIENCE)));
    tokio::pin!(rpc);
    assert!(futures_util::poll!(&mut rpc).is_pending());
    let deleted = house.call(device, Command::Delete).await;
    assert_eq!(deleted, CommandReply::Done);
    assert!(matches!(rpc.await, CommandReply::Refused(r) if r.reason == Reason::DeviceDeleted));
    let told = session.next().await;
    assert_eq!(told.body, DownlinkBody::Close(Reason::DeviceDeleted));
    let outcome = session.send(points(1, "t", 1)).await;
    assert!(
        matches!(&outcome, Outcome::Refused(r) if r.reason == Reason::DeviceDeleted),
        "{outcome:?}"
    );
    session.close().await;
    let outcome = house.registry.call(device, Command::Snapshot).await;
    assert_eq!(outcome, CallOutcome::NobodyHome);
    let left = house.store.attributes(device, Scope::Server, None).await;
    assert_eq!(left.unwrap(), []);
    let refused = house.connect_as("a", "c", true, Duration::ZERO).await;
    assert_eq!(refused.err().unwrap().reason, Reason::DeviceDeleted);
}

#[actix::test]
async fn a_deletion_that_cannot_be_written_did_not_happen() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    house.store.fail_commits(Some(StoreError::Full));
    let reply = house.call(device, Command::Delete).await;
    assert!(matches!(reply, CommandReply::Refused(r) if r.reason == Reason::StoreFull));
    house.store.fail_commits(None);
    assert_eq!(session.send(points(1, "t", 1)).await, Outcome::Done);
}

#[actix::test]
async fn a_listener_hears_the_rows_of_its_device_only() {
    let house = House::new();
    let device = house.device("a").await;
    house.device("b").await;
    let mut stream = house
        .registry
        .subscribe(super::super::EventFilter::Device(device));
    let other = house.connect("b").await;
    other.send(points(1, "t", 1)).await;
    let session = house.connect("a").await;
    session.send(points(1, "t", 1)).await;
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        match stream.next().await {
            Some(Heard::Row(row)) => {
                assert_eq!(row.device, device);
                kinds.push((*row.kind).clone());
            }
            other => panic!("{other:?}"),
        }
    }
    let expected = [
        EventKind::Active,
        EventKind::Connected {
            client_id: "client".into(),
            resumed: false,
        },
        EventKind::TelemetrySaved { points: 1 },
    ];
    assert_eq!(kinds, expected);
}
