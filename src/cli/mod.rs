//! The command line: verbs, what they print, and how the program ends.
//!
//! Data goes to standard output, notes and errors to standard error, every error ends with the next step to take.
//! This room reads arguments and prints; it starts nothing that outlives a verb.

mod arguments;
mod check;
mod compile_component;
mod exit;
mod init;
mod log_queue;
mod logging;
mod output;
mod run;
mod show;
mod wit;

pub use arguments::{Arguments, CompileOptions, ConfigVerb, ShowFormat, SourceOptions, Verb};
pub use check::check;
pub use compile_component::compile_component;
pub use exit::{Exit, Trouble, finish};
pub use init::init;
pub use logging::{Log, start_logging};
pub use run::run;
pub use show::show;
pub use wit::wit;
