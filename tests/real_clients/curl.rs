//! The guide's curl commands as printed, over TLS.

use crate::clients::{run, start};
use crate::common::{wait_for, Server};
use crate::tls::start as secure;
use serde_json::{json, Value};
use std::process::Command;

/// Fills in a printed command and runs it; returns the HTTP status and the body.
fn printed(server: &Server, token: &str, command: &str) -> (u16, String) {
    let said = run(&mut filled(server, token, command)).ok();
    let status = said
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("< HTTP/1.1 "))
        .next_back();
    let status = status
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .expect("a status line");
    (status, said.stdout)
}

/// The command runs as it is printed, https and port 443 included: what the machine of a test
/// lacks, a trusted certificate and that port, is told in curl's own settings.
fn filled(server: &Server, token: &str, command: &str) -> Command {
    let folder = server.folder.path();
    let settings = format!(
        "cacert = \"{}\"\nconnect-to = \"localhost:443:{}\"\n",
        folder.join("ca.pem").display(),
        server.https_address()
    );
    std::fs::write(folder.join(".curlrc"), settings).expect("write");
    let text = command
        .replace("YOUR_SERVER_HOST", "localhost")
        .replace("$ACCESS_TOKEN", token);
    let mut bash = Command::new("bash");
    bash.args(["-c", &text]).current_dir(folder);
    bash.env("CURL_HOME", folder);
    bash
}

#[test]
fn the_guides_telemetry_command_stores_both_values() {
    let (server, _) = secure();
    let operator = server.operator();
    let device = operator.create_device("curl-telemetry");
    let command = r#"curl -v -X POST \
--data '{"temperature":42,"humidity":73}' \
https://YOUR_SERVER_HOST/api/v1/$ACCESS_TOKEN/telemetry \
--header "Content-Type:application/json""#;
    assert_eq!(
        printed(&server, &device.token, command),
        (200, String::new())
    );
    assert_eq!(
        operator.latest(&device.id),
        json!({"temperature": 42, "humidity": 73})
    );
}

#[test]
fn the_guides_attribute_commands_write_and_read() {
    let (server, _) = secure();
    let operator = server.operator();
    let device = operator.create_device("curl-attributes");
    let shared = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
    assert_eq!(
        operator
            .post(&shared, &json!({"targetTemp": 21.0, "other": 1}))
            .status,
        200
    );
    let publish = r#"curl -v -X POST \
--data '{"firmwareVersion":"1.2.3"}' \
https://YOUR_SERVER_HOST/api/v1/$ACCESS_TOKEN/attributes \
--header "Content-Type:application/json""#;
    assert_eq!(
        printed(&server, &device.token, publish),
        (200, String::new())
    );
    let request = r#"curl -v -X GET \
"https://YOUR_SERVER_HOST/api/v1/$ACCESS_TOKEN/attributes?clientKeys=firmwareVersion&sharedKeys=targetTemp""#;
    let (status, body) = printed(&server, &device.token, request);
    assert_eq!(
        (status, body.as_str()),
        (
            200,
            r#"{"client":{"firmwareVersion":"1.2.3"},"shared":{"targetTemp":21.0}}"#
        )
    );
}

#[test]
fn the_guides_long_poll_hears_an_attribute_update() {
    let (server, _) = secure();
    let operator = server.operator();
    let device = operator.create_device("curl-updates");
    let command = r#"curl -v -X GET \
"https://YOUR_SERVER_HOST/api/v1/$ACCESS_TOKEN/attributes/updates?timeout=20000""#;
    let poll = start(&mut filled(&server, &device.token, command));
    let shared = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
    // The first poll of a device hears what changes while it waits.
    wait_for("the poll to wait", || {
        operator
            .events(&device.id)
            .iter()
            .any(|row| row.to_string().contains("active"))
            .then_some(())
    });
    let mut value = 0;
    let heard = std::thread::spawn(move || poll.finish().ok());
    wait_for("the poll to end", || {
        value += 1;
        operator.post(&shared, &json!({"target": value}));
        std::thread::sleep(std::time::Duration::from_millis(20));
        heard.is_finished().then_some(())
    });
    let said = heard.join().expect("poll");
    let body: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert!(body["target"].is_i64(), "{body}");
}

#[test]
fn the_guides_rpc_commands_receive_and_answer_a_command() {
    let (server, _) = secure();
    let operator = server.operator();
    let device = operator.create_device("curl-rpc");
    let poll = r#"curl -v -X GET \
"https://YOUR_SERVER_HOST/api/v1/$ACCESS_TOKEN/rpc?timeout=20000""#;
    let poll = start(&mut filled(&server, &device.token, poll));
    let caller = {
        let operator = server.operator();
        let path = format!("/api/rpc/twoway/{}", device.id);
        std::thread::spawn(move || {
            operator.post(
                &path,
                &json!({"method": "getGpio", "params": {"pin": 7}, "timeout": 20000}),
            )
        })
    };
    let request: Value = serde_json::from_str(&poll.finish().ok().stdout).expect("JSON");
    assert_eq!(
        (&request["method"], &request["params"]),
        (&json!("getGpio"), &json!({"pin": 7}))
    );
    std::fs::write(server.folder.path().join("response.json"), r#"{"value":1}"#).expect("write");
    let reply = r#"curl -v -X POST \
-d @response.json \
https://YOUR_SERVER_HOST/api/v1/$ACCESS_TOKEN/rpc/$REQUEST_ID \
--header "Content-Type:application/json""#;
    let reply = reply.replace("$REQUEST_ID", &request["id"].to_string());
    assert_eq!(
        printed(&server, &device.token, &reply),
        (200, String::new())
    );
    let answer = caller.join().expect("caller");
    assert_eq!((answer.status, answer.json), (200, json!({"value": 1})));
}

#[test]
fn the_guides_client_rpc_asks_for_the_time() {
    let (server, _) = secure();
    let device = server.operator().create_device("curl-time");
    let command = r#"curl -v -X POST \
-d '{"method":"getTime","params":{}}' \
https://YOUR_SERVER_HOST/api/v1/$ACCESS_TOKEN/rpc \
--header "Content-Type:application/json""#;
    let (status, body) = printed(&server, &device.token, command);
    let time = serde_json::from_str::<Value>(&body).expect("JSON")["time"]
        .as_i64()
        .expect("time");
    assert_eq!(status, 200);
    assert!(time > 1_700_000_000_000, "{time}");
}

#[test]
fn a_wrong_token_a_wrong_body_and_a_wrong_path_have_the_guides_codes() {
    let (server, _) = secure();
    let device = server.operator().create_device("curl-codes");
    let post = |path: &str, body: &str| {
        format!("curl -v -X POST -d '{body}' https://YOUR_SERVER_HOST/api/v1/{path}")
    };
    let token = &device.token;
    assert_eq!(
        printed(&server, token, &post("WRONG/telemetry", "{}")).0,
        401
    );
    let (status, body) = printed(&server, token, &post("$ACCESS_TOKEN/telemetry", "[1,2"));
    assert_eq!(status, 400);
    let error: Value = serde_json::from_str(&body).expect("an error in JSON");
    assert_eq!(error["status"], 400);
    assert_eq!(
        printed(&server, token, &post("$ACCESS_TOKEN/nonsense", "{}")).0,
        404
    );
}
