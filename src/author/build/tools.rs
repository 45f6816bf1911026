//! Finding the programs of a toolchain: on PATH, and where a project installs its own.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where projects keep programs of their own, in their folder or in one above it.
const PROJECT_FOLDERS: [&str; 2] = ["node_modules/.bin", ".venv/bin"];

/// Where programs are looked for.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    /// The project's own places, then those of PATH.
    places: Vec<PathBuf>,
    /// How many of them are the project's.
    own: usize,
    environment: Vec<(OsString, OsString)>,
    /// The project's folder.
    folder: PathBuf,
}

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// How to start it: its name where PATH leads to it, its path where not.
    pub(super) call: PathBuf,
    /// Its file.
    path: PathBuf,
}

impl Tools {
    /// Those that a project in `folder` has, with this environment.
    pub fn new(folder: &Path, environment: &[(OsString, OsString)]) -> Self {
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let mut places: Vec<PathBuf> = whole
            .ancestors()
            .flat_map(|above| PROJECT_FOLDERS.map(|place| above.join(place)))
            .filter(|place| place.is_dir())
            .collect();
        let own = places.len();
        let mut tools = Self {
            places: Vec::new(),
            own,
            environment: environment.to_vec(),
            folder: folder.to_owned(),
        };
        let path = tools.variable("PATH").unwrap_or_default();
        places.extend(std::env::split_paths(&path).filter(|place| place.is_absolute()));
        tools.places = places;
        tools
    }

    /// A variable of the environment, unless it is empty.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        let mut all = self.environment.iter();
        let (_, value) = all.find(|(key, value)| key == name && !value.is_empty())?;
        Some(value.clone())
    }

    /// A program by its name.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        let mut places = self.places.iter().enumerate();
        places.find_map(|(at, place)| {
            let path = place.join(name);
            let call = if at < self.own {
                path.clone()
            } else {
                name.into()
            };
            is_program(&path).then_some(Found { call, path })
        })
    }

    /// The first of several names that is there.
    pub(super) fn find_any(&self, names: &[&str]) -> Option<Found> {
        names.iter().find_map(|name| self.find(name))
    }

    /// Programs whose names begin with `stem` and go on with a version, such as `clang-19`, the newest first.
    pub(super) fn find_versions(&self, stem: &str) -> Vec<Found> {
        let names = self.places.iter().flat_map(|place| {
            let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
            entries.filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let version: u32 = name.strip_prefix(stem)?.parse().ok()?;
                Some((version, name))
            })
        });
        let mut names: Vec<_> = names.collect();
        names.sort_by_key(|&(version, _)| std::cmp::Reverse(version));
        names.dedup();
        let found = names.iter().filter_map(|(_, name)| self.find(name));
        found.collect()
    }

    /// What a program prints when it is asked something in the project's folder, whose files may say which version
    /// answers; nothing when it fails.
    pub(super) fn ask<A: AsRef<OsStr>>(&self, program: &Found, question: &[A]) -> Option<String> {
        self.ask_with(program, question, &[])
    }

    /// The same with these variables, as a build has them.
    pub(super) fn ask_with<A: AsRef<OsStr>>(
        &self,
        program: &Found,
        question: &[A],
        variables: &[(&str, &str)],
    ) -> Option<String> {
        let answer = Command::new(&program.path)
            .args(question)
            .env_clear()
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .envs(variables.iter().copied())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8(answer.stdout).ok()?;
        answer.status.success().then(|| text.trim().to_owned())
    }

    /// The environment that programs of a build get.
    pub(super) fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }
}

impl Found {
    /// A program outside all places that are searched.
    pub(super) fn at(path: PathBuf) -> Option<Self> {
        is_program(&path).then(|| Self {
            call: path.clone(),
            path,
        })
    }
}

/// The line that installs a package of Python's index beside the project: distributions refuse to have it anywhere else.
pub(super) fn venv(package: &str) -> String {
    format!("python3 -m venv .venv && .venv/bin/pip install {package}")
}

/// The first two numbers of a version in a text such as `go version go1.24.4 linux/amd64`.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let mut versions = words.filter_map(|word| {
        let mut numbers = word.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    versions.next()
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
