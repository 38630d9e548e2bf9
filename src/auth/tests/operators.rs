//! Login, tokens, passwords (contract/admin-rest.md 1).

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

/// The middle part of a JWT, read as tools read it: without verifying.
fn claims(token: &str) -> serde_json::Value {
    jsonwebtoken::dangerous::insecure_decode(token)
        .unwrap()
        .claims
}

#[tokio::test]
async fn a_login_gives_tokens_with_the_claims_that_tools_read() {
    let house = house().await;
    let pair = house.administrator().await;
    let access = claims(&pair.token);
    assert_eq!(access["sub"], "Admin@Localhost");
    assert_eq!(access["scopes"], serde_json::json!(["TENANT_ADMIN"]));
    assert_eq!(access["iss"], "thingsboard.io");
    assert_eq!(access["iat"], START / 1000);
    assert_eq!(access["exp"], START / 1000 + 9000);
    assert_eq!(access["enabled"], true);
    assert_eq!(access["isPublic"], false);
    assert_eq!(access["customerId"], "13814000-1dd2-11b2-8080-808080808080");
    let speaker = house.auth.operators().verify(&pair.token).unwrap();
    assert_eq!(access["userId"], speaker.operator.to_string());
    assert_eq!(access["sessionId"], speaker.session);
    for claim in ["tenantId", "firstName", "lastName"] {
        assert!(access.get(claim).is_some(), "{claim}");
    }
    let refresh = claims(&pair.refresh_token);
    assert_eq!(refresh["scopes"], serde_json::json!(["REFRESH_TOKEN"]));
    assert_eq!(refresh["exp"], START / 1000 + 604_800);
    assert_eq!(
        jsonwebtoken::decode_header(&pair.token).unwrap().alg,
        jsonwebtoken::Algorithm::HS512
    );
}

#[tokio::test]
async fn wrong_password_unknown_user_and_empty_fields_are_one_and_the_same_refusal() {
    let house = house().await;
    let operators = house.auth.operators();
    for (number, (name, password)) in [
        ("admin@localhost", "wrong"),
        ("nobody@localhost", PASSWORD),
        ("", ""),
        ("admin@localhost", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let peer = format!("192.0.2.{number}").parse().unwrap();
        let refused = operators.login(name, password, peer).await;
        assert_eq!(refused, Err(OperatorError::BadLogin), "{name}");
    }
    assert_eq!(
        OperatorError::BadLogin.to_string(),
        "Invalid username or password"
    );
}

#[tokio::test]
async fn tokens_end_and_the_two_kinds_are_not_mixed_up() {
    let house = house().await;
    let pair = house.administrator().await;
    let operators = house.auth.operators();
    assert_eq!(
        operators.verify(&pair.refresh_token),
        Err(OperatorError::TokenInvalid)
    );
    assert_eq!(
        operators.refresh(&pair.token).await,
        Err(OperatorError::TokenInvalid)
    );
    house.pass(Duration::from_secs(8999));
    assert!(operators.verify(&pair.token).is_ok());
    house.pass(Duration::from_secs(1));
    assert_eq!(
        operators.verify(&pair.token),
        Err(OperatorError::TokenExpired)
    );
    assert!(operators.refresh(&pair.refresh_token).await.is_ok());
    house.pass(7 * DAY);
    assert_eq!(
        operators.refresh(&pair.refresh_token).await,
        Err(OperatorError::TokenExpired)
    );
}

#[tokio::test]
async fn forged_foreign_and_mangled_tokens_are_invalid() {
    let house = house().await;
    let pair = house.administrator().await;
    let foreign = super::house().await.administrator().await;
    let operators = house.auth.operators();
    let (head, signature) = pair.token.rsplit_once('.').unwrap();
    let unsigned = "eyJhbGciOiJub25lIn0.eyJleHAiOjk5OTk5OTk5OTl9.";
    let longer = format!("{}x", pair.token);
    let cut = format!("{head}.");
    let swapped = format!(
        "{}.{signature}",
        pair.refresh_token.rsplit_once('.').unwrap().0
    );
    for token in [
        "",
        "x",
        "a.b.c",
        unsigned,
        &foreign.token,
        &longer,
        &cut,
        &swapped,
    ] {
        assert_eq!(
            operators.verify(token),
            Err(OperatorError::TokenInvalid),
            "{token}"
        );
    }
}

#[tokio::test]
async fn a_refresh_rotates_and_goes_on_with_the_session() {
    let house = house().await;
    let first = house.administrator().await;
    let operators = house.auth.operators();
    let second = operators.refresh(&first.refresh_token).await.unwrap();
    let session = |token: &str| operators.verify(token).unwrap().session;
    assert_eq!(session(&first.token), session(&second.token));
    let third = operators.refresh(&second.refresh_token).await.unwrap();
    assert!(operators.verify(&third.token).is_ok());
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_session_and_no_other() {
    let house = house().await;
    let other = house.administrator().await;
    let first = house.administrator().await;
    let second = house
        .auth
        .operators()
        .refresh(&first.refresh_token)
        .await
        .unwrap();
    let reused = house.auth.operators().refresh(&first.refresh_token).await;
    assert_eq!(reused, Err(OperatorError::TokenInvalid));
    let house = house.restarted().await;
    let operators = house.auth.operators();
    for token in [&first.token, &second.token] {
        assert_eq!(operators.verify(token), Err(OperatorError::TokenInvalid));
    }
    let refreshed = operators.refresh(&second.refresh_token).await;
    assert_eq!(refreshed, Err(OperatorError::TokenInvalid));
    assert!(operators.verify(&other.token).is_ok());
}

#[tokio::test]
async fn a_logout_is_durable_and_ends_one_session() {
    let house = house().await;
    let (mine, other) = (house.administrator().await, house.administrator().await);
    let operators = house.auth.operators();
    let speaker = operators.verify(&mine.token).unwrap();
    operators.logout(&speaker).await.unwrap();
    assert_eq!(
        operators.verify(&mine.token),
        Err(OperatorError::TokenInvalid)
    );
    let house = house.restarted().await;
    let operators = house.auth.operators();
    assert_eq!(
        operators.verify(&mine.token),
        Err(OperatorError::TokenInvalid)
    );
    let refreshed = operators.refresh(&mine.refresh_token).await;
    assert_eq!(refreshed, Err(OperatorError::TokenInvalid));
    assert!(
        operators.verify(&other.token).is_ok(),
        "the signing key is the same"
    );
}

#[tokio::test]
async fn a_logout_that_cannot_be_stored_is_an_error() {
    let house = house().await;
    let pair = house.administrator().await;
    let operators = house.auth.operators();
    let speaker = operators.verify(&pair.token).unwrap();
    house.store.fail_commits(Some(StoreError::Full));
    let refused = operators.logout(&speaker).await;
    assert_eq!(refused, Err(OperatorError::Store(StoreError::Full)));
    let refused = operators.refresh(&pair.refresh_token).await;
    assert_eq!(refused, Err(OperatorError::Store(StoreError::Full)));
    house.store.fail_commits(None);
    assert!(
        operators.refresh(&pair.refresh_token).await.is_ok(),
        "the failed one used nothing up"
    );
}

#[tokio::test]
async fn a_changed_password_voids_every_older_token_even_of_the_same_millisecond() {
    let house = house().await;
    let (mine, other) = (house.administrator().await, house.administrator().await);
    let operators = house.auth.operators();
    let speaker = operators.verify(&mine.token).unwrap();
    let new = operators.change_password(&speaker, PASSWORD, "the next password", peer());
    let new = new.await.unwrap();
    for old in [&mine, &other] {
        assert_eq!(
            operators.verify(&old.token),
            Err(OperatorError::TokenInvalid)
        );
        let refreshed = operators.refresh(&old.refresh_token).await;
        assert_eq!(refreshed, Err(OperatorError::TokenInvalid));
    }
    assert!(operators.verify(&new.token).is_ok());
    let house = house.restarted().await;
    let operators = house.auth.operators();
    assert!(operators.verify(&new.token).is_ok());
    let old = operators.login("admin@localhost", PASSWORD, peer()).await;
    assert_eq!(old, Err(OperatorError::BadLogin));
    let next = operators
        .login("ADMIN@localhost", "the next password", peer())
        .await;
    assert!(next.is_ok());
}

#[tokio::test]
async fn an_unfit_or_unproven_new_password_changes_nothing() {
    let house = house().await;
    let pair = house.administrator().await;
    let operators = house.auth.operators();
    let speaker = operators.verify(&pair.token).unwrap();
    let change = |current, new| operators.change_password(&speaker, current, new, peer());
    assert_eq!(
        change(PASSWORD, "short").await,
        Err(OperatorError::PasswordUnfit)
    );
    let long = "x".repeat(3000);
    assert_eq!(
        change(PASSWORD, &long).await,
        Err(OperatorError::PasswordUnfit)
    );
    let wrong = change("wrong", "the next password").await;
    assert_eq!(wrong, Err(OperatorError::CurrentPasswordWrong));
    assert!(operators.verify(&pair.token).is_ok());
    house.administrator().await;
}

#[tokio::test]
async fn failed_logins_are_throttled_by_address_until_the_window_ends_and_by_name_not_at_all() {
    let house = house().await;
    let operators = house.auth.operators();
    for host in 1..=9 {
        let peer = format!("10.0.0.{host}").parse().unwrap();
        let refused = operators.login("Admin@localhost", "wrong", peer).await;
        assert_eq!(refused, Err(OperatorError::BadLogin));
    }
    // Strangers have failed in this name three times over: it is let in all the same.
    house.administrator().await;
    let office = "10.9.9.9".parse().unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(
            operators.login(name, "wrong", office).await,
            Err(OperatorError::BadLogin)
        );
    }
    let (host, here) = (peer(), "admin@localhost");
    assert!(operators.login(here, PASSWORD, host).await.is_ok());
    house.pass(Duration::from_secs(10));
    let retry_after = Duration::from_secs(50);
    let throttled = operators.login(here, PASSWORD, office).await;
    assert_eq!(throttled, Err(OperatorError::Throttled { retry_after }));
    house.pass(retry_after);
    assert!(operators.login(here, PASSWORD, office).await.is_ok());
}

#[tokio::test]
async fn good_logins_are_never_throttled() {
    let house = house().await;
    for _ in 0..5 {
        house.administrator().await;
    }
}
