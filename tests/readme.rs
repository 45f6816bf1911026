//! The README says what is so: its first probe is the one that CI builds, and what it links to is there.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const README: &str = include_str!("../README.md");

#[test]
fn the_first_probe_is_what_a_new_one_is_begun_with() {
    let block = README.split("```rust\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    let template = include_str!("../src/author/new/templates/rust/src/lib.rs")
        .replace("{{Type}}", "Hello")
        .replace("{{name}}", "hello")
        .replace("{{metric}}", "hello");
    let without_test = template.split("\n#[cfg(test)]").next().unwrap();
    assert_eq!(block, without_test);
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
