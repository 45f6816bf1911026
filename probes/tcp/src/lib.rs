//! TCP ports: whether they accept connections, how long that takes, and whether they answer as expected.
//!
//! `settings` is what the operator wrote, `exchange` what is said over a connection, `probe` carries both to the host.

mod exchange;
mod probe;
mod settings;

pub use exchange::{Answered, Times};
pub use probe::Tcp;
pub use settings::{Settings, Target};

probity_sdk::probe!(Tcp);
