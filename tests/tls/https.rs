//! The HTTP door with TLS, and devices that need no token in the address (contract/http.md).

use crate::client::{handshake, showing, socket, trusting};
use crate::common::certificates::{authority, days, device, file, pem, revocation_list};
use crate::common::house::TOKEN;
use crate::scene::Scene;
use industryos_iot::auth::certificates::make::KeyKind;
use industryos_iot::model::reject::Reason;
use openssl::ssl::SslConnectorBuilder;
use std::io::{Read, Write};

/// POSTs telemetry to `path`; the status.
fn post(scene: &Scene, tls: Option<SslConnectorBuilder>, path: &str, header: &str) -> u16 {
    let body = r#"{"t":1}"#;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{header}connection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    match tls {
        Some(builder) => {
            let mut stream = handshake(scene.https(), builder).expect("a handshake");
            stream.write_all(request.as_bytes()).expect("send");
            stream.read_to_string(&mut answer).expect("an answer");
        }
        None => {
            let mut stream = socket(scene.house.http);
            stream.write_all(request.as_bytes()).expect("send");
            stream.read_to_string(&mut answer).expect("an answer");
        }
    }
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {answer}"))
}

const ME: &str = "/api/v1/me/telemetry";

#[test]
fn the_token_may_stand_in_the_address_or_in_a_header_with_tls_and_without() {
    let scene = Scene::open();
    let tls = || Some(trusting(&scene.ca));
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    let path = format!("/api/v1/{TOKEN}/telemetry");
    assert_eq!(post(&scene, tls(), &path, ""), 200);
    assert_eq!(post(&scene, tls(), ME, &bearer(TOKEN)), 200);
    assert_eq!(post(&scene, None, ME, &bearer(TOKEN)), 200);
    let lower = format!("Authorization: bearer {TOKEN}\r\n");
    assert_eq!(post(&scene, None, ME, &lower), 200);
    assert_eq!(post(&scene, tls(), ME, &bearer("wrong")), 401);
    assert_eq!(post(&scene, tls(), ME, ""), 401);
    let basic = "authorization: Basic eDp5\r\n";
    assert_eq!(post(&scene, tls(), ME, basic), 401);
    // Only `me` asks for the header.
    let wrong = "/api/v1/wrong/telemetry";
    assert_eq!(post(&scene, tls(), wrong, &bearer(TOKEN)), 401);
}

#[test]
fn a_device_whose_token_is_the_word_itself_still_gets_in() {
    let scene = Scene::open();
    scene.house.add_device("me");
    assert_eq!(post(&scene, None, ME, ""), 200);
}

#[test]
fn a_registered_certificate_is_enough_and_an_unknown_or_expired_one_is_not() {
    let scene = Scene::open();
    let known = device("known", KeyKind::Rsa, days(-1..9), None);
    let expired = device("expired", KeyKind::Ec, days(-9..-1), None);
    let unknown = device("unknown", KeyKind::Ec, days(-1..9), None);
    scene.house.add_certified("known", &pem(&known));
    scene.house.add_certified("expired", &pem(&expired));
    for (made, status) in [(&known, 200), (&expired, 401), (&unknown, 401)] {
        let builder = showing(&scene.ca, &[made]);
        assert_eq!(post(&scene, Some(builder), ME, ""), status);
    }
    // A token is named on purpose: it counts.
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    let builder = showing(&scene.ca, &[&unknown]);
    assert_eq!(post(&scene, Some(builder), ME, &bearer), 200);
}

#[test]
fn certificates_that_are_not_valid_now_or_revoked_are_refused_each_with_its_reason() {
    let field = authority("field devices");
    let make = |name, key, range, issuer| device(name, key, days(range), issuer);
    let stolen = make("stolen", KeyKind::Rsa, -1..10, Some(&field));
    let scene = Scene::with(|config, folder, _| {
        let list = revocation_list(&field, &[&stolen]);
        config.http.tls.client_ca = file(folder, "field.pem", &pem(&field));
        config.http.tls.client_crl = file(folder, "field.crl", &list);
    });
    let cases = [
        (make("ec", KeyKind::Ec, -1..9, Some(&field)), None),
        (make("rsa", KeyKind::Rsa, -1..9, Some(&field)), None),
        (
            make("expired", KeyKind::Rsa, -9..-1, Some(&field)),
            Some(Reason::CertificateExpired),
        ),
        (
            make("early", KeyKind::Ec, 1..9, Some(&field)),
            Some(Reason::CertificateNotYetValid),
        ),
        (stolen, Some(Reason::CertificateRevoked)),
    ];
    for (number, (made, reason)) in cases.iter().enumerate() {
        let id = scene
            .house
            .add_certified(&format!("device {number}"), &pem(made));
        let builder = showing(&scene.ca, &[made, &field]);
        let status = if reason.is_some() { 401 } else { 200 };
        assert_eq!(post(&scene, Some(builder), ME, ""), status, "{reason:?}");
        let told: Vec<_> = reason.iter().copied().collect();
        assert_eq!(scene.house.refusals_of(id), told);
    }
}
