//! `rumqttc` as an independent witness at MQTT 5, properties included.

use super::super::packet::*;
use super::{decoded, encoded};
use bytes::BytesMut;
use rumqttc::v5::mqttbytes::{v5, QoS as Theirs};

const LEVEL: Level = Level::V5;

type Pair = (Packet, v5::Packet);

fn connect() -> Pair {
    let ours = Connect {
        clean_start: false,
        keepalive: 120,
        user_name: Some("A1_TEST_TOKEN".into()),
        password: Some(b"pass".to_vec()),
        session_expiry: 3600,
        receive_maximum: 20,
        maximum_packet_size: Some(65_536),
        topic_alias_maximum: 10,
        request_problem_information: false,
        request_response_information: true,
        authentication_method: Some("K".into()),
        ..Connect::new(LEVEL, "c")
    };
    let theirs = v5::Connect {
        keep_alive: 120,
        client_id: "c".into(),
        clean_start: false,
        properties: Some(v5::ConnectProperties {
            session_expiry_interval: Some(3600),
            receive_maximum: Some(20),
            max_packet_size: Some(65_536),
            topic_alias_max: Some(10),
            request_response_info: Some(1),
            request_problem_info: Some(0),
            user_properties: vec![],
            authentication_method: Some("K".into()),
            authentication_data: None,
        }),
    };
    let login = v5::Login::new("A1_TEST_TOKEN", "pass");
    (
        Packet::Connect(Box::new(ours)),
        v5::Packet::Connect(theirs, None, Some(login)),
    )
}

fn connack() -> Pair {
    let ours = Connack {
        session_present: true,
        code: code::SUCCESS,
        session_expiry: Some(60),
        receive_maximum: Some(16),
        maximum_qos: Some(1),
        retain_available: Some(false),
        maximum_packet_size: Some(65_536),
        assigned_client_id: Some("assigned".into()),
        topic_alias_maximum: Some(4),
        reason_string: Some("welcome".into()),
        wildcard_subscription_available: Some(false),
        subscription_identifiers_available: Some(false),
        shared_subscription_available: Some(false),
        server_keep_alive: Some(300),
    };
    let properties = v5::ConnAckProperties {
        session_expiry_interval: Some(60),
        receive_max: Some(16),
        max_qos: Some(1),
        retain_available: Some(0),
        max_packet_size: Some(65_536),
        assigned_client_identifier: Some("assigned".into()),
        topic_alias_max: Some(4),
        reason_string: Some("welcome".into()),
        user_properties: vec![],
        wildcard_subscription_available: Some(0),
        subscription_identifiers_available: Some(0),
        shared_subscription_available: Some(0),
        server_keep_alive: Some(300),
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    };
    let theirs = v5::ConnAck {
        session_present: true,
        code: v5::ConnectReturnCode::Success,
        properties: Some(properties),
    };
    (Packet::Connack(Box::new(ours)), v5::Packet::ConnAck(theirs))
}

fn publish() -> Pair {
    let ours = Publish {
        dup: true,
        retain: true,
        topic_alias: Some(3),
        message_expiry: Some(90),
        ..Publish::new("v1/devices/me/telemetry", "{}").at_least_once(513)
    };
    let mut theirs = v5::Publish::new(
        "v1/devices/me/telemetry",
        Theirs::AtLeastOnce,
        "{}",
        Some(v5::PublishProperties {
            topic_alias: Some(3),
            message_expiry_interval: Some(90),
            ..v5::PublishProperties::default()
        }),
    );
    theirs.dup = true;
    theirs.retain = true;
    theirs.pkid = 513;
    (Packet::Publish(ours), v5::Packet::Publish(theirs))
}

fn subscribe() -> Pair {
    let ours = Subscribe {
        packet_id: 300,
        filters: vec![
            Filter::new("a/+", QoS::AtLeastOnce),
            Filter {
                no_local: true,
                retain_as_published: true,
                retain_handling: 2,
                ..Filter::new("#", QoS::ExactlyOnce)
            },
        ],
        subscription_id: Some(9_999),
    };
    let mut last = v5::Filter::new("#", Theirs::ExactlyOnce);
    last.nolocal = true;
    last.preserve_retain = true;
    last.retain_forward_rule = v5::RetainForwardRule::Never;
    let filters = vec![v5::Filter::new("a/+", Theirs::AtLeastOnce), last];
    let properties = v5::SubscribeProperties {
        id: Some(9_999),
        user_properties: vec![],
    };
    let mut theirs = v5::Subscribe::new_many(filters, Some(properties));
    theirs.pkid = 300;
    (Packet::Subscribe(ours), v5::Packet::Subscribe(theirs))
}

fn acknowledgements() -> Vec<Pair> {
    let reason = |text: &str| v5::PubAckProperties {
        reason_string: Some(text.into()),
        user_properties: vec![],
    };
    let mut refused = v5::PubAck::new(7, Some(reason("no JSON")));
    refused.reason = v5::PubAckReason::PayloadFormatInvalid;
    let mut quota = v5::PubAck::new(7, None);
    quota.reason = v5::PubAckReason::QuotaExceeded;
    let mut unknown = v5::PubRel::new(8, None);
    unknown.reason = v5::PubRelReason::PacketIdentifierNotFound;
    let ours = Ack {
        reason_string: Some("no JSON".into()),
        ..Ack::with_reason(7, code::PAYLOAD_FORMAT_INVALID)
    };
    vec![
        (Packet::Puback(ours), v5::Packet::PubAck(refused)),
        (
            Packet::Puback(Ack::with_reason(7, code::QUOTA_EXCEEDED)),
            v5::Packet::PubAck(quota),
        ),
        (
            Packet::Puback(Ack::new(7)),
            v5::Packet::PubAck(v5::PubAck::new(7, None)),
        ),
        (
            Packet::Pubrec(Ack::new(8)),
            v5::Packet::PubRec(v5::PubRec::new(8, None)),
        ),
        (
            Packet::Pubrel(Ack::new(8)),
            v5::Packet::PubRel(v5::PubRel::new(8, None)),
        ),
        (
            Packet::Pubrel(Ack::with_reason(8, code::PACKET_ID_NOT_FOUND)),
            v5::Packet::PubRel(unknown),
        ),
        (
            Packet::Pubcomp(Ack::new(8)),
            v5::Packet::PubComp(v5::PubComp::new(8, None)),
        ),
    ]
}

fn others() -> Vec<Pair> {
    vec![
        (
            Packet::Suback(Suback {
                packet_id: 300,
                codes: vec![0, 1, 0x80, 0x8F],
            }),
            v5::Packet::SubAck(v5::SubAck {
                pkid: 300,
                return_codes: vec![
                    v5::SubscribeReasonCode::Success(Theirs::AtMostOnce),
                    v5::SubscribeReasonCode::Success(Theirs::AtLeastOnce),
                    v5::SubscribeReasonCode::Unspecified,
                    v5::SubscribeReasonCode::TopicFilterInvalid,
                ],
                properties: None,
            }),
        ),
        (
            Packet::Unsuback(Unsuback {
                packet_id: 301,
                codes: vec![0, 0x11, 0x8F],
            }),
            v5::Packet::UnsubAck(v5::UnsubAck {
                pkid: 301,
                reasons: vec![
                    v5::UnsubAckReason::Success,
                    v5::UnsubAckReason::NoSubscriptionExisted,
                    v5::UnsubAckReason::TopicFilterInvalid,
                ],
                properties: None,
            }),
        ),
        (
            Packet::Unsubscribe(Unsubscribe {
                packet_id: 301,
                filters: vec!["a/+".into(), "b".into()],
            }),
            v5::Packet::Unsubscribe(v5::Unsubscribe {
                pkid: 301,
                filters: vec!["a/+".into(), "b".into()],
                properties: None,
            }),
        ),
        (Packet::Pingreq, v5::Packet::PingReq(v5::PingReq)),
        (Packet::Pingresp, v5::Packet::PingResp(v5::PingResp)),
        disconnect(),
    ]
}

fn disconnect() -> Pair {
    let ours = Disconnect {
        reason: code::SESSION_TAKEN_OVER,
        session_expiry: Some(5),
        reason_string: Some("another session".into()),
    };
    let mut theirs = v5::Disconnect::new(v5::DisconnectReasonCode::SessionTakenOver);
    theirs.properties = Some(v5::DisconnectProperties {
        session_expiry_interval: Some(5),
        reason_string: Some("another session".into()),
        user_properties: vec![],
        server_reference: None,
    });
    (Packet::Disconnect(ours), v5::Packet::Disconnect(theirs))
}

fn pairs() -> Vec<Pair> {
    let mut all = vec![connect(), connack(), publish(), subscribe()];
    all.extend(acknowledgements());
    all.extend(others());
    all
}

#[test]
fn what_rumqttc_writes_at_5_we_read_as_meant() {
    for (ours, theirs) in pairs() {
        let mut bytes = BytesMut::new();
        theirs.write(&mut bytes, None).unwrap();
        assert_eq!(decoded(LEVEL, &bytes), Ok(ours), "{theirs:?}");
    }
}

#[test]
fn what_we_write_at_5_rumqttc_reads_as_meant() {
    for (ours, theirs) in pairs() {
        let mut bytes = BytesMut::from(&encoded(LEVEL, &ours)[..]);
        let read = v5::Packet::read(&mut bytes, None);
        assert_eq!(read.unwrap(), theirs, "{ours:?}");
        assert!(bytes.is_empty());
    }
}

#[test]
fn the_properties_that_we_forget_do_not_disturb_the_rest() {
    let mut theirs = v5::Publish::new(
        "t",
        Theirs::AtMostOnce,
        "payload",
        Some(v5::PublishProperties {
            payload_format_indicator: Some(1),
            message_expiry_interval: Some(5),
            topic_alias: None,
            response_topic: Some("r/t".into()),
            correlation_data: Some(vec![0, 255].into()),
            user_properties: vec![("k".into(), "v".into()); 30],
            subscription_identifiers: vec![],
            content_type: Some("application/json".into()),
        }),
    );
    theirs.pkid = 0;
    let mut bytes = BytesMut::new();
    v5::Packet::Publish(theirs).write(&mut bytes, None).unwrap();
    let mut ours = Publish::new("t", "payload");
    ours.message_expiry = Some(5);
    assert_eq!(decoded(LEVEL, &bytes), Ok(Packet::Publish(ours)));
}
