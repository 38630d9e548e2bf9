//! The store from outside, at the level of processes: killed, locked out, out of space.

mod crash;
mod disk;
mod full;
mod locked;
mod refilled;
mod work;
mod writer;
