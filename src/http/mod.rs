//! The HTTP server: connections, checks, routes and bodies.
//!
//! Owns every socket and everything a client sees. It reads the snapshot through its cell and never changes it,
//! never waits for a source, and encodes nothing twice. axum and hyper are known in no other room.

mod bodies;
mod config;
mod framing;
mod guard;
mod negotiate;
mod problem;
pub mod request_body;
mod routes;
mod server;
mod site;
mod stream;
mod tally;
#[cfg(test)]
mod tests;

pub use config::*;
pub use problem::Problem;
pub use server::{Drained, HttpError, Server};
pub use site::Handles;
pub use tally::HttpTally;
