//! `probity test --conformance`: files held against the list of behaviours.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::stopping::Stopping;
use super::subject::{NO_ROOM, ReportFormat, SectionOptions, around, block_on};
use super::{Exit, Trouble, output};
use crate::author::{self, Conformance, ConformanceError, Folder, Ground, Subject};
use crate::config;
use crate::probe::{Compiler, Surroundings};

/// Where the suite makes its folder, unless `TMPDIR` says otherwise.
const TEMPORARY: &str = "/tmp";

/// Holds each file against all behaviours and prints the table. A signal ends it, and nothing of it is left.
///
/// # Errors
/// The configuration is at fault, a file is no probe, a behaviour is red, it was interrupted, or standard output cannot be
/// written.
pub(super) fn conformance(
    files: Vec<PathBuf>,
    section: SectionOptions,
    format: ReportFormat,
    environment: Vec<(OsString, OsString)>,
    compiler: Compiler,
) -> anyhow::Result<Exit> {
    let temporary = environment.iter().find(|(name, _)| name == "TMPDIR");
    let temporary = temporary.map_or_else(|| TEMPORARY.into(), |(_, path)| PathBuf::from(path));
    let cases = cases(files, &section, &environment, &compiler)?;
    let held = block_on(async {
        // Before there is something to clean up.
        let stopping = Stopping::expect()?;
        let folder = Folder::make(&temporary, "probity-conformance").map_err(told)?;
        let below = folder.path().to_owned();
        stopping.or(move || hold(cases, &below)).await?
    })??;
    let text = match format {
        // Each refused file has a line of its own below.
        ReportFormat::Table if held.table.files.is_empty() => None,
        ReportFormat::Table => Some(held.table.to_string()),
        ReportFormat::Json => Some(serde_json::to_string_pretty(&held.table.json())?),
    };
    if let Some(text) = text {
        output::data(&text)?;
    }
    let mut refused = held.refused.into_iter();
    let Some(first) = refused.next() else {
        return judge(&held.table);
    };
    for other in refused {
        output::note(&format!("error: {other}"));
    }
    Err(first.into())
}

/// A file with what its author runs it with.
type Case = (Subject, Surroundings);

/// The files, each with the section of its name and the flags over it.
fn cases(
    files: Vec<PathBuf>,
    section: &SectionOptions,
    environment: &[(OsString, OsString)],
    compiler: &Compiler,
) -> anyhow::Result<Vec<Case>> {
    if files.len() > 1 && section.name().is_some() {
        let message = format!("{} files cannot have one name", files.len());
        let next = "leave --name out, or name one file";
        return Err(Trouble::new(Exit::Usage, message, next).into());
    }
    let case = |file: PathBuf| {
        let name = section.probe_name(&file)?;
        let sources = section.clone().sources(&name, environment.to_vec())?;
        let loaded = config::load(&sources)?;
        let subject = Subject {
            file,
            defaults: loaded.config.probes.clone(),
            config: loaded.config.section(&name),
        };
        Ok((subject, around(&loaded, compiler.clone())))
    };
    files.into_iter().map(case).collect()
}

/// What came of all files.
struct Held {
    table: Conformance,
    /// A file of which the suite can say nothing does not keep it from the others.
    refused: Vec<Trouble>,
}

fn hold(cases: Vec<Case>, below: &Path) -> Result<Held, Trouble> {
    let mut held = Held {
        table: Conformance::default(),
        refused: Vec::new(),
    };
    for (subject, around) in cases {
        let file = subject.file.clone();
        let folder = below.to_owned();
        let ground = Ground { around, folder };
        match block_on(author::conform(&ground, subject))? {
            Ok(report) => held.table.files.push(report),
            Err(error) => {
                held.table.refused.push((file, error.to_string()));
                held.refused.push(told(error));
            }
        }
    }
    Ok(held)
}

fn judge(table: &Conformance) -> anyhow::Result<Exit> {
    let reds = table.reds().count();
    if reds == 0 {
        return Ok(Exit::Success);
    }
    let message = match reds {
        1 => "1 behaviour is red".to_owned(),
        many => format!("{many} behaviours are red"),
    };
    let example = table.files.iter().all(|file| file.no_example.is_none());
    let next = if example {
        "mend the probe where the table says why; `probity test --help` lists what is expected"
    } else {
        "mend the probe where the table says why, or give it what it needs with --set and --grant"
    };
    Err(Trouble::new(Exit::Failure, message, next).into())
}

fn told(error: ConformanceError) -> Trouble {
    let message = error.to_string();
    match error {
        ConformanceError::Unfit(unfit) => Trouble::new(Exit::Data, message, author::unfit(&unfit)),
        ConformanceError::Folder(..) => Trouble::new(
            Exit::Unavailable,
            message,
            "name a folder that can be written in TMPDIR",
        ),
        ConformanceError::Host(_) => Trouble::new(Exit::Unavailable, message, NO_ROOM),
    }
}
