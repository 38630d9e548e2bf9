//! CoAP clients: libcoap's three, aiocoap, npm's `coap`; and the guide's command as printed.

use crate::clients::{folder, node, python, run};
use crate::common::operator::NewDevice;
use crate::common::{until, Operator, Server};
use serde_json::json;
use std::process::Command;

const LIBCOAP: [&str; 3] = [
    "coap-client-notls",
    "coap-client-openssl",
    "coap-client-gnutls",
];

fn uri(server: &Server, device: &NewDevice, path: &str) -> String {
    format!(
        "coap://{}/api/v1/{}/{path}",
        server.coap_address(),
        device.token
    )
}

/// Runs one of libcoap's clients, which gives up after 10 s; returns what it printed.
#[track_caller]
fn libcoap(client: &str, arguments: &[&str]) -> String {
    let said = run(Command::new(client).args(["-B", "10"]).args(arguments)).ok();
    // A refusal's code goes to standard error.
    said.stdout + &said.stderr
}

#[test]
fn the_guides_coap_client_command_stores_the_temperature() {
    let host = "127.83.1.4";
    let temporary = tempfile::tempdir().expect("temporary folder");
    let bind = format!("{host}:5683");
    let server = Server::start_in(temporary, "", &[("INDUSTRYOS__COAP__BIND", &bind)]);
    let operator = server.operator();
    let device = operator.create_device("guide-coap");
    let printed = r#"coap-client -m post \
coap://YOUR_SERVER_HOST/api/v1/$ACCESS_TOKEN/telemetry \
-t json \
-e '{"temperature":25}'"#;
    let filled = printed.replace("YOUR_SERVER_HOST", host);
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder().join("bin").display());
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &filled])
        .env("PATH", path)
        .env("ACCESS_TOKEN", &device.token);
    run(&mut shell).ok();
    assert_eq!(operator.latest(&device.id), json!({"temperature": 25}));
}

#[test]
fn libcoaps_clients_post_confirmable_and_not_and_in_blocks() {
    let server = Server::start();
    let operator = server.operator();
    for client in LIBCOAP {
        let device = operator.create_device(client);
        let telemetry = uri(&server, &device, "telemetry");
        libcoap(
            client,
            &["-m", "post", "-t", "json", "-e", "{\"con\":1}", &telemetry],
        );
        libcoap(
            client,
            &[
                "-N",
                "-m",
                "post",
                "-t",
                "50",
                "-e",
                "{\"non\":2}",
                &telemetry,
            ],
        );
        let body = server.folder.path().join("body.json");
        let text = "z".repeat(4000);
        std::fs::write(&body, json!({"big": text}).to_string()).expect("write");
        let body = body.to_str().expect("path");
        libcoap(
            client,
            &["-m", "post", "-b", "64", "-t", "50", "-f", body, &telemetry],
        );
        let wanted = json!({"con": 1, "non": 2, "big": text});
        assert_eq!(operator.latest(&device.id), wanted, "{client}");
    }
}

#[test]
fn libcoap_reads_large_attributes_in_blocks_of_either_sides_size() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("blocks");
    let attributes = uri(&server, &device, "attributes");
    let said = libcoap(LIBCOAP[0], &["-m", "get", &attributes]);
    assert!(said.contains("4.04"), "{said}");
    let body = server.folder.path().join("body.json");
    let long = json!({"long": "y".repeat(3000)});
    std::fs::write(&body, long.to_string()).expect("write");
    let body = body.to_str().expect("path");
    libcoap(
        LIBCOAP[0],
        &["-m", "post", "-b", "256", "-f", body, &attributes],
    );
    for size in [&["-b", "64"][..], &["-b", "1024"], &[]] {
        let mut arguments = vec!["-m", "get"];
        arguments.extend(size);
        arguments.push(&attributes);
        let said = libcoap(LIBCOAP[0], &arguments);
        let read: serde_json::Value = serde_json::from_str(said.trim()).expect("JSON");
        assert_eq!(read, json!({"client": long}), "{size:?}");
    }
}

fn share(operator: &Operator, device: &NewDevice, value: i64) {
    let path = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
    assert_eq!(operator.post(&path, &json!({"target": value})).status, 200);
}

#[test]
fn libcoap_observes_attributes() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("observer");
    let attributes = uri(&server, &device, "attributes");
    let mut command = Command::new(LIBCOAP[0]);
    command.args(["-s", "3", "-B", "4", "-m", "get", &attributes]);
    let client = crate::clients::start(&mut command);
    until("the observation", || {
        operator.metric("connections{transport=\"coap\"}") == 1.0
    });
    share(&operator, &device, 1);
    share(&operator, &device, 2);
    let said = client.finish().ok().stdout;
    assert!(
        said.contains("{\"target\":1}") && said.contains("{\"target\":2}"),
        "{said}"
    );
    until("its end", || {
        operator.metric("connections{transport=\"coap\"}") == 0.0
    });
}

#[test]
fn an_unknown_token_is_told_4_01() {
    let server = Server::start();
    let address = format!("coap://{}/api/v1/nobody/telemetry", server.coap_address());
    let said = libcoap(LIBCOAP[0], &["-m", "post", "-e", "{\"a\":1}", &address]);
    assert!(said.contains("4.01"), "{said}");
}

#[test]
fn aiocoap_does_its_whole_round() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("aiocoap");
    let base = format!("coap://{}/api/v1/{}", server.coap_address(), device.token);
    let mut script = python("aiocoap", "aiocoap_round.py");
    script.args([&base, &server.http(), &operator.token, &device.id]);
    run(&mut script).ok();
    let wanted = json!({"json": 1, "cbor": 1.5, "blocks": "b".repeat(5000)});
    assert_eq!(operator.latest(&device.id), wanted);
}

#[test]
fn npm_coap_posts_reads_and_observes() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("npm-coap");
    let address = server.coap_address();
    let (host, port) = address.rsplit_once(':').expect("a port");
    let mut script = node("coap_js.cjs");
    script.args([
        host,
        port,
        &device.token,
        &server.http(),
        &operator.token,
        &device.id,
    ]);
    run(&mut script).ok();
    let wanted = json!({"con_true": 1, "con_false": 1, "long": "n".repeat(3000)});
    assert_eq!(operator.latest(&device.id), wanted);
}
