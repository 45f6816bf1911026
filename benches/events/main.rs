//! Events: what they cost who tells them, how many a second are on disk when they are acknowledged, what questions about them cost, and
//! what a backup does to those who wait.
//!
//! `cargo bench --bench events [EVENTS [MIB]]`: so many events are in the database when it is asked, 200,000 by default, and so large is
//! the one that is backed up, 256 MiB. Both lie in the folder for temporary files, which must be on a real disk for the figures to
//! mean anything.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and a failed step ends it"
)]

mod backup;
mod http;
mod recorder;
mod store;

fn main() {
    if let Ok(state) = std::env::var(http::ROLE) {
        return http::serve(&state);
    }
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let (events, mebibytes) = (
        numbers.next().unwrap_or(200_000),
        numbers.next().unwrap_or(256),
    );
    recorder::run();
    let alone = store::durable();
    http::ingest(tempfile::tempdir().unwrap().path(), alone);
    backup::run(mebibytes);
    store::asked(events);
}
