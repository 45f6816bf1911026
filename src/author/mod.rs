//! What a probe's author does with one file or folder: begin it, build it, run it, measure it, look at it.
//!
//! A probe runs here as it does in production: compiled by the same compiler, under the same limits and grants, its
//! observations merged by the merge's own code. This room serves nothing, follows no probe folder and keeps nothing on disk but
//! compiled code and what a build makes; state lives as long as the command.

mod advice;
mod bench;
mod build;
mod conformance;
mod dev;
mod inspect;
mod json;
mod machine;
mod measured;
mod new;
mod put;
mod report;
mod session;
mod show;
mod stand;
mod words;

pub use advice::{after_failed_run, after_idle_run, quoted, unfit};
pub use bench::{BenchError, Effort, Measured, bench};
pub use build::{
    Bindings, BuildError, BuildPlan, Built, Language, Missing, Project, Step, Tools, component,
    write_bindings,
};
pub use conformance::{
    BEHAVIOURS, Behaviour, Conformance, ConformanceError, FileReport, Folder, Ground, conform,
    list as list_behaviours,
};
pub use dev::{Arrival, Running, RunningError, Sameness, Watched, compare, deliver};
pub use inspect::{Inspection, inspect};
pub use new::{Beginning, NewError, is_taken};
pub use put::put;
pub use report::{Failed, MAX_RUNS, Plan, Replay, Report, test};
pub use session::{Cost, Run, Session};
pub use stand::{Stand, Subject, Unfit};
