//! The bounds and times of an [`super::Endpoint`]; see `config.toml` for what each means.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Largest datagram that is read, bytes.
    pub max_message: usize,
    /// Most options of a message.
    pub max_options: usize,
    /// Largest body of a request, all blocks together, bytes.
    pub max_body: usize,
    /// Bytes of bodies under way in blocks, of all peers.
    pub body_memory: usize,
    /// Bodies under way in blocks of one peer, each direction.
    pub transfers_per_peer: usize,
    /// A body whose next block does not come for this long is forgotten.
    pub block_timeout: Duration,
    /// Blocks that we send have at most `16 << this` bytes.
    pub block_exponent: u8,
    /// Requests of one peer being served.
    pub requests_per_peer: usize,
    /// ... and of all.
    pub requests: usize,
    /// An answer that takes longer is sent apart, after an empty acknowledgement.
    pub piggyback: Duration,
    /// How long a message id names one message (EXCHANGE_LIFETIME).
    pub exchange_lifetime: Duration,
    /// Memory for the answers that are repeated to repeated requests, bytes.
    pub answers_memory: usize,
    /// ... and how many of one peer.
    pub answers_per_peer: usize,
    /// ACK_TIMEOUT; drawn up to half as long again (ACK_RANDOM_FACTOR 1.5).
    pub ack_timeout: Duration,
    /// MAX_RETRANSMIT.
    pub retransmissions: u8,
    /// NSTART: our confirmable messages to one peer at once.
    pub nstart: usize,
    /// Confirmable messages that wait for their turn, of one peer.
    pub line: usize,
    pub observations: usize,
    pub observations_per_peer: usize,
    /// After this long without a sign of an observer, the next notification is confirmable, or an
    /// empty confirmable message asks whether it is there.
    pub observe_check: Duration,
}

impl Default for Settings {
    /// The defaults of RFC 7252 section 4.8 and of `config.toml`, for tests.
    fn default() -> Self {
        Self {
            max_message: 4096,
            max_options: 64,
            max_body: 1 << 20,
            body_memory: 64 << 20,
            transfers_per_peer: 4,
            block_timeout: Duration::from_secs(60),
            block_exponent: 6,
            requests_per_peer: 64,
            requests: 20_000,
            piggyback: Duration::from_millis(500),
            exchange_lifetime: Duration::from_secs(247),
            answers_memory: 32 << 20,
            answers_per_peer: 1024,
            ack_timeout: Duration::from_secs(2),
            retransmissions: 4,
            nstart: 1,
            line: 64,
            observations: 100_000,
            observations_per_peer: 16,
            observe_check: Duration::from_secs(24 * 3600),
        }
    }
}
