//! IndustryOS IoT: device connectivity over MQTT, HTTP and CoAP, durable in one process.
//!
//! The map of rooms; who may name whom is held by `tests/arch` (a room names only rooms above
//! it in this list):
//!
//! | room | its promise |
//! | --- | --- |
//! | [`model`] | words, nothing else |
//! | [`observability`] | how we are seen |
//! | [`store`] | nothing acknowledged is lost |
//! | [`auth`] | no unnamed speaker |
//! | [`device`] | one truth per device, in order |
//! | [`registry`] | exactly one live actor per device |
//! | [`transport`] | the protocol, byte for byte |
//! | [`api`] | operators see and steer |
//! | [`config`] | a bad setting stops at the door |
//! | [`app`] | the wiring |

#![deny(unsafe_code)]

pub mod api;
pub mod app;
pub mod auth;
pub mod config;
pub mod device;
pub mod model;
pub mod observability;
pub mod registry;
pub mod store;
pub mod transport;
