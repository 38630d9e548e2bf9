//! Devices known by their certificate, over the memory engine.

use super::make::{make, KeyKind, Made, Order, Role};
use crate::auth::directory::NewCredentials;
use crate::auth::tests::{house, named, House, START};
use crate::auth::DirectoryError;
use crate::model::credentials::{CertificateChain, CredentialsKind, Presented};
use crate::model::device::Device;
use crate::model::reject::Reason;
use std::time::Duration;

pub(super) const DAY: i64 = 86_400_000;

fn order<'a>(role: Role<'a>, common_name: &'a str) -> Order<'a> {
    Order {
        role,
        common_name,
        key: KeyKind::Ec,
        valid: START - DAY..START + DAY,
    }
}

pub(super) fn device_certificate(name: &str, issuer: Option<&Made>) -> Made {
    make(&order(Role::Device, name), issuer).unwrap()
}

pub(super) fn authority(name: &str, issuer: Option<&Made>) -> Made {
    make(&order(Role::Authority, name), issuer).unwrap()
}

pub(super) fn shown(chain: &[&Made]) -> Presented {
    Presented::Certificate(CertificateChain {
        certificates: chain.iter().map(|made| made.der().unwrap()).collect(),
        revoked: false,
    })
}

pub(super) fn pem(made: &Made) -> String {
    String::from_utf8(made.certificate.to_pem().unwrap()).unwrap()
}

fn registered(made: &Made) -> NewCredentials {
    NewCredentials::Given {
        kind: Some(CredentialsKind::X509Certificate),
        credentials_id: None,
        credentials_value: Some(pem(made)),
    }
}

pub(super) async fn device(house: &House, name: &str, made: &Made) -> Device {
    let directory = house.auth.directory();
    let created = directory.create_device(named(name), registered(made));
    created.await.unwrap()
}

pub(super) async fn who(house: &House, presented: &Presented) -> Option<Device> {
    let identified = house.auth.identify(presented).await;
    identified.ok().map(|identified| identified.device)
}

#[tokio::test]
async fn a_registered_certificate_lets_its_device_in_whoever_signed_it() {
    let house = house().await;
    let rsa = Order {
        key: KeyKind::Rsa,
        ..order(Role::Device, "any name")
    };
    let own = make(&rsa, None).unwrap();
    let pump = device(&house, "pump", &own).await;
    let ca = authority("a CA", None);
    let signed = device_certificate("x", Some(&ca));
    let valve = device(&house, "valve", &signed).await;
    assert_eq!(who(&house, &shown(&[&own])).await, Some(pump));
    assert_eq!(who(&house, &shown(&[&signed, &ca])).await, Some(valve));
    let stranger = device_certificate("any name", None);
    let refused = house.reason(&shown(&[&stranger])).await;
    assert_eq!(refused, Some(Reason::CertificateUnknown));
}

#[tokio::test]
async fn the_chain_is_tried_leaf_first_and_only_as_far_as_each_has_signed_the_one_before() {
    let house = house().await;
    let ca = authority("line 4", None);
    let leaf = device_certificate("x", Some(&ca));
    let line = device(&house, "line", &ca).await;
    assert_eq!(who(&house, &shown(&[&leaf, &ca])).await, Some(line));
    // A copy of the registered certificate beside a leaf that it never signed.
    let thief = device_certificate("x", None);
    let refused = house.reason(&shown(&[&thief, &ca])).await;
    assert_eq!(refused, Some(Reason::CertificateUnknown));
    let same_name = authority("line 4", None);
    let forged = device_certificate("x", Some(&same_name));
    let refused = house.reason(&shown(&[&forged, &ca])).await;
    assert_eq!(refused, Some(Reason::CertificateUnknown));
    // With a registration of its own the leaf wins.
    let own = device(&house, "own", &leaf).await;
    assert_eq!(who(&house, &shown(&[&leaf, &ca])).await, Some(own));
}

#[tokio::test]
async fn a_certificate_is_refused_before_and_after_its_time_with_reasons_of_their_own() {
    let house = house().await;
    let mut later = order(Role::Device, "x");
    later.valid = START + DAY..START + 2 * DAY;
    let made = make(&later, None).unwrap();
    let pump = device(&house, "pump", &made).await;
    let presented = shown(&[&made]);
    let early = house.auth.identify(&presented).await.err().unwrap();
    assert_eq!(early.rejection.reason, Reason::CertificateNotYetValid);
    assert_eq!(early.device, Some(pump.id), "told in its stream");
    house.pass(Duration::from_millis(DAY as u64));
    assert_eq!(who(&house, &presented).await, Some(pump.clone()));
    house.pass(Duration::from_millis(DAY as u64 + 1000));
    let late = house.auth.identify(&presented).await.err().unwrap();
    assert_eq!(late.rejection.reason, Reason::CertificateExpired);
    assert_eq!(late.device, Some(pump.id));
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_though_it_is_registered() {
    let house = house().await;
    let made = device_certificate("x", None);
    let pump = device(&house, "pump", &made).await;
    let presented = Presented::Certificate(CertificateChain {
        certificates: vec![made.der().unwrap()],
        revoked: true,
    });
    let refused = house.auth.identify(&presented).await.err().unwrap();
    assert_eq!(refused.rejection.reason, Reason::CertificateRevoked);
    assert_eq!(refused.device, Some(pump.id));
}

#[tokio::test]
async fn bytes_that_are_no_certificate_and_no_bytes_at_all_are_refused() {
    let house = house().await;
    for certificates in [vec![], vec![vec![]], vec![b"\x30\x82".to_vec()]] {
        let presented = Presented::Certificate(CertificateChain {
            certificates,
            revoked: false,
        });
        let refused = house.reason(&presented).await;
        assert_eq!(refused, Some(Reason::CertificateUnknown));
    }
}

#[tokio::test]
async fn a_certificate_belongs_to_one_device_only() {
    let house = house().await;
    let made = device_certificate("x", None);
    device(&house, "one", &made).await;
    let directory = house.auth.directory();
    let second = directory.create_device(named("two"), registered(&made));
    assert_eq!(second.await.err(), Some(DirectoryError::CredentialsTaken));
}
