//! contract/mqtt.md 2, "Session takeover and closure".

use super::*;
use crate::transport::mqtt::codec::packet::{Auth, Suback};
use crate::transport::mqtt::codec::DecodeError;

#[test]
fn the_platform_says_why_it_ends_a_session_in_mqtt_5_and_just_closes_before() {
    for (reason, code) in [
        (Reason::TakenOver, 0x8E),
        (Reason::DeviceDisabled, 0x98),
        (Reason::CredentialsChanged, 0x98),
        (Reason::DeviceDeleted, 0x98),
        (Reason::ShuttingDown, 0x8B),
        (Reason::Expired, 0xA0),
        (Reason::Internal, 0x83),
    ] {
        let mut bench = Bench::open(Level::V5);
        bench.close(reason);
        assert_eq!(disconnect_code(&bench.sent()), code);
        let end = bench.closed().unwrap();
        assert_eq!(end.reason, reason.label().replace('_', " "));
        for level in OLD {
            let mut bench = Bench::open(level);
            bench.close(reason);
            assert!(bench.sent().is_empty());
            assert!(bench.closed().is_some());
        }
    }
}

#[test]
fn what_was_taken_before_a_close_is_still_acknowledged() {
    let mut bench = Bench::open(Level::V5);
    bench.publish(TELEMETRY, 1, 1, "{\"a\":1}");
    bench.close(Reason::ShuttingDown);
    assert!(bench.closed().is_none());
    assert!(!bench.session.takes_packets());
    bench.settle();
    let sent = bench.sent();
    assert_eq!(acks(&sent), [(1, 0)]);
    assert_eq!(disconnect_code(&sent), 0x8B);
    assert!(bench.closed().is_some());
}

#[test]
fn a_close_does_not_wait_for_ever() {
    let mut bench = Bench::open(Level::V5);
    bench.publish(TELEMETRY, 1, 1, "{\"a\":1}");
    bench.close(Reason::TakenOver);
    bench.pass(Duration::from_millis(1499));
    assert!(bench.closed().is_none());
    bench.pass(Duration::from_millis(1));
    assert!(
        acks(&bench.fx.send).is_empty(),
        "never acknowledged unsynced"
    );
    assert_eq!(disconnect_code(&bench.sent()), 0x8E);
    assert!(bench.closed().is_some());
}

#[test]
fn silence_for_one_and_a_half_keepalives_ends_the_session() {
    for level in ALL {
        let mut connect = Connect::new(level, "c");
        connect.keepalive = 10;
        let mut bench = Bench::open_with(connect, settings());
        bench.pass(Duration::from_millis(14_999));
        bench.assert_open();
        bench.packet(puback(9));
        bench.pass(Duration::from_millis(14_999));
        bench.assert_open();
        bench.pass(Duration::from_millis(1));
        assert_eq!(reasons(&bench.settle()), [Reason::KeepaliveExpired]);
        let sent = bench.sent();
        if level == Level::V5 {
            assert_eq!(disconnect_code(&sent), 0x8D);
        } else {
            assert!(sent.is_empty());
        }
        assert!(bench.closed().is_some());
    }
}

#[test]
fn no_keepalive_is_measured_by_the_longest_allowed() {
    let mut bench = Bench::open(Level::V311);
    bench.pass(Duration::from_secs(5399));
    bench.assert_open();
    bench.pass(Duration::from_secs(1));
    bench.settle();
    assert!(bench.closed().is_some());
}

#[test]
fn silence_is_not_held_against_a_client_that_is_not_read() {
    let mut limits = settings();
    limits.outstanding_bytes = 1;
    let mut connect = Connect::new(Level::V311, "c");
    connect.keepalive = 10;
    let mut bench = Bench::open_with(connect, limits);
    bench.publish(TELEMETRY, 1, 1, "{\"a\":1}");
    assert!(!bench.session.takes_packets());
    bench.pass(Duration::from_secs(20));
    assert!(bench.closed().is_none());
    bench.settle();
    bench.pass(Duration::from_secs(14));
    bench.assert_open();
}

#[test]
fn the_deadline_is_the_end_of_the_allowed_silence() {
    let mut connect = Connect::new(Level::V311, "c");
    connect.keepalive = 10;
    let bench = Bench::open_with(connect, settings());
    let expected = bench.now.mono + Duration::from_secs(15);
    assert_eq!(bench.session.deadline(), Some(expected));
}

#[test]
fn a_client_that_disconnects_is_not_answered() {
    for level in ALL {
        let mut bench = Bench::open(level);
        bench.packet(Packet::Disconnect(Disconnect::default()));
        assert!(bench.sent().is_empty());
        assert!(bench.submitted().is_empty());
        assert_eq!(bench.closed().unwrap().reason, "client disconnected");
    }
}

#[test]
fn disconnect_may_change_the_session_expiry_but_not_from_nothing() {
    let with = |seconds| {
        Packet::Disconnect(Disconnect {
            session_expiry: Some(seconds),
            ..Disconnect::default()
        })
    };
    let mut connect = Connect::new(Level::V5, "c");
    connect.session_expiry = 100;
    for (seconds, kept) in [(5, 5), (0, 0), (u32::MAX, 7 * 86_400)] {
        let mut bench = Bench::open_with(connect.clone(), settings());
        bench.packet(with(seconds));
        let end = bench.closed().unwrap();
        assert_eq!(end.expiry, Some(Duration::from_secs(kept)));
    }
    let mut bench = Bench::open(Level::V5);
    bench.packet(with(5));
    assert_eq!(reasons(&bench.settle()), [Reason::ProtocolViolation]);
    assert_eq!(disconnect_code(&bench.sent()), 0x82);
    let mut bench = Bench::open(Level::V5);
    bench.packet(with(0));
    assert!(bench.sent().is_empty(), "0 after 0 is allowed");
    assert!(bench.closed().is_some());
}

#[test]
fn packets_that_no_client_may_send_here_end_the_session() {
    let packets = || {
        vec![
            Packet::Connect(Box::new(Connect::new(Level::V311, "c"))),
            Packet::Connack(Box::default()),
            Packet::Suback(Suback {
                packet_id: 1,
                codes: vec![0],
            }),
            Packet::Pingresp,
            Packet::Auth(Auth::default()),
        ]
    };
    for level in ALL {
        for packet in packets() {
            let name = packet.name();
            let mut bench = Bench::open(level);
            bench.packet(packet);
            let rows = reasons(&bench.settle());
            assert_eq!(rows, [Reason::ProtocolViolation], "{name}");
            if level == Level::V5 {
                assert_eq!(disconnect_code(&bench.sent()), 0x82, "{name}");
            } else {
                assert!(bench.sent().is_empty());
            }
            assert!(bench.closed().is_some());
        }
    }
}

#[test]
fn bytes_that_are_no_packet_end_the_session_with_their_code() {
    for (error, reason, code) in [
        (DecodeError::InvalidUtf8, Reason::ProtocolViolation, 0x81),
        (DecodeError::NoEntries, Reason::ProtocolViolation, 0x82),
        (
            DecodeError::TooLarge { size: 9, limit: 1 },
            Reason::TooLarge,
            0x95,
        ),
    ] {
        let mut bench = Bench::open(Level::V5);
        bench.input(Input::Malformed(error));
        assert_eq!(reasons(&bench.settle()), [reason]);
        assert_eq!(disconnect_code(&bench.sent()), code);
        assert!(bench.closed().is_some());
    }
}

#[test]
fn a_doomed_session_takes_no_more_downlinks_and_reports_none() {
    let mut bench = Bench::open(Level::V5);
    bench.subscribe("v1/devices/me/rpc/request/+", 1);
    bench.publish("nowhere", 1, 1, "");
    bench.input(Input::Malformed(DecodeError::InvalidUtf8));
    assert!(!bench.session.takes_downlinks());
    assert!(!bench.session.lets_downlinks_wait());
    bench.rpc(1, 0);
    assert!(deliveries(&bench.settle()).is_empty());
    assert!(bench.closed().is_some());
}

#[test]
fn a_closed_session_does_nothing_more() {
    let mut bench = Bench::open(Level::V5);
    bench.input(Input::Gone("connection lost"));
    assert_eq!(bench.closed().unwrap().reason, "connection lost");
    bench.input(Input::Packet(Packet::Pingreq));
    bench.input(Input::Outcomes(vec![Outcome::Done]));
    bench.rpc(1, 0);
    bench.close(Reason::TakenOver);
    bench.pass(Duration::from_secs(100_000));
    assert!(bench.sent().is_empty() && bench.submitted().is_empty());
    assert!(bench.closed().is_none());
    assert_eq!(bench.session.deadline(), None);
}
