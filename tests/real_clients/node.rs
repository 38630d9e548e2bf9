//! mqtt.js over TCP.

use crate::clients::{node, run};
use crate::common::Server;
use serde_json::json;

#[test]
fn mqtt_js_publishes_asks_and_answers_at_both_levels() {
    let server = Server::start();
    let operator = server.operator();
    for level in ["4", "5"] {
        let device = operator.create_device(&format!("node-{level}"));
        let shared = format!("/api/plugins/telemetry/DEVICE/{}/SHARED_SCOPE", device.id);
        assert_eq!(operator.post(&shared, &json!({"target": 7})).status, 200);
        let url = format!("mqtt://{}", server.mqtt_address());
        let mut script = node("mqtt_js.cjs");
        script.args([
            &url,
            &device.token,
            level,
            &server.http(),
            &operator.token,
            &device.id,
        ]);
        run(&mut script).ok();
        assert_eq!(
            operator.latest(&device.id),
            json!({"qos0": 0, "qos1": 1, "qos2": 2})
        );
    }
}
