//! The product guide's MQTT commands exactly as printed: host and token filled in, nothing else.
//! They name port 1883, so each test brings a loopback address of its own.

use crate::clients::{python, run, script_path};
use crate::common::Server;
use serde_json::json;
use std::process::Command;

/// A server on the standard ports of one loopback address.
fn server_on(host: &str) -> Server {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mqtt = format!("{host}:1883");
    Server::start_in(folder, "", &[("INDUSTRYOS__MQTT__BIND", &mqtt)])
}

#[test]
fn the_guides_mosquitto_command_stores_the_temperature() {
    let host = "127.83.1.1";
    let server = server_on(host);
    let operator = server.operator();
    let device = operator.create_device("guide-mosquitto");
    let printed = r#"mosquitto_pub -d -q 1 \
-h "YOUR_SERVER_HOST" \
-p "1883" \
-t "v1/devices/me/telemetry" \
-u "YOUR_ACCESS_TOKEN" \
-m '{"temperature":25}'"#;
    let filled = printed
        .replace("YOUR_SERVER_HOST", host)
        .replace("YOUR_ACCESS_TOKEN", &device.token);
    run(Command::new("bash").args(["-c", &filled])).ok();
    assert_eq!(operator.latest(&device.id), json!({"temperature": 25}));
}

#[test]
fn the_guides_python_example_stores_its_telemetry() {
    let host = "127.83.1.2";
    let server = server_on(host);
    let operator = server.operator();
    let device = operator.create_device("guide-python");
    let printed = std::fs::read_to_string(script_path("guide_example.py")).expect("script");
    let filled = printed
        .replace("YOUR_SERVER_HOST", host)
        .replace("YOUR_ACCESS_TOKEN", &device.token);
    let script = server.folder.path().join("example.py");
    std::fs::write(&script, filled).expect("write");
    // An absolute path replaces the scripts' folder.
    run(&mut python("paho", script.to_str().expect("path"))).ok();
    assert_eq!(
        operator.latest(&device.id),
        json!({"temperature": 25.5, "humidity": 65})
    );
}
