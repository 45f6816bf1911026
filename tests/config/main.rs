//! Configuration as an operator meets it: files in a folder, an environment, flags, and what is said of each fault.

#![allow(clippy::unwrap_used, missing_docs)]

mod arbitrary;
mod every_key;
mod example;
mod faults;
mod reach;
mod sources;

use std::fs;

use probity::config::{ConfigError, FlagValue, Loaded, Sources, load};
use tempfile::TempDir;

/// A folder of its own for each test, and nothing of the machine's.
struct Bench {
    folder: TempDir,
    sources: Sources,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let sources = Sources {
            working_directory: folder.path().join("here"),
            system_file: folder.path().join("etc.toml"),
            ..Sources::default()
        };
        Self { folder, sources }
    }

    fn with_file(text: impl AsRef<[u8]>) -> Self {
        let bench = Self::new();
        bench.write("here/probity.toml", text);
        bench
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, flag: &'static str, key: &'static str, value: &str) -> Self {
        let value = value.into();
        self.sources.flags.push(FlagValue { flag, key, value });
        self
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load(&self.sources)
    }

    fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is said of a configuration that must not load, without the folder's name.
    fn refusal(&self) -> String {
        let error = self.load().expect_err("it must be refused").to_string();
        error.replace(self.folder.path().to_str().unwrap(), "")
    }
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}
