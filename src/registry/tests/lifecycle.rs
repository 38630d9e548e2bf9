//! One live actor a device, let go when idle; device state attributes; the stop.

use super::*;

#[actix::test]
async fn an_idle_actor_goes_and_comes_back_with_what_it_knew() {
    let house = House::with(MemoryStore::new(), |s| s.device.idle_after = ms(1));
    let device = house.device("a").await;
    let session = house.connect("a").await;
    session.send(points(1, "t", 1)).await;
    let before = house.snapshot(device).await;
    session.close().await;
    until("the actor has gone", async || {
        house.registry.actors().live().is_empty()
    })
    .await;
    let after = house.snapshot(device).await;
    assert!(after.active);
    assert!(after.last_activity >= before.last_activity);
    assert!(after.epoch > before.epoch);
}

#[actix::test]
async fn a_device_at_rest_has_no_actor_and_its_next_mail_calls_one() {
    let house = House::with(MemoryStore::new(), |_| ());
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let desk = house.registry.actors().desk(device).unwrap();
    for _ in 0..2 {
        until("the actor has gone", async || !desk.has_actor()).await;
        session.send(points(1, "t", 1)).await;
        let snapshot = house.snapshot(device).await;
        assert_eq!(snapshot.sessions, 1, "the session stayed");
    }
    let same = house.registry.actors().desk(device).unwrap();
    assert_eq!(same.life, desk.life);
}

#[actix::test]
async fn what_falls_due_at_a_desk_without_an_actor_calls_one() {
    let house = House::with(MemoryStore::new(), |s| {
        s.device.inactivity_timeout = ms(4_000);
    });
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let desk = house.registry.actors().desk(device).unwrap();
    until("the actor has gone", async || !desk.has_actor()).await;
    until("the device counts as inactive", async || {
        let keys = [Key::from("active")];
        let scope = Scope::Server;
        let found = house.store.attributes(device, scope, Some(&keys)).await;
        found.unwrap().iter().any(|a| a.value == Value::Bool(false))
    })
    .await;
    drop(session);
}

#[actix::test]
async fn of_two_values_for_one_time_the_later_wins_over_lives_and_restarts() {
    let house = House::with(MemoryStore::new(), |s| s.device.idle_after = ms(1));
    let device = house.device("a").await;
    let value = async |house: &House| {
        let latest = house.store.latest(device, None).await.unwrap();
        latest[0].1.value.clone()
    };
    let session = house.connect("a").await;
    for n in 0..5 {
        session.send(points(1, "t", n)).await;
    }
    session.close().await;
    until("the actor has gone", async || {
        house.registry.actors().live().is_empty()
    })
    .await;
    let visit = house.visit("a").await;
    one(&visit.handle, points(1, "t", 10)).await;
    assert_eq!(value(&house).await, Value::Long(10));
    let known = house.doorman.devices.lock()["a"].clone();
    house.registry.stop().await;

    let house = House::with(house.store.reopened(), |_| ());
    house.knows(known);
    let session = house.connect("a").await;
    session.send(points(1, "t", 20)).await;
    assert_eq!(value(&house).await, Value::Long(20));
}

/// Many threads connect, speak and leave while the actor stops as soon as it can. Were there ever
/// two actors, one would not see the other's sessions, and a word or a takeover would be lost.
#[actix::test]
async fn there_is_exactly_one_live_actor_while_many_connect_and_it_stops_all_the_time() {
    let house = Arc::new(House::with(MemoryStore::new(), |s| {
        s.device.idle_after = ms(0);
        s.device.sessions = 1_000;
        s.registry.arbiters = 2;
    }));
    let device = house.device("a").await;
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let house = house.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async move {
                    for n in 0..60 {
                        let session = house.connect("a").await;
                        let ts = i64::from(thread) * 1_000 + n;
                        assert_eq!(session.send(points(ts, "t", n)).await, Outcome::Done);
                        let seen = house.snapshot(device).await.sessions;
                        assert!(seen >= 1, "another actor answered");
                        session.close().await;
                    }
                });
            })
        })
        .collect();
    let joined = tokio::task::spawn_blocking(move || {
        for thread in threads {
            thread.join().unwrap();
        }
    });
    joined.await.unwrap();
    let query = crate::model::query::HistoryQuery {
        range: 0..i64::MAX,
        order: Default::default(),
        limit: 10_000,
    };
    let history = house.store.history(device, "t", &query).await.unwrap();
    assert_eq!(history.len(), 8 * 60);
    until("the actor has gone", async || {
        house.registry.actors().live().is_empty()
    })
    .await;
}

#[actix::test]
async fn connecting_and_activity_leave_their_marks_and_a_disconnect_does_not_make_inactive() {
    let house = House::new();
    let device = house.device("a").await;
    let start = crate::device::clock();
    let session = house.connect("a").await;
    assert_eq!(
        house.server_attribute(device, "active").await,
        Some(Value::Bool(true))
    );
    session.close().await;
    for key in ["lastConnectTime", "lastDisconnectTime", "lastActivityTime"] {
        match house.server_attribute(device, key).await {
            Some(Value::Long(at)) => assert!(at >= start, "{key}"),
            other => panic!("{key}: {other:?}"),
        }
    }
    assert_eq!(
        house.server_attribute(device, "active").await,
        Some(Value::Bool(true))
    );
}

#[actix::test]
async fn silence_makes_inactive_also_when_the_actor_was_let_go_or_the_node_restarted() {
    let house = House::with(MemoryStore::new(), |s| s.device.idle_after = ms(1));
    let device = house.device("a").await;
    let set = |millis: i64| Command::SaveAttributes {
        scope: Scope::Server,
        entries: vec![("inactivityTimeout".into(), Value::Long(millis))],
    };
    house.call(device, set(200)).await;
    drop(house.visit("a").await);
    until("the actor has gone", async || {
        house.registry.actors().live().is_empty()
    })
    .await;
    let active = async |house: &House| house.server_attribute(device, "active").await;
    assert_eq!(active(&house).await, Some(Value::Bool(true)));
    let inactive = async || active(&house).await == Some(Value::Bool(false));
    until("it is inactive", inactive).await;
    // The row follows what is stored: the actor hears of the commit a moment after readers do.
    until("its stream says so", async || {
        house.rows(device).contains(&EventKind::Inactive)
    })
    .await;
    // A longer timeout is looked at at once.
    house.call(device, set(600_000)).await;
    assert_eq!(active(&house).await, Some(Value::Bool(true)));
    house.call(device, set(1_500)).await;
    house.registry.stop().await;

    let house = House::with(house.store.reopened(), |_| ());
    let inactive = async || active(&house).await == Some(Value::Bool(false));
    until("it is inactive after the restart", inactive).await;
}

#[actix::test]
async fn a_stop_tells_the_sessions_refuses_the_new_and_writes_the_last_sign_of_life() {
    let house = House::new();
    let device = house.device("a").await;
    let mut session = house.connect("a").await;
    session.send(Uplink::Activity).await;
    let last = house.snapshot(device).await.last_activity;
    let registry = house.registry.clone();
    let stopping = async { registry.stop().await };
    let leaving = async {
        let told = session.next().await;
        assert_eq!(told.body, DownlinkBody::Close(Reason::ShuttingDown));
        let refused = house.connect_as("a", "c", true, Duration::ZERO).await;
        assert_eq!(refused.err().unwrap().reason, Reason::ShuttingDown);
        session.close().await;
    };
    futures_util::join!(stopping, leaving);
    assert_eq!(
        house.server_attribute(device, "lastActivityTime").await,
        Some(Value::Long(last))
    );
}

#[actix::test]
async fn a_stop_does_not_wait_for_ever() {
    let house = House::with(MemoryStore::new(), |s| {
        s.registry.stop_timeout = ms(50);
        s.registry.takeover_timeout = ms(60_000);
    });
    house.device("a").await;
    let _deaf = house.connect("a").await;
    let stopped = tokio::time::timeout(PATIENCE, house.registry.stop()).await;
    assert!(stopped.is_ok());
}
