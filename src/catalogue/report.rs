//! What the log says of probes that come, change and go: one line each, with what to do next.

use crate::model::{ByteSize, Failure, ProbeIdentity};

/// A version that can run.
pub(super) fn loaded(identity: &ProbeIdentity) {
    let how = if identity.cached {
        "loaded from the cache in"
    } else {
        "compiled in"
    };
    let size = kibibytes(identity.size_bytes);
    tracing::info!(
        probe = &*identity.name,
        generation = identity.generation,
        "{size}, {how} {:.0?}; asks for {}; granted: {}",
        identity.compile,
        list(&identity.asks),
        list(&identity.granted)
    );
}

/// A version that cannot run, or does worse than what runs.
pub(super) fn rejected(
    identity: &ProbeIdentity,
    failure: &Failure,
    running: Option<&ProbeIdentity>,
) {
    let file = identity.file.display();
    match running {
        Some(running) => tracing::warn!(
            probe = &*identity.name,
            "rejected: {failure} ({file}); generation {} keeps running; next: mend the file",
            running.generation
        ),
        None => tracing::warn!(
            probe = &*identity.name,
            "rejected: {failure} ({file}); next: mend or remove the file"
        ),
    }
}

/// A version that failed on probation.
pub(super) fn rolled_back(from: &ProbeIdentity, to: &ProbeIdentity, failure: &Failure) {
    tracing::warn!(
        probe = &*from.name,
        "rolled back: generation {} failed on probation ({failure}); generation {} runs again; next: mend the file",
        from.generation,
        to.generation
    );
}

/// A probe whose file is gone.
pub(super) fn removed(name: &str) {
    tracing::info!(probe = name, "removed, with its series and checks");
}

fn list(words: &[String]) -> String {
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

fn kibibytes(bytes: u64) -> String {
    ByteSize(bytes.div_ceil(1024) * 1024).to_string()
}
