//! Behaviours of whatever probe it is, run with its own section of the configuration and the flags over it.

use std::time::{Duration, Instant};

use toml::Value;

use super::bed::{Bed, Tried};
use super::life::Held;
use super::seen::{Totals, coded, holds};
use super::{Shown, Verdict};
use crate::model::{Outcome, Span};
use crate::probe::{Grants, ProbeConfig};

/// What a call may take where its end is watched: the shortest there is, so that all but the fastest are cut off.
const DEADLINE: Span = Span::millis(1);
/// What a run of three calls may take then: a busy machine's share, and calls of the host that end in their own time.
const GRACE: Duration = Duration::from_secs(3);
/// Runs before memory is looked at, and runs over which it may not grow, as for the example.
const STRIDE: [u32; 2] = [200, 800];
/// How long each of them may take: a probe that waits for an answer is run less often.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is told of a row.
type Told = Result<Shown, String>;

/// A probe that has run well once, and its totals then.
async fn begun<'a>(bed: &'a Bed, section: &ProbeConfig) -> Result<(Tried<'a>, Totals), String> {
    let mut probe = bed.begin_with(section)?;
    probe.good().await?;
    let totals = probe.seen()?.totals();
    Ok((probe, totals))
}

/// A further run goes well, and no total is behind what it was.
async fn goes_on(probe: &mut Tried<'_>, before: &Totals) -> Told {
    probe.good().await?;
    let after = probe.seen()?.totals();
    for (series, was) in before {
        if let Some(is) = after.get(series).filter(|is| *is < was) {
            let (name, labels) = series;
            return Err(format!("{name}{labels:?} fell from {was} to {is}"));
        }
    }
    Ok(Shown::Yes)
}

pub(super) async fn definitions(bed: &Bed) -> Told {
    let (mut probe, _) = begun(bed, bed.own()).await?;
    let seen = probe.seen()?;
    let metrics = || seen.source.schema.series.iter().map(|one| &one.metric);
    if let Some(metric) = metrics().find(|metric| metric.help.is_empty()) {
        return Err(format!("{} has no help", metric.name));
    }
    if metrics().next().is_none() && seen.checks.is_empty() {
        return Err("it gives neither a metric nor a check".to_owned());
    }
    Ok(Shown::Yes)
}

pub(super) async fn totals(bed: &Bed) -> Told {
    let (mut probe, before) = begun(bed, bed.own()).await?;
    goes_on(&mut probe, &before).await
}

pub(super) async fn configuration(bed: &Bed) -> Told {
    if bed.own().config.is_empty() {
        return Ok(Shown::NotApplicable);
    }
    for (key, value) in &bed.own().config {
        let is_text = value.is_str() || value.is_datetime();
        let wrong = if is_text { 7.into() } else { "wrong".into() };
        let verdict = refused(bed, key, &wrong, is_text).await;
        verdict.map_err(|why| format!("with {key} = {wrong}, {why}"))?;
    }
    Ok(Shown::Yes)
}

/// A value of another type is `bad-config`, and its key is named. Where a text was, a number may be read as one: then
/// anything but a crash will do.
async fn refused(bed: &Bed, key: &str, wrong: &Value, is_text: bool) -> Verdict {
    let mut section = bed.own().clone();
    section.config.insert(key.to_owned(), wrong.clone());
    let mut probe = bed.begin_with(&section)?;
    if is_text {
        return answers(&mut probe).await;
    }
    let failure = probe.bad().await?;
    coded(&failure, "bad-config")?;
    holds("the message", &failure.message, &[key])
}

/// The next run ends with an answer, good or bad.
async fn answers(probe: &mut Tried<'_>) -> Verdict {
    let run = probe.session.run().await;
    match run.outcome {
        Outcome::Failed(failure) if probe.session.status().crashes > 0 => {
            Err(format!("it crashed: {failure}"))
        }
        _ => Ok(()),
    }
}

pub(super) async fn denied(bed: &Bed) -> Told {
    let section = ProbeConfig {
        grant: Grants::default(),
        ..bed.own().clone()
    };
    let mut probe = bed.begin_with(&section)?;
    for _ in 0..2 {
        answers(&mut probe).await?;
    }
    Ok(Shown::Yes)
}

pub(super) async fn state(bed: &Bed) -> Told {
    let (mut probe, before) = begun(bed, bed.own()).await?;
    let kept = probe.session.status().state_bytes;
    probe.reload_with(bed.own())?;
    goes_on(&mut probe, &before).await?;
    if kept > 0 && probe.session.status().state_bytes == 0 {
        return Err(format!("its state of {kept} bytes is gone"));
    }
    Ok(Shown::Yes)
}

pub(super) async fn deadline(bed: &Bed) -> Told {
    let (mut probe, before) = begun(bed, bed.own()).await?;
    let mut section = bed.own().clone();
    section.limits.deadline = Some(DEADLINE);
    probe.reload_with(&section)?;
    let run = probe.session.run().await;
    if run.cost.wall > GRACE {
        return Err(format!("it was stopped only after {:?}", run.cost.wall));
    }
    if let Outcome::Failed(failure) = &run.outcome
        && probe.session.status().crashes > 0
    {
        coded(failure, "limits.deadline")?;
    }
    probe.reload_with(bed.own())?;
    goes_on(&mut probe, &before).await
}

pub(super) async fn steady(bed: &Bed) -> Told {
    let (mut probe, _) = begun(bed, bed.own()).await?;
    let before = stride(&mut probe, STRIDE[0]).await?;
    let after = stride(&mut probe, STRIDE[1]).await?;
    after.grown_from(&before)?;
    Ok(Shown::Yes)
}

/// So many good runs, or as many as there is time for; what is held afterwards.
async fn stride(probe: &mut Tried<'_>, runs: u32) -> Result<Held, String> {
    let begun = Instant::now();
    for _ in 0..runs {
        probe.good().await?;
        if begun.elapsed() > PATIENCE {
            break;
        }
    }
    Held::by(probe)
}
