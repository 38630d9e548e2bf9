//! One packet of every type and form, per level, as values; and hand-written frames.

use super::super::packet::*;

/// Every packet that exists at this level, in its plain and its fullest form.
pub fn packets(level: Level) -> Vec<Packet> {
    let mut all = vec![
        Packet::Connect(Box::new(Connect::new(level, ""))),
        Packet::Connect(Box::new(full_connect(level))),
        Packet::Connack(Box::default()),
        Packet::Connack(Box::new(full_connack(level))),
        Packet::Publish(Publish::new("v1/devices/me/telemetry", r#"{"a":1}"#)),
        Packet::Publish(full_publish(level)),
        Packet::Publish(exactly_once()),
        Packet::Puback(Ack::new(1)),
        Packet::Pubrec(Ack::new(2)),
        Packet::Pubrel(Ack::new(3)),
        Packet::Pubcomp(Ack::new(u16::MAX)),
        Packet::Subscribe(full_subscribe(level)),
        Packet::Suback(suback(level)),
        Packet::Unsubscribe(Unsubscribe {
            packet_id: 9,
            filters: vec!["a/+".into(), "#".into()],
        }),
        Packet::Unsuback(Unsuback {
            packet_id: 9,
            codes: if level == Level::V5 {
                vec![0, 0x11, 0x8F]
            } else {
                vec![]
            },
        }),
        Packet::Pingreq,
        Packet::Pingresp,
        Packet::Disconnect(Disconnect::default()),
    ];
    if level == Level::V5 {
        all.extend(only_in_five());
    }
    all
}

fn only_in_five() -> Vec<Packet> {
    let reasoned = |reason| Ack {
        packet_id: 7,
        reason,
        reason_string: Some("because".into()),
    };
    vec![
        Packet::Publish(Publish {
            topic: "".into(),
            topic_alias: Some(3),
            ..Publish::new("", "x")
        }),
        Packet::Puback(Ack::with_reason(7, code::PAYLOAD_FORMAT_INVALID)),
        Packet::Puback(reasoned(code::QUOTA_EXCEEDED)),
        Packet::Pubrec(reasoned(code::SUCCESS)),
        Packet::Pubrel(reasoned(code::PACKET_ID_NOT_FOUND)),
        Packet::Pubcomp(Ack::with_reason(7, code::PACKET_ID_NOT_FOUND)),
        Packet::Disconnect(Disconnect {
            reason: code::SESSION_TAKEN_OVER,
            session_expiry: Some(60),
            reason_string: Some("another session".into()),
        }),
        Packet::Auth(Auth {
            reason: code::REAUTHENTICATE,
            method: Some("SCRAM-SHA-1".into()),
        }),
    ]
}

fn full_connect(level: Level) -> Connect {
    let five = level == Level::V5;
    Connect {
        clean_start: false,
        keepalive: 60,
        user_name: Some("A1_TEST_TOKEN".into()),
        password: Some(vec![0, 0xff, 0xfe, b'x']),
        session_expiry: if five { 3600 } else { u32::MAX },
        receive_maximum: if five { 20 } else { u16::MAX },
        maximum_packet_size: five.then_some(65_536),
        topic_alias_maximum: if five { 10 } else { 0 },
        request_problem_information: !five,
        request_response_information: five,
        authentication_method: five.then(|| "K".into()),
        ..Connect::new(level, "thermometer-ä-1")
    }
}

fn full_connack(level: Level) -> Connack {
    if level != Level::V5 {
        return Connack {
            code: code::v3::NOT_AUTHORIZED,
            ..Connack::default()
        };
    }
    Connack {
        session_present: true,
        code: code::SUCCESS,
        session_expiry: Some(0),
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
    }
}

fn full_publish(level: Level) -> Publish {
    let five = level == Level::V5;
    Publish {
        dup: true,
        retain: true,
        topic_alias: five.then_some(1),
        message_expiry: five.then_some(0),
        ..Publish::new("v1/devices/me/rpc/request/42", vec![0u8; 300]).at_least_once(513)
    }
}

fn exactly_once() -> Publish {
    Publish {
        qos: QoS::ExactlyOnce,
        packet_id: Some(u16::MAX),
        ..Publish::new("ä/€/𝄞", "")
    }
}

fn full_subscribe(level: Level) -> Subscribe {
    let five = level == Level::V5;
    let mut last = Filter::new("v1/devices/me/rpc/request/+", QoS::ExactlyOnce);
    last.no_local = five;
    last.retain_as_published = five;
    last.retain_handling = if five { 2 } else { 0 };
    Subscribe {
        packet_id: 300,
        filters: vec![
            Filter::new("#", QoS::AtMostOnce),
            Filter::new("v1/devices/me/attributes", QoS::AtLeastOnce),
            last,
        ],
        subscription_id: five.then_some(268_435_455),
    }
}

fn suback(level: Level) -> Suback {
    let codes = match level {
        Level::V5 => vec![0, 1, 2, 0x80, 0x8F],
        _ => vec![0, 1, 2, 0x80],
    };
    Suback {
        packet_id: 300,
        codes,
    }
}
