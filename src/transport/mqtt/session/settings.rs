//! What a session needs of the configuration, in its own units.

use crate::model::json::Rules;
use crate::transport::mqtt::mapping::downlink;
use crate::transport::mqtt::Config;
use std::time::Duration;

/// Shared by all sessions of a door.
#[derive(Clone, Debug)]
pub struct Settings {
    pub rules: Rules,
    pub connect_timeout: Duration,
    /// Seconds.
    pub max_keepalive: u16,
    /// Largest packet either way, whole.
    pub max_packet: u32,
    pub receive_maximum: u16,
    pub inflight_window: u16,
    pub topic_alias_maximum: u16,
    pub max_subscriptions: usize,
    /// Memory of what is on its way to disk above which no packet is taken, in bytes.
    pub outstanding_bytes: usize,
    /// How long a session may outlive its connection.
    pub max_session_expiry: Duration,
    /// The answer to `getSessionLimits`.
    pub session_limits: String,
}

impl Settings {
    pub fn new(config: &Config, rules: Rules, max_session_expiry: Duration) -> Self {
        let receive_maximum = config.receive_maximum.max(1);
        let seconds = config.max_keepalive.0.as_secs();
        Self {
            rules,
            connect_timeout: config.connect_timeout.0,
            max_keepalive: u16::try_from(seconds).unwrap_or(u16::MAX).max(1),
            max_packet: u32::try_from(config.max_packet.0).unwrap_or(u32::MAX),
            receive_maximum,
            inflight_window: config.inflight_window.max(1),
            topic_alias_maximum: config.topic_alias_maximum,
            max_subscriptions: config.max_subscriptions,
            outstanding_bytes: config.outstanding_bytes.bytes(),
            max_session_expiry,
            session_limits: downlink::session_limits(config.max_packet.0, receive_maximum),
        }
    }
}
