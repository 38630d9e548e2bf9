//! The session machine alone: packets and outcomes go in, effects come out, time is a number.

mod aliases;
mod connect;
mod deliver;
mod end;
mod publish;
mod qos2;
mod resume;
mod shuffled;
mod subscribe;

use super::{Effects, Granted, Input, Now, Session, Settings};
use crate::model::device::ProfileOptions;
use crate::model::downlink::{Downlink, DownlinkBody, DownlinkId};
use crate::model::json::Rules;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::StoredSession;
use crate::model::uplink::{DeliveryStep, Outcome, Uplink};
use crate::registry::handle::SessionEnd;
use crate::transport::mqtt::codec::packet::{
    Ack, Connack, Connect, Disconnect, Filter, Publish, Subscribe,
};
use crate::transport::mqtt::codec::{Level, Packet, QoS};
use crate::transport::mqtt::mapping::downlink::session_limits;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub const TELEMETRY: &str = "v1/devices/me/telemetry";
pub const OLD: [Level; 2] = [Level::V31, Level::V311];
pub const ALL: [Level; 3] = [Level::V31, Level::V311, Level::V5];

pub fn settings() -> Settings {
    Settings {
        rules: Rules {
            max_depth: 8,
            max_key: 255,
            max_points: 1000,
            lenient: true,
        },
        connect_timeout: Duration::from_secs(10),
        max_keepalive: 3600,
        max_packet: 65_536,
        receive_maximum: 100,
        inflight_window: 100,
        topic_alias_maximum: 4,
        max_subscriptions: 50,
        outstanding_bytes: 256 * 1024,
        max_session_expiry: Duration::from_secs(7 * 86_400),
        session_limits: session_limits(65_536, 100),
    }
}

/// One session and everything it asked for that was not looked at yet.
pub struct Bench {
    pub session: Session,
    pub now: Now,
    pub fx: Effects,
}

impl Bench {
    pub fn new(settings: Settings) -> Self {
        let now = Now {
            wall: 1_700_000_000_000,
            mono: Duration::from_secs(1000),
        };
        Self {
            session: Session::new(Arc::new(settings), now),
            now,
            fx: Effects::default(),
        }
    }

    pub fn input(&mut self, input: Input) {
        self.session.handle(input, self.now, &mut self.fx);
    }

    pub fn connect(&mut self, connect: Connect) {
        self.input(Input::Connect {
            connect: Box::new(connect),
            spare_id: Uuid::from_u128(7),
        });
    }

    pub fn granted(&mut self, resumed: Option<StoredSession>, profile: ProfileOptions) -> Connack {
        self.input(Input::Connected(Granted { profile, resumed }));
        assert!(!self.fx.send.is_empty(), "no CONNACK");
        match self.fx.send.remove(0) {
            Packet::Connack(connack) => *connack,
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    /// A session that is open, with nothing left to look at.
    pub fn open_with(connect: Connect, settings: Settings) -> Self {
        let mut bench = Self::new(settings);
        bench.connect(connect);
        assert!(bench.fx.connect.take().is_some());
        assert_eq!(bench.granted(None, ProfileOptions::default()).code, 0);
        bench
    }

    pub fn open(level: Level) -> Self {
        Self::open_with(Connect::new(level, "c1"), settings())
    }

    pub fn packet(&mut self, packet: Packet) {
        assert!(self.session.takes_packets(), "takes no packets");
        self.input(Input::Packet(packet));
    }

    pub fn publish(&mut self, topic: &str, qos: u8, id: u16, payload: &str) {
        self.packet(publish(topic, qos, id, payload));
    }

    pub fn subscribe(&mut self, filter: &str, qos: u8) {
        self.packet(subscribe(1, &[(filter, qos)]));
        self.settle();
        self.sent();
    }

    pub fn sent(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.fx.send)
    }

    pub fn submitted(&mut self) -> Vec<Uplink> {
        std::mem::take(&mut self.fx.submit)
    }

    pub fn outcomes(&mut self, outcomes: Vec<Outcome>) {
        self.input(Input::Outcomes(outcomes));
    }

    pub fn done(&mut self) {
        self.outcomes(vec![Outcome::Done]);
    }

    /// Takes what was submitted and lets all of it succeed.
    pub fn settle(&mut self) -> Vec<Uplink> {
        let uplinks = self.submitted();
        let outcomes = uplinks.iter().map(success).collect();
        self.outcomes(outcomes);
        uplinks
    }

    pub fn downlink(&mut self, id: DownlinkId, body: DownlinkBody) {
        self.input(Input::Downlink(Downlink { id, body }));
    }

    pub fn rpc(&mut self, id: DownlinkId, request_id: i32) {
        let (method, params) = ("setGpio".to_owned(), "true".into());
        self.downlink(
            id,
            DownlinkBody::Rpc {
                request_id,
                method,
                params,
                redelivery: false,
            },
        );
    }

    pub fn close(&mut self, reason: Reason) {
        self.downlink(0, DownlinkBody::Close(reason));
    }

    pub fn pass(&mut self, time: Duration) {
        self.now.mono += time;
        self.input(Input::Tick);
    }

    pub fn closed(&mut self) -> Option<SessionEnd> {
        self.fx.close.take()
    }

    pub fn assert_open(&self) {
        assert!(self.fx.close.is_none(), "closed: {:?}", self.fx.close);
        assert!(self.session.is_open());
        assert!(self.session.takes_packets(), "the session is doomed");
    }
}

pub fn success(uplink: &Uplink) -> Outcome {
    match uplink {
        Uplink::AttributeRequest(_) => Outcome::Attributes(Default::default()),
        Uplink::RpcCall { .. } => Outcome::RpcResult("{}".into()),
        _ => Outcome::Done,
    }
}

pub fn refused(reason: Reason) -> Outcome {
    Outcome::Refused(Rejection::new(reason, "not now"))
}

pub fn publish(topic: &str, qos: u8, id: u16, payload: &str) -> Packet {
    let mut publish = Publish::new(topic, payload.to_owned());
    publish.qos = QoS::from_bits(qos).unwrap();
    publish.packet_id = (qos > 0).then_some(id);
    Packet::Publish(publish)
}

pub fn subscribe(id: u16, filters: &[(&str, u8)]) -> Packet {
    let filter = |(text, qos): &(&str, u8)| Filter::new(*text, QoS::from_bits(*qos).unwrap());
    Packet::Subscribe(Subscribe {
        packet_id: id,
        filters: filters.iter().map(filter).collect(),
        subscription_id: None,
    })
}

pub fn puback(id: u16) -> Packet {
    Packet::Puback(Ack::new(id))
}

/// (topic, payload, packet id, DUP) of what must be PUBLISHes.
pub fn published(packets: Vec<Packet>) -> Vec<(String, String, Option<u16>, bool)> {
    let text = |packet| match packet {
        Packet::Publish(p) => (
            p.topic.to_string(),
            String::from_utf8(p.payload.to_vec()).unwrap(),
            p.packet_id,
            p.dup,
        ),
        other => panic!("expected PUBLISH, got {other:?}"),
    };
    packets.into_iter().map(text).collect()
}

/// The code of the DISCONNECT that must be the last packet.
pub fn disconnect_code(packets: &[Packet]) -> u8 {
    match packets.last() {
        Some(Packet::Disconnect(Disconnect { reason, .. })) => *reason,
        other => panic!("expected DISCONNECT, got {other:?}"),
    }
}

/// (packet id, reason) of each acknowledgement.
pub fn acks(packets: &[Packet]) -> Vec<(u16, u8)> {
    let ack = |packet: &Packet| match packet {
        Packet::Puback(ack) | Packet::Pubrec(ack) => Some((ack.packet_id, ack.reason)),
        _ => None,
    };
    packets.iter().filter_map(ack).collect()
}

pub fn reasons(uplinks: &[Uplink]) -> Vec<Reason> {
    let reason = |uplink: &Uplink| match uplink {
        Uplink::Refused(rejection) => Some(rejection.reason),
        _ => None,
    };
    uplinks.iter().filter_map(reason).collect()
}

pub fn deliveries(uplinks: &[Uplink]) -> Vec<(DownlinkId, DeliveryStep)> {
    let step = |uplink: &Uplink| match uplink {
        Uplink::Delivery { id, step } => Some((*id, *step)),
        _ => None,
    };
    uplinks.iter().filter_map(step).collect()
}
