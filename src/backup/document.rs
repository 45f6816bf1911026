//! Backups as documents, the same over HTTP and on a terminal.

use serde_json::{Value, json};

use super::create::rfc3339;
use super::{Ended, Entry, Manifest, Progress, Running};

/// A backup that lies in its place, or something of one.
pub fn stored(entry: &Entry) -> Value {
    let mut document = json!({
        "id": entry.id,
        "state": entry.state.as_str(),
        "reason": entry.reason,
        "begun": rfc3339(entry.id.time()),
        "size_bytes": entry.bytes,
    });
    describe(&mut document, entry.manifest.as_deref());
    document
}

/// The one under way.
pub fn running(running: &Running) -> Value {
    json!({
        "id": running.id,
        "state": "running",
        "begun": rfc3339(running.started),
        "cause": running.cause.as_str(),
        "progress": progress(*running.progress.borrow()),
    })
}

/// One that ended since the start of the program.
pub fn ended(ended: &Ended) -> Value {
    let mut document = json!({
        "id": ended.id,
        "state": if ended.outcome.is_ok() { "good" } else { "failed" },
        "begun": rfc3339(ended.started),
        "cause": ended.cause.as_str(),
        "duration_ms": u64::try_from(ended.duration.as_millis()).unwrap_or(u64::MAX),
    });
    match &ended.outcome {
        Ok(manifest) => describe(&mut document, Some(manifest)),
        Err(error) => {
            let failure = error.failure();
            document["error"] = json!({ "code": failure.code, "message": failure.message });
        }
    }
    document
}

fn progress(progress: Progress) -> Value {
    json!({
        "phase": progress.phase.as_str(),
        "done": progress.done,
        "all": progress.all,
    })
}

/// What a backup says of itself.
fn describe(document: &mut Value, manifest: Option<&Manifest>) {
    if let Some(manifest) = manifest {
        document["created"] = json!(manifest.created);
        document["program"] = json!(manifest.program);
        document["schema"] = json!(manifest.schema);
        document["archive"] = json!(manifest.archive);
        document["database"] = json!(manifest.database);
        document["tables"] = json!(manifest.tables);
    }
}
