//! `probity test`: some runs of one probe, and what they came to.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::stopping::Stopping;
use super::subject::{GuestLevel, ReportFormat, SectionOptions, block_on};
use super::taping::{TapeOptions, Taping};
use super::{Exit, Trouble, output};
use crate::author::{self, MAX_RUNS, Plan, Report, Session};
use crate::probe::Compiler;

/// What `probity test` is told.
#[derive(Debug, Clone, Args)]
#[command(after_help = after_help())]
pub struct TestOptions {
    /// The component; with --conformance, one or several
    #[arg(value_name = "FILE.wasm", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    section: SectionOptions,
    /// How often it is run [default: 1, and with --replay as often as it was recorded]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=MAX_RUNS))]
    runs: Option<u64>,
    /// Wait one interval between two runs, as in production
    #[arg(long)]
    wait: bool,
    /// The level from which on the probe's log is shown
    #[arg(long, value_enum, default_value_t = GuestLevel::Info)]
    log_level: GuestLevel,
    /// Hold each file against the list of behaviours below instead
    #[arg(long, conflicts_with_all = ["runs", "wait", "log_level"])]
    conformance: bool,
    #[command(flatten)]
    taping: TapeOptions,
    /// How the report looks
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    format: ReportFormat,
}

fn after_help() -> String {
    format!(
        "It runs as in production: compiled, limited and granted as its section in the configuration file and the flags \
         over it say. State is kept in memory, runs follow each other at once, and the snapshot that it may read holds \
         this machine as it was at the beginning. A check that warns or fails is no failure of the test: the probe \
         works.\n\n\
         With --replay the world is not asked, and nothing but the tape says how the probe is run: docs/recording.md tells \
         what a tape is and how to keep a failing run as a test.\n\n\
         The behaviours of --conformance. A probe that does what the examples do is held against all of them, with a file, \
         configuration and grants of the suite's own; of any other, run with its section and the flags, what is said \
         below of any probe is asked, and the rest is n/a:\n{}\n\
         Exit codes: 0 every run went well, or no behaviour is red; 1 a run failed or found nothing to \
         observe, or a behaviour is red; 65 the file is \
         no fit component; 78 configuration; 129, 130, 143 a signal ended it: after one, what the finished runs came to \
         is printed, and their tape is written.",
        author::list_behaviours()
    )
}

/// Runs a probe and prints what came of it.
///
/// # Errors
/// The configuration is at fault, the file is no probe, a run failed, a signal ended it, or standard output cannot be
/// written.
pub fn test(
    options: TestOptions,
    environment: Vec<(OsString, OsString)>,
    compiler: Compiler,
) -> anyhow::Result<Exit> {
    if options.conformance {
        return super::conformance::conformance(
            options.files,
            options.section,
            options.format,
            environment,
            compiler,
        );
    }
    let file = one(options.files)?;
    let taping = options.taping.begin()?;
    let runs = options.runs.unwrap_or_else(|| taping.runs());
    let prepared = match taping.document() {
        Some(document) => {
            let section = options.section;
            section.prepare_replay(file, environment, compiler, document)?
        }
        None => {
            let (with, level) = ((compiler, taping.tape()), options.log_level.into());
            options
                .section
                .prepare_with(file, environment, with, level)?
        }
    };
    let mut session = Session::begin(&prepared.stand, prepared.load()?);
    let plan = Plan {
        runs,
        wait: options.wait,
    };
    let (report, signalled) = block_on(run(&mut session, plan))??;
    let text = match options.format {
        ReportFormat::Table => report.to_string(),
        ReportFormat::Json => serde_json::to_string_pretty(&report.json())?,
    };
    let is_worth_telling = signalled.is_none() || report.runs > 0;
    let told = is_worth_telling.then(|| output::data(&text)).transpose();
    // A tape is written also where nobody hears the report.
    let ended = match signalled {
        None => taping.end(&report),
        Some(exit) => Err(cut_short(exit, &taping, &report).into()),
    };
    told?;
    ended
}

/// What is said after a signal: the runs that had ended are told, and on the tape.
fn cut_short(exit: Exit, taping: &Taping, report: &Report) -> Trouble {
    let next = "run it again, with fewer --runs if it takes too long";
    if report.runs == 0 {
        return Trouble::new(exit, "a signal ended it before the first run had", next);
    }
    if let Err(error) = taping.end(report) {
        output::note(&format!("error: {error:#}"));
    }
    let message = "a signal ended it; above is what came of the runs before";
    Trouble::new(exit, message, next)
}

/// Runs a probe as planned, or until a signal; gives how to exit then.
async fn run(session: &mut Session, plan: Plan) -> Result<(Report, Option<Exit>), Trouble> {
    let mut stopping = Stopping::expect()?;
    let mut signalled = None;
    let report = author::test(session, plan, async {
        signalled = Some(stopping.signalled().await);
    });
    let report = report.await;
    Ok((report, signalled))
}

/// The only one of the files.
fn one(files: Vec<PathBuf>) -> Result<PathBuf, Trouble> {
    let count = files.len();
    match <[PathBuf; 1]>::try_from(files) {
        Ok([file]) => Ok(file),
        Err(_) => Err(Trouble::new(
            Exit::Usage,
            format!("{count} files are given, and one is tested at a time"),
            "name one file, or give --conformance, which takes several",
        )),
    }
}
