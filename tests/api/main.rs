//! The operator REST from outside: every status of contract/admin-rest.md and contract/rpc.md,
//! over HTTP, against a server on port 0 that keeps its data in the memory engine.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod attributes;
mod audit;
mod bodies;
mod credentials;
mod devices;
mod events;
mod fake;
mod harness;
mod history;
mod lists;
mod login;
mod openapi;
mod profiles;
mod rpc;
mod streaming;
mod telemetry;
