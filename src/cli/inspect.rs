//! `probity inspect`: what a file is, and whether it could run here.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::subject::{PlaceOptions, ReportFormat};
use super::{Exit, Trouble, output};
use crate::author;
use crate::probe::{Compiler, LogLevel};

/// What `probity inspect` is told.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Nothing of it runs. It is compiled, for only that shows whether it is whole, and what was compiled is kept as for `test` \
and `run`.\n\n\
Exit codes: 0 it is fit to run here, 65 it is not and the report says why, 78 configuration.")]
pub struct InspectOptions {
    /// The file
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    #[command(flatten)]
    place: PlaceOptions,
    /// How the report looks
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    format: ReportFormat,
}

/// Looks at a file and prints what it is.
///
/// # Errors
/// The configuration is at fault, the file is not fit to run, or standard output cannot be written.
pub fn inspect(
    options: InspectOptions,
    environment: Vec<(OsString, OsString)>,
    compiler: Compiler,
) -> anyhow::Result<Exit> {
    let prepared = options
        .place
        .prepare(options.file, environment, compiler, LogLevel::Error)?;
    let inspection = author::inspect(&prepared.stand, &prepared.subject);
    output::data(&match options.format {
        ReportFormat::Table => inspection.to_string(),
        ReportFormat::Json => serde_json::to_string_pretty(&inspection.json())?,
    })?;
    match inspection.unfit() {
        Some(unfit) => {
            let next = author::unfit(&unfit);
            Err(Trouble::new(Exit::Data, unfit.to_string(), next).into())
        }
        None => Ok(Exit::Success),
    }
}
