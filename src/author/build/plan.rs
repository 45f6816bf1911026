//! What a build does, step by step: carried out, or printed for somebody's Makefile.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::WORK;
use super::bindings::{Bindings, write_bindings};
use super::component::component;
use super::error::BuildError;
use super::tools::{Found, Tools};
use crate::author::put::put;

/// One step. All paths are seen from the probe's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Takes a folder away in which a tool reads whatever there is, so that nothing of an earlier build is left in it.
    Clear(PathBuf),
    /// Writes bindings into a folder, of the author's own world where there is one.
    Bindings {
        /// For which language.
        bindings: Bindings,
        /// The folder.
        into: PathBuf,
        /// The author's own world.
        wit: Option<PathBuf>,
    },
    /// Runs a program.
    Run(Run),
    /// Makes a component of a core module; copies what is one already.
    Component {
        /// The module.
        core: PathBuf,
    },
}

/// One program with all that it is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    doubt: Option<Doubt>,
}

/// What is asked of a program that failed, to tell a cause that is not the author's code.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Doubt {
    /// The same program with these arguments fails, too.
    arguments: Vec<OsString>,
    /// Then this is the next step to take.
    next: &'static str,
}

/// All steps to one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildPlan {
    folder: PathBuf,
    steps: Vec<Step>,
    out: PathBuf,
}

/// What came of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The component's file.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    pub(super) fn new(program: &Found) -> Self {
        Self {
            program: program.call.clone(),
            arguments: Vec::new(),
            variables: Vec::new(),
            doubt: None,
        }
    }

    /// With these arguments, besides those before.
    pub(super) fn arguments<A: AsRef<OsStr>>(mut self, more: impl IntoIterator<Item = A>) -> Self {
        let more = more.into_iter().map(|one| one.as_ref().to_owned());
        self.arguments.extend(more);
        self
    }

    /// With this variable.
    pub(super) fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// If it fails and so does the same program with these arguments, `next` is the next step to take.
    pub(super) fn or_else<const N: usize>(
        mut self,
        arguments: [&str; N],
        next: &'static str,
    ) -> Self {
        let arguments = arguments.map(OsString::from).to_vec();
        self.doubt = Some(Doubt { arguments, next });
        self
    }

    fn perform(&self, folder: &Path, tools: &Tools) -> Result<(), BuildError> {
        let starting = |error| BuildError::io("starting", &self.program, error);
        // What tools tell is for people, like all notes of this program.
        let output = io::stderr()
            .as_fd()
            .try_clone_to_owned()
            .map_err(starting)?;
        let ended = self
            .command(&self.arguments, folder, tools)
            .stdout(Stdio::from(output))
            .status()
            .map_err(starting)?;
        if ended.success() {
            return Ok(());
        }
        let doubted = self.doubt.as_ref().filter(|doubt| {
            let mut command = self.command(&doubt.arguments, folder, tools);
            let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
            silent.status().is_ok_and(|ended| !ended.success())
        });
        Err(BuildError::Failed {
            program: self.program.display().to_string(),
            ending: ended.to_string(),
            next: doubted.map(|doubt| doubt.next),
        })
    }

    fn command(&self, arguments: &[OsString], folder: &Path, tools: &Tools) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .envs(tools.environment().iter().map(|(key, value)| (key, value)))
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .current_dir(folder)
            .stdin(Stdio::null());
        command
    }

    fn shell(&self) -> String {
        let set = |(name, value): &(&str, OsString)| format!("{name}={}", quoted(value));
        let mut words: Vec<String> = self.variables.iter().map(set).collect();
        words.push(quoted(self.program.as_os_str()));
        words.extend(self.arguments.iter().map(|one| quoted(one)));
        words.join(" ")
    }
}

impl Step {
    fn perform(&self, folder: &Path, out: &Path, tools: &Tools) -> Result<(), BuildError> {
        match self {
            Self::Clear(place) => {
                let place = folder.join(place);
                match fs::remove_dir_all(&place) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        Err(BuildError::io("removing", &place, error))
                    }
                    _ => Ok(()),
                }
            }
            Self::Run(run) => run.perform(folder, tools),
            Self::Bindings {
                bindings,
                into,
                wit,
            } => {
                let wit = wit.as_ref().map(|wit| folder.join(wit));
                write_bindings(*bindings, &folder.join(into), wit.as_deref())
            }
            Self::Component { core } => {
                let core = folder.join(core);
                let bytes =
                    fs::read(&core).map_err(|error| BuildError::io("reading", &core, error))?;
                let made = component(&core, &bytes)?;
                let out = folder.join(out);
                put(&out, &made).map_err(|error| BuildError::io("writing", &out, error))
            }
        }
    }

    fn shell(&self, out: &Path) -> String {
        let words: Vec<&OsStr> = match self {
            Self::Run(run) => return run.shell(),
            Self::Clear(place) => ["rm", "-rf"]
                .map(OsStr::new)
                .into_iter()
                .chain([place.as_os_str()])
                .collect(),
            Self::Bindings {
                bindings,
                into,
                wit,
            } => {
                let all = ["probity", "bindings", "--lang", bindings.word()];
                let mut words: Vec<&OsStr> = all.map(OsStr::new).to_vec();
                if let Some(wit) = wit {
                    words.extend([OsStr::new("--wit"), wit.as_os_str()]);
                }
                words.push(into.as_os_str());
                words
            }
            Self::Component { core } => vec![
                OsStr::new("probity"),
                OsStr::new("component"),
                core.as_os_str(),
                OsStr::new("--out"),
                out.as_os_str(),
            ],
        };
        let words: Vec<_> = words.into_iter().map(quoted).collect();
        words.join(" ")
    }
}

impl BuildPlan {
    pub(super) fn new(folder: PathBuf, steps: Vec<Step>, out: PathBuf) -> Self {
        Self { folder, steps, out }
    }

    /// Carries it out. Programs write to standard error.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn perform(&self, tools: &Tools) -> Result<Built, BuildError> {
        let begun = Instant::now();
        self.keep_out_of_git()?;
        for step in &self.steps {
            step.perform(&self.folder, &self.out, tools)?;
        }
        let file = self.folder.join(&self.out);
        let written =
            fs::metadata(&file).map_err(|error| BuildError::io("reading", &file, error))?;
        Ok(Built {
            file,
            bytes: written.len(),
            took: begun.elapsed(),
        })
    }

    /// What a build makes on the way is nobody's to commit.
    fn keep_out_of_git(&self) -> Result<(), BuildError> {
        let work = self.folder.join(WORK);
        let makes = |step: &Step| matches!(step, Step::Bindings { .. });
        if !self.steps.iter().any(makes) || work.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&work)
            .and_then(|()| fs::write(work.join(".gitignore"), "*\n"))
            .map_err(|error| BuildError::io("making", &work, error))
    }

    /// The same as lines for a shell.
    pub fn shell(&self) -> String {
        let mut lines = Vec::new();
        if self.folder != Path::new(".") {
            lines.push(format!("cd {}", quoted(self.folder.as_os_str())));
        }
        lines.extend(self.steps.iter().map(|step| step.shell(&self.out)));
        lines.join("\n") + "\n"
    }
}

/// A word as a shell takes it.
fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_needs_it() {
        for (word, quoted_as) in [
            ("-o", "-o"),
            ("/tmp/it's here.wasm", "'/tmp/it'\\''s here.wasm'"),
        ] {
            assert_eq!(quoted(OsStr::new(word)), quoted_as);
        }
    }
}
