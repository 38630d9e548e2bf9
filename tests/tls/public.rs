//! Authorities that the machine trusts, as it trusts those of the whole world's web: they vouch for
//! no device, whether `client_ca` is set or not.

use crate::client::{handshake, showing, Peer};
use crate::common::certificates::{authority, days, device, file, pem, server};
use crate::common::Server;
use crate::scene::write_server;
use industryos_iot::auth::certificates::make::KeyKind;
use industryos_iot::transport::mqtt::codec::Level;
use serde_json::json;
use std::net::ToSocketAddrs;

#[test]
fn an_authority_that_the_machine_trusts_lets_no_device_in_and_no_profile_may_name_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, public) = (authority("ours"), authority("a public authority"));
    write_server(folder.path(), &server(KeyKind::Ec, days(-1..90), &ours));
    let trusted = file(folder.path(), "public.pem", &pem(&public));
    let settings = "[mqtt.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n";
    let environment = [("SSL_CERT_FILE", trusted.to_str().unwrap())];
    let server = Server::start_in(folder, settings, &environment);
    let operator = server.operator();
    let address = server.mqtts_address().to_socket_addrs().unwrap().next();
    let code = |made| {
        let builder = showing(&ours, &[made, &public]);
        let stream = handshake(address.unwrap(), builder).expect("a handshake");
        Peer::new(stream, Level::V311)
            .connect(Level::V311, None)
            .code
    };
    let made = device("pump-7", KeyKind::Ec, days(-1..9), Some(&public));
    operator.create_device("pump-7");
    assert_eq!(code(&made), 5, "signed by a public authority, and unknown");
    let profile = |authority| {
        let configuration = json!({
            "type": "X509_CERTIFICATE_CHAIN",
            "provisionDeviceSecret": pem(authority),
            "certificateRegExPattern": "(.*)",
            "allowCreateNewDevicesByX509Certificate": true,
        });
        let body = json!({
            "name": "pumps",
            "provisionType": "X509_CERTIFICATE_CHAIN",
            "profileData": {"provisionConfiguration": configuration},
        });
        operator.post("/api/deviceProfile", &body)
    };
    let refused = profile(&public);
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused
        .text
        .contains("a public authority signs for the whole world"));
    let own = authority("our devices");
    assert_eq!(profile(&own).status, 200);
    assert_eq!(code(&made), 5, "as before");
    // Registered, a certificate is known exactly, whoever has signed it.
    let body = json!({
        "device": {"name": "pump-8"},
        "credentials": {"credentialsType": "X509_CERTIFICATE", "credentialsValue": pem(&made)},
    });
    assert_eq!(
        operator.post("/api/device-with-credentials", &body).status,
        200
    );
    assert_eq!(code(&made), 0);
}
