//! `probity backup`: making, listing, verifying and restoring backups, beside a running Probity or without one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::arguments::SourceOptions;
use super::backup_meter::Meter;
use super::stopping::Stopping;
use super::subject::{ReportFormat, block_on};
use super::{Exit, Trouble, output};
use crate::backup::{
    self, BackupError, BackupId, BackupTrouble, Chosen, Entry, Maker, Progress, document,
};
use crate::config;

/// How often progress is shown.
const BEAT: Duration = Duration::from_millis(200);

/// What to do with backups.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Where backups go is in [backup] of the configuration.\n\n\
Exit codes: 0 done, 65 the archive is damaged, foreign or newer, or there is none, 69 the place or the folder is of no use, \
75 another backup is under way or a running Probity has the folder, 78 configuration.")]
pub enum BackupVerb {
    /// Make one, whether a Probity runs or not, and print its id
    Create(SourceOptions),
    /// Show those there are, the newest first
    List {
        /// How the list looks
        #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
        format: ReportFormat,
        #[command(flatten)]
        /// Where configuration comes from.
        sources: SourceOptions,
    },
    /// Read one through and hold it against its checksums
    Verify {
        #[command(flatten)]
        /// Which one.
        which: WhichOptions,
        #[command(flatten)]
        /// Where configuration comes from.
        sources: SourceOptions,
    },
    /// Put the database of one into a state folder, once it was found whole
    Restore {
        #[command(flatten)]
        /// Which one.
        which: WhichOptions,
        /// The state folder, which may be new
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// Move a database that is there aside, into a folder `replaced-N` beside it
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        /// Where configuration comes from.
        sources: SourceOptions,
    },
}

/// Which backup.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
pub struct WhichOptions {
    /// Its id, as `list` shows it, or an archive's file; of a file the manifest beside it is read too
    #[arg(value_name = "ID|FILE")]
    backup: Option<PathBuf>,
    /// The newest good one
    #[arg(long)]
    latest: bool,
}

/// Does what the verb says.
///
/// # Errors
/// The configuration is at fault; otherwise a [`Trouble`] with the step that helps.
pub fn backup(verb: BackupVerb, environment: Vec<(OsString, OsString)>) -> anyhow::Result<Exit> {
    match verb {
        BackupVerb::Create(sources) => {
            let maker = maker(sources, environment)?;
            Ok(block_on(create(maker))??)
        }
        BackupVerb::List { format, sources } => {
            let maker = maker(sources, environment)?;
            let entries = block_on(maker.shelf().entries_in_time())?.map_err(trouble)?;
            let text = match format {
                ReportFormat::Table => table(&entries),
                ReportFormat::Json => {
                    let backups: Vec<_> = entries.iter().map(document::stored).collect();
                    let list = json!({ "place": maker.to_string(), "backups": backups });
                    serde_json::to_string_pretty(&list)?
                }
            };
            if entries.is_empty() {
                output::note(&format!("note: there is no backup in {maker}"));
            }
            Ok(output::data(&text)?)
        }
        BackupVerb::Verify { which, sources } => {
            let place = Place {
                sources,
                environment,
            };
            block_on(verify(which, place))?
        }
        BackupVerb::Restore {
            which,
            into,
            replace,
            sources,
        } => {
            let place = Place {
                sources,
                environment,
            };
            block_on(restore(which, place, into, replace))?
        }
    }
}

/// Where backups lie, looked up when it is needed: a file is read without any configuration.
struct Place {
    sources: SourceOptions,
    environment: Vec<(OsString, OsString)>,
}

fn maker(sources: SourceOptions, environment: Vec<(OsString, OsString)>) -> anyhow::Result<Maker> {
    let loaded = config::load(&sources.sources(environment))?;
    let credentials = loaded.backup_credentials.as_ref();
    let config = &loaded.config;
    let ballast = config.state.ballast;
    let maker = Maker::open(
        &config.backup,
        &loaded.state_directory,
        ballast,
        credentials,
    );
    Ok(maker.map_err(trouble)?)
}

async fn create(maker: Maker) -> Result<Exit, Trouble> {
    let id = BackupId::new(SystemTime::now());
    let created = followed(|told, stop| {
        let maker = maker.clone();
        async move { maker.create(id, told, &stop).await }
    })
    .await?;
    let manifest = &created.manifest;
    let archive = manifest.archive.as_ref().map_or(0, |archive| archive.bytes);
    output::note(&format!(
        "stored in {maker}: {archive} bytes, of a database of {} with {} rows",
        manifest.database.bytes,
        manifest.tables.values().sum::<u64>()
    ));
    for gone in &created.gone {
        output::note(&format!("let go: {gone}"));
    }
    if let Some(reason) = &created.untidy {
        output::note(&format!("note: older backups stay for now: {reason}"));
    }
    output::data(&id.to_string())
}

async fn verify(which: WhichOptions, place: Place) -> anyhow::Result<Exit> {
    let chosen = which.choose(place).await?;
    let alone = !chosen.has_manifest();
    let manifest =
        followed(|told, stop| async move { backup::verify(chosen, told, &stop).await }).await?;
    if alone {
        output::note(
            "note: no manifest lies beside it, so it was held against what it says of itself alone",
        );
    }
    Ok(output::data(&format!(
        "{} is whole: made {} by Probity {}, schema {}, {} rows",
        manifest.id,
        manifest.created,
        manifest.program,
        manifest.schema,
        manifest.tables.values().sum::<u64>()
    ))?)
}

async fn restore(
    which: WhichOptions,
    place: Place,
    into: PathBuf,
    replace: bool,
) -> anyhow::Result<Exit> {
    let chosen = which.choose(place).await?;
    let folder = into.clone();
    let restored = followed(|told, stop| async move {
        backup::restore(chosen, &folder, replace, told, &stop).await
    })
    .await?;
    if let Some(replaced) = &restored.replaced {
        output::note(&format!(
            "the database that was there is in {}",
            replaced.display()
        ));
    }
    let (id, into) = (restored.manifest.id, into.display());
    output::note(&format!("next: probity run --state {into}"));
    Ok(output::data(&format!("{id} is restored into {into}"))?)
}

impl WhichOptions {
    async fn choose(&self, place: Place) -> anyhow::Result<Chosen> {
        let id = match self.backup.as_deref() {
            None => None,
            Some(given) => match id(given) {
                Some(id) => Some(id),
                None => return Ok(Chosen::file(given).await.map_err(trouble)?),
            },
        };
        let maker = maker(place.sources, place.environment)?;
        let chosen = match id {
            Some(id) => Chosen::by_id(maker.shelf(), id).await,
            None => Chosen::latest(maker.shelf()).await,
        };
        Ok(chosen.map_err(trouble)?)
    }
}

/// What looks like an id is one.
fn id(given: &Path) -> Option<BackupId> {
    given.to_str()?.parse().ok()
}

/// Shows how far work is, until it ends. After a signal it is told to stop, and clears up before it does.
async fn followed<T, F>(
    work: impl FnOnce(watch::Sender<Progress>, CancellationToken) -> F,
) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, BackupError>>,
{
    let mut stopping = Stopping::expect()?;
    let stop = CancellationToken::new();
    let (told, mut progress) = watch::channel(Progress::BEGINNING);
    let work = work(told, stop.clone());
    tokio::pin!(work);
    let (mut meter, mut beat) = (Meter::new(), tokio::time::interval(BEAT));
    let mut signal = None;
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            exit = stopping.signalled() => {
                signal = Some(exit);
                stop.cancel();
            }
            Ok(()) = progress.changed() => meter.enter(*progress.borrow_and_update()),
            _ = beat.tick() => meter.show(*progress.borrow()),
        }
    };
    meter.end();
    match (done, signal) {
        (Err(BackupError::Stopped), Some(exit)) => {
            let next = "run it again; nothing of it is left behind";
            Err(Trouble::new(exit, "a signal ended it", next))
        }
        (done, _) => done.map_err(trouble),
    }
}

fn trouble(error: BackupError) -> Trouble {
    let exit = match error.trouble() {
        BackupTrouble::Busy => Exit::Temporary,
        BackupTrouble::Data | BackupTrouble::Missing => Exit::Data,
        BackupTrouble::Taken | BackupTrouble::Full | BackupTrouble::Place => Exit::Unavailable,
        BackupTrouble::Stopped | BackupTrouble::Other => Exit::Failure,
    };
    Trouble::new(exit, error.to_string(), error.next())
}

/// One line for each.
fn table(entries: &[Entry]) -> String {
    let rows = entries.iter().map(|entry| {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let manifest = entry.manifest.as_deref();
        [
            entry.id.to_string(),
            entry.state.as_str().to_owned(),
            number(Some(entry.bytes)),
            number(manifest.map(|manifest| manifest.database.bytes)),
            number(manifest.map(|manifest| manifest.tables.values().sum())),
            manifest
                .map_or("-", |manifest| &manifest.program)
                .to_owned(),
        ]
    });
    let head = ["ID", "STATE", "BYTES", "DATABASE", "ROWS", "PROGRAM"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            // Words to the left, numbers to the right.
            0 | 1 => format!("{cell:<0$}", widths[column]),
            _ => format!("{cell:>0$}", widths[column]),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
