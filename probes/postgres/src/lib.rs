//! PostgreSQL: whether it accepts connections, and with a login what its statistics tell.
//!
//! `wire` is the protocol's messages, `login` the way in (`password`, `scram` and `base64` for what a server may ask for), `rows` a query and its
//! answer, `state` what a greeting says of a server, `facts` what is asked of its statistics, `judge` what is thought of them, `metrics` what
//! becomes of them.

mod base64;
mod facts;
mod judge;
mod login;
mod metrics;
mod password;
mod probe;
mod rows;
mod scram;
mod settings;
mod state;
mod wire;

pub use facts::{Facts, Replica, Role};
pub use judge::{connections, ready, replication, transactions};
pub use login::{Credentials, Greeting, Login, Trust};
pub use probe::{Postgres, Seen, Told};
pub use settings::{Settings, Target};
pub use state::State;
pub use wire::Problem;

probity_sdk::probe!(Postgres);
