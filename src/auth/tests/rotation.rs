//! Credentials that rotate: the overlap, and passwords that are kept as hashes.

use super::*;
use crate::auth::{shown_value, MASK};
use crate::model::ids::DeviceId;

const HOUR: Duration = Duration::from_secs(3_600);

fn rotate(device: DeviceId, token: &str, overlap: Option<Duration>) -> CredentialsOrder {
    CredentialsOrder {
        overlap,
        ..token_order(device, token)
    }
}

#[tokio::test]
async fn a_rotated_token_is_accepted_until_the_overlap_ends_and_over_a_restart() {
    let house = house().await;
    let device = house.device("pump", "old").await;
    let order = rotate(device.id, "new", Some(HOUR));
    let saved = house.save(order).await;
    assert_eq!(saved.end_sessions, Some(Reason::CredentialsChanged));
    let house = house.restarted().await;
    let until = START + 3_600_000;
    let old = house.who(&http("old")).await;
    assert_eq!((old.device.id, old.until), (device.id, Some(until)));
    assert!(house.auth.confirm(&old).await.is_ok());
    assert_eq!(house.who(&http("new")).await.until, None);
    house.pass(HOUR - Duration::from_millis(1));
    assert_eq!(house.reason(&http("old")).await, None);
    assert_eq!(house.reason(&mqtt("c", Some("old"), None)).await, None);
    house.pass(Duration::from_millis(1));
    let unknown = Some(Reason::CredentialsUnknown);
    assert_eq!(house.reason(&http("old")).await, unknown);
    assert_eq!(house.reason(&mqtt("c", Some("old"), None)).await, unknown);
    assert_eq!(house.reason(&http("new")).await, None);
}

#[tokio::test]
async fn without_an_overlap_and_with_the_next_rotation_the_old_token_is_refused_at_once() {
    let house = house().await;
    let device = house.device("pump", "first").await;
    for (token, overlap) in [("second", Some(HOUR)), ("third", None)] {
        let order = rotate(device.id, token, overlap);
        house.save(order).await;
    }
    let unknown = Some(Reason::CredentialsUnknown);
    for token in ["first", "second"] {
        assert_eq!(house.reason(&http(token)).await, unknown, "{token}");
    }
    assert_eq!(house.reason(&http("third")).await, None);
}

#[tokio::test]
async fn another_device_gets_a_rotated_token_only_after_its_overlap() {
    let house = house().await;
    let (one, two) = (
        house.device("one", "a").await,
        house.device("two", "b").await,
    );
    let directory = house.auth.directory();
    house.save(rotate(one.id, "c", Some(HOUR))).await;
    let taken = directory
        .update_credentials(rotate(two.id, "a", None))
        .await;
    assert_eq!(taken.err(), Some(DirectoryError::CredentialsTaken));
    house.pass(HOUR);
    house.save(rotate(two.id, "a", None)).await;
    assert_eq!(house.who(&http("a")).await.device.id, two.id);
    let too_long = directory
        .update_credentials(rotate(one.id, "d", Some(25 * HOUR)))
        .await;
    assert!(matches!(
        too_long.err(),
        Some(DirectoryError::OverlapTooLong(_))
    ));
}

#[tokio::test]
async fn a_changed_password_and_a_changed_kind_overlap_too() {
    let house = house().await;
    let device = house
        .basic_device("pump", r#"{"userName":"u","password":"old"}"#)
        .await;
    let mut order = basic_order(device.id, r#"{"userName":"u","password":"new"}"#);
    order.overlap = Some(HOUR);
    house.save(order).await;
    let with = |password| mqtt("c", Some("u"), Some(password));
    assert!(house.who(&with("old")).await.until.is_some());
    assert!(house.who(&with("new")).await.until.is_none());
    assert_eq!(
        house.reason(&with("other")).await,
        Some(Reason::PasswordWrong)
    );
    house.pass(HOUR);
    assert_eq!(
        house.reason(&with("old")).await,
        Some(Reason::PasswordWrong)
    );
    house.save(rotate(device.id, "token", Some(HOUR))).await;
    for presented in [with("new"), http("token")] {
        assert_eq!(house.reason(&presented).await, None);
    }
    assert_eq!(
        house.reason(&http("u")).await,
        Some(Reason::CredentialsUnknown)
    );
}

#[tokio::test]
async fn a_password_is_stored_as_a_salted_hash_and_shown_masked() {
    let house = house().await;
    let json = r#"{"clientId":"c","userName":"u","password":"s3cret-word"}"#;
    let (one, two) = (
        house.basic_device("one", json).await,
        house
            .basic_device("two", &json.replace("\"c\"", "\"d\""))
            .await,
    );
    let directory = house.auth.directory();
    let (one, two) = (
        directory.credentials(one.id).await.unwrap(),
        directory.credentials(two.id).await.unwrap(),
    );
    let hash = |value: &Option<String>| {
        let value: serde_json::Value = serde_json::from_str(value.as_ref().unwrap()).unwrap();
        value["passwordHash"].as_str().unwrap().to_owned()
    };
    assert!(!one.value.as_ref().unwrap().contains("s3cret-word"));
    assert_ne!(hash(&one.value), hash(&two.value), "salted");
    let shown = format!(r#"{{"clientId":"c","userName":"u","password":"{MASK}"}}"#);
    assert_eq!(shown_value(&one), Some(shown));
    let (right, wrong) = (Some("s3cret-word"), Some(MASK));
    assert_eq!(house.reason(&mqtt("c", Some("u"), right)).await, None);
    let refused = house.reason(&mqtt("c", Some("u"), wrong)).await;
    assert_eq!(refused, Some(Reason::PasswordWrong));
}

/// What ThingsBoard's tools do: read the record, change something, write all of it back.
#[tokio::test]
async fn what_was_read_can_be_written_back_and_keeps_the_password() {
    let house = house().await;
    let device = house
        .basic_device("pump", r#"{"userName":"u","password":"word"}"#)
        .await;
    let directory = house.auth.directory();
    let read = shown_value(&directory.credentials(device.id).await.unwrap()).unwrap();
    let same = house.save(basic_order(device.id, &read)).await;
    assert_eq!(
        (same.end_sessions, same.record.version),
        (None, 1),
        "no change"
    );
    let given = basic_order(device.id, r#"{"userName":"u","password":"word"}"#);
    let same = house.save(given).await;
    assert_eq!(same.end_sessions, None, "the same password is no change");
    let renamed = read.replace("\"u\"", "\"w\"");
    house.save(basic_order(device.id, &renamed)).await;
    assert_eq!(house.reason(&mqtt("", Some("w"), Some("word"))).await, None);
    let refused = house.reason(&mqtt("", Some("w"), Some("other"))).await;
    assert_eq!(refused, Some(Reason::PasswordWrong));
}

#[tokio::test]
async fn a_mask_without_a_password_behind_it_and_a_hash_from_outside_are_refused() {
    let house = house().await;
    let device = house.device("pump", "token").await;
    let directory = house.auth.directory();
    let masked = format!(r#"{{"userName":"u","password":"{MASK}"}}"#);
    let refused = directory
        .update_credentials(basic_order(device.id, &masked))
        .await;
    assert_eq!(refused.err(), Some(DirectoryError::MqttBasicMasked));
    let hashed = basic_order(device.id, r#"{"userName":"u","passwordHash":"00:11"}"#);
    let refused = directory.update_credentials(hashed).await;
    assert_eq!(refused.err(), Some(DirectoryError::MqttBasicMalformed));
}

#[tokio::test]
async fn a_password_in_clear_of_the_first_format_is_still_accepted_and_not_shown() {
    let house = house().await;
    let device = house.device("pump", "token").await;
    let mut record = house.auth.directory().credentials(device.id).await.unwrap();
    record.kind = CredentialsKind::MqttBasic;
    record.lookup = "u".into();
    record.value = Some(r#"{"userName":"u","password":"word"}"#.into());
    let change = vec![crate::store::Change::CredentialsPut(record)];
    let batch = crate::store::Batch::of_device(device.id, change);
    use crate::store::Log;
    house.store.commit(batch).await.unwrap();
    assert_eq!(house.reason(&mqtt("", Some("u"), Some("word"))).await, None);
    let refused = house.reason(&mqtt("", Some("u"), Some("x"))).await;
    assert_eq!(refused, Some(Reason::PasswordWrong));
    let directory = house.auth.directory();
    let stored = directory.credentials(device.id).await.unwrap();
    assert!(!shown_value(&stored).unwrap().contains("word\"}"));
    let same = basic_order(device.id, &shown_value(&stored).unwrap());
    house.save(same).await;
    let mended = directory.credentials(device.id).await.unwrap();
    assert!(!mended.value.unwrap().contains("\"word\""));
    assert_eq!(house.reason(&mqtt("", Some("u"), Some("word"))).await, None);
}
