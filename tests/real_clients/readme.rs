//! The README's tour, pasted: only the address is this test's own.

use crate::clients::{folder, run};
use crate::common::Server;
use serde_json::json;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");

/// The block of shell lines that holds `mark`.
fn block(mark: &str) -> &'static str {
    let blocks = README.split("```sh\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.contains(mark)).expect("a block")
}

/// The block of settings that begins so.
fn settings(head: &str) -> &'static str {
    let mut blocks = README.split("```toml\n");
    let block = blocks.find(|rest| rest.starts_with(head));
    let block = block.and_then(|rest| rest.split("```").next());
    block.expect("settings")
}

/// Runs shell lines in a folder, the binary and the clients at hand; what they print.
fn paste(host: &str, at: &Path, text: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_industryos-iot"));
    let path = std::env::var("PATH").expect("PATH");
    let path = format!("{}:{path}", binary.parent().expect("a folder").display());
    let text = format!("set -e\nHOST={host}\n{text}");
    let mut bash = Command::new("bash");
    bash.args(["-c", &text]).current_dir(at);
    run(bash.env("PATH", &path)).ok().stdout
}

#[test]
fn the_readmes_tour_shows_what_it_promises() {
    let host = "127.83.1.3";
    let folder = tempfile::tempdir().expect("temporary folder");
    let (http, mqtt) = (format!("{host}:8080"), format!("{host}:1883"));
    let environment = [
        ("INDUSTRYOS__HTTP__BIND", http.as_str()),
        ("INDUSTRYOS__MQTT__BIND", mqtt.as_str()),
        ("INDUSTRYOS__ADMIN__PASSWORD", "change-me-please"),
    ];
    let _server = Server::start_in(folder, "", &environment);
    let tour = block("# Log in").replace("HOST=127.0.0.1", &format!("HOST={host}"));
    let said = run(Command::new("bash").args(["-c", &tour])).ok().stdout;
    for promised in [
        "received PUBACK",
        r#""temperature":[{"ts":"#,
        r#""humidity":[{"ts":"#,
        r#"device got {"id":0,"method":"setSpeed","params":{"rpm":900}}"#,
        r#"{"done":true}"#,
        r#""kind":"telemetry_saved""#,
    ] {
        assert!(said.contains(promised), "no {promised} in: {said}");
    }
}

#[test]
fn the_readmes_block_on_coap_does_what_it_promises() {
    let host = "127.83.1.6";
    let temporary = tempfile::tempdir().expect("temporary folder");
    let bind = format!("{host}:5683");
    let server = Server::start_in(temporary, "", &[("INDUSTRYOS__COAP__BIND", &bind)]);
    let operator = server.operator();
    let device = operator.create_device("readme-coap");
    let shared = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
    assert_eq!(operator.post(&shared, &json!({"target": 5})).status, 200);
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder().join("bin").display());
    let text = block("coap-client").replace("PUMP-7-TOKEN", &device.token);
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("set -e\nHOST={host}\n{text}")]);
    let said = run(bash.env("PATH", &path)).ok().stdout;
    assert_eq!(operator.latest(&device.id), json!({"temperature": 25}));
    for promised in [r#"{"shared":{"target":5}}"#, r#"{"target":5}"#] {
        assert!(said.contains(promised), "no {promised} in: {said}");
    }
    assert!(said.matches(r#"{"target":5}"#).count() >= 2, "{said}");
}

#[test]
fn the_readmes_block_on_tls_does_what_it_promises() {
    let host = "127.83.1.4";
    let folder = tempfile::tempdir().expect("temporary folder");
    let paste = |folder: &Path, text: &str| paste(host, folder, text);
    paste(folder.path(), block("cert generate"));
    let settings = settings("[mqtt.tls]");
    let (mqtts, https) = (format!("{host}:8883"), format!("{host}:8443"));
    let environment = [
        ("INDUSTRYOS__MQTT__TLS__BIND", mqtts.as_str()),
        ("INDUSTRYOS__HTTP__TLS__BIND", https.as_str()),
    ];
    let server = Server::start_in(folder, settings, &environment);
    let operator = server.operator();
    let token = json!({"credentialsType": "ACCESS_TOKEN", "credentialsId": "PUMP-7-TOKEN"});
    let body = json!({"device": {"name": "pump-7"}, "credentials": token});
    let made = operator.post("/api/device-with-credentials", &body);
    let pump_7 = made.json["id"]["id"].as_str().expect("an id").to_owned();
    let upload = block("credentials/certificate").replace("http://$HOST:8080", &server.http());
    let bearer = format!("AUTH='X-Authorization: Bearer {}'\n", operator.token);
    paste(server.folder.path(), &(bearer + &upload));
    let pump_8 = operator.get("/api/tenant/device?deviceName=pump-8");
    let pump_8 = pump_8.json["id"]["id"].as_str().expect("an id").to_owned();
    let said = paste(server.folder.path(), block("--cafile"));
    assert_eq!(said.matches("received PUBACK").count(), 2, "{said}");
    for device in [pump_7, pump_8] {
        let expected = json!({"temperature": 25, "humidity": 73});
        assert_eq!(operator.latest(&device), expected);
    }
}

#[test]
fn the_readmes_block_on_dtls_does_what_it_promises() {
    let host = "127.83.1.7";
    let folder = tempfile::tempdir().expect("temporary folder");
    paste(host, folder.path(), block("cert generate"));
    let bind = format!("{host}:5684");
    let environment = [("INDUSTRYOS__COAP__DTLS__BIND", bind.as_str())];
    let server = Server::start_in(folder, settings("[coap.dtls]"), &environment);
    let operator = server.operator();
    let pem = std::fs::read_to_string(server.folder.path().join("certificates/pump-8.pem"));
    let certificate = json!({
        "device": {"name": "pump-8"},
        "credentials": {
            "credentialsType": "X509_CERTIFICATE",
            "credentialsValue": pem.expect("a certificate"),
        },
    });
    let made = operator.post("/api/device-with-credentials", &certificate);
    assert_eq!(made.status, 200, "{}", made.text);
    let bearer = format!("AUTH='X-Authorization: Bearer {}'\n", operator.token);
    let text = block("coap-client-openssl").replace("http://$HOST:8080", &server.http());
    paste(host, server.folder.path(), &(bearer + &text));
    for name in ["pump-8", "pump-9"] {
        let device = operator.get(&format!("/api/tenant/device?deviceName={name}"));
        let id = device.json["id"]["id"].as_str().expect("an id");
        assert_eq!(operator.latest(id), json!({"temperature": 25}), "{name}");
    }
}

#[test]
fn the_readme_names_the_scripts_that_exist() {
    for script in ["scripts/start", "scripts/test", "scripts/bench"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        assert!(README.contains(script) && path.exists(), "{script}");
    }
}
