//! How the system schedules our threads.
//!
//! A message goes from a connection's thread to the journal's and back. When each wake-up interrupts
//! whoever runs, the journal's thread is awake before its waker has handed in what else it has, and
//! commits less at a time: at one message in flight a connection that is a third more waits for the
//! disk. The price is paid where other programs keep the processors busy: a thread that has woken
//! up then waits until one of them has used up its slice, some milliseconds.

use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduling {
    /// A thread that wakes up interrupts nobody (Linux's SCHED_BATCH, sched(7)).
    Batch,
    /// It does, as the system sees fit.
    Normal,
}

impl Scheduling {
    /// Of the thread that calls, and of those that it starts from now on. Where the system refuses,
    /// they work all the same.
    pub fn take(self) {
        if self == Scheduling::Batch {
            if let Err(error) = batch() {
                tracing::warn!(%error, "registry.scheduling cannot be had; \"normal\" it is");
            }
        }
    }
}

/// The policy changes, the nice value stays.
#[cfg(target_os = "linux")]
fn batch() -> Result<(), String> {
    use thread_priority::{
        set_thread_priority_and_policy, thread_native_id, NormalThreadSchedulePolicy,
        ThreadPriority, ThreadSchedulePolicy,
    };
    let nice = rustix::process::getpriority_process(None).map_err(|error| error.to_string())?;
    // The crate's scale goes from 0 (nice 19) to 99 (nice -20): the middle of a step.
    let share = 1.0 - (f64::from(nice) + 20.5) / 39.0;
    let priority = ((99.0 * share).round() as u8).try_into();
    let priority = ThreadPriority::Crossplatform(priority?);
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
    set_thread_priority_and_policy(thread_native_id(), priority, policy)
        .map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
fn batch() -> Result<(), String> {
    Err("only Linux knows it".to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::Scheduling;

    /// Nice value and policy of a thread that has taken it (proc(5), fields 19 and 41).
    fn made(scheduling: Option<Scheduling>) -> (i32, u32) {
        let read = move || {
            scheduling.into_iter().for_each(Scheduling::take);
            std::fs::read_to_string("/proc/thread-self/stat")
        };
        let stat = std::thread::spawn(read).join().unwrap().unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        (fields[16].parse().unwrap(), fields[38].parse().unwrap())
    }

    #[test]
    fn a_batch_thread_is_one_to_the_system_and_as_nice_as_before() {
        let before = made(None);
        assert_eq!(made(Some(Scheduling::Normal)), before);
        assert_eq!(made(Some(Scheduling::Batch)), (before.0, 3));
    }
}
