//! A client nobody here wrote: rumqttc at 3.1.1 and 5.

use crate::house::{House, TOKEN};
use industryos_iot::model::rpc::RpcAnswer;
use industryos_iot::model::value::Value;
use rumqttc::{Event, Packet, QoS};
use std::time::Duration;

const RPC: &str = "v1/devices/me/rpc/request/+";
const TELEMETRY: &str = "v1/devices/me/telemetry";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn rumqttc_at_3_1_1_publishes_at_every_qos_and_answers_an_rpc() {
    let house = House::open();
    let mut options = rumqttc::MqttOptions::new("rum", "127.0.0.1", house.mqtt.port());
    options.set_credentials(TOKEN, "");
    let (client, mut connection) = rumqttc::Client::new(options, 10);
    client.subscribe(RPC, QoS::AtLeastOnce).unwrap();
    let mut acknowledged = 0;
    let mut answer = None;
    for event in connection.iter() {
        match event.expect("no error") {
            Event::Incoming(Packet::SubAck(_)) => {
                for (qos, key) in [
                    (QoS::AtMostOnce, "a"),
                    (QoS::AtLeastOnce, "b"),
                    (QoS::ExactlyOnce, "c"),
                ] {
                    let body = format!("{{\"{key}\":1}}");
                    client.publish(TELEMETRY, qos, false, body).unwrap();
                }
            }
            Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_)) => {
                acknowledged += 1;
                if acknowledged == 2 {
                    answer = Some(house.rpc(House::order("m", "[]", false, false)));
                }
                if acknowledged == 3 {
                    break;
                }
            }
            Event::Incoming(Packet::Publish(publish)) => {
                assert_eq!(&publish.payload[..], br#"{"method":"m","params":[]}"#);
                let topic = publish.topic.replace("request", "response");
                client.publish(topic, QoS::AtLeastOnce, false, "1").unwrap();
            }
            _ => {}
        }
    }
    let answer = answer.unwrap().recv_timeout(PATIENCE).unwrap();
    assert_eq!(answer, RpcAnswer::Reply("1".into()));
    let one = |key: &str| (key.to_owned(), Value::Long(1));
    assert_eq!(house.latest(), [one("a"), one("b"), one("c")]);
}

#[test]
fn rumqttc_at_5_publishes_hears_changes_and_learns_reasons() {
    use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::{Client, Event, MqttOptions};
    let house = House::open();
    let mut options = MqttOptions::new("rum", "127.0.0.1", house.mqtt.port());
    options.set_credentials(TOKEN, "");
    let (client, mut connection) = Client::new(options, 10);
    client
        .subscribe("v1/devices/me/attributes", QoS::AtLeastOnce)
        .unwrap();
    let mut reasons = Vec::new();
    let mut heard = String::new();
    for event in connection.iter() {
        match event.expect("no error") {
            Event::Incoming(Packet::SubAck(_)) => {
                house.share(&[("target", 5)]);
                for (topic, body) in [(TELEMETRY, "{\"b\":1}"), (TELEMETRY, "{"), ("x", "{}")] {
                    client
                        .publish(topic, QoS::AtLeastOnce, false, body)
                        .unwrap();
                }
            }
            Event::Incoming(Packet::PubAck(ack)) => reasons.push(ack.reason),
            Event::Incoming(Packet::Publish(publish)) => {
                heard = String::from_utf8(publish.payload.to_vec()).unwrap();
            }
            _ => {}
        }
        if reasons.len() == 3 && !heard.is_empty() {
            break;
        }
    }
    assert_eq!(heard, r#"{"target":5}"#);
    assert_eq!(
        reasons,
        [
            PubAckReason::Success,
            PubAckReason::PayloadFormatInvalid,
            PubAckReason::TopicNameInvalid
        ]
    );
}
