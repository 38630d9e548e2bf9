//! Rotating and switching credentials (contract/provisioning.md 1).

use super::*;
use crate::auth::directory::ErrorKind;
use crate::model::ids::CredentialsId;

#[tokio::test]
async fn a_rotated_token_opens_at_once_and_the_old_one_no_more() {
    let house = house().await;
    let device = house.device("pump", "OLD").await;
    let directory = house.auth.directory();
    let before = directory.credentials(device.id).await.unwrap();
    let saved = house.save(token_order(device.id, "NEW")).await;
    assert_eq!(saved.end_sessions, Some(Reason::CredentialsChanged));
    assert_eq!((saved.record.id, saved.record.version), (before.id, 2));
    assert_eq!(house.reason(&http("NEW")).await, None);
    assert_eq!(
        house.reason(&http("OLD")).await,
        Some(Reason::CredentialsUnknown)
    );
    house.device("other", "OLD").await;
}

#[tokio::test]
async fn saving_the_same_value_again_is_no_change() {
    let house = house().await;
    let device = house.device("pump", "T").await;
    let before = house.store.commits();
    let saved = house.save(token_order(device.id, "T")).await;
    assert_eq!((saved.end_sessions, saved.record.version), (None, 1));
    assert_eq!(house.store.commits(), before);
}

#[tokio::test]
async fn another_spelling_of_the_same_basic_credentials_is_no_change() {
    let house = house().await;
    let device = house
        .basic_device("pump", r#"{"clientId":"c","userName":"u","password":"p"}"#)
        .await;
    let same = r#"{ "password":"p", "userName":"u", "clientId":"c" }"#;
    let order = basic_order(device.id, same);
    let saved = house.save(order).await;
    assert_eq!(saved.end_sessions, None);
}

#[tokio::test]
async fn a_changed_password_ends_sessions_although_the_look_up_stays() {
    let house = house().await;
    let device = house
        .basic_device("pump", r#"{"userName":"u","password":"p"}"#)
        .await;
    let other = r#"{"userName":"u","password":"q"}"#;
    let order = basic_order(device.id, other);
    let saved = house.save(order).await;
    assert_eq!(saved.end_sessions, Some(Reason::CredentialsChanged));
    assert_eq!(house.reason(&mqtt("c", Some("u"), Some("q"))).await, None);
    let old = house.reason(&mqtt("c", Some("u"), Some("p"))).await;
    assert_eq!(old, Some(Reason::PasswordWrong));
}

#[tokio::test]
async fn the_type_can_be_switched_and_switched_back() {
    let house = house().await;
    let device = house.device("pump", "T").await;
    let basic = basic_order(device.id, r#"{"clientId":"c"}"#);
    house.save(basic).await;
    assert_eq!(
        house.reason(&http("T")).await,
        Some(Reason::CredentialsUnknown)
    );
    assert_eq!(house.reason(&mqtt("c", None, None)).await, None);
    let text = any_certificate();
    let x509 = value_order(device.id, CredentialsKind::X509Certificate, &text);
    let saved = house.save(x509).await;
    assert_eq!(saved.record.value.as_deref(), Some(&*text));
    assert_eq!(
        house.reason(&mqtt("c", None, None)).await,
        Some(Reason::ClientIdUnknown)
    );
    house.save(token_order(device.id, "T")).await;
    assert_eq!(house.reason(&http("T")).await, None);
}

#[tokio::test]
async fn credentials_of_another_device_are_refused_also_over_types() {
    let house = house().await;
    house.device("one", "T1").await;
    let two = house.device("two", "T2").await;
    let basic = basic_order(two.id, r#"{"userName":"T1"}"#);
    for order in [token_order(two.id, "T1"), basic] {
        let error = house.refused(order).await.unwrap();
        assert_eq!(
            error.to_string(),
            "Specified credentials are already registered!"
        );
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert!(house.auth.identify(&http("T2")).await.is_ok(), "untouched");
}

#[tokio::test]
async fn record_device_version_and_type_must_fit() {
    let house = house().await;
    let one = house.device("one", "T1").await;
    let two = house.device("two", "T2").await;
    let directory = house.auth.directory();
    let foreign = directory.credentials(one.id).await.unwrap().id;
    let refused = async |order| house.refused(order).await;
    for id in [foreign, CredentialsId::new()] {
        let order = CredentialsOrder {
            id: Some(id),
            ..token_order(two.id, "N")
        };
        assert_eq!(
            refused(order).await,
            Some(DirectoryError::CredentialsUnknown)
        );
    }
    let stale = CredentialsOrder {
        version: Some(9),
        ..token_order(two.id, "N")
    };
    assert_eq!(refused(stale).await, Some(DirectoryError::VersionConflict));
    let untyped = CredentialsOrder {
        kind: None,
        ..token_order(two.id, "N")
    };
    assert_eq!(
        refused(untyped).await,
        Some(DirectoryError::CredentialsKindMissing)
    );
    let nobody = DeviceId::new();
    let unknown = refused(token_order(nobody, "N")).await;
    assert_eq!(unknown, Some(DirectoryError::DeviceUnknown(nobody)));
    let own = directory.credentials(two.id).await.unwrap();
    let fits = CredentialsOrder {
        id: Some(own.id),
        version: Some(1),
        ..token_order(two.id, "N")
    };
    assert_eq!(refused(fits).await, None);
}
