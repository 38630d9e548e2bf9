//! What is held of a budget of memory, and who waits for it (`budget_*{budget}`).

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BudgetLabel {
    budget: &'static str,
}

/// The figures of all budgets.
#[derive(Clone, Default)]
pub(super) struct Budgets {
    bytes: Family<BudgetLabel, Gauge>,
    peak: Family<BudgetLabel, Gauge>,
    waiting: Family<BudgetLabel, Gauge>,
    waits: Family<BudgetLabel, Counter>,
}

impl Budgets {
    pub fn registered(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register(
            "budget_bytes",
            "Memory that is held of a budget",
            all.bytes.clone(),
        );
        registry.register(
            "budget_peak_bytes",
            "The most that was ever held of it",
            all.peak.clone(),
        );
        registry.register(
            "budget_waiting",
            "How many wait for some of it",
            all.waiting.clone(),
        );
        registry.register(
            "budget_waits",
            "How often somebody had to wait for some of it",
            all.waits.clone(),
        );
        all
    }

    pub fn meter(&self, budget: &'static str) -> BudgetMeter {
        let label = BudgetLabel { budget };
        BudgetMeter {
            bytes: self.bytes.get_or_create_owned(&label),
            peak: self.peak.get_or_create_owned(&label),
            waiting: self.waiting.get_or_create_owned(&label),
            waits: self.waits.get_or_create_owned(&label),
        }
    }
}

/// The figures of one budget. Every clone counts the same.
#[derive(Clone, Default)]
pub struct BudgetMeter {
    bytes: Gauge,
    peak: Gauge,
    waiting: Gauge,
    waits: Counter,
}

impl BudgetMeter {
    /// Must not be called by two at once.
    pub fn set(&self, bytes: usize, waiting: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.bytes.set(bytes);
        if bytes > self.peak.get() {
            self.peak.set(bytes);
        }
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub fn waits(&self) {
        self.waits.inc();
    }

    pub fn bytes(&self) -> usize {
        usize::try_from(self.bytes.get()).unwrap_or(0)
    }

    /// The most that was ever held.
    pub fn peak(&self) -> usize {
        usize::try_from(self.peak.get()).unwrap_or(0)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        usize::try_from(self.waiting.get()).unwrap_or(0)
    }
}
