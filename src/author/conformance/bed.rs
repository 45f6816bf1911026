//! What a behaviour is checked on: a folder with the file that the probe watches, and sessions of the probe.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use toml::{Table, Value};

use super::folder::Folder;
use super::{ConformanceError, Ground, Verdict};
use crate::author::session::{Run, Session};
use crate::author::stand::{Stand, Subject, Unfit};
use crate::model::{Failure, Outcome, Series};
use crate::probe::{Config, Grants, LimitOverrides, LogLevel, ProbeConfig, Surroundings, Version};
use crate::snapshot::{Check, SourceView};

/// The probe's name, whatever its file is called.
const NAME: &str = "queue";

/// A component, and a place for it.
pub(super) struct Bed {
    stand: Stand,
    defaults: Config,
    component: PathBuf,
    folder: Folder,
    /// How many versions were loaded.
    loaded: Cell<u32>,
}

/// What one session is run with.
#[derive(Clone, Default)]
pub(super) struct Setup {
    /// Keys of the configuration beside `file`, or instead of it.
    pub(super) config: Vec<(&'static str, Value)>,
    /// Whether `file` is left out.
    pub(super) without_file: bool,
    /// What is granted.
    pub(super) granted: Granted,
    /// Limits of its own.
    pub(super) limits: LimitOverrides,
}

/// What the probe may read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Granted {
    /// The folder with the watched file in it.
    #[default]
    Folder,
    /// Another file of that folder.
    Neighbour,
    /// Nothing.
    Nothing,
}

impl Setup {
    /// One key of the configuration.
    pub(super) fn with(key: &'static str, value: impl Into<Value>) -> Self {
        Self {
            config: vec![(key, value.into())],
            ..Self::default()
        }
    }
}

impl Bed {
    /// Makes the folder and the host.
    ///
    /// # Errors
    /// Either cannot be made.
    pub(super) fn make(ground: &Ground, component: PathBuf) -> Result<Self, ConformanceError> {
        let folder = Folder::make(&ground.folder, "bed")?;
        let mut stand = Stand::new(&ground.defaults, ground.around.clone(), LogLevel::Trace)?;
        if ground.around.cache.is_none() || stand.uncached.is_some() {
            // Each behaviour loads the component anew, and a large one takes its compiler half a minute.
            let around = Surroundings {
                cache: Some(folder.path().join("compiled")),
                ..ground.around.clone()
            };
            stand = Stand::new(&ground.defaults, around, LogLevel::Trace)?;
        }
        Ok(Self {
            stand,
            defaults: ground.defaults.clone(),
            component,
            folder,
            loaded: Cell::new(0),
        })
    }

    /// The watched file.
    pub(super) fn watched(&self) -> PathBuf {
        self.folder.path().join("queues.txt")
    }

    fn neighbour(&self) -> PathBuf {
        self.folder.path().join("other.txt")
    }

    /// Loads the component as it is for most behaviours.
    ///
    /// # Errors
    /// It is not fit to run.
    pub(super) fn load(&self) -> Result<Version, Unfit> {
        self.load_with(&Setup::default())
    }

    fn load_with(&self, setup: &Setup) -> Result<Version, Unfit> {
        self.loaded.set(self.loaded.get() + 1);
        let subject = Subject {
            file: self.component.clone(),
            defaults: self.defaults.clone(),
            config: self.section(setup),
        };
        self.stand.load(&subject, self.loaded.get())
    }

    fn section(&self, setup: &Setup) -> ProbeConfig {
        let mut config = Table::new();
        if !setup.without_file {
            let watched = self.watched().to_string_lossy().into_owned();
            config.insert("file".to_owned(), watched.into());
        }
        let own = setup.config.iter().cloned();
        config.extend(own.map(|(key, value)| (key.to_owned(), value)));
        let read = match setup.granted {
            Granted::Folder => vec![self.folder.path().to_owned()],
            Granted::Neighbour => vec![self.neighbour()],
            Granted::Nothing => Vec::new(),
        };
        ProbeConfig {
            config,
            limits: setup.limits.clone(),
            grant: Grants {
                read,
                ..Grants::default()
            },
            ..ProbeConfig::unmentioned(NAME)
        }
    }

    /// Begins a session of a probe that watches a file with this text.
    ///
    /// # Errors
    /// The file cannot be written, or the component is not fit to run.
    pub(super) fn begin(&self, setup: &Setup, text: &str) -> Result<Queue<'_>, String> {
        self.write(text)?;
        let neighbour = fs::write(self.neighbour(), "");
        neighbour.map_err(|error| unwritten(&self.neighbour(), &error))?;
        let version = self.load_with(setup).map_err(|unfit| unfit.to_string())?;
        Ok(Queue {
            bed: self,
            session: Session::begin(&self.stand, version),
        })
    }

    fn write(&self, text: &str) -> Verdict {
        let watched = self.watched();
        fs::write(&watched, text).map_err(|error| unwritten(&watched, &error))
    }
}

fn unwritten(file: &Path, error: &std::io::Error) -> String {
    format!("the suite cannot write {}: {error}", file.display())
}

/// The probe under test from run to run.
pub(super) struct Queue<'a> {
    bed: &'a Bed,
    pub(super) session: Session,
}

impl Queue<'_> {
    /// Changes the watched file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, text: &str) -> Verdict {
        self.bed.write(text)
    }

    /// Loads the component again, and puts it into the place of the one that runs.
    ///
    /// # Errors
    /// It is not fit to run.
    pub(super) fn reload(&mut self, setup: &Setup) -> Verdict {
        let version = self
            .bed
            .load_with(setup)
            .map_err(|unfit| unfit.to_string())?;
        self.session.replace(version);
        Ok(())
    }

    /// One run that has to go well.
    ///
    /// # Errors
    /// It does not.
    pub(super) async fn good(&mut self) -> Result<Run, String> {
        let run = self.session.run().await;
        match &run.outcome {
            Outcome::Ok => Ok(run),
            Outcome::Failed(failure) | Outcome::NotApplicable(failure) => {
                Err(format!("run {} failed: {failure}", run.number))
            }
        }
    }

    /// One run that has to fail.
    ///
    /// # Errors
    /// It goes well.
    pub(super) async fn bad(&mut self) -> Result<Arc<Failure>, String> {
        let run = self.session.run().await;
        match run.outcome {
            Outcome::Failed(failure) | Outcome::NotApplicable(failure) => Ok(failure),
            Outcome::Ok => Err(format!(
                "run {} went well, and should have failed",
                run.number
            )),
        }
    }

    /// What would be served now.
    ///
    /// # Errors
    /// Nothing would: a defect of the host.
    pub(super) fn seen(&mut self) -> Result<Seen, String> {
        let snapshot = self.session.snapshot();
        let snapshot = snapshot.ok_or("nothing is shown of the probe")?;
        let source = snapshot.sources.first().cloned();
        let own = |check: &&Check| &*check.source == NAME;
        Ok(Seen {
            source: source.ok_or("nothing is shown of the probe")?,
            checks: snapshot.health.checks.iter().filter(own).cloned().collect(),
        })
    }
}

/// What would be served of the probe.
pub(super) struct Seen {
    pub(super) source: Arc<SourceView>,
    checks: Vec<Check>,
}

impl Seen {
    /// The numbers of a series, with `labels` in the order of the metric's keys; nothing when there is no such series.
    pub(super) fn numbers(&self, metric: &str, labels: &[&str]) -> Option<Vec<f64>> {
        let series = self.series(metric, labels)?;
        let points = self.source.numbers(series);
        Some(points.iter().map(|point| point.value).collect())
    }

    /// Whether the series was written at this moment or later.
    pub(super) fn is_newer(&self, metric: &str, labels: &[&str], than: Instant) -> bool {
        let series = self.series(metric, labels);
        let point = series.and_then(|series| self.source.numbers(series).first().copied());
        point
            .and_then(|point| point.updated)
            .is_some_and(|updated| updated >= than)
    }

    fn series(&self, metric: &str, labels: &[&str]) -> Option<&Series> {
        let mut present = self.source.present(Instant::now());
        let found = present.find(|(series, _)| {
            let own = series.labels.iter().map(|label| &**label);
            &*series.metric.name == metric && own.eq(labels.iter().copied())
        });
        found.map(|(series, _)| series)
    }

    /// A gauge's value or a counter's total has to be this one.
    ///
    /// # Errors
    /// It is another, or not there.
    pub(super) fn has(&self, metric: &str, labels: &[&str], value: f64) -> Verdict {
        let found = self
            .numbers(metric, labels)
            .and_then(|numbers| numbers.first().copied());
        equal(&format!("{metric}{labels:?}"), found, Some(value))
    }

    /// The check has to say this.
    ///
    /// # Errors
    /// It says something else, or is not there.
    pub(super) fn says(&self, status: &str, message: &str) -> Verdict {
        let said = self
            .checks
            .iter()
            .find(|check| check.name.ends_with("/backlog"));
        let said = said.map(|check| format!("{}: {}", check.status.as_str(), check.message));
        equal(
            "the check `backlog`",
            said,
            Some(format!("{status}: {message}")),
        )
    }
}

/// What was found has to be what is wanted.
///
/// # Errors
/// Both, in one line.
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Verdict {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what} is {found:?}, and should be {wanted:?}"))
    }
}

/// A failure has to have this code.
///
/// # Errors
/// The failure, whole.
pub(super) fn coded(failure: &Failure, code: &str) -> Verdict {
    if failure.code == code {
        Ok(())
    } else {
        Err(format!(
            "the run failed with `{failure}`, and should with `{code}`"
        ))
    }
}

/// Each part has to be in the text.
///
/// # Errors
/// The first that is not.
pub(super) fn holds(what: &str, text: &str, parts: &[&str]) -> Verdict {
    match parts.iter().find(|part| !text.contains(**part)) {
        Some(part) => Err(format!("{what} lacks {part:?}: {text}")),
        None => Ok(()),
    }
}
