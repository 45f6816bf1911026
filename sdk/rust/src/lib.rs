//! Probes for [Probity](https://docs.rs/probity) in Rust: a type, two functions, and a component that any host loads.
//!
//! ```
//! use probity_sdk::prelude::*;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! pub struct Settings {
//!     /// Who asks.
//!     #[serde(default = "nobody")]
//!     who: String,
//! }
//!
//! fn nobody() -> String {
//!     "nobody".into()
//! }
//!
//! pub struct Hello {
//!     settings: Settings,
//!     answer: Gauge<1>,
//!     check: Check,
//! }
//!
//! impl Probe for Hello {
//!     type Config = Settings;
//!
//!     fn start(settings: Settings) -> Result<Self> {
//!         Ok(Self {
//!             settings,
//!             answer: Gauge::define("hello_answer", "The answer.", ["asked_by"])?,
//!             check: Check::define("answer", "There is an answer")?,
//!         })
//!     }
//!
//!     fn collect(&mut self) -> Result<()> {
//!         self.answer.set([&self.settings.who], 42.0)?;
//!         self.check.pass("42");
//!         Ok(())
//!     }
//! }
//!
//! probity_sdk::probe!(Hello);
//!
//! // A unit test: it runs on this machine, with a host that is made up.
//! let mut host = probity_sdk::testing::Host::new().config(r#"{ "who": "everybody" }"#);
//! let mut hello = host.start::<Hello>().expect("its configuration is right");
//! let report = host.collect(&mut hello).expect("it has an answer");
//! assert_eq!(report.value("hello_answer", ["everybody"]), Some(42.0));
//! ```
//!
//! Build it for `wasm32-wasip2`, or for `wasm32-unknown-unknown` with `wasm-component-ld` as linker for a component half the size, with
//! `crate-type = ["cdylib"]`, and drop the file into the probe folder of a running Probity.
//!
//! # What holds in every language
//!
//! This crate is a thin layer over the interface (`probity wit` prints it), so what its documentation says is true of probes in C, Go or
//! Python too:
//!
//! - **A run is a transaction.** What [`Probe::collect`] writes, reports and stores is committed together when it answers `Ok`, and is thrown
//!   away together when it answers a [`Failure`] or panics. Only log lines stay.
//! - **An instance is kept** between runs. After a panic, a deadline or a new version there is another one, which begins with
//!   [`Probe::start`]; what has to survive that is put into [`state`]. Totals of counters and histograms are the host's, and go on.
//! - **Nothing is granted by default.** Files, HTTP, sockets, databases, variables and secrets are refused with a [`Failure`] whose code
//!   is `denied` until the operator grants them by name. Hand it on with `?`: the host shows the line that grants it.
//! - **A failure is data.** Say [`Failure::unavailable`] when the thing observed does not answer, [`Failure::not_applicable`] when there is
//!   nothing to observe on this machine, [`Failure::bad_config`] when the operator has to mend the configuration. Any other error
//!   becomes `other` through `?`.
//! - **Values that are not written go stale and then absent**; they never stay frozen. A check that a run leaves out is taken away.

mod batch;
pub mod clock;
pub mod config;
pub mod dynamic;
mod events;
mod failure;
pub mod files;
mod health;
#[doc(hidden)]
pub mod host;
pub mod http;
pub mod json;
pub mod lines;
pub mod log;
mod metrics;
pub mod net;
mod number;
pub mod pattern;
mod probe;
pub mod random;
pub mod run;
pub mod secrets;
pub mod show;
pub mod snapshot;
#[cfg(feature = "sources")]
pub mod sources;
pub mod sql;
pub mod state;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
mod units;

pub use batch::{Batch, Series};
pub use events::emit;
pub use failure::{Context, Failure, Result};
pub use health::{Check, Status};
pub use metrics::{Counter, Gauge, Histogram, Info, StateSet, retire};
pub use probe::Probe;

/// What nearly every probe uses.
pub mod prelude {
    pub use crate::{
        Check, Context, Counter, Failure, Gauge, Histogram, Info, Probe, Result, StateSet, Status,
        config, files, run, state,
    };
    pub use crate::{debug, error, info, trace, warn};
}
