//! Rows of the audit log: who changed what, when, from where; and who was not let in.

use super::ids::{ApiKeyId, AuditId, OperatorId};
use super::Millis;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One row. Holds no secret: neither bodies nor tokens, only names and ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRow {
    pub id: AuditId,
    pub at: Millis,
    /// `None`: nobody that is known (a failed login), or the machine's console.
    pub operator: Option<OperatorId>,
    /// The operator's name then, or the one that somebody tried.
    pub username: String,
    pub via: Via,
    pub from: Option<IpAddr>,
    /// What was asked, e.g. `POST /api/device`, `LOGIN`.
    pub action: String,
    /// What it was about, e.g. `DEVICE 784f394c-... pump-7`; may be empty.
    pub entity: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Why it failed, or what else there is to know; may be empty.
    pub detail: String,
}

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Via {
    /// A login or what came of it.
    Password,
    ApiKey(ApiKeyId),
    /// The command line, on the machine itself.
    Console,
}

/// Longest text of a row, in bytes: rows are bounded by number, so each must be small.
pub const MAX_TEXT: usize = 512;

impl AuditRow {
    /// Where it stands in the log: rows are ordered by time, then id.
    pub fn place(&self) -> (Millis, AuditId) {
        (self.at, self.id)
    }

    /// The row with its texts cut to [`MAX_TEXT`].
    pub fn bounded(mut self) -> Self {
        for text in [
            &mut self.username,
            &mut self.action,
            &mut self.entity,
            &mut self.detail,
        ] {
            if text.len() > MAX_TEXT {
                let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at));
                text.truncate(end.unwrap_or(0));
                text.push('…');
            }
        }
        self
    }
}
