//! What the system and the allocator say about this process.

use crate::ALLOCATED;

const MIB: f64 = 1_048_576.0;

/// In bytes.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Resident now, and the most that ever was (VmRSS and VmHWM).
    pub resident: u64,
    pub peak: u64,
    /// Allocated now, and the most that ever was.
    pub allocated: u64,
    pub most: u64,
}

impl Figures {
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
        let line = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.split_whitespace().next());
            kibibytes
                .and_then(|number| number.parse::<u64>().ok())
                .expect("a number of kB")
                << 10
        };
        Self {
            resident: line("VmRSS:"),
            peak: line("VmHWM:"),
            allocated: ALLOCATED.current_usage() as u64,
            most: ALLOCATED.peak_usage() as u64,
        }
    }
}

pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / MIB)
}
