//! Reasons of the platform → codes on the wire (contract/mqtt.md 2 and 5, design.md 4).

use crate::model::reject::Reason;
use crate::transport::mqtt::codec::{code, Level};

/// What of a CONNECT decides between the codes of missing credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// A user name that is not empty.
    pub user_name: bool,
    /// The user name is present, be it empty.
    pub user_name_flag: bool,
    pub password: bool,
    /// A client id that is not blank.
    pub client_id: bool,
}

/// CONNACK code of a refused connect.
///
/// ```text
/// shown                                     3.1, 3.1.1   5
/// user name, unknown                        0x05         0x86
/// user name, wrong password                 0x04         0x86
/// password without user name                0x04         0x86
/// only a client id, unknown                 0x02         0x85
/// nothing, or an empty user name            0x04         0x87
/// certificate unknown, expired, revoked     0x05         0x87
/// disabled device                           0x05         0x87
/// ```
pub fn connack(level: Level, reason: Reason, shown: Shown) -> u8 {
    let (old, new) = match reason {
        Reason::DeviceDisabled
        | Reason::DeviceDeleted
        | Reason::CredentialsChanged
        | Reason::CertificateUnknown
        | Reason::CertificateExpired
        | Reason::CertificateNotYetValid
        | Reason::CertificateRevoked => (code::v3::NOT_AUTHORIZED, code::NOT_AUTHORIZED),
        Reason::PasswordWrong => (
            code::v3::BAD_USER_NAME_OR_PASSWORD,
            code::BAD_USER_NAME_OR_PASSWORD,
        ),
        Reason::ClientIdUnknown => (code::v3::IDENTIFIER_REJECTED, code::CLIENT_ID_NOT_VALID),
        Reason::CredentialsUnknown | Reason::CredentialsMissing => credentials(shown),
        Reason::TooManyConnections | Reason::RateLimited => {
            (code::v3::SERVER_UNAVAILABLE, code::CONNECTION_RATE_EXCEEDED)
        }
        Reason::QueueFull | Reason::StoreFull => {
            (code::v3::SERVER_UNAVAILABLE, code::QUOTA_EXCEEDED)
        }
        _ => (code::v3::SERVER_UNAVAILABLE, code::SERVER_UNAVAILABLE),
    };
    if level == Level::V5 {
        new
    } else {
        old
    }
}

fn credentials(shown: Shown) -> (u8, u8) {
    if shown.user_name {
        (code::v3::NOT_AUTHORIZED, code::BAD_USER_NAME_OR_PASSWORD)
    } else if shown.password {
        (
            code::v3::BAD_USER_NAME_OR_PASSWORD,
            code::BAD_USER_NAME_OR_PASSWORD,
        )
    } else if shown.client_id && !shown.user_name_flag {
        (code::v3::IDENTIFIER_REJECTED, code::CLIENT_ID_NOT_VALID)
    } else {
        (code::v3::BAD_USER_NAME_OR_PASSWORD, code::NOT_AUTHORIZED)
    }
}

/// MQTT 5 reason of a PUBACK, PUBREC or SUBACK that refuses.
pub fn refused(reason: Reason) -> u8 {
    match reason {
        Reason::UnknownTopic => code::TOPIC_NAME_INVALID,
        Reason::UnknownFilter => code::TOPIC_FILTER_INVALID,
        Reason::NotAGateway
        | Reason::DeviceDisabled
        | Reason::DeviceDeleted
        | Reason::CredentialsChanged => code::NOT_AUTHORIZED,
        Reason::StoreFull | Reason::QueueFull | Reason::RateLimited => code::QUOTA_EXCEEDED,
        reason if is_bad_payload(reason) => code::PAYLOAD_FORMAT_INVALID,
        _ => code::IMPLEMENTATION_SPECIFIC,
    }
}

/// The payload itself is at fault, so the same bytes will never be taken.
pub fn is_bad_payload(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::BadJson
            | Reason::BadShape
            | Reason::TooDeep
            | Reason::BadKey
            | Reason::BadValue
            | Reason::BadTimestamp
            | Reason::BadRequestId
            | Reason::TooLarge
    )
}

/// MQTT 5 reason of a DISCONNECT that ends a session on the platform's account.
pub fn disconnect(reason: Reason) -> u8 {
    match reason {
        Reason::TakenOver => code::SESSION_TAKEN_OVER,
        Reason::DeviceDisabled
        | Reason::DeviceDeleted
        | Reason::CredentialsChanged
        | Reason::CredentialsUnknown
        | Reason::ClientIdUnknown => code::ADMINISTRATIVE_ACTION,
        Reason::ShuttingDown => code::SERVER_SHUTTING_DOWN,
        Reason::KeepaliveExpired => code::KEEP_ALIVE_TIMEOUT,
        Reason::ProtocolViolation => code::PROTOCOL_ERROR,
        Reason::TooLarge => code::PACKET_TOO_LARGE,
        Reason::QueueFull | Reason::RateLimited | Reason::StoreFull => code::QUOTA_EXCEEDED,
        Reason::Expired => code::MAXIMUM_CONNECT_TIME,
        reason if is_bad_payload(reason) => code::PAYLOAD_FORMAT_INVALID,
        _ => code::IMPLEMENTATION_SPECIFIC,
    }
}
