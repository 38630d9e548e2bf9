//! Rows of a device's own live stream: what arrived, what was refused and why.

use super::ids::{DeviceId, RpcId};
use super::reject::Reason;
use super::rpc::RpcState;
use super::session::Transport;
use super::Millis;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

/// One row. Cheap to clone; many listeners share it.
#[derive(Clone, Debug)]
pub struct DeviceEvent {
    pub device: DeviceId,
    pub at: Millis,
    pub transport: Option<Transport>,
    pub kind: Arc<EventKind>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    Connected {
        client_id: String,
        resumed: bool,
    },
    Disconnected {
        reason: String,
    },
    TelemetrySaved {
        points: u32,
    },
    AttributesSaved {
        scope: super::attributes::Scope,
        keys: u32,
    },
    AttributesDeleted {
        scope: super::attributes::Scope,
        keys: u32,
    },
    /// `rpc` is the REST id; lightweight RPCs have one too.
    Rpc {
        rpc: RpcId,
        request_id: i32,
        method: String,
        state: RpcState,
    },
    /// A client-side RPC and whether something answered it.
    ClientRpc {
        method: String,
        handled: bool,
    },
    Refused {
        reason: Reason,
        detail: String,
    },
    /// The data directory came to `store.max_size`: points before this time are gone.
    TelemetryDropped {
        before: Millis,
        blocks: u64,
        rows: u64,
        bytes: u64,
    },
    Active,
    Inactive,
}

/// Longest text of a row, in bytes: rows are kept by number, so each must be small.
pub const MAX_TEXT: usize = 512;

impl EventKind {
    /// Bounded, as rows share it. What says nothing but its name is there once for all rows.
    pub fn shared(self) -> Arc<Self> {
        static ACTIVE: LazyLock<Arc<EventKind>> = LazyLock::new(|| EventKind::Active.into());
        static INACTIVE: LazyLock<Arc<EventKind>> = LazyLock::new(|| EventKind::Inactive.into());
        match self {
            EventKind::Active => ACTIVE.clone(),
            EventKind::Inactive => INACTIVE.clone(),
            EventKind::TelemetrySaved { points } => saved(points),
            other => Arc::new(other.bounded()),
        }
    }

    /// The row with its texts cut to [`MAX_TEXT`], whatever a device or its author wrote.
    pub fn bounded(mut self) -> Self {
        match &mut self {
            EventKind::Connected {
                client_id: text, ..
            }
            | EventKind::Disconnected { reason: text }
            | EventKind::Rpc { method: text, .. }
            | EventKind::ClientRpc { method: text, .. }
            | EventKind::Refused { detail: text, .. } => cut(text),
            EventKind::TelemetrySaved { .. }
            | EventKind::AttributesSaved { .. }
            | EventKind::AttributesDeleted { .. }
            | EventKind::TelemetryDropped { .. }
            | EventKind::Active
            | EventKind::Inactive => {}
        }
        self
    }
}

/// Devices say the same much at a time, again and again.
fn saved(points: u32) -> Arc<EventKind> {
    thread_local! {
        static LAST: RefCell<Arc<EventKind>> = RefCell::new(EventKind::Active.into());
    }
    LAST.with_borrow_mut(|last| {
        let wanted = EventKind::TelemetrySaved { points };
        if **last != wanted {
            *last = Arc::new(wanted);
        }
        last.clone()
    })
}

fn cut(text: &mut String) {
    if text.len() <= MAX_TEXT {
        return;
    }
    let mut end = MAX_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push('…');
    text.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rows_share_is_still_what_was_said() {
        for points in [1, 5, 5, 1] {
            let kind = EventKind::TelemetrySaved { points };
            assert_eq!(*kind.clone().shared(), kind);
        }
        let (active, again) = (EventKind::Active.shared(), EventKind::Active.shared());
        assert!(Arc::ptr_eq(&active, &again));
        assert_eq!(*EventKind::Inactive.shared(), EventKind::Inactive);
    }

    #[test]
    fn a_row_is_small_whatever_was_written_and_stays_text() {
        let row = EventKind::ClientRpc {
            method: "ö".repeat(40_000),
            handled: false,
        };
        match row.bounded() {
            EventKind::ClientRpc { method, .. } => {
                assert!(method.capacity() < 600 && method.ends_with("ö…"));
            }
            other => panic!("{other:?}"),
        }
    }
}
