//! This crate's own files, for a tool that begins a new probe without a network.

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        /// Path from the crate's folder, and content.
        pub const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("../", $path)))),+];
    };
}

files![
    "Cargo.toml",
    "README.md",
    "wit/probity.wit",
    "src/batch.rs",
    "src/clock.rs",
    "src/config/fault.rs",
    "src/config/limit.rs",
    "src/config/mod.rs",
    "src/config/quantity.rs",
    "src/config/target.rs",
    "src/config/text.rs",
    "src/config/value.rs",
    "src/dynamic.rs",
    "src/events.rs",
    "src/failure.rs",
    "src/files/mod.rs",
    "src/files/native.rs",
    "src/files/wasi.rs",
    "src/files/way.rs",
    "src/health.rs",
    "src/host/fake.rs",
    "src/host/fake/calls.rs",
    "src/host/fake/metric.rs",
    "src/host/fake/rules.rs",
    "src/host/guest.rs",
    "src/host/mod.rs",
    "src/http/headers.rs",
    "src/http/mod.rs",
    "src/http/native.rs",
    "src/http/url.rs",
    "src/http/wasi/body.rs",
    "src/http/wasi/failure.rs",
    "src/http/wasi/mod.rs",
    "src/http/wasi/request.rs",
    "src/json.rs",
    "src/lib.rs",
    "src/lines.rs",
    "src/log.rs",
    "src/metrics/mod.rs",
    "src/metrics/once.rs",
    "src/net/mod.rs",
    "src/net/native.rs",
    "src/net/wasi.rs",
    "src/net/wasi_udp.rs",
    "src/number.rs",
    "src/pattern.rs",
    "src/probe.rs",
    "src/random.rs",
    "src/run.rs",
    "src/secrets.rs",
    "src/show.rs",
    "src/snapshot.rs",
    "src/sources.rs",
    "src/sql.rs",
    "src/state.rs",
    "src/testing.rs",
    "src/testing/folder.rs",
    "src/time.rs",
    "src/units.rs",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use std::fs;
    use std::path::Path;

    use super::*;

    fn rust_files(folder: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rust_files(&path, into);
            } else {
                let root = Path::new(env!("CARGO_MANIFEST_DIR"));
                into.push(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }

    #[test]
    fn no_source_is_missing() {
        let mut there = Vec::new();
        rust_files(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut there,
        );
        let listed = |path: &String| FILES.iter().any(|(known, _)| known == path);
        let missing: Vec<_> = there.iter().filter(|path| !listed(path)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let all: std::collections::BTreeSet<_> = FILES.iter().map(|(path, _)| path).collect();
        assert_eq!(all.len(), FILES.len(), "one is listed twice");
    }
}
