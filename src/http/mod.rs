//! The HTTP server: connections, checks, routes and bodies.
//!
//! Owns every socket and everything a client sees. It reads the snapshot through its cell and never changes it,
//! never waits for a source, and encodes nothing twice. axum and hyper are known in no other room.

mod bodies;
mod config;
mod framing;
mod guard;
mod live;
mod negotiate;
mod outcomes;
mod packed_body;
mod problem;
mod queries;
pub mod request_body;
mod request_path;
mod routes;
mod server;
mod site;
mod stream;
mod tally;
#[cfg(test)]
mod tests;
mod token;

pub use config::*;
pub use live::{StreamConfig, StreamTally};
pub use problem::Problem;
pub use server::{Drained, HttpError, Server};
pub use site::Handles;
pub use tally::HttpTally;
