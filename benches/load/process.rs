//! A child process that ends with us, and what the system says about it.

use rustix::process::{kill_process, Pid, Signal};
use std::process::Child;
use std::time::{Duration, Instant};

pub struct Process(pub Child);

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub resident: u64,
    /// The highest there has been.
    pub peak: u64,
}

impl Process {
    pub fn memory(&self) -> Memory {
        memory(self.0.id())
    }

    /// Processor time so far, of all threads; counted in ticks of 10 ms.
    pub fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.0.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The name before the last parenthesis may hold spaces; utime and stime are the 12th and
        // 13th word behind it.
        let words = text.rsplit(')').next().unwrap_or_default();
        let ticks = words.split_whitespace().skip(11).take(2);
        Duration::from_millis(
            10 * ticks
                .filter_map(|word| word.parse::<u64>().ok())
                .sum::<u64>(),
        )
    }

    /// No chance to tidy up: what a crash leaves.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// SIGTERM, and a wait for the orderly end.
    pub fn stop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.0.id() as i32) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            match self.0.try_wait().expect("wait") {
                Some(status) => return assert!(status.success(), "the end was: {status}"),
                None => assert!(Instant::now() < end, "it does not stop"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Zeros once the process is gone.
pub fn memory(pid: u32) -> Memory {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) * 1024
    };
    Memory {
        resident: field("VmRSS:"),
        peak: field("VmHWM:"),
    }
}
