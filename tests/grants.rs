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
            deadline: Some(Span::millis(500)),
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
    let text = "sockets: used 7\nTCP: inuse 3 orphan 0 tw 1 alloc 5 mem 2\nUDP: inuse 1 mem 0\n";
    std::fs::write(folder.path().join("sockstat"), text).unwrap();
    folder
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
