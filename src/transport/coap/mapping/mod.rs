//! Between CoAP and the words of the model (contract/coap.md): paths, formats, bodies. Pure.

mod cbor;
mod core;
mod downlink;
mod format;
mod path;
#[cfg(test)]
mod tests;

pub(super) use cbor::{from_json as cbor_from_json, to_json as cbor_to_json};
pub(super) use core::links;
pub(super) use downlink::{attributes_asked, everything, parts, shared};
pub(super) use format::{accepts_links, Format, FormatError};
#[cfg(test)]
use path::NoRoute;
pub(super) use path::{route, Resource, Route, Speaker};
