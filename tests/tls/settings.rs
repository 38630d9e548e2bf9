//! The configuration reads the files that it names.

use crate::common::certificates::{authority, days, file as write, key_pem, pem, server};
use industryos_iot::auth::certificates::make::KeyKind;
use industryos_iot::config;
use std::path::Path;

#[test]
fn files_of_certificates_are_read_and_what_is_wrong_is_told_with_key_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let ca = authority("ca");
    let one = server(KeyKind::Ec, days(-1..9), &ca);
    let other = server(KeyKind::Ec, days(-1..9), &ca);
    write(folder.path(), "a.pem", &pem(&one));
    write(folder.path(), "a.key", &key_pem(&one));
    write(folder.path(), "b.key", &key_pem(&other));
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        config::load(Some(&file), [], Path::new("/elsewhere"))
    };
    let good = load("[mqtt.tls]\ncertificate = \"a.pem\"\nprivate_key = \"a.key\"\n").unwrap();
    assert_eq!(good.mqtt.tls.certificate, folder.path().join("a.pem"));
    assert!(!good.http.tls.is_on());
    for (text, key, line, why) in [
        ("certificate = \"no.pem\"", "certificate", 2, "No such file"),
        (
            "certificate = \"a.key\"",
            "certificate",
            2,
            "no certificate in PEM",
        ),
        (
            "certificate = \"a.pem\"\nprivate_key = \"b.key\"",
            "private_key",
            3,
            "not the key of the certificate",
        ),
        (
            "certificate = \"a.pem\"\nprivate_key = \"a.key\"\nclient_crl = \"a.pem\"",
            "client_crl",
            4,
            "no revocation list",
        ),
        (
            "private_key = \"a.key\"",
            "private_key",
            2,
            "means nothing without a certificate",
        ),
        ("bind = \"8443\"", "bind", 2, "not an address with a port"),
    ] {
        let error = load(&format!("[http.tls]\n{text}\n")).err().unwrap();
        let text = error.to_string();
        assert!(text.contains(&format!("http.tls.{key}")), "{text}");
        assert!(text.contains(&format!("config.toml:{line}:")), "{text}");
        assert!(text.contains(why), "{text}");
    }
    let keyless = load("[http.tls]\ncertificate = \"a.pem\"\n").err().unwrap();
    let keyless = keyless.to_string();
    assert!(
        keyless.contains("`http.tls.private_key`: is missing"),
        "{keyless}"
    );
    for (from, why) in [
        ("10.0.0.0/8", "proxy_protocol"),
        ("10.0.0.1/8", "behind its /8"),
    ] {
        let error = load(&format!("[mqtt]\nproxy_from = \"{from}\"\n"))
            .err()
            .unwrap();
        let text = error.to_string();
        assert!(text.contains("config.toml:2: `mqtt.proxy_from`"), "{text}");
        assert!(text.contains(why), "{text}");
    }
}
