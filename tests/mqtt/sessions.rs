//! How sessions begin, go on and end (contract/mqtt.md 2).

use crate::common::until;
use crate::house::{House, TOKEN};
use crate::peer::{connect, persistent, puback, publish, Peer, ALL};
use industryos_iot::model::event::EventKind;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::rpc::RpcAnswer;
use industryos_iot::model::session::Transport;
use industryos_iot::model::units::Period;
use industryos_iot::model::value::Value;
use industryos_iot::transport::mqtt::codec::packet::{Ack, Connect, Disconnect};
use industryos_iot::transport::mqtt::codec::{Level, Packet};
use std::net::TcpStream;
use std::time::Duration;

const TELEMETRY: &str = "v1/devices/me/telemetry";
const ATTRIBUTES: &str = "v1/devices/me/attributes";
const RPC: &str = "v1/devices/me/rpc/request/+";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn credentials_are_answered_with_the_codes_of_the_table() {
    let house = House::open();
    house.add_device("OTHER");
    for (client, user, password, old, new) in [
        ("c", Some("WRONG"), None, 5, 0x86),
        ("c", Some("WRONG"), Some("p"), 5, 0x86),
        ("c", None, None, 2, 0x85),
        ("", None, None, 4, 0x87),
        ("c", Some(""), None, 4, 0x87),
        ("c", None, Some("p"), 4, 0x86),
        ("c", Some(TOKEN), Some("ignored"), 0, 0),
        ("", Some(TOKEN), None, 0, 0),
    ] {
        for level in [Level::V311, Level::V5] {
            let mut connect = Connect::new(level, client);
            connect.user_name = user.map(str::to_owned);
            connect.password = password.map(|p| p.as_bytes().to_vec());
            let (mut peer, connack) = Peer::connect(&house, connect);
            let expected = if level == Level::V5 { new } else { old };
            assert_eq!(connack.code, expected, "{client} {user:?} {password:?}");
            if expected != 0 {
                peer.expect_closed();
            }
        }
    }
    assert!(house.rejected(Transport::Mqtt, Reason::CredentialsUnknown) > 0);
}

#[test]
fn a_disabled_device_is_thrown_out_and_not_let_in() {
    let house = House::open();
    for level in [Level::V311, Level::V5] {
        let mut peer = Peer::device(&house, level);
        house.set_disabled(true);
        peer.expect_end(0x98);
        let (mut peer, connack) = Peer::connect(&house, connect(level));
        let expected = if level == Level::V5 { 0x87 } else { 5 };
        assert_eq!(connack.code, expected);
        peer.expect_closed();
        house.set_disabled(false);
        Peer::device(&house, level).ping();
    }
    assert!(house.refusals().contains(&Reason::DeviceDisabled));
}

#[test]
fn packets_that_arrive_with_connect_are_processed_in_order_after_connack() {
    let house = House::open();
    for level in ALL {
        let mut peer = Peer::open(&house, level);
        peer.send_all(&[
            Packet::Connect(Box::new(connect(level))),
            publish(TELEMETRY, 1, 1, "{\"early\":1}"),
            publish(TELEMETRY, 1, 2, "{\"early\":2}"),
            publish(TELEMETRY, 0, 0, "{\"early\":3}"),
            Packet::Pingreq,
        ]);
        assert!(matches!(peer.next(), Packet::Connack(connack) if connack.code == 0));
        let mut answers = [peer.next(), peer.next(), peer.next()];
        // PINGRESP waits for no disk.
        answers.sort_by_key(|packet| packet.name() == "PINGRESP");
        assert_eq!(answers, [puback(1), puback(2), Packet::Pingresp]);
        until("the last one counts", || {
            house.latest() == [("early".to_owned(), Value::Long(3))]
        });
    }
}

#[test]
fn the_guides_client_may_publish_and_leave_without_waiting() {
    let house = House::open();
    let mut peer = Peer::open(&house, Level::V311);
    peer.send_all(&[
        Packet::Connect(Box::new(connect(Level::V311))),
        publish(TELEMETRY, 0, 0, "{\"temperature\":25.5}"),
        Packet::Disconnect(Disconnect::default()),
    ]);
    assert!(matches!(peer.next(), Packet::Connack(connack) if connack.code == 0));
    peer.expect_closed();
    until("it is stored", || house.latest().len() == 1);
    until("its end is told", || {
        house.ends() == ["client disconnected"]
    });
}

#[test]
fn a_second_session_of_a_device_takes_over() {
    let house = House::open();
    for level in ALL {
        let mut old = Peer::device(&house, level);
        let mut other = connect(Level::V311);
        other.client_id = "another".into();
        let (mut new, connack) = Peer::connect(&house, other);
        assert_eq!(connack.code, 0);
        old.expect_end(0x8E);
        new.publish(TELEMETRY, 1, 1, "{\"a\":1}");
        assert_eq!(new.ack(), (1, 0));
    }
}

#[test]
fn a_session_that_is_taken_over_has_its_publishes_acknowledged_first() {
    let house = House::open();
    let mut old = Peer::device(&house, Level::V5);
    let gate = house.store.gate();
    old.publish(TELEMETRY, 1, 1, "{\"a\":1}");
    until("the commit waits", || house.store.waiting_commits() > 0);
    let mut new = Peer::open(&house, Level::V5);
    new.send(&Packet::Connect(Box::new(connect(Level::V5))));
    drop(gate);
    assert_eq!(old.ack(), (1, 0));
    old.expect_end(0x8E);
    assert!(matches!(new.next(), Packet::Connack(connack) if connack.code == 0));
}

#[test]
fn a_second_connect_closes() {
    let house = House::open();
    for level in ALL {
        let mut peer = Peer::device(&house, level);
        peer.send(&Packet::Connect(Box::new(connect(level))));
        peer.expect_end(0x82);
    }
    let expected = [Reason::ProtocolViolation; 3];
    assert_eq!(house.refusals(), expected);
}

#[test]
fn a_silent_client_is_cut_off_after_one_and_a_half_keepalives() {
    let house = House::open();
    for level in ALL {
        let mut connect = connect(level);
        connect.keepalive = 1;
        let begin = std::time::Instant::now();
        let (mut peer, _) = Peer::connect(&house, connect);
        peer.expect_end(0x8D);
        assert!(begin.elapsed() >= Duration::from_millis(1500));
    }
    assert_eq!(house.refusals(), [Reason::KeepaliveExpired; 3]);
}

#[test]
fn whoever_sends_no_connect_in_time_is_cut_off() {
    let house = House::with(|config| {
        config.mqtt.connect_timeout = Period(Duration::from_millis(200));
    });
    let mut silent = Peer::open(&house, Level::V311);
    silent.expect_closed();
    let mut slow = Peer::open(&house, Level::V311);
    slow.raw(b"\x10\x20\0\x04MQ");
    slow.expect_closed();
    assert_eq!(house.rejected(Transport::Mqtt, Reason::TooSlow), 2);
}

#[test]
fn a_resumed_session_gets_its_unacknowledged_messages_again_with_dup() {
    let house = House::open();
    for (n, level) in ALL.into_iter().enumerate() {
        let (mut peer, connack) = Peer::connect(&house, persistent(level));
        assert!(!connack.session_present);
        peer.subscribe(RPC, 1);
        let answer = house.rpc(House::order("once", "1", false, true));
        assert!(matches!(
            answer.recv_timeout(PATIENCE).unwrap(),
            RpcAnswer::Accepted(_)
        ));
        let first = peer.message();
        assert!(!first.dup);
        drop(peer);
        until("the end is known", || house.ends().len() == 3 * n + 1);

        let (mut peer, connack) = Peer::connect(&house, persistent(level));
        assert_eq!(connack.session_present, level != Level::V31, "{level:?}");
        let again = peer.message();
        assert!(again.dup, "{level:?}");
        assert_eq!(again.packet_id, first.packet_id);
        assert_eq!(
            (&again.topic, &again.payload),
            (&first.topic, &first.payload)
        );
        peer.send(&puback(again.packet_id.unwrap()));
        let reply = again.topic.replace("request", "response");
        peer.publish(&reply, 1, 1, "{}");
        assert_eq!(peer.ack(), (1, 0), "no second copy came in between");
        peer.disconnect();
        Peer::device(&house, level).disconnect();
        until("the session is forgotten", || {
            house.ends().len() == 3 * (n + 1)
        });
    }
}

#[test]
fn changes_and_rpcs_wait_for_a_persistent_session_also_over_a_restart() {
    let mut house = House::open();
    let (mut peer, _) = Peer::connect(&house, persistent(Level::V311));
    peer.subscribe(ATTRIBUTES, 1);
    peer.subscribe("v2/r/req/+", 1);
    peer.disconnect();
    until("the end is known", || house.ends().len() == 1);
    house.share(&[("while", 1), ("away", 2)]);
    let answer = house.rpc(House::order("wait", "2", true, true));
    answer.recv_timeout(PATIENCE).unwrap();
    house.stop();

    let house = House::over(house.store.reopened(), |_| {});
    let (mut peer, connack) = Peer::connect(&house, persistent(Level::V311));
    assert!(connack.session_present);
    let mut got = [peer.take(), peer.take()];
    got.sort();
    assert_eq!(got[0].0, ATTRIBUTES);
    assert!(got[0].1.contains("\"away\":2") && got[0].1.contains("\"while\":1"));
    assert!(got[1].0.starts_with("v2/r/req/"));
    assert_eq!(got[1].1, r#"{"method":"wait","params":2}"#);
}

#[test]
fn a_clean_start_finds_no_session_and_forgets_the_old_one() {
    let house = House::open();
    let (mut peer, _) = Peer::connect(&house, persistent(Level::V5));
    peer.subscribe(ATTRIBUTES, 1);
    peer.disconnect();
    let (peer, connack) = Peer::connect(&house, connect(Level::V5));
    assert!(!connack.session_present);
    peer.disconnect();
    let (mut peer, connack) = Peer::connect(&house, persistent(Level::V5));
    assert!(!connack.session_present);
    house.share(&[("unheard", 1)]);
    peer.ping();
}

#[test]
fn stopping_tells_mqtt_5_clients_and_ends_everything() {
    let mut house = House::open();
    let mut five = Peer::device(&house, Level::V5);
    house.add_device("OTHER");
    let mut other = connect(Level::V311);
    other.user_name = Some("OTHER".into());
    let (mut four, _) = Peer::connect(&house, other);
    let mut stranger = Peer::open(&house, Level::V311);
    house.stop();
    five.expect_end(0x8B);
    four.expect_end(0);
    stranger.expect_closed();
    assert!(TcpStream::connect(house.mqtt).is_err(), "still listening");
}

#[test]
fn more_connections_than_allowed_are_told_so_in_connack() {
    let house = House::with(|config| config.mqtt.max_connections = 1);
    let _first = Peer::device(&house, Level::V311);
    let (mut peer, connack) = Peer::connect(&house, connect(Level::V311));
    assert_eq!(connack.code, 3);
    peer.expect_closed();
    let (mut peer, connack) = Peer::connect(&house, connect(Level::V5));
    assert_eq!(connack.code, 0x9F);
    peer.expect_closed();
    assert_eq!(
        house.rejected(Transport::Mqtt, Reason::TooManyConnections),
        2
    );
}

#[test]
fn one_address_may_not_hold_all_connections_before_it_authenticates() {
    let house = House::with(|config| config.mqtt.max_unauthenticated_per_address = 2);
    let _waiting = [
        Peer::open(&house, Level::V311),
        Peer::open(&house, Level::V311),
    ];
    until("both are in", || {
        Peer::open(&house, Level::V311).closes_at_once()
    });
    assert!(house.rejected(Transport::Mqtt, Reason::TooManyConnections) > 0);
    drop(_waiting);
    // Devices do not count.
    until("there is room again", || {
        !Peer::open(&house, Level::V311).closes_at_once()
    });
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let house = House::with(|config| {
        config.mqtt.write_timeout = Period(Duration::from_millis(300));
    });
    let mut peer = Peer::device(&house, Level::V311);
    let large = format!("{{\"large\":\"{}\"}}", "x".repeat(50_000));
    peer.publish(ATTRIBUTES, 1, 1, &large);
    assert_eq!(peer.ack(), (1, 0));
    // At QoS 0 the answers wait for no acknowledgement: only the socket holds them up.
    peer.subscribe("v2/a/res/+", 0);
    peer.set_write_timeout();
    until("the server gives up", || {
        let _ = peer.try_publish("v2/a/req/1", "{}");
        house.ends().iter().any(|end| end == "too slow to read")
    });
}

#[test]
fn the_stream_tells_who_came_and_whether_a_session_went_on() {
    let house = House::open();
    for _ in 0..2 {
        Peer::connect(&house, persistent(Level::V311))
            .0
            .disconnect();
        until("the end is known", || {
            matches!(house.rows().last(), Some(EventKind::Disconnected { .. }))
        });
    }
    let connected: Vec<bool> = house
        .rows()
        .into_iter()
        .filter_map(|row| match row {
            EventKind::Connected { client_id, resumed } if client_id == "peer" => Some(resumed),
            _ => None,
        })
        .collect();
    assert_eq!(connected, [false, true]);
}

#[test]
fn after_a_crash_an_old_handshake_does_not_swallow_a_new_publish() {
    let house = House::open();
    let (mut peer, _) = Peer::connect(&house, persistent(Level::V311));
    peer.publish(TELEMETRY, 2, 5, "{\"n\":1}");
    assert_eq!(peer.ack(), (5, 0));
    drop(peer);
    until("the end is known", || house.ends().len() == 1);
    let (mut peer, connack) = Peer::connect(&house, persistent(Level::V311));
    assert!(connack.session_present);
    peer.send(&Packet::Pubrel(Ack::new(5)));
    assert_eq!(peer.ack(), (5, 0));
    peer.publish(TELEMETRY, 1, 6, "{\"n\":2}");
    assert_eq!(peer.ack(), (6, 0));

    // What a restart finds while the session is live is what a kill -9 leaves.
    let house = House::over(house.store.reopened(), |_| {});
    let (mut peer, connack) = Peer::connect(&house, persistent(Level::V311));
    assert!(connack.session_present);
    peer.publish(TELEMETRY, 2, 5, "{\"n\":3}");
    assert_eq!(peer.ack(), (5, 0));
    assert_eq!(house.latest(), [("n".to_owned(), Value::Long(3))]);
}
