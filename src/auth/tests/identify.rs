//! The CONNECT decision (contract/mqtt.md 2) and HTTP tokens.

use super::*;
use crate::model::device::ProfileOptions;
use crate::model::ids::ProfileId;
use crate::store::DeviceStore;

const USER: &str = r#"{"userName":"u7"}"#;
const USER_PASSWORD: &str = r#"{"userName":"u7","password":"p7"}"#;
const CLIENT: &str = r#"{"clientId":"c7"}"#;
const BOTH: &str = r#"{"clientId":"c7","userName":"u7","password":"p7"}"#;

#[tokio::test]
async fn an_access_token_opens_whatever_password_and_client_id() {
    let house = house().await;
    let device = house.device("pump", "TOKEN").await;
    let all = [
        http("TOKEN"),
        mqtt("", Some("TOKEN"), None),
        mqtt("c", Some("TOKEN"), Some("")),
        mqtt("c", Some("TOKEN"), Some("anything")),
    ];
    for presented in all {
        let found = house.who(&presented).await;
        assert_eq!(found.device.id, device.id);
        assert_eq!(found.profile.name, "default");
    }
}

#[tokio::test]
async fn unknown_speakers_are_told_apart_as_mqtt_needs_it() {
    let house = house().await;
    house.device("pump", "TOKEN").await;
    let cases = [
        (http(""), Reason::CredentialsMissing),
        (http("token"), Reason::CredentialsUnknown),
        (mqtt("c", Some("nobody"), None), Reason::CredentialsUnknown),
        (
            mqtt("c", Some("nobody"), Some("p")),
            Reason::CredentialsUnknown,
        ),
        (mqtt("c", None, Some("p")), Reason::PasswordWrong),
        (mqtt("", None, Some("p")), Reason::PasswordWrong),
        (mqtt("c", None, None), Reason::ClientIdUnknown),
        (mqtt("TOKEN", None, None), Reason::ClientIdUnknown),
        (mqtt("", None, None), Reason::CredentialsMissing),
        (mqtt(" ", None, None), Reason::CredentialsMissing),
        (mqtt("", Some(""), None), Reason::CredentialsMissing),
        (mqtt("c", Some(""), None), Reason::CredentialsMissing),
        (mqtt("c", Some(""), Some("")), Reason::CredentialsMissing),
        (
            mqtt("c", Some("provision"), None),
            Reason::CredentialsUnknown,
        ),
    ];
    for (number, (presented, reason)) in cases.into_iter().enumerate() {
        assert_eq!(
            house.reason(&presented).await,
            Some(reason),
            "case {number}"
        );
    }
}

#[tokio::test]
async fn the_user_name_of_provisioning_sessions_is_nobodys_token() {
    let house = house().await;
    house.device("pump", "provision").await;
    let refused = house.reason(&mqtt("c", Some("provision"), None)).await;
    assert_eq!(refused, Some(Reason::CredentialsUnknown));
}

#[tokio::test]
async fn a_user_name_without_stored_password_admits_any_password() {
    let house = house().await;
    let device = house.basic_device("pump", USER).await;
    for password in [None, Some(""), Some("x")] {
        for client_id in ["", "any"] {
            let presented = mqtt(client_id, Some("u7"), password);
            assert_eq!(house.who(&presented).await.device.id, device.id);
        }
    }
}

#[tokio::test]
async fn a_stored_password_must_be_equal_and_a_wrong_one_names_the_device() {
    let house = house().await;
    let device = house.basic_device("pump", USER_PASSWORD).await;
    assert_eq!(
        house.reason(&mqtt("any", Some("u7"), Some("p7"))).await,
        None
    );
    for password in [None, Some(""), Some("P7"), Some("p77")] {
        let refused = house
            .auth
            .identify(&mqtt("any", Some("u7"), password))
            .await
            .err()
            .unwrap();
        assert_eq!(refused.rejection.reason, Reason::PasswordWrong);
        assert_eq!(refused.device, Some(device.id));
    }
}

#[tokio::test]
async fn client_id_and_user_name_together_must_both_match() {
    let house = house().await;
    house.basic_device("pump", BOTH).await;
    assert_eq!(
        house.reason(&mqtt("c7", Some("u7"), Some("p7"))).await,
        None
    );
    let wrong = house.reason(&mqtt("c7", Some("u7"), Some("no"))).await;
    assert_eq!(wrong, Some(Reason::PasswordWrong));
    let other = house.reason(&mqtt("c8", Some("u7"), Some("p7"))).await;
    assert_eq!(other, Some(Reason::CredentialsUnknown));
    let alone = house.reason(&mqtt("c7", None, None)).await;
    assert_eq!(alone, Some(Reason::ClientIdUnknown));
}

#[tokio::test]
async fn a_wrong_password_of_the_pair_is_not_saved_by_a_token_of_the_same_name() {
    let house = house().await;
    house.basic_device("pair", BOTH).await;
    house.device("token", "u7").await;
    let wrong = house.reason(&mqtt("c7", Some("u7"), Some("no"))).await;
    assert_eq!(wrong, Some(Reason::PasswordWrong));
    assert_eq!(house.reason(&mqtt("other", Some("u7"), None)).await, None);
}

#[tokio::test]
async fn a_client_id_alone_opens_where_it_is_stored_alone() {
    let house = house().await;
    let device = house.basic_device("pump", CLIENT).await;
    for presented in [mqtt("c7", None, None), mqtt("c7", Some(""), Some("x"))] {
        assert_eq!(house.who(&presented).await.device.id, device.id);
    }
}

#[tokio::test]
async fn a_stored_hash_presented_as_user_name_or_token_opens_nothing() {
    let house = house().await;
    house.basic_device("client", CLIENT).await;
    house.basic_device("pair", BOTH).await;
    let text = any_certificate();
    let certificate = given(CredentialsKind::X509Certificate, &text);
    house.made(named("x509"), certificate).await;
    let hashes = [
        material::mqtt_lookup("c7", ""),
        material::mqtt_lookup("c7", "u7"),
        material::sha3_hex(&text),
    ];
    for hash in &hashes {
        for presented in [
            http(hash),
            mqtt("", Some(hash), Some("p7")),
            mqtt("c7", Some(hash), None),
        ] {
            assert_eq!(
                house.reason(&presented).await,
                Some(Reason::CredentialsUnknown)
            );
        }
    }
}

#[tokio::test]
async fn http_takes_access_tokens_only() {
    let house = house().await;
    house.basic_device("pump", USER).await;
    assert_eq!(
        house.reason(&http("u7")).await,
        Some(Reason::CredentialsUnknown)
    );
}

#[tokio::test]
async fn a_disabled_device_is_refused_by_name_and_comes_back_when_enabled() {
    let house = house().await;
    let device = house.device("pump", "TOKEN").await;
    let directory = house.auth.directory();
    directory.set_disabled(device.id, true).await.unwrap();
    for presented in [http("TOKEN"), mqtt("c", Some("TOKEN"), None)] {
        let refused = house.auth.identify(&presented).await.err().unwrap();
        assert_eq!(refused.rejection.reason, Reason::DeviceDisabled);
        assert_eq!(refused.device, Some(device.id));
    }
    directory.set_disabled(device.id, false).await.unwrap();
    assert_eq!(house.reason(&http("TOKEN")).await, None);
}

#[tokio::test]
async fn a_store_that_cannot_read_refuses_with_its_own_reason() {
    let house = house().await;
    house.device("pump", "TOKEN").await;
    house
        .store
        .fail_reads(Some(StoreError::Io("broken".into())));
    assert_eq!(
        house.reason(&http("TOKEN")).await,
        Some(Reason::StoreFailed)
    );
    assert_eq!(
        house.reason(&mqtt("c", None, None)).await,
        Some(Reason::StoreFailed)
    );
}

#[tokio::test]
async fn a_token_that_is_known_is_asked_for_again_after_every_change_of_the_directory() {
    let house = house().await;
    let device = house.device("pump", "TOKEN").await;
    let known = |options: ProfileOptions| {
        let auth = house.auth.clone();
        async move {
            let identified = auth.identify(&http("TOKEN")).await.unwrap();
            assert_eq!(identified.profile.options, options);
        }
    };
    let broken = || Some(StoreError::Io("broken".into()));
    known(ProfileOptions::default()).await;
    // It is known: nothing is read.
    house.store.fail_reads(broken());
    known(ProfileOptions::default()).await;
    house.store.fail_reads(None);
    // Another device's change is a change.
    house.device("other", "OTHER").await;
    house.store.fail_reads(broken());
    assert_eq!(
        house.reason(&http("TOKEN")).await,
        Some(Reason::StoreFailed)
    );
    house.store.fail_reads(None);
    known(ProfileOptions::default()).await;
    let mut profile = house.store.profile(device.profile).await.unwrap().unwrap();
    profile.options.ack_malformed = true;
    let options = profile.options;
    let change = vec![crate::store::Change::ProfilePut(profile)];
    let batch = crate::store::Batch::of_system(change);
    crate::store::Log::commit(&house.store, batch)
        .await
        .unwrap();
    known(options).await;
    house.save(token_order(device.id, "NEW")).await;
    assert_eq!(
        house.reason(&http("TOKEN")).await,
        Some(Reason::CredentialsUnknown)
    );
}

#[tokio::test]
async fn a_device_whose_profile_is_missing_is_an_internal_fault_not_a_panic() {
    let house = house().await;
    let mut device = house.device("pump", "TOKEN").await;
    device.profile = ProfileId::new();
    let change = crate::store::Change::DevicePut(device.clone());
    let batch = crate::store::Batch::of_device(device.id, vec![change]);
    crate::store::Log::commit(&house.store, batch)
        .await
        .unwrap();
    assert_eq!(house.reason(&http("TOKEN")).await, Some(Reason::Internal));
}

#[tokio::test]
async fn what_changed_between_identify_and_the_session_is_seen_by_confirm() {
    let house = house().await;
    let device = house.device("pump", "TOKEN").await;
    let directory = house.auth.directory();
    let identified = house.who(&http("TOKEN")).await;
    let now = async || {
        let refused = house.auth.confirm(&identified).await.err();
        refused.map(|refused| refused.rejection.reason)
    };
    assert_eq!(now().await, None);
    directory.set_disabled(device.id, true).await.unwrap();
    assert_eq!(now().await, Some(Reason::DeviceDisabled));
    directory.set_disabled(device.id, false).await.unwrap();
    assert_eq!(now().await, None);
    house.save(token_order(device.id, "NEW")).await;
    assert_eq!(now().await, Some(Reason::CredentialsChanged));
    let gone = vec![crate::store::Change::DeviceDelete(device.id)];
    let batch = crate::store::Batch::of_device(device.id, gone);
    crate::store::Log::commit(&house.store, batch)
        .await
        .unwrap();
    assert_eq!(now().await, Some(Reason::DeviceDeleted));
}

#[tokio::test]
async fn secrets_do_not_show_in_debug_output() {
    let house = house().await;
    let device = house.basic_device("pump", USER_PASSWORD).await;
    house.device("other", "TOKEN-SECRET").await;
    let credentials = house.auth.directory().credentials(device.id).await.unwrap();
    let pair = house
        .auth
        .operators()
        .login("admin@localhost", PASSWORD, peer())
        .await
        .unwrap();
    let refused = house
        .auth
        .identify(&mqtt("c", Some("u7"), Some("PASS-SECRET")))
        .await
        .err();
    let shown = format!(
        "{credentials:?} {:?} {:?} {:?} {:?} {pair:?} {refused:?} {:?}",
        mqtt("c", Some("TOKEN-SECRET"), Some("PASS-SECRET")),
        http("TOKEN-SECRET"),
        token_order(device.id, "TOKEN-SECRET"),
        NewCredentials::AccessToken("TOKEN-SECRET".into()),
        house.who(&http("TOKEN-SECRET")).await,
    );
    for secret in [
        "TOKEN-SECRET",
        "PASS-SECRET",
        "p7",
        pair.token.as_str(),
        "$argon2id",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
