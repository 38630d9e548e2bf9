//! SUBSCRIBE, UNSUBSCRIBE and the table of what is subscribed (contract/mqtt.md 4).

use super::open::Open;
use super::outcome::{Granting, Then};
use super::{Effects, Settings};
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Subscriptions;
use crate::model::uplink::Uplink;
use crate::transport::mqtt::codec::packet::{Suback, Subscribe, Unsuback, Unsubscribe};
use crate::transport::mqtt::codec::{code, QoS};
use crate::transport::mqtt::mapping::{Filter, Form, Kind};
use std::fmt::Write;

/// How many filters a refusal names.
const NAMED: usize = 3;
/// ... and how much of each, in characters.
const NAME_LENGTH: usize = 60;

/// Served filters with their granted QoS, the most recent last.
#[derive(Default)]
pub(super) struct Table(Vec<(Filter, QoS)>);

impl Table {
    /// Returns the QoS it had before.
    pub fn put(&mut self, filter: Filter, qos: QoS) -> Option<QoS> {
        let before = self.remove(filter);
        self.0.push((filter, qos));
        before
    }

    pub fn remove(&mut self, filter: Filter) -> Option<QoS> {
        let index = self.0.iter().position(|(known, _)| *known == filter)?;
        Some(self.0.remove(index).1)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn holds(&self, filter: Filter) -> bool {
        self.0.iter().any(|(known, _)| *known == filter)
    }

    /// Notifications follow the most recent subscription of their kind.
    pub fn latest(&self, kind: Kind) -> Option<(Form, QoS)> {
        let of_kind = |(filter, _): &&(Filter, QoS)| filter.kind() == kind;
        let (filter, qos) = self.0.iter().rev().find(of_kind)?;
        Some((filter.form(), *qos))
    }

    /// Answers have the form of their request, and the QoS of the subscription to it.
    pub fn qos_of(&self, kind: Kind, form: Form) -> Option<QoS> {
        let matching =
            |(filter, _): &&(Filter, QoS)| filter.kind() == kind && filter.form() == form;
        self.0.iter().find(matching).map(|(_, qos)| *qos)
    }

    /// For the device actor; `wire` is a line `qos filter` per subscription, and only kept where
    /// the session may be resumed.
    pub fn subscriptions(&self, persistent: bool) -> Subscriptions {
        let mut wire = String::new();
        if persistent {
            for (filter, qos) in &self.0 {
                // Writing into a String cannot fail.
                let _ = writeln!(wire, "{} {}", qos.bits(), filter.text());
            }
        }
        Subscriptions {
            attributes: self.latest(Kind::AttributeUpdates).is_some(),
            rpc: self.latest(Kind::RpcRequests).is_some(),
            wire: wire.into_bytes(),
        }
    }

    /// The inverse; lines that say nothing to this version are left out.
    pub fn restore(wire: &[u8]) -> Self {
        let mut table = Self::default();
        for line in String::from_utf8_lossy(wire).lines() {
            let Some((qos, filter)) = line.split_once(' ') else {
                continue;
            };
            let qos = if qos == "0" {
                QoS::AtMostOnce
            } else {
                QoS::AtLeastOnce
            };
            if let Some(filter) = Filter::parse(filter) {
                table.put(filter, qos);
            }
        }
        table
    }
}

impl Open {
    pub fn subscribe(&mut self, settings: &Settings, packet: Subscribe, fx: &mut Effects) {
        let mut codes = Vec::with_capacity(packet.filters.len());
        let mut before = Vec::new();
        let mut refused = Refused::default();
        for asked in &packet.filters {
            let filter = Filter::parse(&asked.filter);
            let known = filter.is_some_and(|filter| self.table.holds(filter));
            codes.push(match filter {
                None => {
                    refused.unknown.add(&asked.filter);
                    self.suback_failure(code::TOPIC_FILTER_INVALID)
                }
                Some(_) if !known && self.table.len() >= settings.max_subscriptions => {
                    refused.too_many.add(&asked.filter);
                    self.suback_failure(code::QUOTA_EXCEEDED)
                }
                Some(filter) => {
                    if filter.kind() == Kind::Protobuf {
                        refused.protobuf.add(filter.text());
                    }
                    let qos = asked.qos.min(QoS::AtLeastOnce);
                    before.push((filter, self.table.put(filter, qos)));
                    qos.bits()
                }
            });
        }
        let suback = Suback {
            packet_id: packet.packet_id,
            codes,
        };
        self.grant(Granting { suback, before }, refused, fx);
    }

    /// Rows about refusals first; SUBACK goes with the outcome of the last uplink.
    fn grant(&mut self, granting: Granting, refused: Refused, fx: &mut Effects) {
        let mut rows = refused.rows();
        let last = if granting.before.is_empty() {
            // Not empty in this case: a SUBSCRIBE has a filter, and it was refused.
            rows.pop().map_or(Uplink::Activity, Uplink::Refused)
        } else {
            Uplink::Subscribe(self.table.subscriptions(self.is_persistent()))
        };
        for row in rows {
            self.submit(Uplink::Refused(row), Then::Nothing, 0, fx);
        }
        let filters = granting.suback.codes.len();
        self.submit(last, Then::Suback(Box::new(granting)), filters, fx);
    }

    fn suback_failure(&self, code: u8) -> u8 {
        if self.is_v5() {
            code
        } else {
            code::SUBACK_FAILURE
        }
    }

    pub fn unsubscribe(&mut self, packet: Unsubscribe, fx: &mut Effects) {
        let mut changed = false;
        let mut codes = Vec::with_capacity(packet.filters.len());
        for filter in &packet.filters {
            let removed = Filter::parse(filter).and_then(|filter| self.table.remove(filter));
            changed |= removed.is_some();
            codes.push(match removed {
                Some(_) => code::SUCCESS,
                None => code::NO_SUBSCRIPTION_EXISTED,
            });
        }
        let uplink = if changed {
            Uplink::Subscribe(self.table.subscriptions(self.is_persistent()))
        } else {
            Uplink::Activity
        };
        let filters = codes.len();
        let packet_id = packet.packet_id;
        let then = Then::Unsuback(Box::new(Unsuback { packet_id, codes }));
        self.submit(uplink, then, filters, fx);
    }
}

/// Filters of one SUBSCRIBE that need a word, one row a kind however many they are.
#[derive(Default)]
struct Refused {
    unknown: Named,
    too_many: Named,
    protobuf: Named,
}

#[derive(Default)]
struct Named {
    names: Vec<String>,
    count: usize,
}

impl Named {
    fn add(&mut self, filter: &str) {
        self.count += 1;
        if self.names.len() < NAMED {
            let name: String = filter.chars().take(NAME_LENGTH).collect();
            self.names.push(format!("`{name}`"));
        }
    }

    fn row(self, reason: Reason, what: &str) -> Option<Rejection> {
        if self.count == 0 {
            return None;
        }
        let mut text = self.names.join(", ");
        if self.count > NAMED {
            let _ = write!(text, " and {} more", self.count - NAMED);
        }
        Some(Rejection::new(reason, format!("{text}: {what}")))
    }
}

impl Refused {
    fn rows(self) -> Vec<Rejection> {
        [
            self.protobuf.row(
                Reason::UnknownFilter,
                "granted, but nothing is sent in Protobuf; subscribe to the JSON form",
            ),
            self.too_many.row(
                Reason::QueueFull,
                "more subscriptions than mqtt.max_subscriptions",
            ),
            self.unknown.row(
                Reason::UnknownFilter,
                "not one of the filters that are served",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
