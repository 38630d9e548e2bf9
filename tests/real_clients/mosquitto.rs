//! mosquitto's own clients at all three protocol levels.

use crate::clients::{run, start, Running};
use crate::common::{wait_for, Server};
use serde_json::json;
use std::process::Command;

const LEVELS: [&str; 3] = ["mqttv31", "mqttv311", "mqttv5"];

fn publish(
    server: &Server,
    token: &str,
    level: &str,
    qos: u8,
    topic: &str,
    payload: &str,
) -> Command {
    let mut command = Command::new("mosquitto_pub");
    let port = server.mqtt_port().to_string();
    command.args([
        "-d",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-V",
        level,
        "-q",
        &qos.to_string(),
    ]);
    command.args(["-u", token, "-t", topic, "-m", payload]);
    command
}

/// A subscriber that ends after `count` messages, printing topic and payload.
fn subscribe(server: &Server, token: &str, level: &str, topic: &str, count: usize) -> Running {
    let mut command = Command::new("mosquitto_sub");
    let port = server.mqtt_port().to_string();
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-V",
        level,
        "-q",
        "1",
        "-u",
        token,
    ]);
    command.args([
        "-t",
        topic,
        "-C",
        &count.to_string(),
        "-W",
        "30",
        "-F",
        "%t %p",
    ]);
    start(&mut command)
}

/// Waits until the device's stream tells that a session subscribed (it is connected).
fn wait_connected(operator: &crate::common::Operator, device: &str) {
    wait_for("the subscriber to connect", || {
        operator
            .events(device)
            .iter()
            .any(|row| row["kind"] == "connected")
            .then_some(())
    });
}

#[test]
fn telemetry_is_stored_at_every_level_and_quality_of_service() {
    let server = Server::start();
    let operator = server.operator();
    for level in LEVELS {
        for qos in 0..=2u8 {
            let device = operator.create_device(&format!("{level}-{qos}"));
            let body = format!("{{\"temperature\":{qos}.5,\"level\":\"{level}\"}}");
            run(&mut publish(
                &server,
                &device.token,
                level,
                qos,
                "v1/devices/me/telemetry",
                &body,
            ))
            .ok();
            // QoS 0 is not acknowledged: it may be on its way when the client ends.
            wait_for("the point", || {
                (operator.latest(&device.id)
                    == json!({"temperature": f64::from(qos) + 0.5, "level": level}))
                .then_some(())
            });
        }
    }
}

#[test]
fn acknowledged_telemetry_is_readable_the_moment_the_client_ends() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("meter");
    for level in LEVELS {
        let body = format!("{{\"from\":\"{level}\"}}");
        run(&mut publish(
            &server,
            &device.token,
            level,
            1,
            "v1/devices/me/telemetry",
            &body,
        ))
        .ok();
        assert_eq!(operator.latest(&device.id)["from"], level);
    }
}

#[test]
fn an_unknown_token_is_refused_in_the_terms_of_each_level() {
    let server = Server::start();
    for (level, code) in [
        ("mqttv31", "CONNACK (5)"),
        ("mqttv311", "CONNACK (5)"),
        ("mqttv5", "CONNACK (134)"),
    ] {
        let said = run(&mut publish(
            &server,
            "nobody",
            level,
            1,
            "v1/devices/me/telemetry",
            "{}",
        ));
        assert_ne!(said.code, 0, "{level}");
        assert!(
            said.stdout.contains(code),
            "{level}: {} {}",
            said.stdout,
            said.stderr
        );
    }
}

#[test]
fn shared_attribute_changes_arrive_at_a_subscriber_of_every_level() {
    let server = Server::start();
    let operator = server.operator();
    for level in LEVELS {
        let device = operator.create_device(&format!("thermostat-{level}"));
        let mut subscriber =
            subscribe(&server, &device.token, level, "v1/devices/me/attributes", 4);
        wait_connected(&operator, &device.id);
        let path = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
        // Subscribing follows connecting: repeat until the subscriber has heard enough.
        wait_for("the subscriber to hear four changes", || {
            assert_eq!(operator.post(&path, &json!({"target": 21})).status, 200);
            assert_eq!(operator.delete(&format!("{path}?keys=target")).status, 200);
            subscriber.has_ended().then_some(())
        });
        let said = subscriber.finish().ok().stdout;
        for change in ["{\"target\":21}", "{\"deleted\":[\"target\"]}"] {
            let line = format!("v1/devices/me/attributes {change}");
            assert!(said.contains(&line), "{level}: {said}");
        }
    }
}

#[test]
fn a_two_way_rpc_reaches_a_device_and_its_answer_comes_back() {
    let server = Server::start();
    let operator = server.operator();
    for level in LEVELS {
        let device = operator.create_device(&format!("valve-{level}"));
        let port = server.mqtt_port();
        // A device in two lines: waits for a request, answers on the matching topic.
        let client = format!("-h 127.0.0.1 -p {port} -V {level} -q 1 -u {}", device.token);
        let script = format!(
            "set -o pipefail; mosquitto_sub {client} -t 'v1/devices/me/rpc/request/+' -C 1 -W 30 -F '%t %p' | \
             (read -r topic body; echo \"$body\"; \
              mosquitto_pub {client} -t \"${{topic/request/response}}\" -m '{{\"opened\":true}}')"
        );
        let valve = start(Command::new("bash").args(["-c", &script]));
        let answer = operator.post(
            &format!("/api/rpc/twoway/{}", device.id),
            &json!({"method": "setValve", "params": {"open": true}, "timeout": 20000}),
        );
        let said = valve.finish().ok().stdout;
        assert_eq!(
            said.trim(),
            "{\"method\":\"setValve\",\"params\":{\"open\":true}}",
            "{level}"
        );
        assert_eq!(
            (answer.status, answer.json),
            (200, json!({"opened": true})),
            "{level}"
        );
    }
}

#[test]
fn a_second_client_takes_the_device_over_and_the_first_is_told() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("shared-token");
    let first = subscribe(
        &server,
        &device.token,
        "mqttv5",
        "v1/devices/me/attributes",
        1,
    );
    wait_connected(&operator, &device.id);
    run(&mut publish(
        &server,
        &device.token,
        "mqttv5",
        1,
        "v1/devices/me/telemetry",
        "{\"second\":1}",
    ))
    .ok();
    assert_eq!(operator.latest(&device.id), json!({"second": 1}));
    wait_for("a row about the takeover", || {
        operator
            .events(&device.id)
            .iter()
            .any(|row| row.to_string().contains("taken"))
            .then_some(())
    });
    drop(first);
}
