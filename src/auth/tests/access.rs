//! Roles, API keys, the list of operators, a password that was lost.

use super::*;
use crate::auth::operators::{NewKey, SavedOperator};
use crate::auth::reset::{reset_password, ResetError};
use crate::model::audit::Via;
use crate::model::ids::OperatorId;
use crate::model::operator::Role;
use zeroize::Zeroizing;

const OTHER: &str = "another fine password";

fn order(name: &str, role: Role) -> OperatorOrder {
    OperatorOrder {
        username: name.into(),
        role,
        first_name: None,
        last_name: None,
        password: Some(Zeroizing::new(OTHER.into())),
    }
}

async fn create(house: &House, name: &str, role: Role) -> SavedOperator {
    let made = house.auth.operators().create(order(name, role)).await;
    made.map_err(|error| error.to_string()).unwrap()
}

async fn login(house: &House, name: &str, password: &str) -> Speaker {
    let operators = house.auth.operators();
    let pair = operators.login(name, password, peer()).await.unwrap();
    operators.verify(&pair.token).unwrap()
}

fn key_order(role: Role) -> KeyOrder {
    KeyOrder {
        description: "a program".into(),
        role,
        read_only: false,
        expires: None,
    }
}

async fn made_key(house: &House, speaker: &Speaker, order: KeyOrder) -> NewKey {
    let made = house.auth.operators().create_key(speaker, order).await;
    made.expect("a key")
}

fn administrator(house: &House) -> OperatorId {
    house.auth.operators().named("admin@localhost").unwrap().id
}

#[tokio::test]
async fn a_new_operator_logs_in_with_its_role_and_stays_over_a_restart() {
    let house = house().await;
    create(&house, "Vera@Example.org", Role::Viewer).await;
    let house = house.restarted().await;
    let speaker = login(&house, "vera@example.org", OTHER).await;
    assert_eq!((speaker.role, speaker.read_only), (Role::Viewer, false));
    let pair = house
        .auth
        .operators()
        .login("vera@example.org", OTHER, peer())
        .await;
    let claims: jsonwebtoken::TokenData<serde_json::Value> =
        jsonwebtoken::dangerous::insecure_decode(pair.unwrap().token).unwrap();
    assert_eq!(
        claims.claims["scopes"],
        serde_json::json!(["CUSTOMER_USER"])
    );
}

#[tokio::test]
async fn a_password_that_is_not_given_is_made_up_and_good() {
    let house = house().await;
    let unnamed = OperatorOrder {
        password: None,
        ..order("bert", Role::Operator)
    };
    let made = house.auth.operators().create(unnamed).await.ok().unwrap();
    let password = made.generated.unwrap();
    assert_eq!(password.len(), 24);
    assert_eq!(login(&house, "bert", &password).await.role, Role::Operator);
}

#[tokio::test]
async fn a_role_counts_at_once_for_tokens_that_are_out() {
    let house = house().await;
    let made = create(&house, "bert", Role::Administrator).await.record;
    let operators = house.auth.operators();
    let pair = operators.login("bert", OTHER, peer()).await.unwrap();
    let wanted = OperatorOrder {
        username: "bertha".into(),
        ..order("", Role::Viewer)
    };
    operators.update(made.id, wanted).await.unwrap();
    let speaker = operators.verify(&pair.token).unwrap();
    assert_eq!((speaker.role, &*speaker.username), (Role::Viewer, "bertha"));
}

#[tokio::test]
async fn the_last_administrator_stays_whatever_is_tried() {
    let house = house().await;
    let operators = house.auth.operators();
    let id = administrator(&house);
    let last = Some(OperatorError::LastAdministrator);
    let demoted = operators.update(id, order("admin@localhost", Role::Operator));
    assert_eq!(demoted.await.err(), last);
    assert_eq!(operators.set_disabled(id, true).await.err(), last);
    assert_eq!(operators.delete(id).await.err(), last);
    let second = create(&house, "second", Role::Administrator).await.record;
    operators.set_disabled(second.id, true).await.unwrap();
    assert_eq!(
        operators.delete(id).await.err(),
        last,
        "the other is disabled"
    );
    operators.set_disabled(second.id, false).await.unwrap();
    operators.delete(id).await.unwrap();
    let operators = house.auth.operators();
    assert_eq!(operators.list().len(), 1);
    assert_eq!(
        operators.delete(id).await.err(),
        Some(OperatorError::Unknown(id))
    );
}

#[tokio::test]
async fn two_administrators_who_delete_each_other_at_once_do_not_both_go() {
    let house = house().await;
    let (one, two) = (
        administrator(&house),
        create(&house, "two", Role::Administrator).await.record.id,
    );
    let operators = house.auth.operators();
    let (a, b) = tokio::join!(operators.delete(one), operators.delete(two));
    assert_eq!(a.is_ok() as u8 + b.is_ok() as u8, 1);
}

#[tokio::test]
async fn a_disabled_operator_is_not_let_in_and_its_tokens_stay_void_afterwards() {
    let house = house().await;
    let id = create(&house, "bert", Role::Operator).await.record.id;
    let operators = house.auth.operators();
    let pair = operators.login("bert", OTHER, peer()).await.unwrap();
    operators.set_disabled(id, true).await.unwrap();
    let void = Err(OperatorError::TokenInvalid);
    assert_eq!(operators.verify(&pair.token), void);
    let refused = operators.login("bert", OTHER, peer()).await;
    assert_eq!(refused, Err(OperatorError::Disabled));
    let wrong = operators.login("bert", "wrong", peer()).await;
    assert_eq!(
        wrong,
        Err(OperatorError::BadLogin),
        "told to who knows the password only"
    );
    operators.set_disabled(id, false).await.unwrap();
    assert_eq!(operators.verify(&pair.token), void);
    login(&house, "bert", OTHER).await;
}

#[tokio::test]
async fn names_are_unique_and_fit_and_there_are_only_so_many() {
    let house = house().await;
    let operators = house.auth.operators();
    let refused = |name: &str| {
        let made = operators.create(order(name, Role::Viewer));
        async move { made.await.err().map(|error| error.to_string()) }
    };
    let taken = "User with email 'ADMIN@localhost' already present in database!";
    assert_eq!(refused("ADMIN@localhost").await.as_deref(), Some(taken));
    assert!(refused("  ").await.is_some());
    assert!(refused(&"x".repeat(256)).await.is_some());
    for n in 0..4 {
        create(&house, &format!("user {n}"), Role::Viewer).await;
    }
    let most = "There can be 5 users at most";
    assert_eq!(refused("one more").await.as_deref(), Some(most));
}

#[tokio::test]
async fn a_key_speaks_for_its_owner_with_at_most_its_own_role_and_outlives_a_restart() {
    let house = house().await;
    create(&house, "bert", Role::Operator).await;
    let bert = login(&house, "bert", OTHER).await;
    let operators = house.auth.operators();
    let read_only = KeyOrder {
        read_only: true,
        ..key_order(Role::Operator)
    };
    let viewer = made_key(&house, &bert, key_order(Role::Viewer)).await;
    let reader = made_key(&house, &bert, read_only).await;
    let above = operators
        .create_key(&bert, key_order(Role::Administrator))
        .await;
    assert_eq!(above.err(), Some(OperatorError::RoleTooHigh));
    assert!(viewer.key.starts_with("ios_") && viewer.key.len() == 44);
    let house = house.restarted().await;
    let operators = house.auth.operators();
    let speaker = operators.verify_key(&viewer.key).unwrap();
    assert_eq!(
        (speaker.role, speaker.key),
        (Role::Viewer, Some(viewer.record.id))
    );
    let speaker = operators.verify_key(&reader.key).unwrap();
    assert_eq!((speaker.role, speaker.read_only), (Role::Operator, true));
    for wrong in [
        "",
        "ios_",
        &viewer.key[..43],
        &viewer.key.to_uppercase(),
        "x",
    ] {
        let refused = operators.verify_key(wrong);
        assert_eq!(refused, Err(OperatorError::KeyInvalid), "{wrong}");
    }
}

#[tokio::test]
async fn a_key_ends_at_its_time_when_revoked_and_with_its_owner() {
    let house = house().await;
    let bert = create(&house, "bert", Role::Operator).await.record.id;
    let speaker = login(&house, "bert", OTHER).await;
    let operators = house.auth.operators();
    let past = KeyOrder {
        expires: Some(START),
        ..key_order(Role::Viewer)
    };
    let refused = operators.create_key(&speaker, past).await;
    assert_eq!(refused.err(), Some(OperatorError::KeyExpiresInThePast));
    let short = KeyOrder {
        expires: Some(START + 1_000),
        ..key_order(Role::Operator)
    };
    let short = made_key(&house, &speaker, short).await;
    let second = made_key(&house, &speaker, key_order(Role::Viewer)).await;
    let third = made_key(&house, &speaker, key_order(Role::Operator)).await;
    let more = operators
        .create_key(&speaker, key_order(Role::Viewer))
        .await;
    assert_eq!(more.err(), Some(OperatorError::TooManyKeys(3)));
    house.pass(Duration::from_millis(999));
    assert!(operators.verify_key(&short.key).is_ok());
    house.pass(Duration::from_millis(1));
    assert_eq!(
        operators.verify_key(&short.key),
        Err(OperatorError::KeyExpired)
    );
    let foreign = operators
        .delete_key(second.record.id, Some(administrator(&house)))
        .await;
    assert_eq!(
        foreign.err(),
        Some(OperatorError::KeyUnknown(second.record.id))
    );
    operators
        .delete_key(second.record.id, Some(bert))
        .await
        .unwrap();
    assert_eq!(
        operators.verify_key(&second.key),
        Err(OperatorError::KeyInvalid)
    );
    operators
        .update(bert, order("bert", Role::Viewer))
        .await
        .unwrap();
    assert_eq!(operators.verify_key(&third.key).unwrap().role, Role::Viewer);
    operators.set_disabled(bert, true).await.unwrap();
    assert_eq!(
        operators.verify_key(&third.key),
        Err(OperatorError::KeyInvalid)
    );
    operators.delete(bert).await.unwrap();
    let house = house.restarted().await;
    let operators = house.auth.operators();
    assert_eq!(
        operators.verify_key(&third.key),
        Err(OperatorError::KeyInvalid)
    );
    assert_eq!(operators.keys(None), []);
}

#[tokio::test]
async fn a_lost_password_is_reset_with_the_end_of_all_tokens_and_keys() {
    let house = house().await;
    let operators = house.auth.operators();
    let pair = house.administrator().await;
    let speaker = operators.verify(&pair.token).unwrap();
    let key = made_key(&house, &speaker, key_order(Role::Viewer)).await;
    let shared: SharedStore = Arc::new(house.store.clone());
    let clock: Clock = Arc::new(|| START);
    let reset = reset_password(&shared, None, clock.clone())
        .await
        .ok()
        .unwrap();
    assert_eq!(reset.username, "Admin@Localhost");
    let house = house.restarted().await;
    let operators = house.auth.operators();
    let void = Err(OperatorError::TokenInvalid);
    assert_eq!(operators.verify(&pair.token), void);
    assert_eq!(
        operators.verify_key(&key.key),
        Err(OperatorError::KeyInvalid)
    );
    let old = operators.login("admin@localhost", PASSWORD, peer()).await;
    assert_eq!(old, Err(OperatorError::BadLogin));
    login(&house, "admin@localhost", &reset.password).await;
    let rows = house
        .auth
        .audit()
        .read(0..Millis::MAX, 0, 9)
        .await
        .unwrap()
        .rows;
    assert_eq!(
        (rows[0].via, &*rows[0].action),
        (Via::Console, "admin reset-password")
    );
    assert!(!format!("{rows:?}").contains(reset.password.as_str()));
    create(&house, "second", Role::Administrator).await;
    let shared: SharedStore = Arc::new(house.store.clone());
    let which = reset_password(&shared, None, clock.clone()).await.err();
    assert!(matches!(which, Some(ResetError::Which(names)) if names.len() == 2));
    let unknown = reset_password(&shared, Some("nobody"), clock.clone())
        .await
        .err();
    assert!(matches!(unknown, Some(ResetError::Unknown { .. })));
    assert!(reset_password(&shared, Some(" SECOND "), clock)
        .await
        .is_ok());
}
