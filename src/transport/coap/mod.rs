//! The CoAP device API (contract/coap.md).
//!
//! `codec` reads and writes messages; `session` is the message layer (acknowledgements,
//! repetitions, blocks, observation) as a pure state machine; `mapping` knows paths, formats and
//! bodies; `listener` is the socket, and what ties requests to devices; `error` says what each
//! reason looks like on the wire.

mod codec;
pub mod config;
mod error;
mod listener;
mod mapping;
mod session;

pub use config::Config;
pub use listener::{bind, bind_secure, start, Door};
