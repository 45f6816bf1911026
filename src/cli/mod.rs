//! The command line: verbs, what they print, and how the program ends.
//!
//! Data goes to standard output, notes and errors to standard error, every error ends with the next step to take.
//! This room reads arguments and prints; it starts nothing that outlives a verb.

mod arguments;
mod backup;
mod backup_meter;
mod bench;
mod build;
mod check;
mod compile_component;
mod conformance;
mod dev;
mod exit;
mod init;
mod inspect;
mod log_queue;
mod logging;
mod new;
mod output;
mod run;
mod show;
mod stopping;
mod subject;
mod taping;
mod test;
mod top;
mod usage;
mod wit;

pub use arguments::{Arguments, CompileOptions, ConfigVerb, ShowFormat, SourceOptions, Verb};
pub use backup::{BackupVerb, backup};
pub use bench::{BenchOptions, bench};
pub use build::{BindingsOptions, BuildOptions, ComponentOptions, bindings, build, component};
pub use check::check;
pub use compile_component::compile_component;
pub use dev::{DevOptions, dev};
pub use exit::{Exit, Trouble, finish};
pub use init::init;
pub use inspect::{InspectOptions, inspect};
pub use logging::{Log, start_logging};
pub use new::{NewOptions, new};
pub use run::run;
pub use show::show;
pub use subject::{GuestLevel, ReportFormat, SectionOptions, SubjectOptions};
pub use test::{TestOptions, test};
pub use top::{TopOptions, top};
pub use wit::wit;
