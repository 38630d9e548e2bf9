//! What the first start makes, and what later starts leave alone.

use super::*;
use crate::store::traits::{DeviceStore, OperatorStore};

#[tokio::test]
async fn the_first_start_makes_administrator_key_and_profile_in_one_commit() {
    let store = MemoryStore::new();
    let (_, generated) = open(&store, config("")).await;
    assert_eq!(store.commits(), 1, "all or nothing");
    let generated = generated.unwrap();
    assert_eq!(generated.username, "Admin@Localhost");
    assert!(generated.password.len() >= 20);
    assert!(generated
        .password
        .chars()
        .all(|c| c.is_ascii_alphanumeric()));
    let operators = store.operators().await.unwrap();
    assert_eq!(operators.len(), 1);
    assert!(operators[0]
        .password_hash
        .starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(
        store.system("auth.token_key").await.unwrap().unwrap().len(),
        64
    );
    let profiles = store.profiles().await.unwrap();
    assert_eq!(profiles.len(), 1);
    assert!(profiles[0].default && profiles[0].name == "default");
}

#[tokio::test]
async fn two_installations_share_neither_key_nor_password() {
    let (one, two) = (MemoryStore::new(), MemoryStore::new());
    let first = open(&one, config("")).await.1.unwrap();
    let second = open(&two, config("")).await.1.unwrap();
    assert_ne!(first.password, second.password);
    let key = |store: MemoryStore| async move { store.system("auth.token_key").await.unwrap() };
    assert_ne!(key(one).await, key(two).await);
}

#[tokio::test]
async fn the_generated_password_logs_in_and_a_restart_makes_no_other() {
    let store = MemoryStore::new();
    let (auth, generated) = open(&store, config("")).await;
    let password = generated.unwrap().password;
    auth.password_was_shown().await.unwrap();
    let commits = store.commits();
    let store = store.reopened();
    let (auth, again) = open(&store, config("")).await;
    assert!(again.is_none());
    assert_eq!(store.commits(), commits, "a later start writes nothing");
    let login = auth
        .operators()
        .login("admin@localhost", &password, peer())
        .await;
    assert!(login.is_ok());
}

#[tokio::test]
async fn a_password_that_nobody_saw_is_made_anew_at_the_next_start() {
    let store = MemoryStore::new();
    let lost = open(&store, config("")).await.1.unwrap().password;
    let store = store.reopened();
    let (auth, generated) = open(&store, config("")).await;
    let password = generated.unwrap().password;
    let operators = auth.operators();
    assert!(operators
        .login("admin@localhost", &lost, peer())
        .await
        .is_err());
    assert!(operators
        .login("admin@localhost", &password, peer())
        .await
        .is_ok());
    let store = store.reopened();
    assert!(open(&store, config("")).await.1.is_none(), "used, so seen");
    assert_eq!(store.operators().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_configured_password_is_taken_at_first_and_not_given_back() {
    let store = MemoryStore::new();
    let (auth, generated) = open(&store, config(PASSWORD)).await;
    assert!(generated.is_none());
    let login = auth
        .operators()
        .login("admin@localhost", PASSWORD, peer())
        .await;
    assert!(login.is_ok());
}

#[tokio::test]
async fn a_configured_password_that_differs_later_changes_nobody() {
    let store = MemoryStore::new();
    open(&store, config(PASSWORD)).await;
    let store = store.reopened();
    let (auth, _) = open(&store, config("another password")).await;
    let operators = auth.operators();
    assert!(operators
        .login("admin@localhost", PASSWORD, peer())
        .await
        .is_ok());
    let other = operators
        .login("admin@localhost", "another password", peer())
        .await;
    assert_eq!(other, Err(OperatorError::BadLogin));
}

#[tokio::test]
async fn another_configured_name_makes_no_second_administrator() {
    let store = MemoryStore::new();
    open(&store, config(PASSWORD)).await;
    let store = store.reopened();
    let other = Config {
        username: "other@localhost".into(),
        ..config(PASSWORD)
    };
    let (auth, generated) = open(&store, other).await;
    assert!(generated.is_none());
    assert_eq!(store.operators().await.unwrap().len(), 1);
    let login = auth
        .operators()
        .login("other@localhost", PASSWORD, peer())
        .await;
    assert_eq!(login, Err(OperatorError::BadLogin));
}

#[tokio::test]
async fn a_first_start_whose_commit_fails_leaves_nothing_and_the_next_one_succeeds() {
    let store = MemoryStore::new();
    store.fail_commits(Some(StoreError::Full));
    let failed = Auth::open(config(""), Arc::new(store.clone())).await;
    assert_eq!(failed.err(), Some(StoreError::Full));
    assert!(store.operators().await.unwrap().is_empty());
    store.fail_commits(None);
    assert!(open(&store, config("")).await.1.is_some());
}

#[tokio::test]
async fn a_damaged_signing_key_stops_the_start_instead_of_being_replaced() {
    let store = MemoryStore::new();
    let change = crate::store::Change::SystemPut {
        name: "auth.token_key".into(),
        value: vec![1, 2, 3],
    };
    let batch = crate::store::Batch::of_system(vec![change]);
    crate::store::Log::commit(&store, batch).await.unwrap();
    let refused = Auth::open(config(""), Arc::new(store.clone())).await.err();
    assert!(matches!(refused, Some(StoreError::Damaged(_))));
}
