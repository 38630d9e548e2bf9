//! The CoAP device API from outside: datagrams made by another library against a running door with
//! the real registry and a store in memory.

#[path = "../common/mod.rs"]
mod common;

mod beside;
mod bodies;
mod crash;
mod dtls;
mod dtls_certificates;
mod dtls_limits;
mod dtls_lossy;
mod dtls_peer;
mod etsi_block;
mod etsi_core;
mod etsi_obs;
mod hostile;
mod limits;
mod observe;
mod peer;
mod resources;
mod statuses;

use common::{certificates, house, wait};
