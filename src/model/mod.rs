//! The platform's vocabulary: words every room shares, and nothing else.
//!
//! No runtime, no I/O, no clock: a function here that needs the time takes it as an argument.
//! The parsers of device payloads live here too (`json`), because every transport and the
//! operator REST read the same shapes (contract/data-model.md).

pub mod address;
pub mod attributes;
pub mod audit;
pub mod credentials;
pub mod device;
pub mod downlink;
pub mod event;
pub mod ids;
pub mod interval;
pub mod json;
pub mod operator;
pub mod packed;
pub mod query;
pub mod queue;
pub mod rates;
pub mod reject;
pub mod rpc;
pub mod scarce;
pub mod session;
pub mod telemetry;
pub mod units;
pub mod uplink;
pub mod value;

/// Milliseconds since the Unix epoch, UTC. Any `i64` is a legal telemetry timestamp.
pub type Millis = i64;
