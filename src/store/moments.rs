//! Moments in the work of a store at which tests stop a process, so as to kill it there. Compiled
//! for tests only; without the variable, passing one does nothing.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// "moment" or "moment@n": the n-th time that the process passes it, from 1. With a "+" behind it
/// all that sled has in memory reaches its file first, as it does now and then.
pub const STOP: &str = "STORE_TEST_STOP";

/// What a stopped process says first.
pub const AT: &str = "#at ";

struct Stop {
    moment: String,
    /// Times still to be passed.
    left: AtomicU64,
    flushed: bool,
}

fn wanted() -> Option<&'static Stop> {
    static WANTED: OnceLock<Option<Stop>> = OnceLock::new();
    let read = || {
        let text = std::env::var(STOP).ok()?;
        let bare = text.trim_end_matches('+');
        let (moment, times) = bare.split_once('@').unwrap_or((bare, "1"));
        Some(Stop {
            moment: moment.to_owned(),
            flushed: bare != text,
            left: AtomicU64::new(times.parse().unwrap()),
        })
    };
    WANTED.get_or_init(read).as_ref()
}

/// The work has come to this moment. The thread that comes to the one that is wanted says so and
/// goes no further, with all that it holds.
pub fn pass(moment: &str, flush: impl FnOnce()) {
    let Some(stop) = wanted().filter(|stop| stop.moment == moment) else {
        return;
    };
    if stop.left.fetch_sub(1, Ordering::SeqCst) != 1 {
        return;
    }
    if stop.flushed {
        flush();
    }
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{AT}{moment}\n").as_bytes())
        .unwrap();
    out.flush().unwrap();
    drop(out);
    loop {
        std::thread::park();
    }
}
