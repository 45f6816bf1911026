//! The flags of `probity test` for tapes: record, replay, and a clock that goes by itself.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use rustix::fs::Access;

use super::subject::{Prepared, SectionOptions, around};
use super::{Exit, Trouble, output};
use crate::author::{self, Report, Subject};
use crate::config;
use crate::probe::{Compiler, ProbeConfig, Surroundings, Tape, TapeDocument, TapeError};

/// When a fake clock begins that is not told.
const BEGINNING: &str = "2026-01-01T00:00:00Z";
/// A larger file is no tape of this program's.
const MAX_FILE_BYTES: u64 = 128 << 20;
/// How much of a file is looked at to see whether it is a tape, which says so at its beginning.
const BEGINNING_BYTES: u64 = 4096;

/// Where a probe's answers come from and go to.
#[derive(Debug, Clone, Args)]
pub struct TapeOptions {
    /// Write all answers that the probe gets into a file, so that its runs can be had again without the world
    #[arg(long, value_name = "TAPE", conflicts_with_all = ["replay", "conformance"])]
    record: Option<PathBuf>,
    /// Give the probe the answers of a recording, and tell what it does otherwise than then
    #[arg(long, value_name = "TAPE", conflicts_with_all = ["conformance", "set", "grant", "limit", "interval", "config", "wait", "log_level", "fake_clock"])]
    replay: Option<PathBuf>,
    /// Succeed when nothing differs from the recording, a failed run included, and only then
    #[arg(long, requires = "replay")]
    expect_same: bool,
    /// Begin both clocks at a time, and let them go a millisecond with each reading and an interval from run to run;
    /// random numbers are always the same [default time: 2026-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = BEGINNING, value_parser = time, conflicts_with = "conformance")]
    fake_clock: Option<SystemTime>,
}

/// What was asked for.
pub(super) struct Taping {
    record: Option<PathBuf>,
    document: Option<TapeDocument>,
    expect_same: bool,
    tape: Tape,
}

impl TapeOptions {
    /// Reads the tape, if one is to be replayed; sees whether there is a place for one that is to be recorded.
    ///
    /// # Errors
    /// It cannot be read, or is none; it could not be written, or something else is there.
    pub(super) fn begin(self) -> Result<Taping, Trouble> {
        if let Some(path) = &self.record {
            check_place(path)?;
        }
        let tape = match (&self.record, self.fake_clock) {
            (Some(_), clock) => Tape::recording(clock),
            (None, Some(start)) => Tape::fake_clock(start),
            (None, None) => Tape::default(),
        };
        Ok(Taping {
            document: self.replay.as_deref().map(read).transpose()?,
            record: self.record,
            expect_same: self.expect_same,
            tape,
        })
    }
}

impl SectionOptions {
    /// Starts a host for a file's probe on a tape, which has everything that a probe is run with: no configuration is read.
    ///
    /// # Errors
    /// The name is none, or the machine refuses the host.
    pub(super) fn prepare_replay(
        self,
        file: PathBuf,
        environment: Vec<(OsString, OsString)>,
        compiler: Compiler,
        document: TapeDocument,
    ) -> anyhow::Result<Prepared> {
        let name = self.probe_name(&file)?;
        let loaded = config::without_file(&self.place.sources(environment));
        let (section, least) = (document.section(), document.log_level());
        let subject = Subject {
            config: ProbeConfig { name, ..section },
            defaults: loaded.config.probes.clone(),
            file,
        };
        let tape = Tape::replaying(document);
        let around = Surroundings {
            tape,
            ..around(&loaded, compiler)
        };
        Prepared::on(subject, around, least)
    }
}

impl Taping {
    /// How often the probe is run, unless somebody says otherwise.
    pub(super) fn runs(&self) -> u64 {
        let recorded = self.document.as_ref().map(TapeDocument::runs);
        recorded.map_or(1, |runs| runs as u64)
    }

    /// The recording that is replayed.
    pub(super) fn document(&self) -> Option<TapeDocument> {
        self.document.clone()
    }

    /// What the probe's host gets, unless a recording is replayed.
    pub(super) fn tape(&self) -> Tape {
        self.tape.clone()
    }

    /// Writes what was recorded, and says how the test ended.
    ///
    /// # Errors
    /// A run failed, something differs where nothing should, or the tape cannot be written.
    pub(super) fn end(&self, report: &Report) -> anyhow::Result<Exit> {
        if self.expect_same
            && let Some(replay) = &report.replay
        {
            return match replay.differences.first() {
                None => Ok(Exit::Success),
                Some((run, line)) => {
                    let message = format!("run {run} is not as it was recorded: {line}");
                    let next = "mend the probe, or record what it does now with --record";
                    Err(Trouble::new(Exit::Failure, message, next).into())
                }
            };
        }
        let failed = author::after_failed_run(report)
            .or_else(|| author::after_idle_run(report))
            .map(|(message, next)| Trouble::new(Exit::Failure, message, next));
        if let Some(path) = &self.record {
            match (self.tape.recorded(), &failed) {
                // The runs say more of why they failed.
                (Err(error @ TapeError::NotWhole(..)), Some(_)) => {
                    output::note(&format!("note: no tape is written: {error}"));
                }
                (recorded, _) => write(path, recorded, report.runs)?,
            }
        }
        failed.map_or(Ok(Exit::Success), |failed| Err(failed.into()))
    }
}

fn write(path: &Path, recorded: Result<String, TapeError>, runs: u64) -> Result<(), Trouble> {
    let shown = path.display();
    let text = recorded.map_err(|error| {
        let message = format!("no tape is written: {error}");
        Trouble::new(Exit::Failure, message, error.next())
    })?;
    // Another tape that is there is whole until this one is.
    author::put(path, text.as_bytes()).map_err(|error| unwritable(path, &error))?;
    let runs = match runs {
        1 => "1 run is".to_owned(),
        runs => format!("{runs} runs are"),
    };
    output::note(&format!(
        "note: {runs} recorded in {shown}; look through it before you share it"
    ));
    Ok(())
}

/// Told before the first run, for a recording may take hours.
fn check_place(path: &Path) -> Result<(), Trouble> {
    let is_free = match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if found.is_file() && found.len() > 0 => begins_a_tape(path),
        Ok(found) if !found.is_file() => return Ok(()),
        Ok(_) | Err(_) => Ok(true),
    };
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let is_free = fs::metadata(folder)
        .and_then(|_| Ok(rustix::fs::access(folder, Access::WRITE_OK)?))
        .and(is_free)
        .map_err(|error| unwritable(path, &error))?;
    if is_free {
        return Ok(());
    }
    let message = format!(
        "{} is there and is no tape: it is left as it is",
        path.display()
    );
    let next = "name another file, or remove that one yourself";
    Err(Trouble::new(Exit::Failure, message, next))
}

fn begins_a_tape(path: &Path) -> io::Result<bool> {
    let mut beginning = Vec::new();
    fs::File::open(path)?
        .take(BEGINNING_BYTES)
        .read_to_end(&mut beginning)?;
    let mark = b"\"probity_tape\"";
    Ok(beginning.windows(mark.len()).any(|part| part == mark))
}

fn unwritable(path: &Path, error: &io::Error) -> Trouble {
    let message = format!("the tape {} cannot be written: {error}", path.display());
    let next = "name a file in a folder that you may write to";
    Trouble::new(Exit::Failure, message, next)
}

fn read(path: &Path) -> Result<TapeDocument, Trouble> {
    let shown = path.display();
    let unreadable = |why: String| {
        let message = format!("the tape {shown} cannot be read: {why}");
        Trouble::new(Exit::Data, message, "name a file that --record has written")
    };
    let size = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !size.is_file() || size.len() > MAX_FILE_BYTES {
        return Err(unreadable(
            "it is no file, or too large to be one".to_owned(),
        ));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    TapeDocument::parse(&text).map_err(|error| {
        Trouble::new(
            Exit::Data,
            format!("the tape {shown}: {error}"),
            error.next(),
        )
    })
}

/// A time as RFC 3339 writes it, that a guest's clock can show.
fn time(text: &str) -> Result<SystemTime, String> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    let time = time.map_err(|_| "expected a time such as 2026-01-31T12:00:00Z".to_owned())?;
    if time < jiff::Timestamp::UNIX_EPOCH {
        return Err("expected a time from 1970-01-01T00:00:00Z on, where clocks begin".to_owned());
    }
    Ok(time.into())
}
