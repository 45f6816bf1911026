//! `probity bench`: what a probe costs.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::subject::{Prepared, ReportFormat, SubjectOptions, block_on, duration};
use super::{Exit, Trouble, output};
use crate::author::{self, BenchError, Effort};
use crate::probe::{Compiler, LogLevel};

/// What `probity bench` is told.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Compiling is measured without anything kept, loading with the compiled code of the state folder; each is the median of a \
few. A first run makes an instance and calls `start` and `collect`; a warm one calls `collect` of a resident instance, and \
is measured as the host pays for it, to the guests' threads and back. Resident memory is what one of twenty instances adds \
to the process.\n\n\
Exit codes: 0 measured, 1 a run failed, 65 the file is no fit component, 78 configuration.")]
pub struct BenchOptions {
    #[command(flatten)]
    subject: SubjectOptions,
    /// How long warm runs are measured
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    duration: Duration,
    /// How many warm runs at most
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// How the report looks
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    format: ReportFormat,
}

/// Measures a probe and prints what was measured.
///
/// # Errors
/// The configuration is at fault, the file is no probe, a run failed, or standard output cannot be written.
pub fn bench(
    options: BenchOptions,
    environment: Vec<(OsString, OsString)>,
    compiler: Compiler,
) -> anyhow::Result<Exit> {
    let prepared = options
        .subject
        .prepare(environment, compiler, LogLevel::Error)?;
    let Prepared { subject, stand, .. } = &prepared;
    let bare = prepared.bare()?;
    let effort = Effort {
        duration: options.duration,
        runs: options.runs,
    };
    let measured = block_on(author::bench(&bare, stand, subject, effort))?.map_err(told)?;
    Ok(output::data(&match options.format {
        ReportFormat::Table => measured.to_string(),
        ReportFormat::Json => serde_json::to_string_pretty(&measured.json())?,
    })?)
}

fn told(error: BenchError) -> Trouble {
    let message = error.to_string();
    match error {
        BenchError::Unfit(unfit) => Trouble::new(Exit::Data, message, author::unfit(&unfit)),
        BenchError::Failed(..) => {
            let next =
                "see with `probity test` and the same flags what is wrong, then measure again";
            Trouble::new(Exit::Failure, message, next)
        }
    }
}
