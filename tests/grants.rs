//! What a guest can reach of the machine's files: nothing that is not granted, and no file can hold the host up.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::path::Path;

use probity::model::{Observation, Outcome, ProbeState, Span};
use probity::probe::{Candidate, Config, Grants, LimitOverrides, Loaded, Probe, ProbeConfig, load};
use support::bench::{Bench, run};

const SOCKETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/probes/sockets.wasm");

/// The standard probe `sockets`, looking into `folder`, with these folders granted.
fn sockets(bench: &Bench, folder: &Path, granted: &[&Path]) -> Box<Probe> {
    let folder = folder.to_str().unwrap().to_owned();
    let config = ProbeConfig {
        limits: LimitOverrides {
            deadline: Some(Span::seconds(20)),
            ..LimitOverrides::default()
        },
        grant: Grants {
            read: granted.iter().map(|path| (*path).to_owned()).collect(),
            ..Grants::default()
        },
        config: toml::Table::from_iter([("folder".to_owned(), toml::Value::String(folder))]),
        ..ProbeConfig::unmentioned("sockets")
    };
    let candidate = Candidate {
        name: "sockets".into(),
        file: SOCKETS.into(),
        generation: 1,
    };
    match load(&bench.host, &candidate, &Config::default(), &config) {
        Loaded::Fit(version) => Box::new(Probe::new(version)),
        Loaded::Rejected(_, failure) => panic!("{failure}"),
    }
}

fn failure(observation: &Observation) -> String {
    match &observation.outcome {
        Outcome::Failed(failure) | Outcome::NotApplicable(failure) => failure.to_string(),
        Outcome::Ok => panic!("it went well"),
    }
}

/// A folder like /proc/net with one line in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 7);
    folder
}

/// Makes a folder, if there is none, in which so many sockets are used.
fn fill(folder: &Path, used: u32) {
    let _ = std::fs::create_dir(folder);
    let text = format!(
        "sockets: used {used}\nTCP: inuse 3 orphan 0 tw 1 alloc 5 mem 2\nUDP: inuse 1 mem 0\n"
    );
    std::fs::write(folder.join("sockstat"), text).unwrap();
}

/// Whether a run went well and wrote this value.
fn wrote(observation: &Observation, value: f64) -> bool {
    let mut writes = observation.staged.writes.iter();
    matches!(observation.outcome, Outcome::Ok) && writes.any(|write| write.value == value)
}

#[tokio::test]
async fn a_granted_folder_is_read_and_another_is_not() {
    let (bench, folder, other) = (Bench::new(), folder(), tempfile::tempdir().unwrap());
    let mut granted = sockets(&bench, folder.path(), &[folder.path()]);
    let observation = run(&mut granted).await;
    assert!(
        matches!(observation.outcome, Outcome::Ok),
        "{}",
        failure(&observation)
    );
    assert!(!observation.staged.writes.is_empty());
    assert_eq!(
        granted.identity().granted,
        [format!("read {}", folder.path().display())]
    );
    assert!(granted.identity().asks.contains(&"files".to_owned()));

    for grants in [&[][..], &[other.path()]] {
        let mut denied = sockets(&bench, folder.path(), grants);
        let observation = run(&mut denied).await;
        let said = failure(&observation);
        assert!(
            said.contains("grant") && said.contains("read"),
            "it names the line that would grant it: {said}"
        );
        assert!(observation.staged.writes.is_empty());
    }
    bench.assert_alive().await;
}

#[tokio::test]
async fn a_granted_folder_that_is_not_there_leaves_the_probe_dormant() {
    let bench = Bench::new();
    let gone = Path::new("/nowhere/at/all");
    let mut probe = sockets(&bench, gone, &[gone]);
    let said = failure(&run(&mut probe).await);
    assert!(said.contains("/nowhere/at/all does not exist"), "{said}");
    assert_eq!(probe.status().state, ProbeState::Dormant);
}

#[tokio::test]
async fn of_several_granted_folders_one_that_is_not_there_is_empty_until_it_is() {
    let (bench, folder) = (Bench::new(), folder());
    let later = folder.path().join("later");
    let granted = [folder.path(), &later];
    let mut other = sockets(&bench, folder.path(), &granted);
    assert!(wrote(&run(&mut other).await, 7.0));

    let mut probe = sockets(&bench, &later, &granted);
    let said = failure(&run(&mut probe).await);
    assert!(!said.contains("grant"), "it is granted: {said}");
    assert_eq!(probe.status().denied, 0);
    fill(&later, 9);
    let observation = run(&mut probe).await;
    assert!(wrote(&observation, 9.0), "{:?}", observation.outcome);
    bench.assert_alive().await;
}

#[tokio::test]
async fn a_folder_that_takes_the_place_of_a_granted_one_is_read_from_then_on() {
    let (bench, place) = (Bench::new(), tempfile::tempdir().unwrap());
    let path = |name: &str| place.path().join(name);
    let spool = path("spool");
    fill(&spool, 1);
    let mut probe = sockets(&bench, &spool, &[&spool]);
    assert!(wrote(&run(&mut probe).await, 1.0));
    let first = probe.status().instance_since;
    assert!(wrote(&run(&mut probe).await, 1.0));
    assert_eq!(probe.status().instance_since, first, "nothing has moved");

    // Another folder under its name.
    std::fs::rename(&spool, path("spool.old")).unwrap();
    fill(&spool, 2);
    assert!(wrote(&run(&mut probe).await, 2.0));
    assert_ne!(probe.status().instance_since, first);

    // A link, and one that is put into its place.
    std::fs::rename(&spool, path("spool.older")).unwrap();
    for (target, value) in [("spool.old", 1.0), ("spool.older", 2.0)] {
        std::os::unix::fs::symlink(path(target), path("link")).unwrap();
        std::fs::rename(path("link"), &spool).unwrap();
        assert!(wrote(&run(&mut probe).await, value), "{target}");
    }
    assert_eq!((probe.status().runs, probe.status().denied), (5, 0));
    bench.assert_alive().await;
}

#[tokio::test]
async fn a_granted_folder_that_is_gone_fails_its_runs_until_there_is_one_again() {
    let (bench, place) = (Bench::new(), tempfile::tempdir().unwrap());
    let spool = place.path().join("spool");
    fill(&spool, 1);
    let mut probe = sockets(&bench, &spool, &[&spool]);
    assert!(wrote(&run(&mut probe).await, 1.0));
    std::fs::rename(&spool, place.path().join("spool.old")).unwrap();
    let said = failure(&run(&mut probe).await);
    assert!(
        said.contains("unavailable") && said.contains("spool does not exist"),
        "{said}"
    );
    assert_eq!(probe.status().state, ProbeState::Degraded);
    fill(&spool, 2);
    assert!(wrote(&run(&mut probe).await, 2.0));
    assert_eq!(probe.status().crashes, 0);
}

#[tokio::test]
async fn g35_what_is_no_regular_file_is_refused_and_not_waited_for() {
    let (bench, folder) = (Bench::new(), folder());
    let file = folder.path().join("sockstat");
    let mut probe = sockets(&bench, folder.path(), &[folder.path()]);
    std::fs::remove_file(&file).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&file)
        .status()
        .unwrap();
    assert!(made.success());
    let said = failure(&run(&mut probe).await);
    assert!(said.contains("it is no regular file"), "{said}");
    assert_eq!(probe.status().state, ProbeState::Degraded);
    let denied = &probe.status().denied_attempts[0];
    let wanted = format!("read {}: it is no regular file", file.display());
    assert_eq!((&denied.attempt, &denied.grant), (&wanted, &None));

    // The same instance reads the file that takes its place.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "sockets: used 7\n").unwrap();
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
    assert_eq!(probe.status().denied, 1);
    bench.assert_alive().await;
}

#[tokio::test]
async fn g36_a_link_out_of_a_granted_folder_is_refused_with_the_line_that_grants_it() {
    let (bench, folder, other) = (Bench::new(), folder(), folder());
    let file = folder.path().join("sockstat");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(other.path().join("sockstat"), &file).unwrap();
    let mut probe = sockets(&bench, folder.path(), &[folder.path()]);
    let said = failure(&run(&mut probe).await);
    assert!(said.contains("leads elsewhere"), "{said}");
    let target = other.path().join("sockstat").canonicalize().unwrap();
    let grant = format!("grant = {{ read = [\"{}\"] }}", target.display());
    assert_eq!(probe.status().denied_attempts[0].grant, Some(grant));
}
