//! Counters and gauges of the whole process, served at `/metrics` (OpenMetrics text).

use super::budgets::{BudgetMeter, Budgets};
use crate::model::reject::Reason;
use crate::model::session::Transport;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::{Arc, OnceLock};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RejectedLabels {
    transport: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TransportLabel {
    transport: &'static str,
}

/// Why points went that nobody deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Older than the retention.
    Age,
    /// The data directory came to its cap.
    Size,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DoorLabel {
    door: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReloadLabels {
    door: &'static str,
    outcome: &'static str,
}

/// Cheap to clone; every clone counts into the same process-wide figures.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    rejected: Family<RejectedLabels, Counter>,
    uplinks: Family<TransportLabel, Counter>,
    /// Found once: a counter of the family costs a lock and a hash.
    mqtt_uplinks: OnceLock<Counter>,
    points: Counter,
    connections: Family<TransportLabel, Gauge>,
    commits: Counter,
    journal_bytes: Counter,
    data_bytes: Gauge,
    compactions: Counter,
    compacted_bytes: Counter,
    damaged_blocks: Counter,
    certificate_days: Family<DoorLabel, Gauge>,
    certificate_reloads: Family<ReloadLabels, Counter>,
    associations: Gauge,
    head_bytes: Gauge,
    budgets: Budgets,
    expiries: Family<CauseLabel, Counter>,
    expired_blocks: Family<CauseLabel, Counter>,
    expired_rows: Family<CauseLabel, Counter>,
    expired_bytes: Family<CauseLabel, Counter>,
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
        let data_bytes = Gauge::default();
        registry.register(
            "data_bytes",
            "Size of the data directory on disk",
            data_bytes.clone(),
        );
        let (compactions, compacted_bytes) = (Counter::default(), Counter::default());
        registry.register(
            "compactions",
            "Times that the tables' file was made anew",
            compactions.clone(),
        );
        registry.register(
            "compacted_bytes",
            "Bytes of disk that this gave back",
            compacted_bytes.clone(),
        );
        let damaged_blocks = Counter::default();
        registry.register(
            "damaged_blocks",
            "Times that a block of points or a page of latest values could not be read",
            damaged_blocks.clone(),
        );
        let certificate_days = Family::default();
        registry.register(
            "tls_certificate_days",
            "Whole days until a door's certificate ends",
            certificate_days.clone(),
        );
        let certificate_reloads = Family::default();
        registry.register(
            "tls_reloads",
            "Times a door's certificate files were read again, by outcome",
            certificate_reloads.clone(),
        );
        let associations = Gauge::default();
        registry.register(
            "dtls_associations",
            "DTLS associations, those that shake hands included",
            associations.clone(),
        );
        let head_bytes = Gauge::default();
        registry.register(
            "head_bytes",
            "Memory of points that are not sealed into blocks yet",
            head_bytes.clone(),
        );
        let budgets = Budgets::registered(&mut registry);
        let mut expired = |name: &str, help: &str| {
            let counter = Family::<CauseLabel, Counter>::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let expiries = expired("expiries", "Devices relieved of old points, by cause");
        let expired_blocks = expired("expired_blocks", "Blocks of old points dropped whole");
        let expired_rows = expired("expired_rows", "Times with their values in those blocks");
        let expired_bytes = expired("expired_bytes", "About how many bytes those blocks had");
        Self(Arc::new(Inner {
            registry,
            rejected,
            uplinks,
            mqtt_uplinks: OnceLock::new(),
            points,
            connections,
            commits,
            journal_bytes,
            data_bytes,
            compactions,
            compacted_bytes,
            damaged_blocks,
            certificate_days,
            certificate_reloads,
            associations,
            head_bytes,
            budgets,
            expiries,
            expired_blocks,
            expired_rows,
            expired_bytes,
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
        let counter = || {
            let transport = transport.label();
            let label = TransportLabel { transport };
            self.0.uplinks.get_or_create_owned(&label)
        };
        if transport == Transport::Mqtt {
            self.0.mqtt_uplinks.get_or_init(counter).inc_by(messages);
        } else {
            counter().inc_by(messages);
        }
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

    /// Size of the data directory on disk.
    pub fn data_bytes(&self, bytes: u64) {
        self.0
            .data_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The tables' file was made anew and is so many bytes smaller.
    pub fn compacted(&self, bytes: u64) {
        self.0.compactions.inc();
        self.0.compacted_bytes.inc_by(bytes);
    }

    /// A block of points or a page of latest values cannot be read.
    pub fn damaged_block(&self) {
        self.0.damaged_blocks.inc();
    }

    /// Whole days until the certificate of a door ends; negative afterwards.
    pub fn certificate_days(&self, door: &'static str, days: i64) {
        let label = DoorLabel { door };
        self.0.certificate_days.get_or_create(&label).set(days);
    }

    /// A door's files were read again: with them from now on (`taken`), or as before.
    pub fn certificate_reloaded(&self, door: &'static str, taken: bool) {
        let labels = ReloadLabels {
            door,
            outcome: if taken { "taken" } else { "refused" },
        };
        self.0.certificate_reloads.get_or_create(&labels).inc();
    }

    /// Under DTLS now.
    pub fn associations(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.associations.set(count);
    }

    /// What open and frozen heads take now.
    pub fn head_bytes(&self, bytes: usize) {
        self.0
            .head_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Where it is noted what is held of the budget of this name.
    pub fn budget(&self, name: &'static str) -> BudgetMeter {
        self.0.budgets.meter(name)
    }

    /// One device lost old points; the figures are of blocks that went whole.
    pub fn expired(&self, cause: Cause, blocks: u64, rows: u64, bytes: u64) {
        let label = CauseLabel {
            cause: match cause {
                Cause::Age => "age",
                Cause::Size => "size",
            },
        };
        self.0.expiries.get_or_create(&label).inc();
        self.0.expired_blocks.get_or_create(&label).inc_by(blocks);
        self.0.expired_rows.get_or_create(&label).inc_by(rows);
        self.0.expired_bytes.get_or_create(&label).inc_by(bytes);
    }

    /// OpenMetrics text of everything.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.0.registry);
        text
    }
}
