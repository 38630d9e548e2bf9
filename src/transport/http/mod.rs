//! The HTTP device API (contract/http.md), and the HTTP server other rooms mount their routes on.
//!
//! `listener` opens the door; `entrance` takes connections, `socket` is one or the TLS above it;
//! `connection` is a socket with the limits that actix leaves open and
//! knows when a response has really been written; `route` and `mapping` are pure: paths, queries
//! and bodies to words of the model and back; `routes` has a file per kind of request; `error`
//! says what each reason looks like on the wire. Every request asks the registry anew: the token
//! is part of the path, and there is no session.

mod body;
pub mod config;
mod connection;
mod entrance;
mod error;
mod limits;
mod listener;
mod mapping;
mod route;
mod routes;
mod socket;

pub use config::Config;
pub use listener::{start, Door, Sockets};
