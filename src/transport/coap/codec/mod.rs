//! CoAP messages over UDP (RFC 7252 section 3): bytes to [`Message`] and back. Pure.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Ver| T |  TKL  |     Code      |          Message ID           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Token (TKL bytes, 0 to 8)  |  Options  |1 1 1 1 1 1 1 1|  Payload …
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! A message is looked at where it stands: no allocation, whatever its bytes claim. The crate
//! `coap-lite` is the oracle of the tests.

mod block;
mod decode;
mod error;
mod message;
mod options;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub use block::Block;
pub use decode::decode;
#[cfg(test)]
pub use error::DecodeError;
pub use error::Malformed;
pub use message::{Code, Kind, Message, Token};
pub use options::{number, uint, Options};
pub use write::Writer;
