//! `[coap]`: the door and its limits.

use super::session::Settings;
use crate::model::units::{ByteSize, Period};
use crate::transport::dtls;
use serde::Deserialize;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub enabled: bool,
    pub bind: String,
    pub ipv6: bool,
    pub receive_buffer: ByteSize,
    pub max_message: ByteSize,
    pub max_options: usize,
    pub max_body: ByteSize,
    pub max_rpc_body: ByteSize,
    pub body_memory: ByteSize,
    pub transfers_per_peer: usize,
    pub block_size: ByteSize,
    pub block_timeout: Period,
    pub requests_per_peer: usize,
    pub requests: usize,
    pub piggyback: Period,
    pub answer_timeout: Period,
    pub exchange_lifetime: Period,
    pub answers_memory: ByteSize,
    pub answers_per_peer: usize,
    pub ack_timeout: Period,
    pub retransmissions: u8,
    pub nstart: usize,
    pub observations: usize,
    pub observations_per_peer: usize,
    pub observe_check: Period,
    pub notifications: usize,
    pub known_devices: usize,
    pub known_for: Period,
    pub dtls: dtls::Config,
}

impl Config {
    /// What the message layer goes by.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            max_message: self.max_message.bytes(),
            max_options: self.max_options,
            max_body: self.max_body.bytes(),
            body_memory: self.body_memory.bytes(),
            transfers_per_peer: self.transfers_per_peer,
            block_timeout: self.block_timeout.0,
            block_exponent: super::codec::Block::exponent_within(self.block_size.bytes()),
            requests_per_peer: self.requests_per_peer,
            requests: self.requests,
            piggyback: self.piggyback.0,
            exchange_lifetime: self.exchange_lifetime.0,
            answers_memory: self.answers_memory.bytes(),
            answers_per_peer: self.answers_per_peer,
            ack_timeout: self.ack_timeout.0,
            retransmissions: self.retransmissions,
            nstart: self.nstart,
            // Each observation of a peer may have its whole window waiting.
            line: self
                .observations_per_peer
                .saturating_mul(self.notifications)
                .saturating_mul(2),
            observations: self.observations,
            observations_per_peer: self.observations_per_peer,
            observe_check: self.observe_check.0,
        }
    }
}
