//! CoAP under DTLS with libcoap's clients of two TLS libraries and with aiocoap over a third: by
//! pre-shared key and by certificate.

use crate::clients::{python, run, start, Finished};
use crate::common::{until, Operator, Server};
use serde_json::json;
use std::path::Path;
use std::process::Command;

const CLIENTS: [&str; 2] = ["coap-client-openssl", "coap-client-gnutls"];
const KEY: &str = "0123456789abcdef";

/// The binary with both ways in, and the folder of its certificates, made by itself.
fn server() -> Server {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut make = Command::new(env!("CARGO_BIN_EXE_industryos-iot"));
    make.args(["cert", "generate", "--device", "pump", "--out"]);
    run(make.arg(folder.path().join("certs"))).ok();
    let settings = "[coap.dtls]\npre_shared_keys = true\ncertificate = \"certs/server.pem\"\n\
        private_key = \"certs/server.key\"\n";
    Server::start_in(folder, settings, &[])
}

fn certificate(folder: &Path, name: &str) -> String {
    let path = folder.join("certs").join(name);
    path.to_str().expect("a path").to_owned()
}

fn device(operator: &Operator, name: &str, kind: &str, value: &str) -> String {
    let body = json!({
        "device": {"name": name},
        "credentials": {"credentialsType": kind, "credentialsValue": value},
    });
    let made = operator.post("/api/device-with-credentials", &body);
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["id"]["id"].as_str().expect("an id").to_owned()
}

fn keyed(operator: &Operator, name: &str) -> String {
    let value = json!({"identity": name, "keyText": KEY}).to_string();
    device(operator, name, "PRE_SHARED_KEY", &value)
}

fn post(server: &Server, client: &str, who: &[&str]) -> Finished {
    let uri = format!("coaps://{}/api/v1/telemetry", server.coaps_address());
    let mut command = Command::new(client);
    command.args(["-B", "10"]).args(who).args([
        "-m",
        "post",
        "-t",
        "json",
        "-e",
        "{\"t\":21.5}",
        &uri,
    ]);
    run(&mut command)
}

#[test]
fn libcoaps_clients_come_in_by_identity_and_key() {
    let server = server();
    let operator = server.operator();
    for client in CLIENTS {
        let id = keyed(&operator, client);
        post(&server, client, &["-u", client, "-k", KEY]).ok();
        assert_eq!(operator.latest(&id), json!({"t": 21.5}), "{client}");
        for (identity, key) in [(client, "0123456789abcdeX"), ("nobody", KEY)] {
            let said = post(&server, client, &["-u", identity, "-k", key]);
            let said = said.stdout + &said.stderr;
            assert!(said.to_lowercase().contains("decrypt error"), "{said}");
        }
    }
}

#[test]
fn libcoaps_clients_come_in_by_certificate() {
    let server = server();
    let operator = server.operator();
    let folder = server.folder.path();
    let pem = std::fs::read_to_string(certificate(folder, "pump.pem")).expect("read");
    let id = device(&operator, "pump", "X509_CERTIFICATE", &pem);
    for (count, client) in CLIENTS.into_iter().enumerate() {
        let own = certificate(folder, "pump.pem");
        let key = certificate(folder, "pump.key");
        let ca = certificate(folder, "ca.pem");
        post(&server, client, &["-c", &own, "-j", &key, "-C", &ca]).ok();
        let stored = operator.metric("points_total");
        assert!(stored > count as f64, "{client}: {stored}");
    }
    assert_eq!(operator.latest(&id), json!({"t": 21.5}));
}

#[test]
fn libcoap_observes_attributes_under_dtls() {
    let server = server();
    let operator = server.operator();
    let id = keyed(&operator, "observer");
    let uri = format!("coaps://{}/api/v1/attributes", server.coaps_address());
    let mut command = Command::new(CLIENTS[0]);
    command.args([
        "-u", "observer", "-k", KEY, "-s", "3", "-B", "4", "-m", "get", &uri,
    ]);
    let client = start(&mut command);
    until("the observation", || {
        operator.metric("connections{transport=\"coap\"}") == 1.0
    });
    for value in [1, 2] {
        let path = format!("/api/plugins/telemetry/DEVICE/{id}/SHARED_SCOPE");
        assert_eq!(operator.post(&path, &json!({"target": value})).status, 200);
    }
    let said = client.finish().ok().stdout;
    assert!(
        said.contains("{\"target\":1}") && said.contains("{\"target\":2}"),
        "{said}"
    );
    until("its end", || operator.metric("dtls_associations") == 0.0);
}

#[test]
fn aiocoap_posts_and_observes_by_identity_and_key() {
    let server = server();
    let operator = server.operator();
    let id = keyed(&operator, "aiocoap");
    let base = format!("coaps://{}/api/v1", server.coaps_address());
    let mut script = python("aiocoap", "aiocoap_dtls.py");
    script.args([&base, "aiocoap", KEY, &server.http(), &operator.token, &id]);
    run(&mut script).ok();
    let wanted = json!({"json": 1, "blocks": "b".repeat(3000)});
    assert_eq!(operator.latest(&id), wanted);
}
