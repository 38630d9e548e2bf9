//! How much may be said: by a device, by all of them, and by strangers.

use super::*;
use crate::model::rates::Rates;
use std::time::Instant;

fn rate(text: &str) -> Rates {
    Rates::parse(text).unwrap()
}

fn limited(change: impl FnOnce(&mut Settings)) -> House {
    House::with(MemoryStore::new(), change)
}

fn rejection(outcome: Outcome) -> Rejection {
    match outcome {
        Outcome::Refused(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

#[actix::test]
async fn a_device_that_says_too_much_is_refused_with_bucket_and_time_whatever_it_speaks() {
    let house = limited(|settings| settings.device.message_rate = rate("3:1h"));
    let device = house.device("a").await;
    let session = house.connect("a").await;
    for n in 0..2 {
        assert_eq!(session.send(points(n, "t", 1)).await, Outcome::Done);
    }
    // A request of another transport takes out of the same buckets.
    let visit = house.visit("a").await;
    assert_eq!(one(&visit.handle, points(3, "t", 1)).await, Outcome::Done);
    let refused = rejection(one(&visit.handle, points(4, "t", 1)).await);
    assert_eq!(refused.reason, Reason::RateLimited);
    assert!(
        refused.detail.contains("messages of the device than 3:1h"),
        "{refused}"
    );
    assert!(refused.retry_ms > 1_100_000 && refused.retry_ms <= 1_200_000);
    let refused = rejection(session.send(points(5, "t", 1)).await);
    assert_eq!(refused.reason, Reason::RateLimited);
    assert_eq!(
        session.send(Uplink::Activity).await,
        Outcome::Done,
        "pings are free"
    );
    assert_eq!(
        house.refusals(device),
        [Reason::RateLimited],
        "one row a second"
    );
    let counted = house.metrics.render();
    for transport in ["mqtt", "http"] {
        let line = format!("rejected_total{{transport=\"{transport}\",reason=\"rate_limited\"}} 1");
        assert!(counted.contains(&line), "{counted}");
    }
    let other = house.device("b").await;
    let session = house.connect("b").await;
    assert_eq!(session.send(points(1, "t", 1)).await, Outcome::Done);
    assert_eq!(house.refusals(other), []);
}

#[actix::test]
async fn what_a_profile_says_of_rates_and_says_no_more_counts_from_the_next_request_on() {
    let house = House::new();
    house.device("a").await;
    let post = |n| {
        let house = &house;
        async move {
            let visit = house.visit("a").await;
            one(&visit.handle, points(n, "t", 1)).await
        }
    };
    for round in 0..3 {
        house.doorman.rates.lock().messages = Some(rate("1:1h"));
        assert_eq!(post(round * 10).await, Outcome::Done);
        let refused = rejection(post(round * 10 + 1).await);
        assert!(refused.detail.contains("than 1:1h"), "{refused}");
        house.doorman.rates.lock().messages = None;
        for n in 2..6 {
            assert_eq!(post(round * 10 + n).await, Outcome::Done, "lifted");
        }
    }
}

#[actix::test]
async fn of_a_batch_what_there_is_room_for_is_stored_and_each_of_the_rest_is_refused() {
    let house = limited(|settings| settings.device.point_rate = rate("3:1h"));
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let batch = (1..=5).map(|n| points(n, "t", n)).collect();
    let outcomes = session.handle().submit(batch).await;
    let done: Vec<bool> = outcomes.iter().map(|one| *one == Outcome::Done).collect();
    assert_eq!(done, [true, true, true, false, false]);
    let query = crate::model::query::HistoryQuery {
        range: 0..100,
        order: crate::model::query::Order::Ascending,
        limit: 100,
    };
    assert_eq!(
        house
            .store
            .history(device, "t", &query)
            .await
            .unwrap()
            .len(),
        3
    );
}

#[actix::test]
async fn all_devices_together_have_a_limit_of_their_own() {
    let house = limited(|settings| settings.registry.message_rate = rate("4:1h"));
    let mut refused = 0;
    for name in ["a", "b", "c"] {
        house.device(name).await;
        let session = house.connect(name).await;
        for n in 0..2 {
            refused += u32::from(session.send(points(n, "t", 1)).await != Outcome::Done);
        }
    }
    assert_eq!(refused, 2);
}

#[actix::test]
async fn the_refusals_of_a_transport_do_not_flush_the_stream() {
    let house = limited(|settings| settings.device.message_rate = rate("5:1h"));
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let bad = || Uplink::Refused(Rejection::new(Reason::BadJson, "no JSON"));
    for _ in 0..50 {
        let batch = (0..20).map(|_| bad()).collect();
        session.handle().submit(batch).await;
    }
    let told = house.refusals(device);
    assert!(told.len() < 12, "{}", told.len());
    assert!(told.starts_with(&[Reason::BadJson; 5]), "{told:?}");
    let counted = "rejected_total{transport=\"mqtt\",reason=\"bad_json\"} 1000";
    assert!(
        house.metrics.render().contains(counted),
        "{}",
        house.metrics.render()
    );
}

#[actix::test]
async fn without_limits_nothing_is_refused() {
    let house = House::new();
    house.device("a").await;
    let session = house.connect("a").await;
    let batch = (0..5_000).map(|n| points(n, "t", n)).collect();
    let outcomes = session.handle().submit(batch).await;
    assert!(outcomes.iter().all(|one| *one == Outcome::Done));
}

#[actix::test]
async fn an_idle_actor_stays_until_its_buckets_are_full_again() {
    let house = limited(|settings| {
        settings.device.message_rate = rate("1:1h");
        settings.device.idle_after = ms(20);
    });
    let spent = house.device("spent").await;
    let full = house.device("full").await;
    let visit = house.visit("spent").await;
    assert_eq!(one(&visit.handle, points(1, "t", 1)).await, Outcome::Done);
    drop(visit);
    house.snapshot(full).await;
    until("the other actor has gone", async || {
        !house.registry.actors().live().contains(&full)
    })
    .await;
    assert!(house.registry.actors().live().contains(&spent));
    let visit = house.visit("spent").await;
    let refused = rejection(one(&visit.handle, points(2, "t", 1)).await);
    assert_eq!(refused.reason, Reason::RateLimited);
}

#[actix::test]
async fn an_address_that_guesses_is_slowed_then_refused_and_others_are_served() {
    let house = limited(|settings| {
        settings.registry.slow_after = 2;
        settings.registry.slow_by = ms(150);
        settings.registry.refuse_after = 4;
    });
    house.device("a").await;
    let guess = || async {
        let begun = Instant::now();
        let refused = house.connect_as("wrong", "c", true, Duration::ZERO).await;
        (refused.err().unwrap(), begun.elapsed())
    };
    for _ in 0..2 {
        assert_eq!(guess().await.0.reason, Reason::CredentialsUnknown);
    }
    let (refused, took) = guess().await;
    assert_eq!(refused.reason, Reason::CredentialsUnknown);
    assert!(took >= Duration::from_millis(150), "{took:?}");
    house.connect("a").await;
    guess().await;
    let (refused, _) = guess().await;
    assert_eq!(refused.reason, Reason::RateLimited);
    assert!(refused.retry_ms > 50_000, "{}", refused.retry_ms);
    let elsewhere = ConnectRequest {
        presented: Presented::Token("a".into()),
        transport: Transport::Http,
        peer: [192, 0, 2, 1].into(),
        session: None,
    };
    assert!(house.registry.connect(elsewhere).await.is_ok());
}

#[actix::test]
async fn a_session_that_rotated_credentials_let_in_ends_when_they_do() {
    let house = House::new();
    let device = house.device("a").await;
    let until = crate::device::clock() + 300;
    house.doorman.until.lock().replace(until);
    let mut old = house.connect("a").await;
    house.doorman.until.lock().take();
    let told = old.next().await;
    assert!(crate::device::clock() >= until);
    let reason = DownlinkBody::Close(Reason::CredentialsChanged);
    assert_eq!(told.body, reason);
    old.close().await;
    assert_eq!(house.snapshot(device).await.sessions, 0);
}

#[actix::test]
async fn the_end_of_rotated_credentials_leaves_a_newer_session_alone() {
    let house = House::new();
    let device = house.device("a").await;
    house.device("b").await;
    let due = crate::device::clock() + 200;
    house.doorman.until.lock().replace(due);
    let old = house.connect("a").await;
    house.doorman.until.lock().replace(due + 1);
    let mut witness = house.connect("b").await;
    house.doorman.until.lock().take();
    old.close().await;
    let new = house.connect("a").await;
    let told = witness.next().await;
    let reason = DownlinkBody::Close(Reason::CredentialsChanged);
    assert_eq!(told.body, reason, "the moment has passed");
    assert_eq!(new.send(points(1, "t", 1)).await, Outcome::Done);
    assert_eq!(house.snapshot(device).await.sessions, 1);
}
