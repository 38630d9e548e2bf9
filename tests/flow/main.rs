//! The whole platform from outside: the real binary, its start, its stop, and flows across doors.

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod reset;
mod retention;
mod secrets;
mod start;
mod stop;
