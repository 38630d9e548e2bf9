//! Making and changing devices (contract/admin-rest.md 4).

use super::*;
use crate::auth::directory::{ErrorKind, NameConflict, UniquifyStrategy};
use crate::model::attributes::Scope;
use crate::model::value::Value;
use crate::store::traits::{AttributeStore, DeviceStore};

fn uniquify(name: &str, strategy: UniquifyStrategy) -> DeviceOrder {
    DeviceOrder {
        on_conflict: NameConflict::Uniquify {
            separator: "_".into(),
            strategy,
        },
        ..named(name)
    }
}

async fn refused(house: &House, order: DeviceOrder) -> DirectoryError {
    let made = house
        .auth
        .directory()
        .create_device(order, NewCredentials::Generated);
    made.await.err().unwrap()
}

#[tokio::test]
async fn a_new_device_comes_with_token_and_inactive_attribute_in_one_commit() {
    let house = house().await;
    let before = house.store.commits();
    let directory = house.auth.directory();
    let order = DeviceOrder {
        label: Some("north".into()),
        additional_info: Some(r#"{"gateway":true, "x":1.50}"#.into()),
        ..named("pump-7")
    };
    let device = directory
        .create_device(order, NewCredentials::Generated)
        .await
        .unwrap();
    assert_eq!(house.store.commits(), before + 1);
    assert_eq!((device.name.as_str(), device.version), ("pump-7", 1));
    assert_eq!(device.label.as_deref(), Some("north"));
    assert_eq!(&*device.additional_info, r#"{"gateway":true, "x":1.50}"#);
    assert_eq!((device.created, device.disabled), (START, false));
    assert_eq!(
        house.store.device(device.id).await.unwrap().as_ref(),
        Some(&device)
    );
    let credentials = directory.credentials(device.id).await.unwrap();
    assert_eq!(credentials.lookup.len(), 20);
    assert_eq!((credentials.device, credentials.version), (device.id, 1));
    let active = house
        .store
        .attributes(device.id, Scope::Server, None)
        .await
        .unwrap();
    assert_eq!(active.len(), 1);
    assert_eq!(
        (active[0].key.as_str(), &active[0].value),
        ("active", &Value::Bool(false))
    );
}

#[tokio::test]
async fn bad_devices_are_refused_in_the_contracts_words_and_leave_nothing() {
    let house = house().await;
    house.device("taken", "T1").await;
    let before = house.store.commits();
    let text = |error: DirectoryError| {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    let missing = "Device name should be specified!";
    assert_eq!(text(refused(&house, named("")).await), missing);
    assert_eq!(text(refused(&house, named(" \t")).await), missing);
    let taken = text(refused(&house, named("taken")).await);
    assert_eq!(taken, "Device with such name already exists!");
    assert_eq!(
        refused(&house, named(&"ä".repeat(256))).await,
        DirectoryError::NameTooLong
    );
    let label = DeviceOrder {
        label: Some("l".repeat(256)),
        ..named("x")
    };
    assert_eq!(refused(&house, label).await, DirectoryError::LabelTooLong);
    for info in [
        "[]",
        "7",
        "{",
        r#"{"a":1} x"#,
        "",
        &format!(r#"{{"a":"{}"}}"#, "b".repeat(70_000)),
    ] {
        let order = DeviceOrder {
            additional_info: Some(info.into()),
            ..named("x")
        };
        assert_eq!(
            refused(&house, order).await,
            DirectoryError::BadAdditionalInfo
        );
    }
    let mut unknown = named("x");
    unknown.profile.id = Some(crate::model::ids::ProfileId::new());
    let text = text(refused(&house, unknown).await);
    assert_eq!(text, "Device is referencing non existing device profile!");
    assert_eq!(house.store.commits(), before);
}

#[tokio::test]
async fn a_taken_token_is_refused_and_makes_neither_device_nor_profile() {
    let house = house().await;
    house.device("one", "T1").await;
    let before = house.store.commits();
    let directory = house.auth.directory();
    let token = NewCredentials::AccessToken("T1".into());
    let error = directory
        .create_device(typed("two", "new-type"), token)
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "Specified credentials are already registered!"
    );
    assert_eq!(house.store.commits(), before);
}

#[tokio::test]
async fn a_type_makes_its_profile_once_and_no_type_means_the_default_one() {
    let house = house().await;
    let directory = house.auth.directory();
    let create = |order| directory.create_device(order, NewCredentials::Generated);
    let first = create(typed("a", "meter")).await.unwrap();
    let second = create(typed("b", "meter")).await.unwrap();
    let plain = create(typed("c", "")).await.unwrap();
    assert_eq!(first.profile, second.profile);
    let names: Vec<String> = directory
        .profiles()
        .await
        .unwrap()
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["default", "meter"]);
    assert_eq!(plain.profile, directory.default_profile().await.unwrap().id);
}

#[tokio::test]
async fn a_profile_id_wins_over_the_type() {
    let house = house().await;
    let directory = house.auth.directory();
    let default = directory.default_profile().await.unwrap();
    let mut order = typed("a", "meter");
    order.profile.id = Some(default.id);
    let device = directory
        .create_device(order, NewCredentials::Generated)
        .await
        .unwrap();
    assert_eq!(device.profile, default.id);
    assert_eq!(directory.profiles().await.unwrap().len(), 1);
}

#[tokio::test]
async fn uniquify_finds_a_free_name_both_ways() {
    let house = house().await;
    let directory = house.auth.directory();
    let create = |order| directory.create_device(order, NewCredentials::Generated);
    let incremental = || uniquify("pump", UniquifyStrategy::Incremental);
    let names = [
        create(incremental()).await.unwrap().name,
        create(incremental()).await.unwrap().name,
        create(incremental()).await.unwrap().name,
    ];
    assert_eq!(names, ["pump", "pump_1", "pump_2"]);
    let random = create(uniquify("pump", UniquifyStrategy::Random))
        .await
        .unwrap()
        .name;
    let suffix = random.strip_prefix("pump_").unwrap();
    assert!(suffix.len() == 6 && suffix.chars().all(|c| c.is_ascii_alphanumeric()));
}

#[tokio::test]
async fn uniquify_does_not_make_names_longer_than_allowed() {
    let house = house().await;
    let name = "n".repeat(255);
    house.device(&name, "T").await;
    let order = uniquify(&name, UniquifyStrategy::Incremental);
    assert_eq!(refused(&house, order).await, DirectoryError::NameTooLong);
}

#[tokio::test]
async fn an_update_renames_and_frees_the_old_name() {
    let house = house().await;
    let device = house.device("old", "T").await;
    let directory = house.auth.directory();
    let saved = directory
        .update_device(device.id, named("new"))
        .await
        .unwrap();
    assert_eq!(
        (saved.record.name.as_str(), saved.record.version),
        ("new", 2)
    );
    assert_eq!(saved.end_sessions, None);
    assert_eq!(saved.record.created, device.created);
    house.device("old", "T2").await;
    let conflict = directory.update_device(device.id, named("old")).await.err();
    assert_eq!(conflict, Some(DirectoryError::NameTaken));
}

#[tokio::test]
async fn an_update_that_changes_nothing_keeps_version_and_disk() {
    let house = house().await;
    let device = house.device("pump", "T").await;
    let before = house.store.commits();
    let saved = house
        .auth
        .directory()
        .update_device(device.id, named("pump"))
        .await
        .unwrap();
    assert_eq!(saved.record, device);
    assert_eq!(house.store.commits(), before);
}

#[tokio::test]
async fn a_stale_version_is_a_conflict_and_an_unknown_device_is_not_found() {
    let house = house().await;
    let device = house.device("pump", "T").await;
    let directory = house.auth.directory();
    let versioned = |version| DeviceOrder {
        version: Some(version),
        ..named("other")
    };
    let stale = directory
        .update_device(device.id, versioned(7))
        .await
        .err()
        .unwrap();
    assert_eq!(stale.kind(), ErrorKind::Conflict);
    assert!(directory
        .update_device(device.id, versioned(1))
        .await
        .is_ok());
    let id = DeviceId::parse("784f394c-42b6-435a-983c-b7beff2784f9").unwrap();
    let unknown = directory.update_device(id, named("x")).await.err().unwrap();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let text = "Device with id [784f394c-42b6-435a-983c-b7beff2784f9] is not found";
    assert_eq!(unknown.to_string(), text);
}

#[tokio::test]
async fn an_update_without_profile_keeps_it_and_with_a_type_changes_it() {
    let house = house().await;
    let directory = house.auth.directory();
    let created = directory.create_device(typed("a", "meter"), NewCredentials::Generated);
    let device = created.await.unwrap();
    let kept = directory
        .update_device(device.id, named("b"))
        .await
        .unwrap()
        .record;
    assert_eq!(kept.profile, device.profile);
    let moved = directory
        .update_device(device.id, typed("b", "default"))
        .await
        .unwrap()
        .record;
    assert_eq!(moved.profile, directory.default_profile().await.unwrap().id);
}

#[tokio::test]
async fn disabling_tells_to_end_sessions_and_is_kept_by_other_updates() {
    let house = house().await;
    let device = house.device("pump", "T").await;
    let directory = house.auth.directory();
    let saved = directory.set_disabled(device.id, true).await.unwrap();
    assert_eq!(saved.end_sessions, Some(Reason::DeviceDisabled));
    assert_eq!((saved.record.disabled, saved.record.version), (true, 2));
    let again = directory.set_disabled(device.id, true).await.unwrap();
    assert_eq!(
        again.end_sessions,
        Some(Reason::DeviceDisabled),
        "a lost first call is made up for"
    );
    assert_eq!(again.record.version, 2);
    assert!(
        directory
            .update_device(device.id, named("p2"))
            .await
            .unwrap()
            .record
            .disabled
    );
    let enabled = directory.set_disabled(device.id, false).await.unwrap();
    assert_eq!(
        (enabled.end_sessions, enabled.record.disabled),
        (None, false)
    );
}

#[tokio::test]
async fn a_full_store_refuses_changes_and_takes_them_again_when_space_returns() {
    let house = house().await;
    house.store.fail_commits(Some(StoreError::Full));
    let error = refused(&house, named("pump")).await;
    assert_eq!(error, DirectoryError::Store(StoreError::Full));
    house.store.fail_commits(None);
    house.device("pump", "T").await;
}
