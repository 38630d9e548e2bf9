//! contract/mqtt.md 2.

use super::*;
use crate::model::credentials::Presented;
use crate::transport::mqtt::codec::{DecodeError, Packet};

struct Case {
    what: &'static str,
    reason: Reason,
    client_id: &'static str,
    user: Option<&'static str>,
    password: Option<&'static str>,
    old: u8,
    new: u8,
}

const fn case(
    what: &'static str,
    reason: Reason,
    who: (&'static str, Option<&'static str>, Option<&'static str>),
    codes: (u8, u8),
) -> Case {
    let (client_id, user, password) = who;
    let (old, new) = codes;
    Case {
        what,
        reason,
        client_id,
        user,
        password,
        old,
        new,
    }
}

const TABLE: &[Case] = &[
    case(
        "unknown token",
        Reason::CredentialsUnknown,
        ("c", Some("t"), None),
        (5, 0x86),
    ),
    case(
        "unknown user with password",
        Reason::CredentialsUnknown,
        ("c", Some("t"), Some("p")),
        (5, 0x86),
    ),
    case(
        "wrong password",
        Reason::PasswordWrong,
        ("c", Some("t"), Some("p")),
        (4, 0x86),
    ),
    case(
        "password without user name",
        Reason::CredentialsMissing,
        ("c", None, Some("p")),
        (4, 0x86),
    ),
    case(
        "unknown client id alone",
        Reason::CredentialsUnknown,
        ("c", None, None),
        (2, 0x85),
    ),
    case(
        "client id alone, by its own reason",
        Reason::ClientIdUnknown,
        ("c", None, None),
        (2, 0x85),
    ),
    case(
        "client id alone, called missing",
        Reason::CredentialsMissing,
        ("c", None, None),
        (2, 0x85),
    ),
    case(
        "nothing at all",
        Reason::CredentialsMissing,
        ("", None, None),
        (4, 0x87),
    ),
    case(
        "blank client id",
        Reason::CredentialsMissing,
        ("  ", None, None),
        (4, 0x87),
    ),
    case(
        "empty user name",
        Reason::CredentialsMissing,
        ("c", Some(""), None),
        (4, 0x87),
    ),
    case(
        "disabled",
        Reason::DeviceDisabled,
        ("c", Some("t"), None),
        (5, 0x87),
    ),
    case(
        "transport not allowed",
        Reason::TransportNotAllowed,
        ("c", Some("t"), None),
        (3, 0x88),
    ),
    case(
        "internal error",
        Reason::Internal,
        ("c", Some("t"), None),
        (3, 0x88),
    ),
    case(
        "store failed",
        Reason::StoreFailed,
        ("c", Some("t"), None),
        (3, 0x88),
    ),
    case(
        "rate limited",
        Reason::RateLimited,
        ("c", Some("t"), None),
        (3, 0x9F),
    ),
    case(
        "too many connections",
        Reason::TooManyConnections,
        ("c", Some("t"), None),
        (3, 0x9F),
    ),
    case(
        "shutting down",
        Reason::ShuttingDown,
        ("c", Some("t"), None),
        (3, 0x88),
    ),
];

#[test]
fn every_refusal_has_the_code_of_the_table_at_its_level() {
    for level in [Level::V311, Level::V5] {
        for case in TABLE {
            let mut connect = Connect::new(level, case.client_id);
            connect.user_name = case.user.map(str::to_owned);
            connect.password = case.password.map(|p| p.as_bytes().to_vec());
            let mut bench = Bench::new(settings());
            bench.connect(connect);
            assert!(bench.fx.connect.is_some());
            bench.input(Input::Refused(Rejection::new(case.reason, "why")));
            let expected = if level == Level::V5 {
                case.new
            } else {
                case.old
            };
            match bench.sent().as_slice() {
                [Packet::Connack(connack)] => {
                    assert_eq!(connack.code, expected, "{} at {level:?}", case.what);
                    assert!(!connack.session_present);
                }
                other => panic!("{}: {other:?}", case.what),
            }
            assert!(bench.closed().is_some(), "{}", case.what);
        }
    }
}

#[test]
fn an_old_client_gets_a_plain_connack() {
    for level in OLD {
        let mut bench = Bench::new(settings());
        bench.connect(Connect::new(level, "c1"));
        let connack = bench.granted(None, ProfileOptions::default());
        assert_eq!(connack, Connack::default());
        bench.assert_open();
    }
}

#[test]
fn an_mqtt_5_client_is_told_every_limit_but_no_maximum_qos() {
    let mut bench = Bench::new(settings());
    let mut connect = Connect::new(Level::V5, "c1");
    connect.keepalive = 60;
    bench.connect(connect);
    let expected = Connack {
        receive_maximum: Some(100),
        maximum_packet_size: Some(65_536),
        retain_available: Some(false),
        topic_alias_maximum: Some(4),
        wildcard_subscription_available: Some(true),
        subscription_identifiers_available: Some(false),
        shared_subscription_available: Some(false),
        ..Connack::default()
    };
    assert_eq!(bench.granted(None, ProfileOptions::default()), expected);
}

#[test]
fn a_client_without_an_id_is_assigned_one_in_mqtt_5_and_has_a_nameless_one_before() {
    let spare = Uuid::from_u128(7).to_string();
    for level in [Level::V311, Level::V5] {
        let mut bench = Bench::new(settings());
        bench.connect(Connect::new(level, ""));
        let asked = bench.fx.connect.take().unwrap();
        assert_eq!(asked.client_id, spare);
        let Presented::Mqtt { client_id, .. } = &asked.presented else {
            panic!("MQTT presents MQTT credentials");
        };
        assert_eq!(client_id, "", "credentials are looked up by what came");
        let connack = bench.granted(None, ProfileOptions::default());
        let assigned = connack.assigned_client_id.map(|id| id.to_string());
        assert_eq!(assigned, (level == Level::V5).then(|| spare.clone()));
    }
}

#[test]
fn an_empty_client_id_is_refused_where_the_session_could_not_be_found_again() {
    for (level, clean_start) in [
        (Level::V311, false),
        (Level::V31, true),
        (Level::V31, false),
    ] {
        let mut bench = Bench::new(settings());
        let mut connect = Connect::new(level, "");
        connect.clean_start = clean_start;
        bench.connect(connect);
        assert!(bench.fx.connect.is_none());
        assert!(bench.fx.stranger.is_some());
        assert!(matches!(bench.sent().as_slice(), [Packet::Connack(c)] if c.code == 2));
        assert!(bench.closed().is_some());
    }
}

#[test]
fn enhanced_authentication_is_answered_with_bad_authentication_method() {
    let mut bench = Bench::new(settings());
    let mut connect = Connect::new(Level::V5, "c");
    connect.authentication_method = Some("SCRAM".into());
    bench.connect(connect);
    assert!(matches!(bench.sent().as_slice(), [Packet::Connack(c)] if c.code == 0x8C));
    assert!(bench.closed().is_some());
}

#[test]
fn a_session_is_present_only_if_one_was_resumed() {
    for (level, present) in [(Level::V31, false), (Level::V311, true), (Level::V5, true)] {
        let mut bench = Bench::new(settings());
        let mut connect = Connect::new(level, "c1");
        connect.clean_start = false;
        connect.session_expiry = 100;
        bench.connect(connect);
        let stored = StoredSession {
            client_id: "c1".into(),
            subscriptions: Default::default(),
            expires_at: i64::MAX,
            acknowledged: 0,
            inflight: Vec::new(),
        };
        let connack = bench.granted(Some(stored), ProfileOptions::default());
        assert_eq!(connack.session_present, present, "{level:?}");
    }
}

#[test]
fn a_session_expiry_over_the_limit_is_cut_and_said_so() {
    let week = 7 * 86_400;
    for (asked, announced) in [
        (u32::MAX, Some(week)),
        (week + 1, Some(week)),
        (week, None),
        (0, None),
    ] {
        let mut bench = Bench::new(settings());
        let mut connect = Connect::new(Level::V5, "c1");
        connect.session_expiry = asked;
        bench.connect(connect);
        let expiry = bench.fx.connect.take().unwrap().expiry;
        assert_eq!(expiry, Duration::from_secs(u64::from(asked.min(week))));
        let connack = bench.granted(None, ProfileOptions::default());
        assert_eq!(connack.session_expiry, announced);
    }
}

#[test]
fn the_server_keep_alive_is_announced_only_where_it_differs() {
    for (asked, announced) in [
        (0, Some(3600)),
        (3601, Some(3600)),
        (3600, None),
        (15, None),
    ] {
        let mut bench = Bench::new(settings());
        let mut connect = Connect::new(Level::V5, "c1");
        connect.keepalive = asked;
        bench.connect(connect);
        let connack = bench.granted(None, ProfileOptions::default());
        assert_eq!(connack.server_keep_alive, announced, "{asked}");
    }
}

#[test]
fn no_packet_is_taken_between_connect_and_its_answer() {
    let mut bench = Bench::new(settings());
    assert!(bench.session.takes_packets());
    bench.connect(Connect::new(Level::V311, "c"));
    assert!(!bench.session.takes_packets());
    bench.granted(None, ProfileOptions::default());
    assert!(bench.session.takes_packets());
}

#[test]
fn a_peer_that_sends_no_connect_in_time_is_cut_off() {
    let mut bench = Bench::new(settings());
    bench.pass(Duration::from_millis(9_999));
    assert!(bench.closed().is_none());
    bench.pass(Duration::from_millis(1));
    assert!(bench.closed().is_some());
    assert_eq!(bench.fx.stranger.unwrap().reason, Reason::TooSlow);
    assert!(bench.fx.send.is_empty());
}

#[test]
fn bad_first_bytes_are_answered_where_the_level_knows_an_answer() {
    let cases = [
        (DecodeError::UnsupportedLevel(9), None, Some(1)),
        (DecodeError::ClientId, Some(Level::V31), Some(2)),
        (DecodeError::Truncated, Some(Level::V311), None),
        (DecodeError::NotConnect(3), None, None),
        (DecodeError::Truncated, Some(Level::V5), Some(0x81)),
        (DecodeError::PropertyTwice(1), Some(Level::V5), Some(0x82)),
    ];
    for (error, level, expected) in cases {
        let mut bench = Bench::new(settings());
        bench.input(Input::BadConnect(error, level));
        let code = match bench.sent().as_slice() {
            [] => None,
            [Packet::Connack(connack)] => Some(connack.code),
            other => panic!("{other:?}"),
        };
        assert_eq!(code, expected, "{error:?}");
        assert!(bench.fx.stranger.is_some());
        assert!(bench.closed().is_some());
    }
}
