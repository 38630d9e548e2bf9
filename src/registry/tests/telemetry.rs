//! Uplinks: in order, together, acknowledged only when on disk.

use super::*;

#[actix::test]
async fn what_is_acknowledged_is_in_the_store_and_the_later_of_two_values_wins() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let uplinks = (0..100).map(|n| points(1, "t", n)).collect();
    let outcomes = session.handle().submit(uplinks).await;
    assert_eq!(outcomes, vec![Outcome::Done; 100]);
    let latest = house.store.latest(device, None).await.unwrap();
    assert_eq!(latest.len(), 1);
    assert_eq!(latest[0].1.value, Value::Long(99));
}

#[actix::test]
async fn nothing_is_acknowledged_before_the_commit() {
    let house = House::new();
    house.device("a").await;
    let session = house.connect("a").await;
    let gate = house.store.gate();
    let mut ticket = session.handle().submit(vec![points(1, "t", 1)]);
    until("the commit waits", async || {
        house.store.waiting_commits() == 1
    })
    .await;
    let early = tokio::time::timeout(Duration::from_millis(50), &mut ticket).await;
    assert!(early.is_err(), "acknowledged too early: {early:?}");
    drop(gate);
    assert_eq!(ticket.await, [Outcome::Done]);
}

#[actix::test]
async fn messages_that_wait_for_the_disk_share_the_next_commit() {
    let house = House::new();
    house.device("a").await;
    let session = house.connect("a").await;
    session.send(points(0, "t", 0)).await;
    let gate = house.store.gate();
    let first = session.handle().submit(vec![points(1, "t", 1)]);
    until("the commit waits", async || {
        house.store.waiting_commits() == 1
    })
    .await;
    let before = house.store.commits();
    let rest: Vec<_> = (2..40)
        .map(|n| session.handle().submit(vec![points(n, "t", n)]))
        .collect();
    drop(gate);
    assert_eq!(first.await, [Outcome::Done]);
    for ticket in rest {
        assert_eq!(ticket.await, [Outcome::Done]);
    }
    assert!(
        house.store.commits() <= before + 3,
        "{}",
        house.store.commits() - before
    );
}

#[actix::test]
async fn a_request_in_the_middle_of_a_batch_sees_what_was_sent_before_it_and_not_after() {
    let house = House::new();
    house.device("a").await;
    let session = house.connect("a").await;
    let say = |n: i64| Uplink::Attributes {
        entries: vec![("n".into(), Value::Long(n))],
        nulls_skipped: 0,
    };
    let ask = || Uplink::AttributeRequest(Default::default());
    let batch = vec![say(1), ask(), say(2), say(3), ask(), say(4)];
    let outcomes = session.handle().submit(batch).await;
    let seen = |at: usize| match &outcomes[at] {
        Outcome::Attributes(reply) => reply.client.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(seen(1), [(Key::from("n"), Value::Long(1))]);
    assert_eq!(seen(4), [(Key::from("n"), Value::Long(3))]);
}

#[actix::test]
async fn a_full_disk_refuses_with_a_reason_and_ends_when_space_returns() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    house.store.fail_commits(Some(StoreError::Full));
    let outcomes = session
        .handle()
        .submit(vec![points(1, "t", 1), Uplink::Activity, points(2, "t", 2)])
        .await;
    let reasons: Vec<Option<Reason>> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Refused(rejection) => Some(rejection.reason),
            _ => None,
        })
        .collect();
    assert_eq!(
        reasons,
        [Some(Reason::StoreFull), None, Some(Reason::StoreFull)]
    );
    assert!(house.refusals(device).contains(&Reason::StoreFull));
    let counted = "rejected_total{transport=\"mqtt\",reason=\"store_full\"} 2";
    assert!(
        house.metrics.render().contains(counted),
        "{}",
        house.metrics.render()
    );
    house.store.fail_commits(None);
    assert!(house.store.latest(device, None).await.unwrap().is_empty());
    assert_eq!(session.send(points(3, "t", 3)).await, Outcome::Done);
}

#[actix::test]
async fn a_message_larger_than_a_batch_is_stored_whole() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let text = Value::Text("x".repeat(200_000).into());
    let rows = (0..20).map(|ts| Row {
        ts,
        values: vec![("blob".into(), text.clone())],
    });
    let telemetry = Telemetry {
        rows: rows.collect(),
        nulls_skipped: 0,
    };
    let outcome = session.send(Uplink::Telemetry(telemetry)).await;
    assert_eq!(outcome, Outcome::Done);
    let query = crate::model::query::HistoryQuery {
        range: 0..100,
        order: Default::default(),
        limit: 100,
    };
    let history = house.store.history(device, "blob", &query).await.unwrap();
    assert_eq!(history.len(), 20);
}

#[actix::test]
async fn skipped_nulls_and_refusals_of_transports_are_counted_and_told() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    session
        .send(Uplink::Telemetry(Telemetry {
            rows: PackedRows::default(),
            nulls_skipped: 3,
        }))
        .await;
    let rejection = Rejection::new(Reason::BadJson, "line 1");
    session.send(Uplink::Refused(rejection)).await;
    assert_eq!(house.refusals(device), [Reason::NullValue, Reason::BadJson]);
}
