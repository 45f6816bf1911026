//! Records and replays a probe.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use probity::model::{Failure, Observation, Outcome, Span};
use probity::probe::{
    Candidate, Config, Due, Environment, LimitOverrides, Loaded, Probe, ProbeConfig, ProbeHost,
    Secrets, SecretsConfig, Surroundings, Tape, TapeDocument, Trigger, load,
};

/// The guest that does what its configuration says, and answers with what came of it.
pub const REACH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/reach.wasm");

/// Compiled code of all tests.
static CACHE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// What a secret holds that is on no tape.
pub const SECRET: &str = "hunter2-hunter2";

/// What some runs came to.
pub struct Runs {
    pub observations: Vec<Observation>,
    /// What was not the same on recording, run by run.
    pub differences: Vec<Vec<String>>,
}

impl Runs {
    /// How each ended, in words.
    pub fn said(&self) -> Vec<String> {
        let said = |one: &Observation| failure(one).map_or("ok".into(), |one| one.message);
        self.observations.iter().map(said).collect()
    }

    /// The codes of their failures.
    pub fn codes(&self) -> Vec<String> {
        let code = |one: &Observation| failure(one).map_or("ok".into(), |one| one.code);
        self.observations.iter().map(code).collect()
    }

    /// What the runs wrote.
    pub fn written(&self) -> Vec<Vec<f64>> {
        let values = |one: &Observation| one.staged.writes.iter().map(|one| one.value).collect();
        self.observations.iter().map(values).collect()
    }

    /// Nothing is different from the recording.
    pub fn assert_same(&self) {
        let none: Vec<Vec<String>> = vec![Vec::new(); self.differences.len()];
        assert_eq!(self.differences, none);
    }
}

fn failure(observation: &Observation) -> Option<Failure> {
    match &observation.outcome {
        Outcome::Ok => None,
        Outcome::Failed(failure) | Outcome::NotApplicable(failure) => Some((**failure).clone()),
    }
}

/// A probe's section.
pub fn section(name: &str, grant: &str, config: &[(&str, &str)]) -> ProbeConfig {
    let config = config
        .iter()
        .map(|(key, value)| ((*key).to_owned(), toml::Value::from(*value)));
    ProbeConfig {
        limits: LimitOverrides {
            deadline: Some(Span::seconds(10)),
            ..LimitOverrides::default()
        },
        grant: toml::from_str(grant).unwrap(),
        config: config.collect(),
        ..ProbeConfig::unmentioned(name)
    }
}

/// A host with this tape, an environment, and a secret.
pub fn host(tape: &Tape) -> std::sync::Arc<ProbeHost> {
    let environment = Environment::of(&[
        ("HOME".into(), "/home/me".into()),
        ("TOKEN".into(), SECRET.into()),
        ("PIN".into(), "123".into()),
    ]);
    let secrets: SecretsConfig =
        toml::from_str("token = { env = \"TOKEN\" }\npin = { env = \"PIN\" }").unwrap();
    let around = Surroundings {
        cache: Some(CACHE.path().join("compiled")),
        secrets: Secrets::read(&secrets, &environment).unwrap(),
        environment,
        tape: tape.clone(),
        ..Surroundings::default()
    };
    ProbeHost::new(&Config::default(), around).unwrap()
}

/// Loads a file with a tape.
pub fn try_load(tape: &Tape, file: &Path, section: &ProbeConfig) -> Result<Box<Probe>, Failure> {
    let candidate = Candidate {
        name: section.name.clone(),
        file: file.to_owned(),
        generation: 1,
    };
    match load(&host(tape), &candidate, &Config::default(), section) {
        Loaded::Fit(version) => Ok(Box::new(Probe::new(version))),
        Loaded::Rejected(_, failure) => Err((*failure).clone()),
    }
}

/// Runs it so many times.
pub async fn run(tape: &Tape, probe: &mut Probe, runs: usize) -> Runs {
    let (mut observations, mut differences) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let due = Due {
            trigger: Trigger::Test,
            lateness: Duration::ZERO,
            missed: 0,
        };
        let observation = probe.run(due).await;
        differences.push(tape.conclude(&observation, &[]));
        observations.push(observation);
    }
    Runs {
        observations,
        differences,
    }
}

/// Records so many runs; gives them and the tape.
pub async fn record(file: impl AsRef<Path>, section: &ProbeConfig, runs: usize) -> (Runs, String) {
    let tape = Tape::recording(None);
    let mut probe = try_load(&tape, file.as_ref(), section).unwrap();
    let runs = run(&tape, &mut probe, runs).await;
    let text = tape.recorded().unwrap();
    assert!(!text.contains(SECRET), "{text}");
    (runs, text)
}

/// Replays a tape with a component.
pub async fn replay(file: impl AsRef<Path>, text: &str) -> Runs {
    let document = TapeDocument::parse(text).unwrap();
    let (section, runs) = (document.section(), document.runs());
    let tape = Tape::replaying(document);
    let mut probe = try_load(&tape, file.as_ref(), &section).unwrap();
    run(&tape, &mut probe, runs).await
}

/// Records one run of the guest that reaches, and replays it after `meanwhile`: it says the same, which is given back with
/// the tape.
pub async fn reach_again(
    grant: &str,
    config: &[(&str, &str)],
    meanwhile: impl FnOnce(),
) -> (String, String) {
    let (recorded, text) = record(REACH, &section("reach", grant, config), 1).await;
    meanwhile();
    let replayed = replay(REACH, &text).await;
    assert_eq!(recorded.said(), replayed.said(), "{text}");
    replayed.assert_same();
    let denied = |runs: &Runs| {
        let status = runs.observations[0].probe.clone().unwrap();
        let attempts = status.denied_attempts.iter();
        attempts
            .map(|one| (one.attempt.clone(), one.grant.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(denied(&recorded), denied(&replayed));
    (recorded.said().remove(0), text)
}

/// Replays what was recorded, with another part of its configuration.
pub async fn reach_otherwise(text: &str, config: &[(&str, &str)]) -> Runs {
    let document = TapeDocument::parse(text).unwrap();
    let mut changed = document.section();
    for (key, value) in config {
        let value = toml::Value::from(*value);
        changed.config.insert((*key).to_owned(), value);
    }
    let tape = Tape::replaying(document);
    let mut probe = try_load(&tape, Path::new(REACH), &changed).unwrap();
    run(&tape, &mut probe, 1).await
}

/// Writes a guest into a folder.
pub fn built(folder: &tempfile::TempDir, guest: &crate::support::guest::Guest) -> PathBuf {
    let file = folder.path().join("guest.wasm");
    std::fs::write(&file, guest.build()).unwrap();
    file
}

/// A moment that every clock knows.
pub fn moment() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}
