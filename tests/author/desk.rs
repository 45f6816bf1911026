//! A folder with components in it, and the program run there.

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::guest::Guest;

pub struct Desk {
    pub folder: TempDir,
}

/// How a command ended.
pub struct Ended {
    pub out: String,
    pub notes: String,
}

impl Desk {
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    /// With a component `guest.wasm`.
    pub fn with(guest: &Guest) -> Self {
        Self::new().add("guest.wasm", &guest.build())
    }

    pub fn add(self, name: &str, bytes: &[u8]) -> Self {
        fs::write(self.path(name), bytes).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command line and checks its exit code; every one that is not 0 has to be explained with one next step.
    pub fn run(&self, line: &str, exit: i32) -> Ended {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.run_words(&words, exit)
    }

    pub fn run_words(&self, words: &[&str], exit: i32) -> Ended {
        let mut command = Command::cargo_bin("probity").unwrap();
        command.current_dir(self.folder.path()).env_clear();
        let state = self.path("state");
        let output = command
            .env("XDG_STATE_HOME", state)
            .args(words)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, notes) = (text(output.stdout), text(output.stderr));
        assert_eq!(
            output.status.code(),
            Some(exit),
            "probity {words:?}\n{out}\n{notes}"
        );
        let steps = notes.matches("\nnext: ").count();
        assert!(exit == 0 || steps == 1, "probity {words:?}\n{notes}");
        Ended { out, notes }
    }

    /// The same with `--format json`, read.
    pub fn json(&self, line: &str, exit: i32) -> Value {
        let ended = self.run(&format!("{line} --format json"), exit);
        serde_json::from_str(&ended.out).unwrap()
    }
}

/// Each part is in the text.
pub fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
}
