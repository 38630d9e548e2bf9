//! Device payloads: JSON to typed telemetry, attributes and requests, and back
//! (contract/mqtt.md 6 to 9, contract/data-model.md 2 and 3).
//!
//! Plain telemetry and attributes, which is nearly all there is, are read by hand (`quick`). All
//! else is one streaming pass of serde_json over the bytes: members arrive as raw text (so
//! that a number's own spelling decides its type) and become typed values at once; no tree is
//! built. Only when the bytes are no strict JSON, and `rules.lenient` allows it, they are read as
//! JSON5, written down as strict JSON, and read again by the same code (`lenient`).

mod attributes;
mod lenient;
mod members;
mod number;
mod quick;
mod read;
mod request;
mod rules;
mod telemetry;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use attributes::attributes;
pub use request::{attribute_request, rpc_call, rpc_order};
pub use rules::Rules;
pub use telemetry::telemetry;
pub use write::{
    write_attribute_reply, write_deleted, write_object, write_rpc, write_string, write_value,
};
