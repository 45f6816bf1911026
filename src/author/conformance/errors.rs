//! Behaviours of a probe that cannot do its work, and says so.

use std::fs;

use super::Verdict;
use super::bed::{Bed, Granted, Setup, Tried};
use super::seen::{coded, equal, holds};
use crate::model::ProbeState;

const QUEUES: &str = "mail 12 3.5\n";

/// Lines that are none of a queue.
const WRONG_LINES: [&str; 5] = [
    "mail",
    "mail twelve 3.5",
    "mail 12",
    "mail 12 soon",
    "mail 12 3.5 more",
];

pub(super) async fn configuration(bed: &Bed) -> Verdict {
    let without_file = Setup {
        without_file: true,
        ..Setup::default()
    };
    for (setup, what, begin, expected) in [
        (
            Setup::with("warn", "many"),
            "warn = \"many\"",
            "`warn`",
            "number",
        ),
        (Setup::with("warn", 0), "warn = 0", "`warn`", "above 0"),
        (
            Setup::with("warn", -1.5),
            "warn = -1.5",
            "`warn`",
            "above 0",
        ),
        (Setup::with("file", 7), "file = 7", "`file`", ""),
        (without_file, "no file", "`file`", ""),
    ] {
        let verdict = rejected(bed, &setup, begin, expected).await;
        verdict.map_err(|why| format!("with {what}, {why}"))?;
    }
    Ok(())
}

async fn rejected(bed: &Bed, setup: &Setup, begin: &str, expected: &str) -> Verdict {
    let mut queue = bed.begin(setup, QUEUES)?;
    let failure = queue.bad().await?;
    coded(&failure, "bad-config")?;
    if !failure.message.starts_with(begin) {
        let message = &failure.message;
        return Err(format!(
            "the message does not begin with {begin}: {message}"
        ));
    }
    holds("the message", &failure.message, &[expected])?;
    let state = queue.session.status().state;
    equal("the probe's state", state, ProbeState::Rejected)
}

pub(super) async fn unavailable(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    queue.good().await?;
    for line in WRONG_LINES {
        queue.write(&format!("# one\nweb 99 1\n{line}\n"))?;
        let parts = ["line 3", "NAME DEPTH WAITED_SECONDS"];
        let verdict = names_the_file(bed, &mut queue, &parts).await;
        verdict.map_err(|why| format!("with the line {line:?}, {why}"))?;
    }
    fs::remove_file(bed.watched()).map_err(|error| error.to_string())?;
    let verdict = names_the_file(bed, &mut queue, &[]).await;
    verdict.map_err(|why| format!("where the file is missing, {why}"))?;
    let seen = queue.seen()?;
    seen.has("queue_polls_total", &[], 1.0)?;
    seen.has("queue_depth", &["mail"], 12.0)?;
    let web = seen.numbers("queue_depth", &["web"]);
    equal("queue_depth of a run that failed", web, None)
}

/// The next run fails for its file's sake.
async fn names_the_file(bed: &Bed, queue: &mut Tried<'_>, parts: &[&str]) -> Verdict {
    let failure = queue.bad().await?;
    coded(&failure, "unavailable")?;
    let file = bed.watched().to_string_lossy().into_owned();
    holds("the message", &failure.message, &[&file])?;
    holds("the message", &failure.message, parts)
}

pub(super) async fn failure(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    queue.good().await?;
    queue.reload(&Setup::with("misbehave", "fail"))?;
    queue.write("mail 500 1\nweb 9 1\n")?;
    for _ in 0..2 {
        let failure = queue.bad().await?;
        coded(&failure, "other")?;
        equal("the failure's message", &*failure.message, "asked to fail")?;
    }
    equal("crashes", queue.session.status().crashes, 0)?;
    queue.reload(&Setup::default())?;
    queue.write("mail 3 1\n")?;
    queue.good().await?;
    let seen = queue.seen()?;
    seen.has("queue_polls_total", &[], 2.0)?;
    // Written and kept by the runs that failed.
    seen.has("queue_depth_highest", &["mail"], 12.0)
}

pub(super) async fn denied(bed: &Bed) -> Verdict {
    for (granted, what) in [
        (Granted::Nothing, "nothing is granted"),
        (Granted::Neighbour, "another file of the folder is granted"),
    ] {
        let verdict = denied_where(bed, granted).await;
        verdict.map_err(|why| format!("where {what}, {why}"))?;
    }
    Ok(())
}

async fn denied_where(bed: &Bed, granted: Granted) -> Verdict {
    let file = bed.watched().to_string_lossy().into_owned();
    let setup = Setup {
        granted,
        ..Setup::default()
    };
    let mut queue = bed.begin(&setup, QUEUES)?;
    let failure = queue.bad().await?;
    coded(&failure, "denied")?;
    let line = format!("read = [\"{file}\"]");
    holds("the message", &failure.message, &[&line])
}
