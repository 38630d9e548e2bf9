//! What is measured and for how long, from the environment (`scripts/bench` documents it).

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// A smoke test: everything once and small, figures mean nothing.
    pub quick: bool,
    /// Parts by name; empty = all.
    only: Vec<String>,
    /// Runs of each figure; the table shows the median.
    pub runs: usize,
    /// Measured time of one run, after a warm-up of a quarter of it.
    pub length: Duration,
    pub overload: Duration,
    pub meter_days: u64,
    pub meter_devices: usize,
    pub scan_days: u64,
    pub scan_devices: u64,
    pub idle: usize,
    pub tls_idle: usize,
    pub provisioned: usize,
    /// What the process may take under overload, in bytes (`store.memory`'s default).
    pub budget: u64,
    /// Only the platform: for profiles.
    pub alone: bool,
}

fn value<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(_) => panic!("{name}={text} is not what it should be"),
    }
}

fn words(name: &str) -> Vec<String> {
    let text = std::env::var(name).unwrap_or_default();
    text.split([',', ' '])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Settings {
    pub fn from_environment() -> Self {
        let quick = std::env::var_os("BENCH_QUICK").is_some();
        let mut settings = if quick { Self::quick() } else { Self::full() };
        settings.only = words("BENCH_ONLY");
        settings.alone = std::env::var_os("BENCH_ALONE").is_some();
        let seconds = |to: &mut Duration, name| {
            if let Some(seconds) = value(name) {
                *to = Duration::from_secs_f64(seconds);
            }
        };
        seconds(&mut settings.length, "BENCH_SECONDS");
        seconds(&mut settings.overload, "BENCH_OVERLOAD_SECONDS");
        let count = |to: &mut usize, name| *to = value(name).unwrap_or(*to);
        count(&mut settings.runs, "BENCH_RUNS");
        count(&mut settings.meter_devices, "BENCH_METER_DEVICES");
        count(&mut settings.idle, "BENCH_IDLE");
        count(&mut settings.tls_idle, "BENCH_TLS_IDLE");
        count(&mut settings.provisioned, "BENCH_DEVICES");
        let number = |to: &mut u64, name| *to = value(name).unwrap_or(*to);
        number(&mut settings.meter_days, "BENCH_METER_DAYS");
        number(&mut settings.scan_days, "BENCH_SCAN_DAYS");
        if let Some(mebibytes) = value::<u64>("BENCH_BUDGET_MIB") {
            settings.budget = mebibytes << 20;
        }
        settings
    }

    /// The demands.
    fn full() -> Self {
        Settings {
            quick: false,
            only: Vec::new(),
            runs: 5,
            length: Duration::from_secs(3),
            overload: Duration::from_secs(600),
            meter_days: 30,
            meter_devices: 1_000,
            scan_days: 10,
            scan_devices: 100,
            idle: 20_000,
            tls_idle: 5_000,
            provisioned: 100_000,
            budget: 256 << 20,
            alone: false,
        }
    }

    /// Does it still work? Some seconds in all, also with an unoptimised server.
    fn quick() -> Self {
        Settings {
            quick: true,
            runs: 1,
            length: Duration::from_millis(200),
            overload: Duration::from_millis(300),
            meter_days: 1,
            meter_devices: 5,
            scan_days: 1,
            scan_devices: 2,
            idle: 50,
            tls_idle: 20,
            provisioned: 50,
            ..Self::full()
        }
    }

    /// What `cargo test` runs.
    pub fn smoke() -> Self {
        let parts = "messages arrays posts latency meter scan idle tls overload";
        let only = parts.split(' ').map(str::to_owned).collect();
        Settings {
            only,
            ..Self::quick()
        }
    }

    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }

    /// Fewer of something in a smoke test.
    pub fn scaled(&self, full: usize, quick: usize) -> usize {
        if self.quick {
            quick
        } else {
            full
        }
    }

    /// A pause of an idle server, before it is looked at.
    pub fn rest(&self, seconds: u64) {
        std::thread::sleep(if self.quick {
            Duration::from_millis(100)
        } else {
            Duration::from_secs(seconds)
        });
    }
}
