//! The verdict on one scrape.

use std::time::Duration;

use probity_sdk::{Status, show};

use crate::{Harvest, Reason, Target};

/// A verdict and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub status: Status,
    /// What came, and what is wrong with it.
    pub message: String,
}

/// Judges what was taken of an answer of so many bytes. `most`: the most series that are taken.
pub fn judge(
    target: &Target,
    harvest: &Harvest,
    bytes: usize,
    took: Duration,
    most: usize,
) -> Judgement {
    let (slow, time) = target.max_time.explain(took.as_secs_f64());
    let left_out = &harvest.left_out;
    let mut said = vec![format!(
        "{} of {} samples",
        harvest.kept.len(),
        harvest.read
    )];
    if harvest.dropped > 0 {
        said.push(format!("{} dropped by the rules", harvest.dropped));
    }
    if left_out.total() > 0 {
        said.push(format!(
            "{} left out ({})",
            left_out.total(),
            left_out.words()
        ));
    }
    said.push(format!("{} in {time}", show::bytes(bytes as f64)));
    let (odd, advice) = odd(harvest, most);
    if let Some(advice) = advice {
        said.push(advice);
    }
    Judgement {
        status: slow.max(odd),
        message: said.join(", "),
    }
}

/// Whether something is left out that should not be, and what to do about it.
fn odd(harvest: &Harvest, most: usize) -> (Status, Option<String>) {
    let left_out = &harvest.left_out;
    if harvest.read == 0 {
        return (Status::Warn, Some("there are no samples in it".to_owned()));
    }
    if left_out.count(Reason::Series) + left_out.count(Reason::Text) > 0 {
        let advice =
            format!("cut at {most} series: keep fewer (`keep`, `drop`), or raise `max_series`");
        return (Status::Warn, Some(advice));
    }
    let mut reasons = left_out.reasons();
    let example = reasons.find(|(reason, ..)| reason.is_odd());
    match example {
        Some((_, _, example)) => (
            Status::Warn,
            Some(format!("such as `{example}`; `drop` it if that is right")),
        ),
        None => (Status::Pass, None),
    }
}
