//! What a behaviour is checked on: a folder with the file that the probe watches, and sessions of the probe.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::{Table, Value};

use super::folder::Folder;
use super::seen::Seen;
use super::{ConformanceError, Ground, Verdict};
use crate::author::session::{Run, Session};
use crate::author::stand::{Stand, Subject, Unfit};
use crate::model::{Failure, Outcome};
use crate::probe::{
    Config, Grants, LimitOverrides, Limits, LogLevel, ProbeConfig, Surroundings, Version,
};
use crate::snapshot::Check;

/// The example's name, whatever its file is called.
const NAME: &str = "queue";

/// A component, and a place for it.
pub(super) struct Bed {
    stand: Stand,
    /// The component, with what its author runs it with.
    subject: Subject,
    folder: Folder,
    /// How many versions were loaded.
    loaded: Cell<u32>,
}

/// What one session of the example is run with.
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

/// What the example may read.
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
    pub(super) fn make(ground: &Ground, subject: Subject) -> Result<Self, ConformanceError> {
        let folder = Folder::make(&ground.folder, "bed")?;
        let mut stand = Stand::new(&subject.defaults, ground.around.clone(), LogLevel::Trace)?;
        if ground.around.cache.is_none() || stand.uncached.is_some() {
            // Each behaviour loads the component anew, and a large one takes its compiler half a minute.
            let around = Surroundings {
                cache: Some(folder.path().join("compiled")),
                ..ground.around.clone()
            };
            stand = Stand::new(&subject.defaults, around, LogLevel::Trace)?;
        }
        Ok(Self {
            stand,
            subject,
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

    /// What its author runs it with.
    pub(super) fn own(&self) -> &ProbeConfig {
        &self.subject.config
    }

    /// Loads the component, to be run with this section.
    ///
    /// # Errors
    /// It is not fit to run.
    pub(super) fn load(&self, config: &ProbeConfig) -> Result<Version, Unfit> {
        self.load_under(self.subject.defaults.clone(), config.clone())
    }

    /// Loads the component as the example. What its author lets all probes use has no part in the contract, but for the size
    /// of the file, without which there is nothing to look at.
    fn load_example(&self, setup: &Setup) -> Result<Version, Unfit> {
        let own = self.subject.defaults.clone();
        let usual = Config::default();
        let defaults = Config {
            interval: usual.interval,
            limits: Limits {
                file: own.limits.file,
                ..usual.limits
            },
            ..own
        };
        self.load_under(defaults, self.section(setup))
    }

    fn load_under(&self, defaults: Config, config: ProbeConfig) -> Result<Version, Unfit> {
        self.loaded.set(self.loaded.get() + 1);
        let subject = Subject {
            config,
            defaults,
            file: self.subject.file.clone(),
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

    /// Begins a session of whatever probe it is, with this section.
    ///
    /// # Errors
    /// The component is not fit to run.
    pub(super) fn begin_with(&self, config: &ProbeConfig) -> Result<Tried<'_>, String> {
        self.tried(self.load(config))
    }

    fn tried(&self, version: Result<Version, Unfit>) -> Result<Tried<'_>, String> {
        let version = version.map_err(|unfit| unfit.to_string())?;
        Ok(Tried {
            bed: self,
            session: Session::begin(&self.stand, version),
        })
    }

    /// Begins a session of the example, which watches a file with this text.
    ///
    /// # Errors
    /// The file cannot be written, or the component is not fit to run.
    pub(super) fn begin(&self, setup: &Setup, text: &str) -> Result<Tried<'_>, String> {
        self.write(text)?;
        let neighbour = fs::write(self.neighbour(), "");
        neighbour.map_err(|error| unwritten(&self.neighbour(), &error))?;
        self.tried(self.load_example(setup))
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
pub(super) struct Tried<'a> {
    bed: &'a Bed,
    pub(super) session: Session,
}

impl Tried<'_> {
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
        self.put(self.bed.load_example(setup))
    }

    /// The same with this section.
    ///
    /// # Errors
    /// As there.
    pub(super) fn reload_with(&mut self, config: &ProbeConfig) -> Verdict {
        self.put(self.bed.load(config))
    }

    fn put(&mut self, version: Result<Version, Unfit>) -> Verdict {
        self.session
            .replace(version.map_err(|unfit| unfit.to_string())?);
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
        let name = self.session.identity().name.clone();
        let own = |check: &&Check| check.source == name;
        Ok(Seen {
            source: source.ok_or("nothing is shown of the probe")?,
            checks: snapshot.health.checks.iter().filter(own).cloned().collect(),
        })
    }
}
