//! Sessions: takeover as a state, epochs, resumption, ends (design.md 7.4).

use super::*;

fn is_close(downlink: &Downlink, reason: Reason) -> bool {
    downlink.body == DownlinkBody::Close(reason)
}

#[actix::test]
async fn a_takeover_waits_for_the_old_sessions_end() {
    let house = House::new();
    let device = house.device("a").await;
    let mut old = house.connect("a").await;
    let connecting = house.connect("a");
    tokio::pin!(connecting);
    tokio::select! {
        _ = &mut connecting => panic!("connected before the old session ended"),
        told = old.next() => assert!(is_close(&told, Reason::TakenOver), "{told:?}"),
    }
    // What the old session sent before its end still counts.
    assert_eq!(old.send(points(1, "t", 1)).await, Outcome::Done);
    assert_eq!(house.snapshot(device).await.sessions, 1);
    let old_epoch = old.handle().epoch();
    old.close().await;
    let new = connecting.await;
    assert!(new.handle().epoch() > old_epoch);
    assert_eq!(new.send(points(2, "t", 2)).await, Outcome::Done);
}

#[actix::test]
async fn an_old_session_that_does_not_end_is_cut_off_and_its_words_are_stale() {
    let house = House::with(MemoryStore::new(), |s| s.registry.takeover_timeout = ms(50));
    let device = house.device("a").await;
    let mut old = house.connect("a").await;
    let new = house.connect("a").await;
    let outcome = old.send(points(1, "t", 1)).await;
    assert!(
        matches!(&outcome, Outcome::Refused(r) if r.reason == Reason::StaleEpoch),
        "{outcome:?}"
    );
    assert!(house.refusals(device).contains(&Reason::StaleEpoch));
    assert!(house
        .metrics
        .render()
        .contains("rejected_total{transport=\"mqtt\",reason=\"stale_epoch\"} 1"));
    assert!(is_close(&old.next().await, Reason::TakenOver));
    assert!(old.downlinks.recv().await.is_none(), "its line is cut");
    // A close of an older epoch does not end the newer session.
    old.close().await;
    assert_eq!(house.snapshot(device).await.sessions, 1);
    assert_eq!(new.send(points(2, "t", 2)).await, Outcome::Done);
}

#[actix::test]
async fn many_claims_at_once_leave_one_session_and_growing_epochs() {
    let house = House::with(MemoryStore::new(), |s| s.registry.takeover_timeout = ms(20));
    let device = house.device("a").await;
    let claims = (0..20).map(|_| house.connect("a"));
    let sessions = futures_util::future::join_all(claims).await;
    let mut epochs: Vec<_> = sessions.iter().map(|s| s.handle().epoch()).collect();
    epochs.sort();
    epochs.dedup();
    assert_eq!(epochs.len(), 20);
    until("one session", async || {
        house.snapshot(device).await.sessions == 1
    })
    .await;
    let newest = sessions.iter().max_by_key(|s| s.handle().epoch()).unwrap();
    assert_eq!(newest.send(Uplink::Activity).await, Outcome::Done);
}

#[actix::test]
async fn a_session_is_told_at_once_when_another_claim_waits_behind_it() {
    let house = House::with(MemoryStore::new(), |s| {
        s.registry.takeover_timeout = ms(3_600_000)
    });
    let device = house.device("a").await;
    let ended = || {
        let rows = house.rows(device).into_iter();
        let gone = |kind: &EventKind| matches!(kind, EventKind::Disconnected { .. });
        rows.filter(gone).count()
    };
    let polite = async || {
        let mut session = house.connect("a").await;
        tokio::select! {
            told = session.next() => {
                assert!(is_close(&told, Reason::TakenOver), "{told:?}");
                session.close().await;
            }
            // The last one stays.
            () = until("four ends", async || ended() == 4) => {}
        }
    };
    let all = futures_util::future::join_all((0..5).map(|_| polite()));
    let told = tokio::time::timeout(PATIENCE, all).await;
    assert!(told.is_ok(), "{:?}", house.rows(device));
}

#[actix::test]
async fn two_sessions_live_side_by_side_where_that_is_allowed() {
    let house = House::with(MemoryStore::new(), |s| s.device.sessions = 2);
    let device = house.device("a").await;
    let (one, two) = (house.connect("a").await, house.connect("a").await);
    assert_eq!(one.send(points(1, "t", 1)).await, Outcome::Done);
    assert_eq!(two.send(points(2, "t", 2)).await, Outcome::Done);
    assert_eq!(house.snapshot(device).await.sessions, 2);
}

#[actix::test]
async fn dropping_the_last_clone_of_a_handle_ends_the_session() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let clone = session.handle().clone();
    drop(session);
    assert_eq!(one(&clone, Uplink::Activity).await, Outcome::Done);
    drop(clone);
    until("no session", async || {
        house.snapshot(device).await.sessions == 0
    })
    .await;
    let lost = EventKind::Disconnected {
        reason: "connection lost".into(),
    };
    assert!(house.rows(device).contains(&lost));
}

#[actix::test]
async fn a_connect_that_is_given_up_leaves_no_session_behind() {
    let house = House::with(MemoryStore::new(), |s| {
        s.registry.takeover_timeout = ms(300)
    });
    let device = house.device("a").await;
    let old = house.connect("a").await;
    let connecting = house.connect("a");
    let given_up = tokio::time::timeout(Duration::from_millis(50), connecting).await;
    assert!(given_up.is_err());
    old.close().await;
    until("nobody", async || {
        house.snapshot(device).await.sessions == 0
    })
    .await;
}

#[actix::test]
async fn a_request_is_activity_but_neither_a_session_nor_a_takeover() {
    let house = House::new();
    let device = house.device("a").await;
    let mut session = house.connect("a").await;
    let visit = house.visit("a").await;
    assert_eq!(one(&visit.handle, points(1, "t", 1)).await, Outcome::Done);
    let snapshot = house.snapshot(device).await;
    assert_eq!((snapshot.sessions, snapshot.active), (1, true));
    drop(visit);
    assert!(session.downlinks.try_recv().is_none());
    assert_eq!(session.send(Uplink::Activity).await, Outcome::Done);
}

#[actix::test]
async fn strangers_and_disabled_devices_are_refused_counted_and_told() {
    let house = House::new();
    let device = house.device("a").await;
    let refused = house.connect_as("nobody", "c", true, Duration::ZERO).await;
    assert_eq!(refused.err().unwrap().reason, Reason::CredentialsUnknown);
    for device in house.doorman.devices.lock().values_mut() {
        device.disabled = true;
    }
    let refused = house.connect_as("a", "c", true, Duration::ZERO).await;
    assert_eq!(refused.err().unwrap().reason, Reason::DeviceDisabled);
    assert_eq!(house.refusals(device), [Reason::DeviceDisabled]);
    let text = house.metrics.render();
    for reason in ["credentials_unknown", "device_disabled"] {
        assert!(text.contains(&format!("reason=\"{reason}\"}} 1")), "{text}");
    }
}

#[actix::test]
async fn a_device_disabled_between_its_identification_and_its_session_does_not_stay() {
    let house = House::new();
    let device = house.device("a").await;
    *house.doorman.turns_away.lock() = Some(Reason::DeviceDisabled);
    let refused = house.connect_as("a", "c", true, Duration::ZERO).await;
    assert_eq!(refused.err().unwrap().reason, Reason::DeviceDisabled);
    assert_eq!(house.snapshot(device).await.sessions, 0);
}

#[actix::test]
async fn ending_sessions_refuses_their_words_at_once_and_polls_too() {
    let house = House::new();
    let device = house.device("a").await;
    let mut session = house.connect("a").await;
    let visit = house.visit("a").await;
    let poll = visit.handle.poll(Poll::Rpc, PATIENCE);
    tokio::pin!(poll);
    assert!(futures_util::poll!(&mut poll).is_pending());
    let end = Command::EndSessions(Reason::CredentialsChanged);
    assert_eq!(house.call(device, end).await, CommandReply::Done);
    assert_eq!(poll.await.unwrap_err().reason, Reason::CredentialsChanged);
    assert!(is_close(&session.next().await, Reason::CredentialsChanged));
    for handle in [session.handle(), &visit.handle] {
        let outcome = one(handle, points(1, "t", 1)).await;
        assert!(
            matches!(&outcome, Outcome::Refused(r) if r.reason == Reason::CredentialsChanged),
            "{outcome:?}"
        );
    }
    session.close().await;
    let again = house.connect("a").await;
    assert_eq!(again.send(points(2, "t", 2)).await, Outcome::Done);
    let visit = house.visit("a").await;
    assert_eq!(one(&visit.handle, points(3, "t", 3)).await, Outcome::Done);
}

const HOUR: Duration = Duration::from_secs(3600);

#[actix::test]
async fn a_persistent_session_resumes_also_after_a_restart() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect_as("a", "c", false, HOUR).await.unwrap();
    assert!(session.connected.resumed.is_none());
    session.subscribe(true, true).await;
    let end = SessionEnd {
        reason: "client disconnected".into(),
        inflight: b"inflight".to_vec(),
        expiry: None,
    };
    session.handle().close(end).await;
    let known = house.doorman.devices.lock()["a"].clone();
    house.registry.stop().await;

    let house = House::with(house.store.reopened(), |_| ());
    house.knows(known);
    let stranger = house.connect_as("a", "other", true, Duration::ZERO).await;
    assert!(stranger.unwrap().connected.resumed.is_none());
    let session = house.connect_as("a", "c", false, HOUR).await.unwrap();
    let resumed = session.connected.resumed.clone().unwrap();
    assert_eq!(resumed.client_id, "c");
    assert_eq!(resumed.inflight, b"inflight");
    assert!(resumed.subscriptions.attributes && resumed.subscriptions.rpc);
    session.close().await;
    let fresh = house.connect_as("a", "c", true, HOUR).await.unwrap();
    assert!(fresh.connected.resumed.is_none());
    assert_eq!(house.store.session(device).await.unwrap(), None);
}

#[actix::test]
async fn a_session_that_outlived_its_expiry_is_forgotten() {
    let house = House::new();
    house.device("a").await;
    let short = Duration::from_millis(30);
    let session = house.connect_as("a", "c", false, short).await.unwrap();
    session.close().await;
    tokio::time::sleep(Duration::from_millis(40)).await;
    let session = house.connect_as("a", "c", false, short).await.unwrap();
    assert!(session.connected.resumed.is_none());
}

#[actix::test]
async fn a_persistent_subscription_is_durable_before_it_is_acknowledged() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect_as("a", "c", false, HOUR).await.unwrap();
    session.subscribe(true, false).await;
    let stored = house.store.session(device).await.unwrap().unwrap();
    assert!(stored.subscriptions.attributes);
    house.store.fail_commits(Some(StoreError::Full));
    let outcome = session
        .send(Uplink::Subscribe(Subscriptions::default()))
        .await;
    assert!(
        matches!(&outcome, Outcome::Refused(r) if r.reason == Reason::StoreFull),
        "{outcome:?}"
    );
}
