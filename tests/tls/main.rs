//! TLS at both doors, from outside: handshakes, certificates of devices, reload, limits.
//!
//! `client` is OpenSSL's client over a blocking socket; `scene` a platform with an authority and a
//! folder of its own.

#[path = "../common/mod.rs"]
mod common;

mod client;
mod devices;
mod generate;
mod handshakes;
mod https;
mod proxy;
mod public;
mod reload;
mod resumption;
mod scene;
mod settings;
mod websocket;
mod ws;
