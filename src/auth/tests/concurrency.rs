//! Many at once, and callers that go away half-way.

use super::*;
use crate::auth::directory::ProfileOrder;
use crate::store::traits::DeviceStore;
use futures_util::future::join_all;
use std::future::Future;

async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Runs all of them while no commit goes through, until each has come as far as it can: what they
/// check before their commits, they check without seeing each other's. (One thread: every task runs
/// before the timer of `until` does.)
async fn all_before_any_commit<T>(house: &House, work: Vec<impl Future<Output = T>>) -> Vec<T> {
    let gate = house.store.gate();
    let release = async {
        until(|| house.store.waiting_commits() > 0).await;
        drop(gate);
    };
    tokio::join!(join_all(work), release).0
}

/// How many were refused for this.
fn refused<T>(results: &[Result<T, DirectoryError>], error: &DirectoryError) -> usize {
    let refused = results.iter().filter_map(|result| result.as_ref().err());
    refused.filter(|one| *one == error).count()
}

#[tokio::test]
async fn of_many_creates_with_one_name_exactly_one_wins() {
    let house = house().await;
    let directory = house.auth.directory();
    let create = |_| directory.create_device(named("same"), NewCredentials::Generated);
    let results = all_before_any_commit(&house, (0..16).map(create).collect()).await;
    assert_eq!(refused(&results, &DirectoryError::NameTaken), 15);
}

#[tokio::test]
async fn of_many_creates_with_one_token_exactly_one_wins() {
    let house = house().await;
    let directory = house.auth.directory();
    let token = || NewCredentials::AccessToken("SAME".into());
    let create = |number: u32| directory.create_device(named(&number.to_string()), token());
    let results = all_before_any_commit(&house, (0..16).map(create).collect()).await;
    assert_eq!(refused(&results, &DirectoryError::CredentialsTaken), 15);
}

#[tokio::test]
async fn of_many_rotations_to_one_token_exactly_one_wins() {
    let house = house().await;
    let mut orders = Vec::new();
    for number in 0..8 {
        let name = number.to_string();
        let device = house.device(&name, &name).await;
        orders.push(token_order(device.id, "SAME"));
    }
    let directory = house.auth.directory();
    let rotate = |order| directory.update_credentials(order);
    let results = all_before_any_commit(&house, orders.into_iter().map(rotate).collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn many_creates_of_one_new_type_make_one_profile() {
    let house = house().await;
    let directory = house.auth.directory();
    let order = |number: u32| typed(&number.to_string(), "meter");
    let create = |number| directory.create_device(order(number), NewCredentials::Generated);
    let results = all_before_any_commit(&house, (0..8).map(create).collect()).await;
    assert!(results.into_iter().all(|result| result.is_ok()));
    assert_eq!(directory.profiles().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_open_the_door_to_a_second_of_the_name() {
    let house = house().await;
    let gate = house.store.gate();
    let directory = house.auth.directory().clone();
    let first = tokio::spawn({
        let directory = directory.clone();
        async move {
            directory
                .create_device(named("same"), NewCredentials::Generated)
                .await
        }
    });
    until(|| house.store.waiting_commits() == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = tokio::spawn({
        let directory = directory.clone();
        async move {
            directory
                .create_device(named("same"), NewCredentials::Generated)
                .await
        }
    });
    assert_eq!(second.await.unwrap().err(), Some(DirectoryError::NameTaken));
    drop(gate);
    until(|| house.store.waiting_commits() == 0).await;
    assert!(house.store.device_by_name("same").await.unwrap().is_some());
}

#[tokio::test]
async fn a_deletion_holds_updates_back() {
    let house = house().await;
    let device = house.device("pump", "T").await;
    let directory = house.auth.directory();
    let (found, exclusive) = directory.begin_delete(device.id).await.unwrap();
    assert_eq!(found.id, device.id);
    let update = tokio::spawn({
        let directory = directory.clone();
        async move { directory.set_disabled(device.id, true).await.err() }
    });
    tokio::task::yield_now().await;
    let gone = vec![crate::store::Change::DeviceDelete(device.id)];
    let batch = crate::store::Batch::of_device(device.id, gone);
    crate::store::Log::commit(&house.store, batch)
        .await
        .unwrap();
    drop(exclusive);
    let late = update.await.unwrap();
    assert_eq!(late, Some(DirectoryError::DeviceUnknown(device.id)));
    assert!(house.store.device(device.id).await.unwrap().is_none());
    let again = directory.begin_delete(device.id).await.err();
    assert_eq!(again, Some(DirectoryError::DeviceUnknown(device.id)));
}

#[tokio::test]
async fn one_refresh_token_sent_twice_at_once_gives_one_pair_and_ends_the_session() {
    let house = house().await;
    let operators = house.auth.operators();
    let pair = house.administrator().await;
    let refresh = |_| operators.refresh(&pair.refresh_token);
    let results = all_before_any_commit(&house, (0..2).map(refresh).collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(
        operators.verify(&pair.token),
        Err(OperatorError::TokenInvalid)
    );
}

#[tokio::test]
async fn many_wrong_logins_at_once_are_no_way_around_the_throttle() {
    let house = house().await;
    let operators = house.auth.operators();
    let all = (0..20).map(|_| operators.login("admin@localhost", "wrong", peer()));
    let results = join_all(all).await;
    let tried = results
        .iter()
        .filter(|r| **r == Err(OperatorError::BadLogin))
        .count();
    assert_eq!(tried, 3);
}

#[tokio::test]
async fn of_two_password_changes_at_once_one_wins() {
    let house = house().await;
    let operators = house.auth.operators();
    let pair = house.administrator().await;
    let speaker = operators.verify(&pair.token).unwrap();
    let (one, two) = tokio::join!(
        operators.change_password(&speaker, PASSWORD, "password one", peer()),
        operators.change_password(&speaker, PASSWORD, "password two", peer()),
    );
    assert!(one.is_ok() != two.is_ok());
}

#[tokio::test]
async fn default_profiles_chosen_at_once_leave_one_default() {
    let house = house().await;
    let directory = house.auth.directory();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let order = ProfileOrder {
            name: name.into(),
            ..ProfileOrder::default()
        };
        ids.push(directory.save_profile(None, order).await.unwrap().id);
    }
    let choose = |id| directory.set_default_profile(id);
    let results = all_before_any_commit(&house, ids.into_iter().map(choose).collect()).await;
    assert!(results.into_iter().all(|result| result.is_ok()));
    let profiles = directory.profiles().await.unwrap();
    assert_eq!(profiles.iter().filter(|profile| profile.default).count(), 1);
}

#[tokio::test]
async fn many_devices_are_made_at_once_and_share_the_disks_turns() {
    let house = house().await;
    let gate = house.store.gate();
    let create = |n: u32| {
        let directory = house.auth.directory().clone();
        tokio::spawn(async move {
            let token = NewCredentials::AccessToken(format!("token {n}"));
            directory
                .create_device(named(&format!("d{n}")), token)
                .await
        })
    };
    let all: Vec<_> = (0..50).map(create).collect();
    until(|| house.store.waiting_commits() == 50).await;
    let profile = house.auth.directory().default_profile().await.unwrap();
    let order = crate::auth::directory::ProfileOrder {
        name: "other".into(),
        ..Default::default()
    };
    let directory = house.auth.directory().clone();
    let other = tokio::spawn(async move { directory.save_profile(None, order).await });
    drop(gate);
    for made in all {
        assert_eq!(made.await.unwrap().unwrap().profile, profile.id);
    }
    let other = other.await.unwrap().unwrap();
    let directory = house.auth.directory();
    directory.set_default_profile(other.id).await.unwrap();
    let in_use = directory.delete_profile(profile.id).await;
    assert_eq!(in_use.err(), Some(DirectoryError::ProfileInUse(50)));
}

#[tokio::test]
async fn what_a_device_that_is_being_made_holds_is_taken_and_free_again_when_it_is_not_made() {
    let house = house().await;
    let other = house.device("other", "other").await;
    let profile = house.auth.directory().save_profile(
        None,
        crate::auth::directory::ProfileOrder {
            name: "kind".into(),
            ..Default::default()
        },
    );
    let profile = profile.await.unwrap();
    let gate = house.store.gate();
    let directory = house.auth.directory().clone();
    let making = tokio::spawn(async move {
        let token = NewCredentials::AccessToken("held".into());
        directory.create_device(typed("held", "kind"), token).await
    });
    until(|| house.store.waiting_commits() == 1).await;
    let directory = house.auth.directory();
    let renamed = directory.update_device(other.id, named("held")).await;
    assert_eq!(renamed.err(), Some(DirectoryError::NameTaken));
    let rotated = directory
        .update_credentials(token_order(other.id, "held"))
        .await;
    assert_eq!(rotated.err(), Some(DirectoryError::CredentialsTaken));
    let deleted = directory.delete_profile(profile.id).await;
    assert_eq!(deleted.err(), Some(DirectoryError::ProfileInUse(1)));
    house.store.fail_commits(Some(StoreError::Full));
    drop(gate);
    assert_eq!(
        making.await.unwrap().err(),
        Some(DirectoryError::Store(StoreError::Full))
    );
    house.store.fail_commits(None);
    directory
        .update_device(other.id, named("held"))
        .await
        .unwrap();
    house.save(token_order(other.id, "held")).await;
    directory.delete_profile(profile.id).await.unwrap();
}
