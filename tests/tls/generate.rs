//! `industryos-iot cert generate`: files with right modes, that work, and that nothing overwrites.

use crate::client::{handshake, showing, trusting, Peer};
use crate::common::Server;
use industryos_iot::auth::certificates::make::Made;
use industryos_iot::transport::mqtt::codec::Level;
use openssl::pkey::PKey;
use openssl::x509::X509;
use std::net::ToSocketAddrs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn generate(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_industryos-iot"))
        .args(["cert", "generate", "--out"])
        .arg(folder.join("certificates"))
        .args(more)
        .output()
        .expect("run")
}

fn read(folder: &Path, name: &str) -> Made {
    let bytes = |end: &str| {
        let path = folder.join("certificates").join(format!("{name}.{end}"));
        std::fs::read(path).expect("a file")
    };
    Made {
        certificate: X509::from_pem(&bytes("pem")).expect("a certificate"),
        key: PKey::private_key_from_pem(&bytes("key")).expect("a key"),
    }
}

#[test]
fn what_is_generated_serves_devices_over_tls_and_keys_are_their_owners_only() {
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), &["--device", "pump-7"]);
    assert!(made.status.success(), "{made:?}");
    for name in ["ca", "server", "pump-7"] {
        let path = |end| folder.path().join(format!("certificates/{name}.{end}"));
        let mode = |end| path(end).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("key"), 0o600, "{name}");
        assert_eq!(mode("pem") & 0o022, 0, "{name}");
    }
    let (ca, device) = (read(folder.path(), "ca"), read(folder.path(), "pump-7"));
    let settings = "[mqtt.tls]\ncertificate = \"certificates/server.pem\"\n\
        private_key = \"certificates/server.key\"\n";
    let server = Server::start_in(folder, settings, &[]);
    let operator = server.operator();
    let pem = String::from_utf8(device.certificate.to_pem().unwrap()).unwrap();
    let body = serde_json::json!({
        "device": {"name": "pump-7"},
        "credentials": {"credentialsType": "X509_CERTIFICATE", "credentialsValue": pem},
    });
    let made = operator.post("/api/device-with-credentials", &body);
    assert_eq!(made.status, 200, "{}", made.text);
    let address = server.mqtts_address().to_socket_addrs().unwrap().next();
    let address = address.unwrap();
    let stream = handshake(address, showing(&ca, &[&device])).expect("a handshake");
    let mut peer = Peer::new(stream, Level::V311);
    assert_eq!(peer.connect(Level::V311, None).code, 0);
    peer.publish(1, r#"{"t":1}"#);
    handshake(address, trusting(&device)).expect_err("another authority");
}

#[test]
fn nothing_is_overwritten_and_a_further_device_is_signed_by_the_authority_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    assert!(generate(folder.path(), &["--name", "iot.example"])
        .status
        .success());
    let ca = read(folder.path(), "ca").certificate.to_der().unwrap();
    let names = read(folder.path(), "server")
        .certificate
        .subject_alt_names();
    let names: Vec<_> = names
        .unwrap()
        .iter()
        .filter_map(|n| n.dnsname().map(str::to_owned))
        .collect();
    assert_eq!(names, ["localhost", "iot.example"]);
    let again = generate(folder.path(), &[]);
    assert!(!again.status.success());
    let says = String::from_utf8(again.stderr).unwrap();
    assert!(says.contains("is there already"), "{says}");
    assert!(generate(folder.path(), &["--device", "one"])
        .status
        .success());
    assert!(generate(folder.path(), &["--device", "two"])
        .status
        .success());
    assert!(!generate(folder.path(), &["--device", "two"])
        .status
        .success());
    let authority = read(folder.path(), "ca");
    assert_eq!(authority.certificate.to_der().unwrap(), ca);
    for name in ["one", "two"] {
        let device = read(folder.path(), name).certificate;
        assert!(device.verify(&authority.key).unwrap());
    }
    for bad in ["", "../x", "ca", "server", ".x", "a/b", &"x".repeat(65)] {
        let refused = generate(folder.path(), &["--device", bad]);
        assert!(!refused.status.success(), "{bad}");
    }
}
