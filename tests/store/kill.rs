//! `kill -9` while it commits, over and over: nothing that was acknowledged is lost (S11).

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdout, Command, Stdio};

use crate::{changes, database, load, open};

/// Names the folder to the child that writes into it.
const FOLDER: &str = "PROBITY_TEST_STORE";
const CYCLES: usize = 50;
/// Probes that save at once, so that commits have company.
const PROBES: usize = 4;

/// Not a test of its own: the process that is killed. It counts up from where it finds itself, and says each number when
/// every probe's save of it is acknowledged.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the parent reads it")]
async fn child_that_commits() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let (store, _) = open(&folder);
    let states = store.states();
    // A kill may have come between the saves of one number; none of them was acknowledged then.
    let mut next = usize::MAX;
    for probe in 0..PROBES {
        next = next.min(load(&states, &name(probe)).await.len());
    }
    for number in next.. {
        let key = format!("{number:06}");
        let mut saving: Vec<_> = (0..PROBES)
            .map(|probe| {
                let change = changes([(&key, Some(b"x".repeat(500).as_slice()))]);
                states.save(&name(probe).as_str().into(), change).unwrap()
            })
            .collect();
        for one in &mut saving {
            one.within(crate::PATIENCE).await.unwrap().unwrap();
        }
        println!("acknowledged {number}");
    }
}

fn name(probe: usize) -> String {
    format!("probe-{probe}")
}

/// This test program once more, running one of its tests that says what is acknowledged.
pub struct Child {
    process: process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts it; `variable` tells it the folder.
    pub fn start(test: &str, variable: &str, folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(variable, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// What it says next of an acknowledgement; nothing when it is gone.
    pub fn acknowledged(&mut self) -> Option<String> {
        loop {
            let line = self.lines.next()?.ok()?;
            if let Some((_, what)) = line.rsplit_once("acknowledged ") {
                return Some(what.to_owned());
            }
        }
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A number, or none where the line was cut by the kill.
pub fn number_of(text: &str) -> usize {
    text.parse().unwrap_or(0)
}

#[tokio::test]
async fn s11_fifty_kills_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for cycle in 0..CYCLES {
        let mut child = Child::start("kill::child_that_commits", FOLDER, folder.path());
        for _ in 0..=1 + cycle * 7 % 23 {
            let line = child.acknowledged().expect("it goes on until it is killed");
            acknowledged = number_of(&line);
        }
        child.kill();
        while let Some(line) = child.acknowledged() {
            acknowledged = acknowledged.max(number_of(&line));
        }

        let (store, _) = open(folder.path());
        let states = store.states();
        for probe in 0..PROBES {
            let keys: Vec<String> = load(&states, &name(probe)).await.into_keys().collect();
            let all = (0..keys.len()).map(|number| format!("{number:06}"));
            assert!(
                all.eq(keys.iter().cloned()),
                "cycle {cycle}: one is missing"
            );
            assert!(
                keys.len() > acknowledged,
                "cycle {cycle}: {acknowledged} is lost"
            );
            assert!(
                keys.len() <= acknowledged + 2,
                "cycle {cycle}: more than was sent"
            );
        }
        let connection = database(folder.path());
        let whole: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(whole, "ok", "cycle {cycle}");
        drop(connection);
        store.close().await;
    }
    assert!(acknowledged > CYCLES, "it got nowhere: {acknowledged}");
}
