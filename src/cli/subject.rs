//! The flags that every verb for authors has: which file, under which name, and what is laid over its section.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde::de::IntoDeserializer;

use super::arguments::SYSTEM_FILE;
use super::{Exit, Trouble, output};
use crate::app;
use crate::author::{self, Stand, Subject};
use crate::config::{self, FlagValue, Loaded, SectionFlags, SectionValue, Sources};
use crate::model::Span;
use crate::probe::{Compiler, LogLevel, Surroundings, Tape, Version, is_probe_name};

/// The next step where the machine refuses threads, files or memory.
pub(super) const NO_ROOM: &str = "leave it more room and run it again: `ulimit -a` shows how many threads and files and how much memory it may have";
/// Where compiled components are kept, below the state folder: as the running program does, so that each is compiled once.
const CACHE_FOLDER: &str = "compiled";

/// Which component, and what it is run with.
#[derive(Debug, Clone, Args)]
pub struct SubjectOptions {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    #[command(flatten)]
    section: SectionOptions,
}

/// What a probe is run with: its section of the configuration file, and the flags over it.
#[derive(Debug, Clone, Args)]
pub struct SectionOptions {
    /// The probe's name, and so its section in the configuration file [default: the file's stem]
    #[arg(long)]
    name: Option<String>,
    /// Set a key of the probe's own configuration: `warn=3`, `load.warn=3`; the value is TOML, or else text
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Grant something: `read=/path`, `http=https://host`, `tcp=host:port`, `udp=`, `env=`, `secrets=`, `reveal=`,
    /// `sqlite.NAME=/path`
    #[arg(long, value_name = "KEY=VALUE")]
    grant: Vec<String>,
    /// Set a limit: `memory=32MiB`, `deadline=1s`
    #[arg(long, value_name = "KEY=VALUE")]
    limit: Vec<String>,
    /// How often it runs in production, as the probe is told
    #[arg(long, value_name = "DURATION")]
    interval: Option<String>,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

/// Where things are.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceOptions {
    /// Configuration file [default: the first of ./probity.toml, the user's and the system's]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for what is kept between starts; of it, compiled code alone is used
    #[arg(long, value_name = "DIR")]
    state: Option<OsString>,
}

/// How a verb prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Table,
    /// For scripts.
    Json,
}

/// The level from which on a guest's lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GuestLevel {
    /// Everything.
    Trace,
    /// What the probe decided and why, and above.
    Debug,
    /// What a log has by default.
    Info,
    /// What is odd, and what failed.
    Warn,
    /// What failed.
    Error,
}

impl From<GuestLevel> for LogLevel {
    fn from(level: GuestLevel) -> Self {
        match level {
            GuestLevel::Trace => Self::Trace,
            GuestLevel::Debug => Self::Debug,
            GuestLevel::Info => Self::Info,
            GuestLevel::Warn => Self::Warn,
            GuestLevel::Error => Self::Error,
        }
    }
}

/// A component with its configuration, and a host for it.
pub(super) struct Prepared {
    pub(super) subject: Subject,
    pub(super) stand: Stand,
    around: Surroundings,
}

impl SubjectOptions {
    /// As [`SectionOptions::prepare`], for its file.
    ///
    /// # Errors
    /// As there.
    pub(super) fn prepare(
        self,
        environment: Vec<(OsString, OsString)>,
        compiler: Compiler,
        least: LogLevel,
    ) -> anyhow::Result<Prepared> {
        self.section
            .prepare(self.file, environment, compiler, least)
    }
}

impl PlaceOptions {
    /// As [`SectionOptions::prepare`], for a file under its own name with nothing laid over its section.
    ///
    /// # Errors
    /// The configuration is at fault, or the machine refuses the host.
    pub(super) fn prepare(
        self,
        file: PathBuf,
        environment: Vec<(OsString, OsString)>,
        compiler: Compiler,
        least: LogLevel,
    ) -> anyhow::Result<Prepared> {
        let (name, sources) = (stem(&file), self.sources(environment));
        Prepared::new(file, &name, &sources, (compiler, Tape::default()), least)
    }

    pub(super) fn sources(self, environment: Vec<(OsString, OsString)>) -> Sources {
        let state = self.state.map(|value| FlagValue {
            flag: "--state",
            key: "state.directory",
            value,
        });
        Sources {
            file: self.config,
            environment,
            working_directory: ".".into(),
            system_file: SYSTEM_FILE.into(),
            flags: state.into_iter().collect(),
            section: None,
        }
    }
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

impl SectionOptions {
    /// Loads the configuration and starts a host for a file's probe, compiling with `compiler`.
    ///
    /// # Errors
    /// The configuration is at fault, a flag or the name is none, or the machine refuses the host.
    pub(super) fn prepare(
        self,
        file: PathBuf,
        environment: Vec<(OsString, OsString)>,
        compiler: Compiler,
        least: LogLevel,
    ) -> anyhow::Result<Prepared> {
        self.prepare_with(file, environment, (compiler, Tape::default()), least)
    }

    /// As [`SectionOptions::prepare`], with a tape.
    ///
    /// # Errors
    /// As there.
    pub(super) fn prepare_with(
        self,
        file: PathBuf,
        environment: Vec<(OsString, OsString)>,
        with: (Compiler, Tape),
        least: LogLevel,
    ) -> anyhow::Result<Prepared> {
        let name = self.probe_name(&file)?;
        let sources = self.sources(&name, environment)?;
        Prepared::new(file, &name, &sources, with, least)
    }

    /// The probe's name, given or by its file.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn probe_name(&self, file: &Path) -> Result<String, Trouble> {
        let name = self.name.clone().unwrap_or_else(|| stem(file));
        let message = if !is_probe_name(&name) {
            format!("{name:?} is no name of a probe: 1 to 64 letters, digits, `-` and `_`")
        } else if author::is_taken(&name) {
            format!("`{name}` is the name of a built-in source, under which no probe runs")
        } else {
            return Ok(name);
        };
        Err(Trouble::new(Exit::Usage, message, "name it with --name"))
    }

    /// The name that was given.
    pub(super) fn name(&self) -> Option<String> {
        self.name.clone()
    }

    /// With this configuration file, if it is there and no other was named.
    pub(super) fn or_config(mut self, own: PathBuf) -> Self {
        if self.place.config.is_none() && own.is_file() {
            self.place.config = Some(own);
        }
        self
    }

    /// Where the configuration comes from, with the flags over the section of that name.
    ///
    /// # Errors
    /// A flag that is no key and value.
    pub(super) fn sources(
        self,
        name: &str,
        environment: Vec<(OsString, OsString)>,
    ) -> Result<Sources, Trouble> {
        let place = self.place.clone();
        Ok(Sources {
            section: self.over_section(name)?,
            ..place.sources(environment)
        })
    }

    fn over_section(self, name: &str) -> Result<Option<SectionFlags>, Trouble> {
        let mut values = Vec::new();
        for (flag, section, pairs) in [
            ("--set", "config", self.set),
            ("--grant", "grant", self.grant),
            ("--limit", "limits", self.limit),
        ] {
            for pair in pairs {
                values.push(value(flag, section, &pair)?);
            }
        }
        values.extend(self.interval.map(|value| SectionValue {
            flag: "--interval".to_owned(),
            key: "interval".to_owned(),
            value,
            listed: false,
        }));
        let flags = SectionFlags {
            probe: name.to_owned(),
            named_by: "--name".to_owned(),
            values,
        };
        Ok((!flags.values.is_empty()).then_some(flags))
    }
}

fn value(flag: &str, section: &str, pair: &str) -> Result<SectionValue, Trouble> {
    let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
        let message = format!("{flag} {pair} names no key and value");
        return Err(Trouble::new(
            Exit::Usage,
            message,
            format!("write {flag} KEY=VALUE"),
        ));
    };
    Ok(SectionValue {
        flag: format!("{flag} {pair}"),
        key: format!("{section}.{key}"),
        value: value.to_owned(),
        // All grants are lists but the databases, which have names.
        listed: section == "grant" && !key.contains('.'),
    })
}

impl Prepared {
    fn new(
        file: PathBuf,
        name: &str,
        sources: &Sources,
        (compiler, tape): (Compiler, Tape),
        least: LogLevel,
    ) -> anyhow::Result<Self> {
        let loaded = config::load(sources)?;
        let subject = Subject {
            config: loaded.config.section(name),
            defaults: loaded.config.probes.clone(),
            file,
        };
        let around = Surroundings {
            tape,
            ..around(&loaded, compiler)
        };
        Self::on(subject, around, least)
    }

    /// Of what is known already.
    ///
    /// # Errors
    /// The machine refuses the host.
    pub(super) fn on(
        subject: Subject,
        around: Surroundings,
        least: LogLevel,
    ) -> anyhow::Result<Self> {
        let stand = stand(&subject, around.clone(), least)?;
        if let Some(why) = &stand.uncached {
            output::note(&format!(
                "note: {why}: compiled code is not kept (name a folder with --state)"
            ));
        }
        Ok(Self {
            subject,
            stand,
            around,
        })
    }

    /// Another stand, which keeps no compiled code.
    ///
    /// # Errors
    /// The machine refuses the host.
    pub(super) fn bare(&self) -> Result<Stand, Trouble> {
        let around = Surroundings {
            cache: None,
            ..self.around.clone()
        };
        stand(&self.subject, around, LogLevel::Error)
    }

    /// Loads the component.
    ///
    /// # Errors
    /// It is no fit component.
    pub(super) fn load(&self) -> Result<Version, Trouble> {
        self.stand.load(&self.subject, 1).map_err(|unfit| {
            let next = author::unfit(&unfit);
            Trouble::new(Exit::Data, unfit.to_string(), next)
        })
    }
}

/// What a probe's host is given by this configuration.
pub(super) fn around(loaded: &Loaded, compiler: Compiler) -> Surroundings {
    let cache = loaded.config.probes.cache;
    let events = app::check_events(&loaded.config);
    Surroundings {
        events: Some(events.expect("it was held against the rules when it was loaded")),
        cache: cache.then(|| loaded.state_directory.join(CACHE_FOLDER)),
        compiler,
        environment: loaded.environment.clone(),
        secrets: loaded.secrets.clone(),
        ..Surroundings::default()
    }
}

fn stand(subject: &Subject, around: Surroundings, least: LogLevel) -> Result<Stand, Trouble> {
    Stand::new(&subject.defaults, around, least)
        .map_err(|error| Trouble::new(Exit::Unavailable, error.to_string(), NO_ROOM))
}

/// Reads a duration such as `250ms`, as the configuration has it.
///
/// # Errors
/// What is expected.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let value: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        text.into_deserializer();
    Span::deserialize(value)
        .map(|span| span.0)
        .map_err(|error| error.to_string())
}

/// Runs what an author's verb does to its end, on this thread.
///
/// # Errors
/// The machine gives no runtime.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            let message = format!("the event loop cannot be started: {error}");
            Trouble::new(Exit::Unavailable, message, NO_ROOM)
        })?;
    Ok(runtime.block_on(work))
}
