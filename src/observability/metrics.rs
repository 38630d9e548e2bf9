//! Counters and gauges of the whole process, served at `/metrics` (OpenMetrics text).

use crate::model::reject::Reason;
use crate::model::session::Transport;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RejectedLabels {
    transport: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TransportLabel {
    transport: &'static str,
}

/// Cheap to clone; every clone counts into the same process-wide figures.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    rejected: Family<RejectedLabels, Counter>,
    uplinks: Family<TransportLabel, Counter>,
    points: Counter,
    connections: Family<TransportLabel, Gauge>,
    commits: Counter,
    journal_bytes: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let rejected = Family::default();
        let uplinks = Family::default();
        let points = Counter::default();
        let connections = Family::default();
        let commits = Counter::default();
        let journal_bytes = Counter::default();
        registry.register(
            "rejected",
            "Refusals by transport and reason",
            rejected.clone(),
        );
        registry.register("uplinks", "Messages taken from devices", uplinks.clone());
        registry.register("points", "Telemetry points stored", points.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("commits", "Group commits synced to disk", commits.clone());
        registry.register(
            "journal_bytes",
            "Bytes written to the journal",
            journal_bytes.clone(),
        );
        Self(Arc::new(Inner {
            registry,
            rejected,
            uplinks,
            points,
            connections,
            commits,
            journal_bytes,
        }))
    }

    /// `rejected_total{transport,reason}`.
    pub fn rejected(&self, transport: Transport, reason: Reason) {
        let labels = RejectedLabels {
            transport: transport.label(),
            reason: reason.label(),
        };
        self.0.rejected.get_or_create(&labels).inc();
    }

    pub fn uplinks(&self, transport: Transport, messages: u64) {
        self.0
            .uplinks
            .get_or_create(&TransportLabel {
                transport: transport.label(),
            })
            .inc_by(messages);
    }

    pub fn points(&self, points: u64) {
        self.0.points.inc_by(points);
    }

    pub fn connection_opened(&self, transport: Transport) {
        self.0
            .connections
            .get_or_create(&TransportLabel {
                transport: transport.label(),
            })
            .inc();
    }

    pub fn connection_closed(&self, transport: Transport) {
        self.0
            .connections
            .get_or_create(&TransportLabel {
                transport: transport.label(),
            })
            .dec();
    }

    pub fn committed(&self, journal_bytes: u64) {
        self.0.commits.inc();
        self.0.journal_bytes.inc_by(journal_bytes);
    }

    /// OpenMetrics text of everything.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.0.registry);
        text
    }
}
