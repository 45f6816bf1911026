//! The README says what is so: its first probe is the one that CI builds, and what it links to is there.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const README: &str = include_str!("../README.md");

#[test]
fn the_first_probe_is_the_example_and_has_under_thirty_lines() {
    let block = README
        .split("```rust\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let example = include_str!("../examples/rust/src/lib.rs");
    assert_eq!(block, example);
    assert!(example.lines().count() < 30);
}

#[test]
fn every_link_into_the_project_leads_somewhere() {
    let links = README
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap());
    let local: Vec<&str> = links.filter(|link| !link.starts_with("http")).collect();
    assert!(local.len() > 5);
    for link in local {
        let path = link.split('#').next().unwrap();
        assert!(Path::new(ROOT).join(path).exists(), "{link}");
    }
}
