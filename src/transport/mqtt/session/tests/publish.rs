//! contract/mqtt.md 5: the acknowledgement table.

use super::*;
use crate::model::attributes::AttributeReply;
use crate::model::value::Value;

const GOOD: &str = r#"{"temperature":25}"#;

#[test]
fn an_acknowledgement_leaves_only_with_its_outcome() {
    for level in ALL {
        let mut bench = Bench::open(level);
        bench.publish(TELEMETRY, 1, 7, GOOD);
        assert!(matches!(
            bench.submitted().as_slice(),
            [Uplink::Telemetry(_)]
        ));
        assert!(bench.sent().is_empty(), "acknowledged before it is durable");
        bench.done();
        assert_eq!(bench.sent(), [puback(7)]);
        bench.assert_open();
    }
}

#[test]
fn a_publish_at_qos_0_is_not_acknowledged() {
    let mut bench = Bench::open(Level::V5);
    bench.publish(TELEMETRY, 0, 0, GOOD);
    bench.settle();
    assert!(bench.sent().is_empty());
    bench.assert_open();
}

#[test]
fn rows_without_ts_get_the_receive_time() {
    let mut bench = Bench::open(Level::V311);
    bench.publish(TELEMETRY, 1, 1, GOOD);
    match bench.submitted().as_slice() {
        [Uplink::Telemetry(telemetry)] => {
            let times: Vec<_> = telemetry.rows.iter().map(|row| row.ts).collect();
            assert_eq!(times, [bench.now.wall]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_array_is_acknowledged_as_success() {
    for level in ALL {
        let mut bench = Bench::open(level);
        bench.publish(TELEMETRY, 1, 3, "[]");
        assert_eq!(bench.settle(), [Uplink::Activity]);
        assert_eq!(acks(&bench.sent()), [(3, 0)]);
        bench.assert_open();
    }
}

/// Payloads that are no good on their topic, and why.
const BAD: &[(&str, &str, Reason)] = &[
    (TELEMETRY, "", Reason::BadJson),
    (TELEMETRY, "{", Reason::BadJson),
    (TELEMETRY, "25", Reason::BadShape),
    (
        TELEMETRY,
        r#"{"ts":"x","values":{"a":1}}"#,
        Reason::BadTimestamp,
    ),
    (TELEMETRY, r#"[[[[[[[[[[1]]]]]]]]]]"#, Reason::BadShape),
    ("v1/devices/me/attributes", "[1]", Reason::BadShape),
    ("v1/devices/me/attributes/request/1", "x", Reason::BadJson),
    (
        "v1/devices/me/attributes/request/x",
        "{}",
        Reason::BadRequestId,
    ),
    (
        "v1/devices/me/attributes/request/",
        "{}",
        Reason::BadRequestId,
    ),
    (
        "v1/devices/me/rpc/request/1",
        r#"{"params":{}}"#,
        Reason::BadShape,
    ),
    (
        "v1/devices/me/rpc/request/2147483648",
        r#"{"method":"m"}"#,
        Reason::BadRequestId,
    ),
    ("v1/devices/me/rpc/response/x", "{}", Reason::BadRequestId),
];

#[test]
fn a_bad_payload_is_answered_0x99_in_mqtt_5_and_the_session_goes_on() {
    for (topic, payload, _) in BAD {
        let mut bench = Bench::open(Level::V5);
        bench.publish(topic, 1, 9, payload);
        assert_eq!(reasons(&bench.settle()).len(), 1, "{topic} {payload}");
        assert_eq!(acks(&bench.sent()), [(9, 0x99)], "{topic} {payload}");
        bench.assert_open();
    }
}

#[test]
fn a_bad_payload_at_qos_0_ends_an_mqtt_5_connection_with_0x99() {
    for (topic, payload, reason) in BAD {
        let mut bench = Bench::open(Level::V5);
        bench.publish(topic, 0, 0, payload);
        let rows = reasons(&bench.settle());
        assert_eq!(rows.len(), 1);
        if *reason == Reason::BadRequestId {
            assert_eq!(rows, [Reason::BadRequestId]);
        }
        assert_eq!(disconnect_code(&bench.sent()), 0x99, "{topic} {payload}");
        assert!(bench.closed().is_some());
    }
}

#[test]
fn a_bad_payload_closes_an_older_connection_without_an_acknowledgement() {
    for level in OLD {
        for (topic, payload, _) in BAD {
            for qos in [0, 1, 2] {
                let mut bench = Bench::open(level);
                bench.publish(topic, qos, 9, payload);
                assert!(bench.closed().is_none(), "closed before the row is there");
                assert_eq!(reasons(&bench.settle()).len(), 1);
                assert!(bench.sent().is_empty(), "{level:?} {topic} {payload}");
                assert!(bench.closed().is_some());
            }
        }
    }
}

#[test]
fn the_profile_may_have_bad_payloads_acknowledged_on_older_levels() {
    let mut bench = Bench::new(settings());
    bench.connect(Connect::new(Level::V311, "c1"));
    let profile = ProfileOptions {
        ack_malformed: true,
        ..ProfileOptions::default()
    };
    bench.granted(None, profile);
    bench.publish(TELEMETRY, 1, 4, "{");
    assert_eq!(reasons(&bench.settle()).len(), 1);
    assert_eq!(bench.sent(), [puback(4)]);
    bench.assert_open();
    bench.publish(TELEMETRY, 0, 0, "{");
    bench.settle();
    assert!(bench.closed().is_some(), "QoS 0 has no acknowledgement");
}

#[test]
fn the_good_before_a_bad_publish_is_acknowledged_before_the_close() {
    let mut bench = Bench::open(Level::V311);
    bench.publish(TELEMETRY, 1, 1, GOOD);
    bench.publish(TELEMETRY, 1, 2, "{");
    assert!(bench.closed().is_none());
    assert!(!bench.session.takes_packets());
    bench.settle();
    assert_eq!(bench.sent(), [puback(1)]);
    assert!(bench.closed().is_some());
}

#[test]
fn an_unknown_topic_is_acknowledged_and_the_session_stays_open() {
    for topic in [
        "foo",
        "v1/devices/me",
        "v1/devices/me/telemetry/x",
        "v1/devices/me/claim",
        "v2/fw/request/1/chunk/0",
        "/provision/request",
        "v2/t/p",
        "v2/a/req/p/1",
        "v2/r/res/p/1",
        "v1/devices/me/rpc/request",
    ] {
        for (level, code) in [(Level::V31, 0), (Level::V311, 0), (Level::V5, 0x90)] {
            let mut bench = Bench::open(level);
            bench.publish(topic, 1, 5, "{}");
            bench.publish(topic, 0, 0, "{}");
            let expected = [Reason::UnknownTopic, Reason::UnknownTopic];
            assert_eq!(reasons(&bench.settle()), expected, "{topic}");
            let sent = bench.sent();
            assert_eq!(acks(&sent).len(), 1);
            if level == Level::V5 {
                assert_eq!(acks(&sent), [(5, code)], "{topic}");
            }
            bench.assert_open();
        }
    }
}

#[test]
fn a_gateway_topic_from_a_device_that_is_none_is_acknowledged_with_0x87() {
    for level in ALL {
        let mut bench = Bench::open(level);
        bench.publish("v1/gateway/telemetry", 1, 5, "{}");
        bench.publish("v1/gateway/connect", 0, 0, "{}");
        let expected = [Reason::NotAGateway, Reason::NotAGateway];
        assert_eq!(reasons(&bench.settle()), expected);
        let sent = bench.sent();
        assert_eq!(sent.len(), 1);
        if level == Level::V5 {
            assert_eq!(acks(&sent), [(5, 0x87)]);
        }
        bench.assert_open();
    }
}

#[test]
fn what_the_store_refuses_is_refused_in_mqtt_5_and_the_session_stays_open() {
    for (reason, code) in [
        (Reason::StoreFull, 0x97),
        (Reason::QueueFull, 0x97),
        (Reason::RateLimited, 0x97),
        (Reason::StoreFailed, 0x83),
        (Reason::Internal, 0x83),
        (Reason::BadValue, 0x99),
    ] {
        for qos in [0, 1, 2] {
            let mut bench = Bench::open(Level::V5);
            bench.publish(TELEMETRY, qos, 6, GOOD);
            bench.submitted();
            bench.outcomes(vec![refused(reason)]);
            let expected: &[(u16, u8)] = if qos == 0 { &[] } else { &[(6, code)] };
            assert_eq!(acks(&bench.sent()), expected);
            bench.assert_open();
        }
    }
}

#[test]
fn what_the_store_refuses_closes_an_older_connection_without_an_acknowledgement() {
    for level in OLD {
        let mut bench = Bench::open(level);
        bench.publish(TELEMETRY, 1, 6, GOOD);
        bench.submitted();
        bench.outcomes(vec![refused(Reason::StoreFull)]);
        assert!(bench.sent().is_empty());
        assert!(bench.closed().is_some());
    }
}

#[test]
fn an_attribute_request_is_acknowledged_and_answered_in_its_own_form() {
    for (request, response) in [
        (
            "v1/devices/me/attributes/request/-5",
            "v1/devices/me/attributes/response/-5",
        ),
        ("v2/a/req/7", "v2/a/res/7"),
        ("v2/a/req/j/2147483647", "v2/a/res/j/2147483647"),
    ] {
        let mut bench = Bench::open(Level::V311);
        bench.publish(request, 1, 2, r#"{"clientKeys":"a"}"#);
        bench.submitted();
        let reply = AttributeReply {
            client: vec![("a".into(), Value::Long(1))],
            shared: vec![],
        };
        bench.outcomes(vec![Outcome::Attributes(reply)]);
        let mut sent = bench.sent();
        assert_eq!(sent.remove(0), puback(2));
        let (topic, payload, id, _) = published(sent).remove(0);
        assert_eq!(
            (topic.as_str(), payload.as_str()),
            (response, r#"{"client":{"a":1}}"#)
        );
        assert_eq!(id, Some(1), "unsubscribed replies go at QoS 1");
    }
}

#[test]
fn replies_keep_the_form_of_their_own_request_not_of_the_last() {
    let mut bench = Bench::open(Level::V5);
    bench.publish("v1/devices/me/rpc/request/1", 0, 0, r#"{"method":"a"}"#);
    bench.publish("v2/r/req/j/2", 0, 0, r#"{"method":"b"}"#);
    bench.publish("v2/r/req/3", 0, 0, r#"{"method":"c"}"#);
    bench.settle();
    let topics: Vec<String> = published(bench.sent()).into_iter().map(|p| p.0).collect();
    let expected = ["v1/devices/me/rpc/response/1", "v2/r/res/j/2", "v2/r/res/3"];
    assert_eq!(topics, expected);
}

#[test]
fn a_reply_takes_the_qos_of_the_matching_subscription() {
    let mut bench = Bench::open(Level::V311);
    bench.subscribe("v1/devices/me/rpc/response/+", 0);
    bench.publish("v1/devices/me/rpc/request/1", 0, 0, r#"{"method":"a"}"#);
    bench.publish("v2/r/req/2", 0, 0, r#"{"method":"a"}"#);
    bench.settle();
    let ids: Vec<Option<u16>> = published(bench.sent()).into_iter().map(|p| p.2).collect();
    assert_eq!(ids, [None, Some(1)], "the short form is not subscribed");
}

#[test]
fn session_limits_are_answered_by_the_transport_on_the_long_topic_only() {
    let mut bench = Bench::open(Level::V5);
    let body = r#"{"method":"getSessionLimits","params":{"timeout":5000}}"#;
    bench.publish("v1/devices/me/rpc/request/1", 1, 1, body);
    assert_eq!(bench.settle(), [Uplink::Activity]);
    let mut sent = bench.sent();
    assert_eq!(sent.remove(0), puback(1));
    let (topic, payload, ..) = published(sent).remove(0);
    assert_eq!(topic, "v1/devices/me/rpc/response/1");
    let limits: serde_json::Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(limits["maxPayloadSize"], 65_536);
    assert_eq!(limits["maxInflightMessages"], 100);
    for limit in ["messages", "telemetryMessages", "telemetryDataPoints"] {
        assert_eq!(limits["rateLimits"][limit], "");
    }
    bench.publish("v2/r/req/1", 1, 2, body);
    assert!(matches!(
        bench.settle().as_slice(),
        [Uplink::RpcCall { .. }]
    ));
}

#[test]
fn an_rpc_reply_is_passed_on_byte_for_byte() {
    for topic in ["v1/devices/me/rpc/response/3", "v2/r/res/3", "v2/r/res/j/3"] {
        let mut bench = Bench::open(Level::V311);
        bench.publish(topic, 1, 1, "\u{1}not json");
        let expected = Uplink::RpcReply {
            request_id: 3,
            body: "\u{1}not json".into(),
        };
        assert_eq!(bench.settle(), [expected]);
        assert_eq!(bench.sent(), [puback(1)]);
    }
}

#[test]
fn a_faster_client_than_the_disk_is_not_read() {
    let mut limits = settings();
    limits.outstanding_bytes = 1000;
    let mut bench = Bench::open_with(Connect::new(Level::V311, "c"), limits);
    let mut id = 0;
    while bench.session.takes_packets() {
        id += 1;
        bench.publish(TELEMETRY, 1, id, GOOD);
        assert!(id < 20);
    }
    let uplinks = bench.submitted().len();
    bench.done();
    assert!(bench.session.takes_packets());
    bench.outcomes(vec![Outcome::Done; uplinks - 1]);
    assert_eq!(acks(&bench.sent()).len(), usize::from(id));
}

#[test]
fn more_unacknowledged_publishes_than_announced_end_an_mqtt_5_connection() {
    let mut limits = settings();
    limits.receive_maximum = 2;
    for qos in [1, 2] {
        let mut bench = Bench::open_with(Connect::new(Level::V5, "c"), limits.clone());
        bench.publish(TELEMETRY, qos, 1, GOOD);
        bench.publish(TELEMETRY, qos, 2, GOOD);
        bench.publish(TELEMETRY, 0, 0, GOOD);
        bench.assert_open();
        bench.publish(TELEMETRY, qos, 3, GOOD);
        assert_eq!(reasons(&bench.settle()), [Reason::QueueFull]);
        let sent = bench.sent();
        assert_eq!(acks(&sent), [(1, 0), (2, 0)]);
        assert_eq!(disconnect_code(&sent), 0x93);
        assert!(bench.closed().is_some());
    }
    let mut bench = Bench::open_with(Connect::new(Level::V311, "c"), limits);
    for id in 1..=5 {
        bench.publish(TELEMETRY, 1, id, GOOD);
    }
    bench.assert_open();
}

#[test]
fn a_reason_string_comes_along_unless_the_client_does_not_want_it_or_is_small() {
    let reason_of = |connect: Connect| {
        let mut bench = Bench::open_with(connect, settings());
        bench.publish(TELEMETRY, 1, 9, "{");
        bench.settle();
        match bench.sent().remove(0) {
            Packet::Puback(ack) => ack.reason_string,
            other => panic!("{other:?}"),
        }
    };
    assert!(reason_of(Connect::new(Level::V5, "c")).is_some());
    let mut quiet = Connect::new(Level::V5, "c");
    quiet.request_problem_information = false;
    assert_eq!(reason_of(quiet), None);
    let mut small = Connect::new(Level::V5, "c");
    small.maximum_packet_size = Some(256);
    assert_eq!(reason_of(small), None);
}

#[test]
fn a_ping_is_answered_at_once_and_is_a_sign_of_life() {
    let mut bench = Bench::open(Level::V311);
    bench.packet(Packet::Pingreq);
    assert_eq!(bench.sent(), [Packet::Pingresp]);
    assert_eq!(bench.settle(), [Uplink::Activity]);
}
