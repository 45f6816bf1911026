//! What the documented configuration gives the standard probes is what they take, and without any they say what they want.

use probity::config::EXAMPLE;
use probity::model::{Failure, Outcome};
use probity::probe::{Candidate, Config, Grants, ProbeConfig, load};

use crate::support::bench::{Bench, loaded, run};
use crate::{Sections, component};

/// The failure of a probe's first run with this section and nothing granted.
async fn failure(bench: &Bench, section: &ProbeConfig) -> Option<Failure> {
    let config = ProbeConfig {
        grant: Grants::default(),
        ..section.clone()
    };
    let file = bench.folder.path().join(format!("{}.wasm", config.name));
    std::fs::write(&file, component(&config.name)).unwrap();
    let candidate = Candidate {
        name: config.name.clone(),
        file,
        generation: 1,
    };
    let mut probe = loaded(load(&bench.host, &candidate, &Config::default(), &config));
    match run(&mut probe).await.outcome {
        Outcome::Ok => None,
        Outcome::Failed(failure) | Outcome::NotApplicable(failure) => Some((*failure).clone()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_section_is_taken_by_its_probe() {
    let bench = Bench::new();
    let sections: Sections = toml::from_str(EXAMPLE).unwrap();
    assert!(sections.probe.len() >= 13);
    for section in &sections.probe {
        let code = failure(&bench, section).await.map(|failure| failure.code);
        let taken = code
            .as_deref()
            .is_none_or(|code| code != "bad-config" && !code.starts_with("trap"));
        assert!(taken, "{}: {code:?}", section.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_is_told_nothing_lies_dormant_and_says_what_it_wants() {
    let bench = Bench::new();
    let sections: Sections = toml::from_str(EXAMPLE).unwrap();
    for section in sections.probe.iter().filter(|section| !section.enabled) {
        let bare = ProbeConfig::unmentioned(&section.name);
        let failure = failure(&bench, &bare).await.unwrap();
        assert_eq!(
            failure.code, "not-applicable",
            "{}: {failure}",
            section.name
        );
        let (key, _) = section.config.iter().next().unwrap();
        assert!(
            failure.message.contains(key.as_str()),
            "{}: {failure}",
            section.name
        );
    }
}

#[test]
fn the_sizes_in_the_table_are_those_of_the_files() {
    let table = include_str!("../../probes/README.md");
    let rows = table.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| [`")?.split_once("`](")?;
        let size = rest
            .split('|')
            .find_map(|cell| cell.trim().strip_suffix(" KB"))?;
        Some((name, size.parse::<i64>().unwrap()))
    });
    let mut count = 0;
    for (name, kilobytes) in rows {
        let file = format!("{}/probes/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::metadata(file).unwrap().len() as i64;
        let off = (bytes - kilobytes * 1000).abs();
        assert!(
            off <= 1000,
            "{name}: {kilobytes} KB, and it has {bytes} bytes"
        );
        count += 1;
    }
    assert_eq!(count, 15);
}
