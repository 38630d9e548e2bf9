//! Certificates for tests: an authority, what it signs, and files of them.

use industryos_iot::auth::certificates::make::{make, KeyKind, Made, Order, Role};
use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::hash::MessageDigest;
use openssl::x509::extension::AuthorityKeyIdentifier;
use openssl::x509::{X509CrlBuilder, X509Extension, X509RevokedBuilder};
use std::ops::Range;
use std::path::{Path, PathBuf};

const DAY: i64 = 86_400_000;

/// Days from now.
pub fn days(range: Range<i64>) -> Range<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.expect("after 1970").as_millis() as i64;
    now + range.start * DAY..now + range.end * DAY
}

fn signed(
    role: Role<'_>,
    name: &str,
    key: KeyKind,
    valid: Range<i64>,
    issuer: Option<&Made>,
) -> Made {
    let order = Order {
        role,
        common_name: name,
        key,
        valid,
    };
    make(&order, issuer).expect("a certificate")
}

pub fn authority(name: &str) -> Made {
    signed(Role::Authority, name, KeyKind::Ec, days(-1..100), None)
}

/// For 127.0.0.1 and localhost.
pub fn server(key: KeyKind, valid: Range<i64>, issuer: &Made) -> Made {
    let names = ["127.0.0.1", "localhost"];
    signed(Role::Server(&names), "localhost", key, valid, Some(issuer))
}

pub fn device(name: &str, key: KeyKind, valid: Range<i64>, issuer: Option<&Made>) -> Made {
    signed(Role::Device, name, key, valid, issuer)
}

pub fn pem(made: &Made) -> String {
    let pem = made.certificate.to_pem().expect("PEM");
    String::from_utf8(pem).expect("text")
}

pub fn key_pem(made: &Made) -> String {
    let pem = made.key.private_key_to_pem_pkcs8().expect("PEM");
    String::from_utf8(pem).expect("text")
}

/// The authority's list of these.
pub fn revocation_list(authority: &Made, revoked: &[&Made]) -> String {
    let mut list = X509CrlBuilder::new().expect("a list");
    let issuer = authority.certificate.subject_name();
    list.set_issuer_name(issuer).expect("issuer");
    let now = Asn1Time::days_from_now(0).expect("time");
    list.set_last_update(&now).expect("time");
    let later = Asn1Time::days_from_now(30).expect("time");
    list.set_next_update(&later).expect("time");
    for made in revoked {
        let mut one = X509RevokedBuilder::new().expect("an entry");
        let serial = made.certificate.serial_number();
        one.set_serial_number(serial).expect("serial");
        one.set_revocation_date(&now).expect("time");
        list.add_revoked(one.build()).expect("entry");
    }
    let blank = openssl::x509::X509::builder().expect("a builder");
    let context = blank.x509v3_context(Some(&authority.certificate), None);
    let mut key = AuthorityKeyIdentifier::new();
    let key = key.keyid(true).build(&context).expect("an extension");
    list.append_extension(key).expect("the extension");
    // CRL number 1 (RFC 5280, section 5.2.3) as DER.
    let kind = Asn1Object::from_str("2.5.29.20").expect("an OID");
    let one = Asn1OctetString::new_from_bytes(&[2, 1, 1]).expect("a number");
    let number = X509Extension::new_from_der(&kind, false, &one).expect("an extension");
    list.append_extension(number).expect("the extension");
    list.sign(&authority.key, MessageDigest::sha256())
        .expect("sign");
    let list = list.build().expect("a list");
    String::from_utf8(list.to_pem().expect("PEM")).expect("text")
}

/// Writes a file of the folder; the path of it.
pub fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("write");
    path
}
