//! Attributes: what is written, who hears of it, and from where he goes on (design.md 7.9).

use super::*;

fn updated(downlink: &Downlink) -> Vec<(String, Value)> {
    match &downlink.body {
        DownlinkBody::AttributesChanged { updated, .. } => {
            let mut list: Vec<_> = updated
                .iter()
                .map(|(k, v)| (k.to_string(), v.clone()))
                .collect();
            list.sort_by(|a, b| a.0.cmp(&b.0));
            list
        }
        other => panic!("{other:?}"),
    }
}

#[actix::test]
async fn a_repeated_client_attribute_does_not_move_its_time_and_a_new_type_does() {
    let house = House::new();
    let device = house.device("a").await;
    let session = house.connect("a").await;
    let say = |value: Value| Uplink::Attributes {
        entries: vec![("n".into(), value)],
        nulls_skipped: 0,
    };
    let revision = async || house.store.revision(device, Scope::Client).await.unwrap();
    assert_eq!(session.send(say(Value::Long(1))).await, Outcome::Done);
    let first = revision().await;
    assert_eq!(session.send(say(Value::Long(1))).await, Outcome::Done);
    assert_eq!(revision().await, first);
    assert_eq!(session.send(say(Value::Double(1.0))).await, Outcome::Done);
    assert_eq!(revision().await, first + 1);
}

#[actix::test]
async fn a_subscriber_hears_of_shared_changes_and_of_nothing_else() {
    let house = House::new();
    let device = house.device("a").await;
    house.save_shared(device, "before", 1).await;
    let mut session = house.connect("a").await;
    session.subscribe(true, false).await;
    let server = Command::SaveAttributes {
        scope: Scope::Server,
        entries: vec![("secret".into(), Value::Long(1))],
    };
    house.call(device, server).await;
    house.save_shared(device, "x", 1).await;
    let first = session.accept().await;
    assert_eq!(updated(&first), [("x".to_owned(), Value::Long(1))]);
    house.save_shared(device, "x", 1).await;
    let again = session.accept().await;
    assert_eq!(updated(&again).len(), 1, "an unchanged value is told again");
    let delete = Command::DeleteAttributes {
        scope: Scope::Shared,
        keys: vec!["x".into()],
    };
    house.call(device, delete).await;
    match session.accept().await.body {
        DownlinkBody::AttributesChanged {
            deleted, updated, ..
        } => {
            assert_eq!(deleted, [Key::from("x")]);
            assert!(updated.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

#[actix::test]
async fn changes_that_do_not_fit_the_line_come_merged_when_there_is_room() {
    let house = House::new();
    let device = house.device("a").await;
    let mut session = house.connect("a").await;
    session.subscribe(true, false).await;
    for n in 0..40 {
        house.save_shared(device, "x", n).await;
    }
    house.save_shared(device, "y", 7).await;
    let mut last = std::collections::BTreeMap::new();
    let mut downlinks = 0;
    while last.get("x") != Some(&Value::Long(39)) || last.get("y") != Some(&Value::Long(7)) {
        let downlink = session.accept().await;
        last.extend(updated(&downlink));
        downlinks += 1;
    }
    assert!(downlinks < 20, "{downlinks}");
}

#[actix::test]
async fn a_persistent_session_resumes_from_the_revision_it_acknowledged() {
    let house = House::new();
    let device = house.device("a").await;
    let hour = Duration::from_secs(3600);
    let mut session = house.connect_as("a", "c", false, hour).await.unwrap();
    session.subscribe(true, false).await;
    house.save_shared(device, "x", 1).await;
    session.accept().await;
    house.save_shared(device, "x", 2).await;
    // Written but never acknowledged.
    let unknown = session.next().await;
    session.close().await;
    house.save_shared(device, "y", 3).await;
    let known = house.doorman.devices.lock()["a"].clone();
    house.registry.stop().await;

    let house = House::with(house.store.reopened(), |_| ());
    house.knows(known);
    let mut session = house.connect_as("a", "c", false, hour).await.unwrap();
    let merged = session.accept().await;
    assert!(merged.id > unknown.id);
    assert_eq!(
        updated(&merged),
        [
            ("x".to_owned(), Value::Long(2)),
            ("y".to_owned(), Value::Long(3))
        ]
    );
    session.close().await;
    let mut session = house.connect_as("a", "c", false, hour).await.unwrap();
    session.send(Uplink::Activity).await;
    assert!(
        session.downlinks.try_recv().is_none(),
        "all is acknowledged"
    );
}

#[actix::test]
async fn what_failed_to_arrive_is_merged_into_the_next_change() {
    let house = House::new();
    let device = house.device("a").await;
    let mut session = house.connect("a").await;
    session.subscribe(true, false).await;
    house.save_shared(device, "x", 1).await;
    let id = session.next().await.id;
    let step = DeliveryStep::Failed;
    session.send(Uplink::Delivery { id, step }).await;
    house.save_shared(device, "y", 2).await;
    assert_eq!(updated(&session.next().await).len(), 2);
}
