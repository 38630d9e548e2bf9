//! MQTT 3.1, 3.1.1 and 5 (contract/mqtt.md).
//!
//! `codec` (pure) ↔ packets ↔ `session` (pure state machine: input, now → effects) ↔ `mapping`
//! (topics ↔ Uplink/Downlink); `listener` is the only I/O, and `websocket` what
//! the HTTP door carries to it.

pub mod codec;
pub mod config;
pub mod error;
pub mod listener;
pub mod mapping;
pub mod session;
pub mod websocket;

pub use config::Config;
pub use listener::{start, Bridge, Door, Sockets};
