//! `probity dev`: build, test and swap a probe into a running Probity, each time one of its files changes.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::subject::{GuestLevel, SectionOptions, block_on};
use super::{Exit, Trouble, output};
use crate::author::{
    self, Arrival, Plan, Project, Report, Running, RunningError, Sameness, Session, Tools, Watched,
    compare, deliver,
};
use crate::config::{self, Config};
use crate::probe::Compiler;

/// The author's own configuration, in the probe's folder.
const OWN_CONFIG: &str = "probity.toml";

/// What `probity dev` is told.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A component that does not build, or whose run fails, is not swapped in: what runs keeps running.")]
pub struct DevOptions {
    /// The probe's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    section: SectionOptions,
    /// The probe folder of a running Probity [default: none; build and test alone]
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    /// Where that Probity serves [default: `server.listen` of the configuration]
    #[arg(long, value_name = "ADDR", requires = "into")]
    instance: Option<SocketAddr>,
    /// Go through it once, and exit as the first step that fails does
    #[arg(long)]
    once: bool,
}

/// Goes through build, test and swap, and again each time a file changes, until it is interrupted.
///
/// # Errors
/// The folder holds no probe; with `--once`, whatever the step that failed says.
pub fn dev(
    options: DevOptions,
    environment: Vec<(OsString, OsString)>,
    compiler: Compiler,
) -> anyhow::Result<Exit> {
    let project = Project::find(&options.folder, options.section.name())?;
    let work = Work {
        project,
        options,
        environment,
        compiler,
    };
    if work.options.once {
        block_on(work.go_through())??;
        return Ok(Exit::Success);
    }
    block_on(work.go_on())?
}

/// All that one round needs.
struct Work {
    project: Project,
    options: DevOptions,
    environment: Vec<(OsString, OsString)>,
    compiler: Compiler,
}

impl Work {
    async fn go_on(&self) -> anyhow::Result<Exit> {
        let mut watched = Watched::new(&self.project.folder);
        loop {
            super::finish(self.go_through().await.map(|()| Exit::Success));
            // A build may write beside the sources, such as a lock file; an author may have saved one meanwhile.
            watched.built();
            output::note(&format!(
                "waiting for a change in {}",
                self.project.folder.display()
            ));
            let changed = watched.changed().await;
            output::note(&format!("\n{} changed", changed.display()));
        }
    }

    /// One round.
    async fn go_through(&self) -> anyhow::Result<()> {
        let component = self.build()?;
        let digest = self.test(&component).await?;
        match &self.options.into {
            Some(folder) => Ok(self.swap(&component, folder, &digest).await?),
            None => {
                let next = "--into FOLDER brings it into a running Probity each time";
                output::note(&format!("next: {next}"));
                Ok(())
            }
        }
    }

    fn build(&self) -> Result<PathBuf, Trouble> {
        let tools = Tools::new(&self.project.folder, &self.environment);
        let built = self.project.plan(&tools, None)?.perform(&tools)?;
        output::note(&super::build::told(&built));
        Ok(built.file)
    }

    /// One run; gives the component's digest.
    async fn test(&self, component: &Path) -> anyhow::Result<String> {
        let prepared = self.section().prepare(
            component.to_owned(),
            self.environment.clone(),
            self.compiler.clone(),
            GuestLevel::Info.into(),
        )?;
        let mut session = Session::begin(&prepared.stand, prepared.load()?);
        let report: Report = author::test(
            &mut session,
            Plan {
                runs: 1,
                wait: false,
            },
            std::future::pending(),
        )
        .await;
        output::data(&report.to_string())?;
        match author::after_failed_run(&report) {
            Some((message, next)) => Err(Trouble::new(Exit::Failure, message, next).into()),
            None => Ok(report.identity.digest.clone()),
        }
    }

    async fn swap(&self, component: &Path, folder: &Path, digest: &str) -> Result<(), Trouble> {
        let name = &self.project.name;
        let running = self.running()?;
        let ran_already = running.has(name, digest).await?;
        let begun = Instant::now();
        let place = deliver(component, folder, name).map_err(|error| {
            let message = format!("{} cannot be written to: {error}", folder.display());
            Trouble::new(
                Exit::Unavailable,
                message,
                "name the probe folder of the running Probity with --into",
            )
        })?;
        let at = running.address();
        match running.arrival(name, digest).await? {
            Arrival::Runs {
                state,
                generation,
                error,
                file,
            } => {
                if ran_already {
                    same_file(&file, &place, name, at)?;
                }
                let error = error.map(|error| format!(": {error}")).unwrap_or_default();
                output::note(&format!(
                    "{name} is {state} at {at} after {} ms, as version {generation}{error}\n\
                     next: curl -s http://{at}/api/v1/probes/{name}",
                    begun.elapsed().as_millis()
                ));
                Ok(())
            }
            Arrival::Refused { verdict, reason } => {
                let message = format!("{name} is {verdict} at {at}: {reason}");
                let next = format!("mend it, or see curl -s http://{at}/api/v1/probes/{name}");
                Err(Trouble::new(Exit::Failure, message, next))
            }
        }
    }

    fn running(&self) -> Result<Running, Trouble> {
        let config = self.config()?;
        let address = self.options.instance.unwrap_or(config.server.listen);
        let token = match &config.server.token_file {
            Some(path) => Some(first_line(path)?),
            None => None,
        };
        Ok(Running::new(address, token))
    }

    fn config(&self) -> Result<Config, Trouble> {
        let sources = self
            .section()
            .sources(&self.project.name, self.environment.clone())?;
        let loaded = config::load(&sources).map_err(|error| {
            let next = "correct the places named above";
            Trouble::new(Exit::Configuration, error.to_string(), next)
        })?;
        Ok(loaded.config)
    }

    /// The flags, with the configuration in the probe's folder where no other is named.
    fn section(&self) -> SectionOptions {
        let own = self.project.folder.join(OWN_CONFIG);
        self.options.section.clone().or_config(own)
    }
}

/// A component that ran before it was put into place says nothing of the place: perhaps it was another one's file.
fn same_file(file: &Path, place: &Path, name: &str, at: SocketAddr) -> Result<(), Trouble> {
    let (shown, place_shown) = (file.display(), place.display());
    match compare(file, place) {
        Sameness::Same => Ok(()),
        Sameness::Unknown => {
            output::note(&format!(
                "note: the Probity at {at} ran this very component before, from the file that it calls {shown}; whether \
                 that is {place_shown} cannot be known from here"
            ));
            Ok(())
        }
        Sameness::Other => {
            let message = format!(
                "the Probity at {at} runs {name} from {shown}, which has this very component already, and not from {place_shown}"
            );
            let next =
                "name the folder of that file with --into, or another Probity with --instance";
            Err(Trouble::new(Exit::Unavailable, message, next))
        }
    }
}

pub(super) fn first_line(path: &Path) -> Result<String, Trouble> {
    let text = fs::read_to_string(path).map_err(|error| {
        let message = format!("token file {}: {error}", path.display());
        Trouble::new(
            Exit::Configuration,
            message,
            "let this user read it, or name another",
        )
    })?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

impl From<RunningError> for Trouble {
    fn from(error: RunningError) -> Self {
        let next = match &error {
            RunningError::Silent(..) => {
                "start it with `probity run --probes FOLDER`, or name its address with --instance"
            }
            RunningError::Strange(..) => {
                "name its address with --instance, and its token in `server.token_file`"
            }
            RunningError::Unnoticed(_) => "see to it that --into names the folder that it watches",
        };
        Self::new(Exit::Unavailable, error.to_string(), next)
    }
}
