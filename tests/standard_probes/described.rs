//! The examples in probes/README.md work as they stand.

use probity::model::ProbeState;
use probity::probe::ProbeConfig;

use super::place::{Place, state};
use crate::component;

const README: &str = include_str!("../../probes/README.md");

#[derive(serde::Deserialize)]
struct Example {
    #[serde(default)]
    probe: Vec<ProbeConfig>,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_probe_takes_its_example() {
    let blocks = README.split("```toml\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("```").unwrap().0);
    // Whatever is granted is there, below a folder of our own.
    let root = tempfile::tempdir().unwrap();
    let below = format!("\"{}/", root.path().display());
    let mut taken = 0;
    for block in blocks {
        let example: Example = toml::from_str(&block.replace("\"/", &below)).unwrap();
        for mut section in example.probe {
            // Secrets that this machine has not.
            section.grant.secrets.clear();
            section.grant.reveal.clear();
            for path in &section.grant.read {
                std::fs::create_dir_all(path).unwrap();
            }
            let name = section.name.clone();
            let mut place = Place::new().add_bytes(&name, &component(&name));
            place.config.probe = vec![section];
            let running = place.start().await;
            let has_run = |snapshot: &_| {
                matches!(
                    state(snapshot, &name),
                    Some(
                        ProbeState::Active
                            | ProbeState::Degraded
                            | ProbeState::Dormant
                            | ProbeState::Rejected
                    )
                )
            };
            let snapshot = running.until("it has run", has_run).await;
            let found = state(&snapshot, &name);
            assert_ne!(
                found,
                Some(ProbeState::Rejected),
                "{name}: {:#?}",
                snapshot.probes
            );
            running.stop().await;
            taken += 1;
        }
    }
    assert!(taken > 6, "only {taken}");
}
