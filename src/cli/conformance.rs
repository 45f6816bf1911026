//! `probity test --conformance`: files held against the list of behaviours.

use std::ffi::OsString;
use std::path::PathBuf;

use super::stopping::Stopping;
use super::subject::{PlaceOptions, ReportFormat, around, block_on};
use super::{Exit, Trouble, output};
use crate::author::{self, Conformance, ConformanceError, Folder, Ground};
use crate::config;
use crate::probe::Compiler;

/// Where the suite makes its folder, unless `TMPDIR` says otherwise.
const TEMPORARY: &str = "/tmp";

/// Holds each file against all behaviours and prints the table. A signal ends it, and nothing of it is left.
///
/// # Errors
/// The configuration is at fault, a file is no probe or none of the contract's, a behaviour is red, it was interrupted, or
/// standard output cannot be written.
pub(super) fn conformance(
    files: Vec<PathBuf>,
    place: PlaceOptions,
    format: ReportFormat,
    environment: Vec<(OsString, OsString)>,
    compiler: Compiler,
) -> anyhow::Result<Exit> {
    let temporary = environment.iter().find(|(name, _)| name == "TMPDIR");
    let temporary = temporary.map_or_else(|| TEMPORARY.into(), |(_, path)| PathBuf::from(path));
    let loaded = config::load(&place.sources(environment))?;
    let held = block_on(async {
        // Before there is something to clean up.
        let stopping = Stopping::expect()?;
        let folder = Folder::make(&temporary, "probity-conformance").map_err(told)?;
        let ground = Ground {
            defaults: loaded.config.probes.clone(),
            around: around(&loaded, compiler),
            folder: folder.path().to_owned(),
        };
        stopping.or(move || hold(&ground, files)).await?
    })??;
    if !held.table.files.is_empty() {
        output::data(&match format {
            ReportFormat::Table => held.table.to_string(),
            ReportFormat::Json => serde_json::to_string_pretty(&held.table.json())?,
        })?;
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

/// What came of all files.
struct Held {
    table: Conformance,
    /// A file of which the suite can say nothing does not keep it from the others.
    refused: Vec<Trouble>,
}

fn hold(ground: &Ground, files: Vec<PathBuf>) -> Result<Held, Trouble> {
    let mut held = Held {
        table: Conformance { files: Vec::new() },
        refused: Vec::new(),
    };
    for file in files {
        match block_on(author::conform(ground, file))? {
            Ok(report) => held.table.files.push(report),
            Err(error) => held.refused.push(told(error)),
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
    let next =
        "mend the probe where the table says why; `probity test --help` lists what is expected";
    Err(Trouble::new(Exit::Failure, message, next).into())
}

fn told(error: ConformanceError) -> Trouble {
    let message = error.to_string();
    match error {
        ConformanceError::Unfit(unfit) => Trouble::new(Exit::Data, message, author::unfit(&unfit)),
        ConformanceError::Foreign(..) => {
            let next = "test it with `probity test` and its own configuration; the suite is for probes that do what the examples do";
            Trouble::new(Exit::Data, message, next)
        }
        ConformanceError::Folder(..) => Trouble::new(
            Exit::Unavailable,
            message,
            "name a folder that can be written in TMPDIR",
        ),
        ConformanceError::Host(_) => {
            Trouble::new(Exit::Unavailable, message, "see what the message names")
        }
    }
}
