//! The enumerated reasons for which the platform refuses something (design.md 1, promise 2).
//!
//! Each refusal appears on the wire in its protocol's terms, in `rejected_total{transport,reason}`
//! and as a row in the device's event stream. Transports map a `Reason` to their own codes.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Why something was refused. `label()` is the metric label and the `reason` of the event row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Reason {
    // Who speaks
    /// User name, token or certificate missing where one is needed.
    CredentialsMissing,
    /// No such token or user name.
    CredentialsUnknown,
    /// Nothing but a client id was given, and it names no device. Told apart from
    /// `CredentialsUnknown` because MQTT answers 0x02 / 0x85 here (contract/mqtt.md 2).
    ClientIdUnknown,
    /// Known user, wrong password; or a password without a user name.
    PasswordWrong,
    /// No device has this certificate, and no profile's authority has signed it.
    CertificateUnknown,
    CertificateExpired,
    CertificateNotYetValid,
    /// It stands on the door's revocation list.
    CertificateRevoked,
    DeviceDisabled,
    /// The device's profile does not allow this transport.
    TransportNotAllowed,
    // What was said
    /// Not what the protocol's specification allows.
    ProtocolViolation,
    /// A TLS or DTLS handshake that came to nothing.
    HandshakeFailed,
    /// Larger than the configured limit.
    TooLarge,
    /// Payload is not JSON.
    BadJson,
    /// JSON, but not the shape this request takes.
    BadShape,
    /// JSON nested deeper than the configured limit.
    TooDeep,
    /// A key that is blank or too long.
    BadKey,
    /// A value that no type can hold (NaN, infinity).
    BadValue,
    /// A `ts` that is not a whole number of milliseconds.
    BadTimestamp,
    /// A request id that is not a 32-bit integer.
    BadRequestId,
    /// A topic or path that names nothing here.
    UnknownTopic,
    /// A filter that this platform does not serve.
    UnknownFilter,
    /// A gateway topic used by a device that is no gateway.
    NotAGateway,
    /// An RPC reply to nothing that is waiting (late, repeated, or never asked).
    UnknownRpc,
    /// A `null` value in telemetry or attributes: skipped.
    NullValue,
    // How much
    TooManyConnections,
    /// A per-device or per-peer queue is full.
    QueueFull,
    RateLimited,
    /// Too slow to send what it began.
    TooSlow,
    /// Nothing heard within 1.5 times the keepalive.
    KeepaliveExpired,
    // What became of it
    /// Another session of the same device took over.
    TakenOver,
    /// An epoch that is not the newest of its device (design.md 7.4).
    StaleEpoch,
    DeviceDeleted,
    CredentialsChanged,
    /// The disk is full or below its reserve.
    StoreFull,
    /// The store could not take or read it for another reason.
    StoreFailed,
    /// Expired before it could be delivered or answered.
    Expired,
    /// The platform is stopping.
    ShuttingDown,
    /// A fault of ours.
    Internal,
    /// The door takes connections of its balancers only, and this is none of them.
    AddressNotAllowed,
}

/// What kind of refusal a reason is, for protocols whose codes tell no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    /// Who speaks is nobody here, or may not.
    Speaker,
    /// What was said cannot be understood.
    Words,
    Size,
    /// What was named does not exist.
    Name,
    /// Too much at once: later it may do.
    Haste,
    Delay,
    /// Not the speaker's fault, or of this connection only: the same may succeed later.
    Platform,
}

impl Reason {
    pub fn blames(self) -> Blame {
        use Reason::*;
        match self {
            CredentialsMissing
            | CredentialsUnknown
            | ClientIdUnknown
            | PasswordWrong
            | CertificateUnknown
            | CertificateExpired
            | CertificateNotYetValid
            | CertificateRevoked
            | DeviceDisabled
            | TransportNotAllowed
            | DeviceDeleted
            | CredentialsChanged => Blame::Speaker,
            ProtocolViolation | BadJson | BadShape | TooDeep | BadKey | BadValue | BadTimestamp
            | BadRequestId | NullValue => Blame::Words,
            TooLarge => Blame::Size,
            UnknownTopic | UnknownFilter | NotAGateway | UnknownRpc => Blame::Name,
            QueueFull | RateLimited => Blame::Haste,
            TooSlow | KeepaliveExpired | Expired => Blame::Delay,
            HandshakeFailed | TooManyConnections | TakenOver | StaleEpoch | StoreFull
            | StoreFailed | ShuttingDown | Internal | AddressNotAllowed => Blame::Platform,
        }
    }

    /// Stable, lower-case with underscores.
    pub fn label(self) -> &'static str {
        use Reason::*;
        match self {
            CredentialsMissing => "credentials_missing",
            CredentialsUnknown => "credentials_unknown",
            ClientIdUnknown => "client_id_unknown",
            PasswordWrong => "password_wrong",
            CertificateUnknown => "certificate_unknown",
            CertificateExpired => "certificate_expired",
            CertificateNotYetValid => "certificate_not_yet_valid",
            CertificateRevoked => "certificate_revoked",
            DeviceDisabled => "device_disabled",
            TransportNotAllowed => "transport_not_allowed",
            ProtocolViolation => "protocol_violation",
            HandshakeFailed => "handshake_failed",
            TooLarge => "too_large",
            BadJson => "bad_json",
            BadShape => "bad_shape",
            TooDeep => "too_deep",
            BadKey => "bad_key",
            BadValue => "bad_value",
            BadTimestamp => "bad_timestamp",
            BadRequestId => "bad_request_id",
            UnknownTopic => "unknown_topic",
            UnknownFilter => "unknown_filter",
            NotAGateway => "not_a_gateway",
            UnknownRpc => "unknown_rpc",
            NullValue => "null_value",
            TooManyConnections => "too_many_connections",
            QueueFull => "queue_full",
            RateLimited => "rate_limited",
            TooSlow => "too_slow",
            KeepaliveExpired => "keepalive_expired",
            TakenOver => "taken_over",
            StaleEpoch => "stale_epoch",
            DeviceDeleted => "device_deleted",
            CredentialsChanged => "credentials_changed",
            StoreFull => "store_full",
            StoreFailed => "store_failed",
            Expired => "expired",
            ShuttingDown => "shutting_down",
            Internal => "internal",
            AddressNotAllowed => "address_not_allowed",
        }
    }
}

/// A refusal with what a device's author needs to mend it. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: Reason,
    /// One sentence: what and where, e.g. `values.temp: null is not allowed here`.
    pub detail: Cow<'static, str>,
    /// Milliseconds after which trying again may help; 0 = nobody knows.
    pub retry_ms: u32,
}

impl Rejection {
    pub fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            retry_ms: 0,
        }
    }

    /// The same with the time after which trying again may help.
    pub fn retry_after(mut self, millis: i64) -> Self {
        self.retry_ms = u32::try_from(millis.max(1)).unwrap_or(u32::MAX);
        self
    }

    /// That time in whole seconds, rounded up: who waits as told must not be refused again.
    pub fn retry_seconds(&self) -> Option<u64> {
        (self.retry_ms > 0).then(|| u64::from(self.retry_ms).div_ceil(1000))
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.label(), self.detail)
    }
}

impl std::error::Error for Rejection {}
