//! Clients nobody here wrote, over TLS and WebSocket: mosquitto, paho, mqtt.js, curl, OpenSSL's own.

use crate::clients::{node, python, run, Finished};
use crate::common::certificates::{authority, days, device, file, key_pem, pem, server};
use crate::common::{Operator, Server};
use industryos_iot::auth::certificates::make::{KeyKind, Made};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server with TLS at both doors, and the file of the authority that signed it.
pub fn start() -> (Server, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = authority("the CA of the tests");
    let made = server(KeyKind::Ec, days(-1..90), &ca);
    file(folder.path(), "server.pem", &pem(&made));
    file(folder.path(), "server.key", &key_pem(&made));
    file(folder.path(), "ca.pem", &pem(&ca));
    let files = "certificate = \"server.pem\"\nprivate_key = \"server.key\"\n";
    let settings = format!("[mqtt.tls]\n{files}[http.tls]\n{files}");
    let server = Server::start_in(folder, &settings, &[]);
    let ca = server.folder.path().join("ca.pem");
    (server, ca)
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().expect("a port")
}

/// Writes a device's certificate and key, and registers it; their files, and the device's id.
fn certified(
    server: &Server,
    operator: &Operator,
    name: &str,
    made: &Made,
) -> (PathBuf, PathBuf, String) {
    let folder = server.folder.path();
    let certificate = file(folder, &format!("{name}.pem"), &pem(made));
    let key = file(folder, &format!("{name}.key"), &key_pem(made));
    let body = json!({
        "device": {"name": name},
        "credentials": {"credentialsType": "X509_CERTIFICATE", "credentialsValue": pem(made)},
    });
    let created = operator.post("/api/device-with-credentials", &body);
    assert_eq!(created.status, 200, "{}", created.text);
    let id = created.json["id"]["id"].as_str().expect("an id").to_owned();
    (certificate, key, id)
}

fn mosquitto(server: &Server, ca: &Path, payload: &str) -> Command {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-d", "-q", "1", "-h", "127.0.0.1"]);
    command.args(["-p", port(server.mqtts_address())]);
    command.args(["-t", "v1/devices/me/telemetry", "-m", payload]);
    command.arg("--cafile").arg(ca);
    command
}

#[test]
fn mosquitto_publishes_over_tls_by_token_and_by_certificate() {
    let (server, ca) = start();
    let operator = server.operator();
    let by_token = operator.create_device("by token");
    let mut command = mosquitto(&server, &ca, r#"{"t":1}"#);
    run(command.args(["-u", &by_token.token])).ok();
    assert_eq!(operator.latest(&by_token.id), json!({"t": 1}));
    for (name, key) in [("ec", KeyKind::Ec), ("rsa", KeyKind::Rsa)] {
        let made = device(name, key, days(-1..9), None);
        let (certificate, key, id) = certified(&server, &operator, name, &made);
        for level in ["mqttv31", "mqttv311", "mqttv5"] {
            let mut command = mosquitto(&server, &ca, r#"{"t":2}"#);
            command.args(["-V", level, "-i", "c"]);
            run(command
                .arg("--cert")
                .arg(&certificate)
                .arg("--key")
                .arg(&key))
            .ok();
        }
        assert_eq!(operator.latest(&id), json!({"t": 2}));
    }
    let expired = device("expired", KeyKind::Ec, days(-9..-1), None);
    let (certificate, key, id) = certified(&server, &operator, "expired", &expired);
    let mut command = mosquitto(&server, &ca, r#"{"t":3}"#);
    let refused = run(command
        .arg("--cert")
        .arg(&certificate)
        .arg("--key")
        .arg(&key));
    assert_ne!(refused.code, 0);
    assert!(refused.stdout.contains("CONNACK (5)"), "{refused:?}");
    let told = operator.events(&id);
    assert!(
        told.iter()
            .any(|row| row["reason"] == "certificate_expired"),
        "{told:?}"
    );
    let stranger = authority("another");
    let other = file(server.folder.path(), "other.pem", &pem(&stranger));
    let mut command = mosquitto(&server, &other, r#"{"t":4}"#);
    assert_ne!(
        run(command.args(["-u", &by_token.token])).code,
        0,
        "wrong CA"
    );
}

#[test]
fn curl_posts_over_https_by_token_by_header_and_by_certificate() {
    let (server, ca) = start();
    let operator = server.operator();
    let known = operator.create_device("known");
    let base = format!("https://127.0.0.1:{}", port(server.https_address()));
    let curl = |path: &str, body: &str| {
        let mut command = Command::new("curl");
        command
            .args(["-sS", "--fail", "-d", body])
            .arg("--cacert")
            .arg(&ca);
        command.arg(format!("{base}/api/v1/{path}/telemetry"));
        command
    };
    run(&mut curl(&known.token, r#"{"path":1}"#)).ok();
    let bearer = format!("Authorization: Bearer {}", known.token);
    run(curl("me", r#"{"header":2}"#).args(["-H", &bearer])).ok();
    let values = operator.latest(&known.id);
    assert_eq!(values, json!({"path": 1, "header": 2}));
    let made = device("x", KeyKind::Ec, days(-1..9), None);
    let (certificate, key, id) = certified(&server, &operator, "x", &made);
    let mut command = curl("me", r#"{"certificate":3}"#);
    run(command
        .arg("--cert")
        .arg(&certificate)
        .arg("--key")
        .arg(&key))
    .ok();
    assert_eq!(operator.latest(&id), json!({"certificate": 3}));
    assert_ne!(run(&mut curl("me", "{}")).code, 0, "nobody");
}

/// `openssl s_client` on a door that is trusted; closes after the handshake.
fn s_client(address: &str, ca: &Path, more: &[&str]) -> Finished {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address, "-verify_return_error"]);
    command.args(["-verify_ip", "127.0.0.1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    run(command.arg("-CAfile").arg(ca).args(more))
}

#[test]
fn openssls_own_client_agrees_on_versions_and_trust() {
    let (server, ca) = start();
    for address in [server.mqtts_address(), server.https_address()] {
        for (version, fine) in [("-tls1_3", true), ("-tls1_2", true), ("-tls1_1", false)] {
            let finished = s_client(address, &ca, &[version]);
            assert_eq!(finished.code == 0, fine, "{version}: {finished:?}");
            let verified = finished.stdout.contains("Verify return code: 0 (ok)");
            assert_eq!(verified && finished.code == 0, fine, "{version}");
            // `client_ca` is unset: any certificate may be shown.
            let named = finished
                .stdout
                .contains("No client certificate CA names sent");
            assert!(named, "{finished:?}");
        }
        let other = file(
            server.folder.path(),
            "other.pem",
            &pem(&authority("another")),
        );
        let refused = s_client(address, &other, &["-tls1_3"]);
        assert_ne!(refused.code, 0, "{refused:?}");
    }
}

#[test]
fn openssls_own_client_resumes_with_its_ticket_at_both_doors_and_versions() {
    let (server, ca) = start();
    let kept = server.folder.path().join("session.pem");
    let kept = kept.to_str().expect("a path");
    for version in ["-tls1_2", "-tls1_3"] {
        // Bytes that each door answers, for a ticket of TLS 1.3 comes with them.
        for (address, bytes) in [
            (
                server.mqtts_address(),
                &b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0"[..],
            ),
            (server.https_address(), b"GET /livez HTTP/1.0\r\n\r\n"),
        ] {
            std::fs::write(server.folder.path().join("say"), bytes).expect("write");
            for (option, expected) in [("-sess_out", "New, "), ("-sess_in", "Reused, ")] {
                let script = format!(
                    "openssl s_client -connect {address} {version} -CAfile {} {option} {kept} \
                     -ign_eof < say",
                    ca.display(),
                );
                let folder = server.folder.path();
                let said = run(Command::new("bash")
                    .args(["-c", &script])
                    .current_dir(folder));
                let fits = said.stdout.contains(expected);
                assert!(fits, "{version} {address} {option}: {said:?}");
            }
        }
    }
}

#[test]
fn paho_publishes_over_tls_and_over_websockets() {
    let (server, ca) = start();
    let operator = server.operator();
    let ca = ca.to_str().expect("a path");
    for (name, address, transport, ca) in [
        ("tls", server.mqtts_address(), "tcp", ca),
        ("ws", server.http_address(), "websockets", "-"),
        ("wss", server.https_address(), "websockets", ca),
    ] {
        let device = operator.create_device(name);
        let mut script = python("paho", "paho_tls.py");
        run(script.args([port(address), transport, ca, &device.token])).ok();
        assert_eq!(operator.latest(&device.id), json!({"over": transport}));
    }
}

#[test]
fn mqtt_js_works_over_tls_and_over_websockets() {
    let (server, ca) = start();
    let operator = server.operator();
    for (name, url) in [
        ("mqtts", format!("mqtts://{}", server.mqtts_address())),
        ("ws", format!("ws://{}/mqtt", server.http_address())),
        ("wss", format!("wss://{}/mqtt", server.https_address())),
    ] {
        let device = operator.create_device(name);
        let shared = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
        assert_eq!(operator.post(&shared, &json!({"target": 7})).status, 200);
        let mut script = node("mqtt_js.cjs");
        script.env("NODE_EXTRA_CA_CERTS", &ca);
        let (rest, token) = (server.http(), operator.token.clone());
        script.args([&url, &device.token, "5", &rest, &token, &device.id]);
        run(&mut script).ok();
        let values = json!({"qos0": 0, "qos1": 1, "qos2": 2});
        assert_eq!(operator.latest(&device.id), values, "{name}");
    }
}
