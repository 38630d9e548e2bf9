//! The answers: the read traits over the tables, the heads and the blocks.

pub(super) mod aside;
mod attributes;
mod device_lists;
mod devices;
pub(super) mod folding;
mod operators;
mod points;
mod retention;
mod rpcs;
mod timeseries;
