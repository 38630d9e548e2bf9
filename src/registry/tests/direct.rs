//! Turns that are done where their mail was sent: they keep the device's order, whoever does them.

use super::*;

fn attribute(n: i64) -> Uplink {
    Uplink::Attributes {
        entries: vec![("a".into(), Value::Long(n))],
        nulls_skipped: 0,
    }
}

async fn latest(house: &House, device: DeviceId) -> Value {
    let latest = house.store.latest(device, None).await.unwrap();
    latest[0].1.value.clone()
}

/// The later of two values for one time wins, so the last value tells the order.
#[actix::test]
async fn what_is_done_at_once_and_what_waits_for_the_actor_keep_their_order() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    for round in 0..50 {
        let gate = (round % 2 == 0).then(|| house.store.gate());
        let tickets: Vec<_> = (0..12)
            .map(|n| {
                let value = round * 12 + n;
                // Every bit of the round says of one message whether it needs the actor.
                let mut uplinks = vec![points(1, "t", value)];
                if (round >> (n % 6)) & 1 == 1 {
                    uplinks.push(attribute(value));
                }
                session.handle().submit(uplinks)
            })
            .collect();
        drop(gate);
        for ticket in tickets {
            assert!(ticket.await.iter().all(|outcome| *outcome == Outcome::Done));
        }
        let last = round * 12 + 11;
        assert_eq!(latest(&house, device).await, Value::Long(last), "{round}");
    }
}

#[actix::test]
async fn points_do_not_overtake_what_the_actor_has_not_yet_come_for() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    for round in 0..50 {
        let slow = vec![points(1, "t", 2 * round), attribute(round)];
        let slow = session.handle().submit(slow);
        let last = 2 * round + 1;
        let quick = session.handle().submit(vec![points(1, "t", last)]);
        futures_util::join!(slow, quick);
        assert_eq!(latest(&house, device).await, Value::Long(last));
    }
}

/// A mail box that is full of points does not keep an operator waiting for ever.
#[actix::test]
async fn a_call_is_answered_between_points_that_never_pause() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let mut tickets: Vec<_> = (0..200)
        .map(|n| session.handle().submit(vec![points(n, "t", n)]))
        .collect();
    let call = house.snapshot(device);
    let mut call = std::pin::pin!(call);
    let mut n = 200;
    let snapshot = loop {
        tickets.push(session.handle().submit(vec![points(n, "t", n)]));
        n += 1;
        tokio::select! {
            biased;
            snapshot = &mut call => break snapshot,
            _ = tokio::task::yield_now() => {}
        }
        assert!(n < 1_000_000, "the call waits behind points sent after it");
    };
    assert_eq!(snapshot.sessions, 1);
    for ticket in tickets {
        assert_eq!(ticket.await, [Outcome::Done]);
    }
}

#[actix::test]
async fn nothing_is_acknowledged_before_its_commit_and_a_failed_one_is_told() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    session.send(points(1, "t", 1)).await;
    let gate = house.store.gate();
    let ticket = session.handle().submit(vec![points(2, "t", 2)]);
    let mut ticket = std::pin::pin!(ticket);
    until("the commit waits", async || {
        house.store.waiting_commits() > 0
    })
    .await;
    assert!(futures_util::poll!(&mut ticket).is_pending());
    drop(gate);
    assert_eq!(ticket.await, [Outcome::Done]);
    house.store.fail_commits(Some(StoreError::Full));
    let refused = session.send(points(3, "t", 3)).await;
    assert!(matches!(refused, Outcome::Refused(_)), "{refused:?}");
    house.store.fail_commits(None);
    assert_eq!(latest(&house, device).await, Value::Long(2));
    assert_eq!(session.send(points(4, "t", 4)).await, Outcome::Done);
    assert_eq!(house.refusals(device).len(), 1);
}

#[actix::test]
async fn what_a_failed_commit_was_to_note_is_noted_though_nothing_more_is_said() {
    let house = House::with(MemoryStore::new(), |settings| {
        settings.device.activity_report_every = ms(0);
    });
    let device = house.device("a").await;
    let session = house.connect("a").await;
    session.send(points(1, "t", 1)).await;
    let noted = async || house.server_attribute(device, "lastActivityTime").await;
    let before = noted().await;
    let begun = std::time::Instant::now();
    until("time passes", async || {
        begun.elapsed() > Duration::from_millis(2)
    })
    .await;
    house.store.fail_commits(Some(StoreError::Full));
    let refused = session.send(points(2, "t", 2)).await;
    assert!(matches!(refused, Outcome::Refused(_)), "{refused:?}");
    house.store.fail_commits(None);
    until("the refused sign of life is noted", async || {
        noted().await != before
    })
    .await;
}

#[actix::test]
async fn a_log_that_answers_nobody_costs_a_device_its_actor_and_not_its_place() {
    let house = House::new();
    house.device("a").await;
    let session = house.connect("a").await;
    session.send(points(1, "t", 1)).await;
    house.store.panic_at_a_commit();
    let lost = session.send(points(2, "t", 2)).await;
    assert!(matches!(lost, Outcome::Refused(_)), "{lost:?}");
    // Refused, with the reason, for as long as the actor that is lost stands in its place.
    let connect = async {
        loop {
            let connected = house.connect_as("a", "client", true, Duration::ZERO).await;
            match connected {
                Ok(session) => return session,
                Err(refused) => assert_eq!(refused.reason, Reason::Internal, "{refused:?}"),
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, connect).await;
    let again = again.expect("the device waits for a turn that is lost");
    assert_eq!(again.send(points(3, "t", 3)).await, Outcome::Done);
}
