//! CONNECT and CONNACK (contract/mqtt.md 2).

use super::keepalive::Keepalive;
use super::open::{ClientLimits, Open};
use super::{Effects, Granted, Input, Now, Settings, State};
use crate::model::credentials::Presented;
use crate::model::reject::{Reason, Rejection};
use crate::registry::handle::SessionEnd;
use crate::transport::mqtt::codec::packet::{Connack, Connect};
use crate::transport::mqtt::codec::{code, DecodeError, Level, Packet};
use crate::transport::mqtt::mapping::codes::{self, Shown};
use bytestring::ByteString;
use std::time::Duration;
use uuid::Uuid;

/// Who wants in, for the registry.
pub struct ConnectAs {
    pub presented: Presented,
    /// As it came, or made up for a client without one.
    pub client_id: String,
    pub clean_start: bool,
    /// Already cut to what is allowed.
    pub expiry: Duration,
}

/// What is remembered of CONNECT until the registry has answered.
pub(super) struct Asked {
    level: Level,
    shown: Shown,
    client: ClientLimits,
    keepalive: u16,
    assigned: Option<ByteString>,
    expiry: Duration,
    /// The session expiry was cut: the client is to be told.
    expiry_cut: bool,
}

/// Nothing but CONNECT is expected, and that soon.
pub(super) fn fresh(
    settings: &Settings,
    until: Duration,
    input: Input,
    now: Now,
    fx: &mut Effects,
) -> State {
    match input {
        Input::Connect { connect, spare_id } => ask(settings, *connect, spare_id, fx),
        Input::Malformed(error) => not_a_connect(error, None, fx),
        Input::BadConnect(error, level) => not_a_connect(error, level, fx),
        Input::Tick if now.mono < until => State::Fresh { until },
        Input::Tick => {
            let late = Rejection::new(Reason::TooSlow, "no CONNECT within mqtt.connect_timeout");
            fx.stranger = Some(late);
            close(fx, "no CONNECT in time")
        }
        Input::Gone(reason) => close(fx, reason),
        Input::Downlink(_) => close(fx, "shutting down"),
        _ => State::Fresh { until },
    }
}

fn ask(settings: &Settings, connect: Connect, spare_id: Uuid, fx: &mut Effects) -> State {
    if connect.authentication_method.is_some() {
        let detail = "enhanced authentication is not offered";
        return refuse_early(&connect, code::BAD_AUTHENTICATION_METHOD, detail, fx);
    }
    let needs_own_id =
        connect.level == Level::V31 || (connect.level == Level::V311 && !connect.clean_start);
    if needs_own_id && connect.client_id.is_empty() {
        let detail =
            "an empty client id needs 3.1.1 with a clean session, or MQTT 5 [MQTT-3.1.3-8]";
        return refuse_early(&connect, code::v3::IDENTIFIER_REJECTED, detail, fx);
    }
    let (as_who, asked) = split(settings, connect, spare_id);
    fx.connect = Some(Box::new(as_who));
    State::Connecting(Box::new(asked))
}

/// Parts CONNECT into what the registry and what the session needs of it.
fn split(settings: &Settings, connect: Connect, spare_id: Uuid) -> (ConnectAs, Asked) {
    let asked_expiry = match connect.session_expiry {
        u32::MAX => Duration::MAX,
        seconds => Duration::from_secs(u64::from(seconds)),
    };
    let expiry = asked_expiry.min(settings.max_session_expiry);
    let spare = connect.client_id.is_empty().then(|| spare_id.to_string());
    let asked = Asked {
        level: connect.level,
        shown: Shown {
            user_name: connect.user_name.as_ref().is_some_and(|n| !n.is_empty()),
            user_name_flag: connect.user_name.is_some(),
            password: connect.password.is_some(),
            client_id: !connect.client_id.trim().is_empty(),
        },
        client: ClientLimits {
            level: connect.level,
            window: connect.receive_maximum.clamp(1, settings.inflight_window),
            max_packet: connect.maximum_packet_size,
            problem_information: connect.request_problem_information,
        },
        keepalive: connect.keepalive,
        assigned: match &spare {
            Some(id) if connect.level == Level::V5 => Some(id.as_str().into()),
            _ => None,
        },
        expiry,
        expiry_cut: expiry < asked_expiry,
    };
    let as_who = ConnectAs {
        client_id: spare.unwrap_or_else(|| connect.client_id.to_string()),
        presented: Presented::Mqtt {
            client_id: connect.client_id.to_string(),
            user_name: connect.user_name,
            password: connect.password,
        },
        clean_start: connect.clean_start,
        expiry,
    };
    (as_who, asked)
}

/// The registry has answered.
pub(super) fn answered(
    settings: &Settings,
    asked: Box<Asked>,
    input: Input,
    now: Now,
    fx: &mut Effects,
) -> State {
    match input {
        Input::Connected(granted) => accept(settings, *asked, granted, now, fx),
        Input::Refused(rejection) => {
            let code = codes::connack(asked.level, rejection.reason, asked.shown);
            fx.send.push(connack_refused(code, &rejection.detail));
            close(fx, "refused")
        }
        Input::Gone(reason) => close(fx, reason),
        _ => State::Connecting(asked),
    }
}

fn accept(
    settings: &Settings,
    asked: Asked,
    granted: Granted,
    now: Now,
    fx: &mut Effects,
) -> State {
    let keepalive = Keepalive::new(asked.keepalive, settings.max_keepalive, now);
    let mut connack = Connack {
        // 3.1 has no such flag; the codec writes the byte only where it exists.
        session_present: granted.resumed.is_some() && asked.level != Level::V31,
        ..Connack::default()
    };
    if asked.level == Level::V5 {
        announce(settings, &asked, &keepalive, &mut connack);
    }
    fx.send.push(Packet::Connack(Box::new(connack)));
    let mut open = Open::new(asked.client, granted.profile, keepalive, asked.expiry);
    if let Some(stored) = granted.resumed {
        open.resume(settings, stored, fx);
    }
    State::Open(Box::new(open))
}

/// What an MQTT 5 client is told. Maximum QoS stays unsaid (= 2): QoS 2 publishes are received.
fn announce(settings: &Settings, asked: &Asked, keepalive: &Keepalive, connack: &mut Connack) {
    connack.session_expiry = asked.expiry_cut.then(|| seconds(asked.expiry));
    connack.receive_maximum = Some(settings.receive_maximum);
    connack.maximum_packet_size = Some(settings.max_packet);
    connack.retain_available = Some(false);
    connack.topic_alias_maximum = Some(settings.topic_alias_maximum);
    connack.assigned_client_id = asked.assigned.clone();
    // Served filters hold `+`: a client that honours a 0 here could not subscribe to them.
    connack.wildcard_subscription_available = Some(true);
    connack.subscription_identifiers_available = Some(false);
    connack.shared_subscription_available = Some(false);
    connack.server_keep_alive = keepalive.overridden();
}

/// As a Session Expiry Interval.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// Bytes that are no CONNECT. An answer needs a level to be written in, and in the older levels
/// a return code of the specification's.
fn not_a_connect(error: DecodeError, level: Option<Level>, fx: &mut Effects) -> State {
    fx.stranger = Some(Rejection::new(error.reason(), error.to_string()));
    let answer = match error {
        _ if level == Some(Level::V5) => Some(error.code()),
        DecodeError::UnsupportedLevel(_) => Some(code::v3::UNACCEPTABLE_PROTOCOL),
        DecodeError::ClientId => Some(code::v3::IDENTIFIER_REJECTED),
        _ => None,
    };
    if let Some(code) = answer {
        fx.send.push(connack_refused(code, ""));
    }
    close(fx, "malformed CONNECT")
}

fn refuse_early(connect: &Connect, code: u8, detail: &'static str, fx: &mut Effects) -> State {
    debug_assert!(connect.level == Level::V5 || code <= code::v3::NOT_AUTHORIZED);
    fx.stranger = Some(Rejection::new(Reason::ProtocolViolation, detail));
    fx.send.push(connack_refused(code, detail));
    close(fx, "refused")
}

fn connack_refused(code: u8, detail: &str) -> Packet {
    Packet::Connack(Box::new(Connack {
        code,
        reason_string: (!detail.is_empty()).then(|| detail.into()),
        ..Connack::default()
    }))
}

fn close(fx: &mut Effects, reason: &'static str) -> State {
    fx.close = Some(SessionEnd {
        reason: reason.to_owned(),
        ..SessionEnd::default()
    });
    State::Closed
}
