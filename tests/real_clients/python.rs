//! Python stacks: paho, the ThingsBoard device SDK and the ThingsBoard REST client.

use crate::clients::{python, run};
use crate::common::server::{ADMIN, PASSWORD};
use crate::common::Server;
use serde_json::json;

#[test]
fn the_thingsboard_device_sdk_does_its_whole_round() {
    let server = Server::start();
    let operator = server.operator();
    let device = operator.create_device("sdk");
    let port = server.mqtt_port().to_string();
    let http = server.http();
    let mut script = python("thingsboard", "tb_device_sdk.py");
    script.args([
        "127.0.0.1",
        &port,
        &device.token,
        &http,
        &operator.token,
        &device.id,
    ]);
    run(&mut script).ok();
    let latest = operator.latest(&device.id);
    assert_eq!(latest["temperature"], json!(41.9), "{latest}");
    assert_eq!(latest["enabled"], json!(false), "{latest}");
}

#[test]
fn the_thingsboard_rest_client_manages_a_device() {
    let server = Server::start();
    let mut script = python("thingsboard", "tb_rest_client.py");
    script.args([&server.http(), ADMIN, PASSWORD]);
    run(&mut script).ok();
}

#[test]
fn paho_delivers_a_burst_at_every_level_and_every_acknowledged_point_is_there() {
    let server = Server::start();
    let operator = server.operator();
    for level in ["3", "4", "5"] {
        let device = operator.create_device(&format!("burst-{level}"));
        let port = server.mqtt_port().to_string();
        let mut script = python("paho", "paho_burst.py");
        script.args(["127.0.0.1", &port, &device.token, level, "500"]);
        run(&mut script).ok();
        let points = operator.history(&device.id, "n");
        let expected: Vec<_> = (0..500)
            .map(|n| (1_700_000_000_000 + n, json!(n)))
            .collect();
        assert_eq!(points, expected, "level {level}");
    }
}
