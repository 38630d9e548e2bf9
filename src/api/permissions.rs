//! Who may call what: the one table. A call that has no row here is nobody's.

use crate::auth::Speaker;
use crate::model::operator::Role;
use actix_web::http::Method;

/// What a call asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub role: Role,
    /// Read-only API keys are refused.
    pub changes: bool,
    /// API keys are refused: it is about the login itself, or would let a key outlive its end.
    pub login: bool,
}

const fn need(role: Role, changes: bool, login: bool) -> Option<Need> {
    Some(Need {
        role,
        changes,
        login,
    })
}

/// No login needed.
const OPEN: Option<Need> = None;
const READ: Option<Need> = need(Role::Viewer, false, false);
/// Reads what lets somebody in as a device.
const SECRET: Option<Need> = need(Role::Operator, false, false);
const WRITE: Option<Need> = need(Role::Operator, true, false);
/// The caller's own account.
const OWN: Option<Need> = need(Role::Viewer, true, true);
/// Reads about other operators.
const SURVEY: Option<Need> = need(Role::Administrator, false, false);
const RULE: Option<Need> = need(Role::Administrator, true, false);

const E: &str = "/api/plugins/telemetry/{entityType}/{entityId}";

/// Method, path (`~` stands for [`E`]), need.
const TABLE: &[(&str, &str, Option<Need>)] = &[
    ("GET", "/api/openapi.json", OPEN),
    ("POST", "/api/auth/login", OPEN),
    ("POST", "/api/auth/token", OPEN),
    ("POST", "/api/auth/logout", OWN),
    ("GET", "/api/auth/user", READ),
    ("POST", "/api/auth/changePassword", OWN),
    ("GET", "/api/users", SURVEY),
    ("GET", "/api/user/{userId}", SURVEY),
    ("POST", "/api/user", RULE),
    ("DELETE", "/api/user/{userId}", RULE),
    ("POST", "/api/user/{userId}/userCredentialsEnabled", RULE),
    ("POST", "/api/user/{userId}/password", RULE),
    ("GET", "/api/apiKeys", READ),
    ("POST", "/api/apiKey", OWN),
    ("DELETE", "/api/apiKey/{apiKeyId}", OWN),
    ("GET", "/api/audit/logs", SURVEY),
    ("POST", "/api/device", WRITE),
    ("POST", "/api/device-with-credentials", WRITE),
    ("GET", "/api/device/info/{deviceId}", READ),
    ("GET", "/api/device/{deviceId}", READ),
    ("DELETE", "/api/device/{deviceId}", WRITE),
    ("POST", "/api/device/{deviceId}/disable", WRITE),
    ("POST", "/api/device/{deviceId}/enable", WRITE),
    ("POST", "/api/device/credentials", WRITE),
    (
        "POST",
        "/api/device/{deviceId}/credentials/certificate",
        WRITE,
    ),
    ("GET", "/api/device/{deviceId}/credentials", SECRET),
    ("GET", "/api/device/{deviceId}/events", READ),
    ("GET", "/api/device/types", READ),
    ("GET", "/api/tenant/devices", READ),
    ("GET", "/api/user/devices", READ),
    ("GET", "/api/tenant/device", READ),
    ("GET", "/api/tenant/deviceInfos", READ),
    ("GET", "/api/deviceInfos/all", READ),
    ("GET", "/api/devices", READ),
    ("GET", "/api/deviceProfiles", READ),
    ("GET", "/api/deviceProfileInfos", READ),
    ("GET", "/api/deviceProfileInfo/default", READ),
    ("GET", "/api/deviceProfileInfo/{deviceProfileId}", READ),
    ("GET", "/api/deviceProfile/{deviceProfileId}", READ),
    ("POST", "/api/deviceProfile", WRITE),
    (
        "POST",
        "/api/deviceProfile/{deviceProfileId}/default",
        WRITE,
    ),
    ("DELETE", "/api/deviceProfile/{deviceProfileId}", WRITE),
    ("GET", "~/keys/timeseries", READ),
    ("GET", "~/values/timeseries", READ),
    ("GET", "~/values/timeseries/history", READ),
    ("POST", "~/timeseries/{scope}", WRITE),
    ("POST", "~/timeseries/{scope}/{ttl}", WRITE),
    ("DELETE", "~/timeseries/delete", WRITE),
    ("GET", "~/keys/attributes", READ),
    ("GET", "~/keys/attributes/{scope}", READ),
    ("GET", "~/values/attributes", READ),
    ("GET", "~/values/attributes/{scope}", READ),
    ("POST", "~/attributes/{scope}", WRITE),
    ("POST", "~/{scope}", WRITE),
    ("DELETE", "~/{scope}", WRITE),
    ("POST", "/api/plugins/telemetry/{deviceId}/{scope}", WRITE),
    ("DELETE", "/api/plugins/telemetry/{deviceId}/{scope}", WRITE),
    ("POST", "/api/rpc/oneway/{deviceId}", WRITE),
    ("POST", "/api/rpc/twoway/{deviceId}", WRITE),
    ("POST", "/api/plugins/rpc/oneway/{deviceId}", WRITE),
    ("POST", "/api/plugins/rpc/twoway/{deviceId}", WRITE),
    ("GET", "/api/rpc/persistent/device/{deviceId}", READ),
    ("GET", "/api/rpc/persistent/{rpcId}", READ),
    ("DELETE", "/api/rpc/persistent/{rpcId}", WRITE),
];

/// `None`: the call has no row. `Some(None)`: it is open to all.
pub fn of(method: &Method, path: &str) -> Option<Option<Need>> {
    let rest = path.strip_prefix(E);
    let row = TABLE.iter().find(|(row_method, row_path, _)| {
        let same_path = match (row_path.strip_prefix('~'), rest) {
            (Some(row), Some(rest)) => row == rest,
            _ => *row_path == path,
        };
        same_path && method.as_str() == *row_method
    });
    row.map(|(_, _, need)| *need)
}

/// Whether the speaker may do what asks for this.
pub fn may(speaker: &Speaker, need: Need) -> bool {
    speaker.role >= need.role
        && !(need.changes && speaker.read_only)
        && !(need.login && speaker.key.is_some())
}

impl Need {
    /// For the document.
    pub fn words(self) -> String {
        let mut words = format!("Role: {} or more.", self.role.name());
        if self.role == Role::Administrator {
            words = "Role: ADMINISTRATOR.".to_owned();
        }
        match (self.login, self.changes) {
            (true, _) => words + " Needs a login; API keys are refused.",
            (false, true) => words + " Read-only API keys are refused.",
            (false, false) => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_call_has_one_row_and_every_row_is_a_call() {
        let path = |path: &str| match path.strip_prefix('~') {
            Some(rest) => format!("{E}{rest}"),
            None => path.to_owned(),
        };
        let rows: Vec<(String, String)> = TABLE
            .iter()
            .map(|(method, row, _)| (method.to_string(), path(row)))
            .collect();
        let calls: BTreeSet<(String, String)> = crate::api::endpoints()
            .into_iter()
            .map(|call| (call.method.to_string(), call.path.to_owned()))
            .collect();
        let unique: BTreeSet<_> = rows.iter().cloned().collect();
        assert_eq!(unique.len(), rows.len(), "a row twice");
        assert_eq!(unique, calls);
    }

    #[test]
    fn a_call_is_open_in_the_table_exactly_where_it_takes_no_guard() {
        for call in crate::api::endpoints() {
            let need = of(&call.method, call.path).expect("a row");
            assert_eq!(need.is_none(), call.open, "{} {}", call.method, call.path);
        }
    }

    #[test]
    fn whatever_is_no_get_changes_something() {
        for (method, path, need) in TABLE {
            if let Some(need) = need {
                assert_eq!(need.changes, *method != "GET", "{method} {path}");
            }
        }
    }
}
