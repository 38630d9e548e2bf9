//! What MQTT topics and payloads mean: topics ↔ `Uplink` / `Downlink`, reasons ↔ codes
//! (contract/mqtt.md 2 to 9). Pure; knows neither sessions nor packets' bytes.

pub mod codes;
pub mod downlink;
pub mod filter;
pub mod topic;
pub mod uplink;

#[cfg(test)]
mod tests;

pub use filter::{Filter, Kind};
pub use topic::Topic;
pub use uplink::Reply;

/// How a topic is written; answers and notifications use the form that asked for them. The short
/// form's payload type is the profile's, which is JSON for every profile there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `v1/devices/me/…`
    Long,
    /// `v2/…`
    Short,
    /// `v2/…/j`
    ShortJson,
}
