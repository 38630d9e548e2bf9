//! Whether a device is active, and since when it was heard: the device state attributes of
//! contract/data-model.md 6. Connection and activity are kept apart.

use crate::model::value::{Key, Value};
use crate::model::Millis;

pub const ACTIVE: &str = "active";
pub const LAST_CONNECT: &str = "lastConnectTime";
pub const LAST_DISCONNECT: &str = "lastDisconnectTime";
pub const LAST_ACTIVITY: &str = "lastActivityTime";
pub const ALARM: &str = "inactivityAlarmTime";
pub const TIMEOUT: &str = "inactivityTimeout";

/// The attributes of SERVER scope that are read when an actor starts.
pub const KEYS: [&str; 6] = [
    ACTIVE,
    LAST_CONNECT,
    LAST_DISCONNECT,
    LAST_ACTIVITY,
    ALARM,
    TIMEOUT,
];

/// Which attributes are not on disk yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unwritten {
    active: bool,
    connect: bool,
    disconnect: bool,
    activity: bool,
}

/// A small value, copied to be able to go back when a commit fails.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    pub active: bool,
    pub last: Millis,
    pub last_connect: Millis,
    pub last_disconnect: Millis,
    alarm: Millis,
    /// Silence after which the device is inactive.
    timeout: Millis,
    unwritten: Unwritten,
    /// When `last` was last written, by the receive clock.
    reported_at: Millis,
    /// When the first unwritten sign of life came.
    unreported_since: Millis,
    /// After a failed commit of notes alone: not again before.
    pub(super) retry_at: Millis,
}

impl Activity {
    /// `timeout`: where the user says nothing.
    pub fn new(timeout: Millis) -> Self {
        Self {
            active: false,
            last: 0,
            last_connect: 0,
            last_disconnect: 0,
            alarm: 0,
            timeout,
            unwritten: Unwritten::default(),
            reported_at: 0,
            unreported_since: 0,
            retry_at: 0,
        }
    }

    /// Takes over what the store holds.
    pub fn load(&mut self, key: &str, value: &Value) {
        match (key, value) {
            (ACTIVE, Value::Bool(active)) => self.active = *active,
            (LAST_CONNECT, Value::Long(at)) => self.last_connect = *at,
            (LAST_DISCONNECT, Value::Long(at)) => self.last_disconnect = *at,
            (LAST_ACTIVITY, Value::Long(at)) => self.last = *at,
            (ALARM, Value::Long(at)) => self.alarm = *at,
            (TIMEOUT, value) => self.set_timeout(Some(value), self.timeout),
            _ => {}
        }
    }

    /// A sign of life. True when the device became active by it. Time never moves back.
    pub fn touch(&mut self, now: Millis) -> bool {
        if now > self.last || self.last == 0 {
            self.last = self.last.max(now);
            if !self.unwritten.activity {
                self.unwritten.activity = true;
                self.unreported_since = now;
            }
        }
        self.wake()
    }

    fn wake(&mut self) -> bool {
        if self.active {
            return false;
        }
        self.active = true;
        self.alarm = 0;
        self.unwritten.active = true;
        true
    }

    pub fn connected(&mut self, now: Millis) {
        self.last_connect = self.last_connect.max(now);
        self.unwritten.connect = true;
    }

    pub fn disconnected(&mut self, now: Millis) {
        self.last_disconnect = self.last_disconnect.max(now);
        self.unwritten.disconnect = true;
    }

    /// The user's `inactivityTimeout`; absent, not a number or not positive: `default`.
    pub fn set_timeout(&mut self, value: Option<&Value>, default: Millis) {
        let asked = match value {
            Some(Value::Long(ms)) => *ms,
            Some(Value::Double(ms)) => *ms as Millis,
            _ => 0,
        };
        self.timeout = if asked > 0 { asked } else { default };
    }

    /// When an active device becomes inactive unless it speaks.
    pub fn inactive_at(&self) -> Option<Millis> {
        self.active.then(|| self.last.saturating_add(self.timeout))
    }

    /// Compares with the clock; `Some(active)` when it changed.
    pub fn evaluate(&mut self, now: Millis) -> Option<bool> {
        let silent = now >= self.last.saturating_add(self.timeout);
        if self.active && silent {
            self.active = false;
            self.alarm = now;
            self.unwritten.active = true;
            return Some(false);
        }
        if !self.active && !silent && self.last > 0 {
            self.wake();
            return Some(true);
        }
        None
    }

    /// When something must be written even if nothing else is. `report_every`: the period of
    /// `lastActivityTime`.
    pub fn due_at(&self, report_every: Millis) -> Option<Millis> {
        let urgent = self.unwritten.active || self.unwritten.connect || self.unwritten.disconnect;
        let due = if urgent {
            0
        } else if self.unwritten.activity {
            let since = self.unreported_since.max(self.reported_at);
            since.saturating_add(report_every)
        } else {
            return None;
        };
        Some(due.max(self.retry_at))
    }

    /// What to write along with a commit at `now`: the period of `lastActivityTime` counts from
    /// its last write here, so a device that sends all the time costs one attribute a period.
    pub fn drain(&mut self, now: Millis, report_every: Millis, force: bool) -> Vec<(Key, Value)> {
        let mut entries = Vec::new();
        let unwritten = self.unwritten;
        if unwritten.active {
            entries.push((Key::const_new(ACTIVE), Value::Bool(self.active)));
            entries.push((Key::const_new(ALARM), Value::Long(self.alarm)));
        }
        if unwritten.connect {
            entries.push((Key::const_new(LAST_CONNECT), Value::Long(self.last_connect)));
        }
        if unwritten.disconnect {
            entries.push((
                Key::const_new(LAST_DISCONNECT),
                Value::Long(self.last_disconnect),
            ));
        }
        let period_over = now >= self.reported_at.saturating_add(report_every);
        self.unwritten = Unwritten {
            activity: unwritten.activity,
            ..Unwritten::default()
        };
        if unwritten.activity && (period_over || force) {
            entries.push((Key::const_new(LAST_ACTIVITY), Value::Long(self.last)));
            self.unwritten.activity = false;
            self.reported_at = now;
        }
        entries
    }

    /// The commit that carried what was drained failed: all that was unwritten before is again.
    pub fn undrain(&mut self, before: &Activity) {
        let now_unwritten = self.unwritten;
        self.unwritten = Unwritten {
            active: before.unwritten.active || now_unwritten.active,
            connect: before.unwritten.connect || now_unwritten.connect,
            disconnect: before.unwritten.disconnect || now_unwritten.disconnect,
            activity: before.unwritten.activity || now_unwritten.activity,
        };
        self.reported_at = before.reported_at;
        self.unreported_since = before.unreported_since;
    }

    /// Nothing is left to write.
    pub fn is_written(&self) -> bool {
        self.unwritten == Unwritten::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Millis = 3_000;
    const TIMEOUT: Millis = 600_000;

    fn activity() -> Activity {
        Activity::new(TIMEOUT)
    }

    fn find<'a>(entries: &'a [(Key, Value)], key: &str) -> Option<&'a Value> {
        entries.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    #[test]
    fn the_first_sign_of_life_makes_active_and_is_written_at_once() {
        let mut a = activity();
        assert!(a.touch(1_000_000));
        assert_eq!(a.due_at(EVERY), Some(0));
        let entries = a.drain(1_000_000, EVERY, false);
        assert_eq!(find(&entries, ACTIVE), Some(&Value::Bool(true)));
        assert_eq!(find(&entries, ALARM), Some(&Value::Long(0)));
        assert_eq!(find(&entries, LAST_ACTIVITY), Some(&Value::Long(1_000_000)));
        assert!(a.is_written());
    }

    #[test]
    fn a_busy_device_writes_its_last_value_once_a_period() {
        let mut a = activity();
        a.touch(10_000);
        a.drain(10_000, EVERY, false);
        let mut written = Vec::new();
        for now in (10_100..20_000).step_by(100) {
            a.touch(now);
            written.extend(a.drain(now, EVERY, false));
        }
        let times: Vec<_> = written.iter().map(|(_, v)| v.clone()).collect();
        assert_eq!(
            times,
            [
                Value::Long(13_000),
                Value::Long(16_000),
                Value::Long(19_000)
            ]
        );
    }

    #[test]
    fn an_older_time_never_moves_the_values_back() {
        let mut a = activity();
        a.touch(5_000);
        a.connected(5_000);
        a.drain(5_000, EVERY, true);
        a.touch(4_000);
        a.connected(4_000);
        assert_eq!((a.last, a.last_connect), (5_000, 5_000));
    }

    #[test]
    fn silence_makes_inactive_and_a_longer_timeout_active_again_at_once() {
        let mut a = activity();
        a.touch(1_000);
        assert_eq!(a.evaluate(600_999), None);
        assert_eq!(a.evaluate(601_000), Some(false));
        let entries = a.drain(601_000, EVERY, false);
        assert_eq!(find(&entries, ALARM), Some(&Value::Long(601_000)));
        a.set_timeout(Some(&Value::Long(900_000)), TIMEOUT);
        assert_eq!(a.evaluate(601_001), Some(true));
        assert_eq!(a.inactive_at(), Some(901_000));
        a.set_timeout(Some(&Value::Long(-1)), TIMEOUT);
        assert_eq!(a.inactive_at(), Some(601_000));
    }

    #[test]
    fn a_failed_commit_leaves_everything_unwritten() {
        let mut a = activity();
        a.touch(1_000);
        a.connected(1_000);
        let before = a;
        let drained = a.drain(1_000, EVERY, false);
        a.undrain(&before);
        assert_eq!(a.drain(1_001, EVERY, false).len(), drained.len());
    }
}
