//! `rumqttc`, a client that nobody here wrote, as an independent witness at 3.1.1: what it writes
//! we read as meant, what we write it reads as meant.

use super::super::packet::*;
use super::{decoded, encoded};
use bytes::BytesMut;
use rumqttc as theirs;
use theirs::mqttbytes::{v4, QoS as Theirs};

const LEVEL: Level = Level::V311;

/// The same packet in our words and in theirs.
fn pairs() -> Vec<(Packet, v4::Packet)> {
    let mut connect = Connect::new(LEVEL, "thermometer");
    connect.keepalive = 10;
    connect.user_name = Some("A1_TEST_TOKEN".into());
    connect.password = Some(b"pass".to_vec());
    let mut their_connect = v4::Connect::new("thermometer");
    their_connect.set_login("A1_TEST_TOKEN", "pass");
    vec![
        (
            Packet::Connect(Box::new(connect)),
            v4::Packet::Connect(their_connect),
        ),
        (
            Packet::Connack(Box::new(Connack {
                session_present: true,
                ..Connack::default()
            })),
            v4::Packet::ConnAck(v4::ConnAck::new(v4::ConnectReturnCode::Success, true)),
        ),
        (
            Packet::Connack(Box::new(Connack {
                code: code::v3::NOT_AUTHORIZED,
                ..Connack::default()
            })),
            v4::Packet::ConnAck(v4::ConnAck::new(
                v4::ConnectReturnCode::NotAuthorized,
                false,
            )),
        ),
        (
            Packet::Puback(Ack::new(513)),
            v4::Packet::PubAck(v4::PubAck::new(513)),
        ),
        (
            Packet::Pubrec(Ack::new(514)),
            v4::Packet::PubRec(v4::PubRec::new(514)),
        ),
        (
            Packet::Pubrel(Ack::new(515)),
            v4::Packet::PubRel(v4::PubRel::new(515)),
        ),
        (
            Packet::Pubcomp(Ack::new(516)),
            v4::Packet::PubComp(v4::PubComp::new(516)),
        ),
        (Packet::Pingreq, v4::Packet::PingReq),
        (Packet::Pingresp, v4::Packet::PingResp),
        (
            Packet::Disconnect(Disconnect::default()),
            v4::Packet::Disconnect,
        ),
        subscribe(),
        (
            Packet::Suback(Suback {
                packet_id: 300,
                codes: vec![0, 1, 2, 0x80],
            }),
            v4::Packet::SubAck(v4::SubAck::new(
                300,
                vec![
                    v4::SubscribeReasonCode::Success(Theirs::AtMostOnce),
                    v4::SubscribeReasonCode::Success(Theirs::AtLeastOnce),
                    v4::SubscribeReasonCode::Success(Theirs::ExactlyOnce),
                    v4::SubscribeReasonCode::Failure,
                ],
            )),
        ),
        (
            Packet::Unsubscribe(Unsubscribe {
                packet_id: 7,
                filters: vec!["a/+".into(), "b/#".into()],
            }),
            v4::Packet::Unsubscribe(v4::Unsubscribe {
                pkid: 7,
                topics: vec!["a/+".into(), "b/#".into()],
            }),
        ),
        (
            Packet::Unsuback(Unsuback {
                packet_id: 7,
                codes: vec![],
            }),
            v4::Packet::UnsubAck(v4::UnsubAck::new(7)),
        ),
    ]
}

fn subscribe() -> (Packet, v4::Packet) {
    let filters = [
        (
            "v1/devices/me/attributes",
            QoS::AtLeastOnce,
            Theirs::AtLeastOnce,
        ),
        (
            "v1/devices/me/rpc/request/+",
            QoS::ExactlyOnce,
            Theirs::ExactlyOnce,
        ),
        ("#", QoS::AtMostOnce, Theirs::AtMostOnce),
    ];
    let theirs = filters
        .iter()
        .map(|(f, _, qos)| v4::SubscribeFilter::new((*f).into(), *qos));
    let mut subscribe = v4::Subscribe::new_many(theirs);
    subscribe.pkid = 300;
    let ours = Subscribe {
        packet_id: 300,
        filters: filters
            .iter()
            .map(|(f, qos, _)| Filter::new(*f, *qos))
            .collect(),
        subscription_id: None,
    };
    (Packet::Subscribe(ours), v4::Packet::Subscribe(subscribe))
}

fn publishes() -> Vec<(Packet, v4::Packet)> {
    let mut all = Vec::new();
    for (qos, their_qos) in [
        (QoS::AtMostOnce, Theirs::AtMostOnce),
        (QoS::AtLeastOnce, Theirs::AtLeastOnce),
        (QoS::ExactlyOnce, Theirs::ExactlyOnce),
    ] {
        for (dup, retain, size) in [(false, false, 0), (false, true, 5), (true, false, 20_000)] {
            let id = (qos != QoS::AtMostOnce).then_some(0xabc);
            let ours = Publish {
                dup: dup && id.is_some(),
                qos,
                retain,
                packet_id: id,
                ..Publish::new("v1/devices/me/telemetry", vec![b'x'; size])
            };
            let mut theirs =
                v4::Publish::new("v1/devices/me/telemetry", their_qos, vec![b'x'; size]);
            theirs.dup = ours.dup;
            theirs.retain = retain;
            theirs.pkid = id.unwrap_or(0);
            all.push((Packet::Publish(ours), v4::Packet::Publish(theirs)));
        }
    }
    all
}

#[test]
fn what_rumqttc_writes_at_3_1_1_we_read_as_meant() {
    for (ours, theirs) in pairs().into_iter().chain(publishes()) {
        let mut bytes = BytesMut::new();
        theirs.write(&mut bytes, usize::MAX).unwrap();
        assert_eq!(decoded(LEVEL, &bytes), Ok(ours), "{theirs:?}");
    }
}

#[test]
fn what_we_write_at_3_1_1_rumqttc_reads_as_meant() {
    for (ours, theirs) in pairs().into_iter().chain(publishes()) {
        let mut bytes = BytesMut::from(&encoded(LEVEL, &ours)[..]);
        let read = v4::Packet::read(&mut bytes, usize::MAX);
        assert_eq!(read.unwrap(), theirs, "{ours:?}");
        assert!(bytes.is_empty());
    }
}

#[test]
fn a_will_that_rumqttc_writes_is_read_past() {
    let mut theirs = v4::Connect::new("c");
    theirs.set_login("u", "p");
    theirs.last_will = Some(v4::LastWill::new("w/t", "gone", Theirs::ExactlyOnce, true));
    let mut bytes = BytesMut::new();
    theirs.write(&mut bytes).unwrap();
    let Ok(Packet::Connect(found)) = decoded(LEVEL, &bytes) else {
        panic!("refused");
    };
    assert!(found.will);
    assert_eq!(found.user_name.as_deref(), Some("u"));
    assert_eq!(found.password.as_deref(), Some(&b"p"[..]));
}
