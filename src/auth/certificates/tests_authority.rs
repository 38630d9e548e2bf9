//! Certificates that a profile's authority has signed, over the memory engine.

use super::authority::Fault;
use super::make::Made;
use super::tests::{authority, device, device_certificate, pem, shown, who, DAY};
use super::upload;
use crate::auth::directory::{NewCredentials, ProfileOrder};
use crate::auth::tests::{house, typed, House};
use crate::auth::DirectoryError;
use crate::model::device::{ChainOptions, Profile};
use crate::model::reject::Reason;
use std::time::Duration;

async fn profile(house: &House, ca: &Made, pattern: &str, create: bool) -> Profile {
    let order = ProfileOrder {
        name: "field".into(),
        chain: Some(ChainOptions {
            authority: pem(ca),
            pattern: pattern.into(),
            create,
        }),
        ..ProfileOrder::default()
    };
    let saved = house.auth.directory().save_profile(None, order).await;
    saved.unwrap()
}

#[tokio::test]
async fn a_device_is_made_for_a_certificate_of_the_authority_and_then_known_by_it() {
    let house = house().await;
    let ca = authority("field CA", None);
    let field = profile(&house, &ca, r"^(\S+) of line \d+$", true).await;
    let made = device_certificate("pump-7 of line 4", Some(&ca));
    let first = who(&house, &shown(&[&made])).await.unwrap();
    assert_eq!((first.name.as_str(), first.profile), ("pump-7", field.id));
    assert_eq!(
        who(&house, &shown(&[&made, &ca])).await,
        Some(first.clone())
    );
    // A renewed certificate of the same name takes the old one's place.
    let renewed = device_certificate("pump-7 of line 4", Some(&ca));
    assert_eq!(who(&house, &shown(&[&renewed])).await, Some(first.clone()));
    let stored = house.auth.directory().credentials(first.id).await.unwrap();
    assert_eq!(stored.value, Some(upload::text_of(&renewed.der().unwrap())));
    let other = device_certificate("pump-8", Some(&ca));
    let refused = house.reason(&shown(&[&other])).await;
    assert_eq!(refused, Some(Reason::CertificateUnknown), "the pattern");
}

#[tokio::test]
async fn authorities_in_between_count_and_forged_or_expired_ones_do_not() {
    let house = house().await;
    let ca = authority("field CA", None);
    profile(&house, &ca, "(.*)", true).await;
    let middle = authority("factory", Some(&ca));
    let made = device_certificate("a", Some(&middle));
    let alone = house.reason(&shown(&[&made])).await;
    assert_eq!(alone, Some(Reason::CertificateUnknown), "no link to the CA");
    assert!(who(&house, &shown(&[&made, &middle])).await.is_some());
    let forged_ca = authority("field CA", None);
    let forged = device_certificate("b", Some(&forged_ca));
    for chain in [vec![&forged], vec![&forged, &forged_ca], vec![&forged, &ca]] {
        let refused = house.reason(&shown(&chain)).await;
        assert_eq!(refused, Some(Reason::CertificateUnknown));
    }
    // A device is no authority.
    let child = device_certificate("c", Some(&made));
    let refused = house.reason(&shown(&[&child, &made, &middle])).await;
    assert_ne!(refused, None);
    let late = device_certificate("d", Some(&ca));
    house.pass(Duration::from_millis(DAY as u64 + 1000));
    let refused = house.reason(&shown(&[&late])).await;
    assert_eq!(refused, Some(Reason::CertificateExpired));
}

#[tokio::test]
async fn only_devices_of_the_profile_that_are_known_by_a_certificate_are_given_another() {
    let house = house().await;
    let ca = authority("field CA", None);
    profile(&house, &ca, "(.*)", false).await;
    let directory = house.auth.directory();
    let token = NewCredentials::AccessToken("T".into());
    directory
        .create_device(typed("by token", "field"), token)
        .await
        .unwrap();
    device(&house, "elsewhere", &device_certificate("x", None)).await;
    for name in ["by token", "elsewhere", "missing"] {
        let made = device_certificate(name, Some(&ca));
        let refused = house.reason(&shown(&[&made])).await;
        assert_eq!(refused, Some(Reason::CertificateUnknown), "{name}");
    }
    use crate::store::DeviceStore;
    let missing = house.store.device_by_name("missing").await;
    assert_eq!(missing, Ok(None));
}

#[tokio::test]
async fn an_authority_or_a_pattern_that_cannot_serve_is_refused_when_it_is_saved() {
    let house = house().await;
    let ca = authority("field CA", None);
    let key = String::from_utf8(ca.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    for (authority, pattern, fault) in [
        (pem(&ca), "(", Fault::Pattern),
        (pem(&ca), ".*", Fault::NoGroup),
        (
            String::new(),
            "(.*)",
            Fault::Authority(upload::Fault::Missing),
        ),
        (key, "(.*)", Fault::Authority(upload::Fault::PrivateKey)),
    ] {
        let order = ProfileOrder {
            name: "field".into(),
            chain: Some(ChainOptions {
                authority,
                pattern: pattern.into(),
                create: true,
            }),
            ..ProfileOrder::default()
        };
        let refused = house.auth.directory().save_profile(None, order).await;
        assert_eq!(refused.err(), Some(DirectoryError::Chain(fault)));
    }
}
