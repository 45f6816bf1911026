//! What the probe tells of its own work.

use std::time::Duration;

use probity_sdk::prelude::*;

use crate::Harvest;

/// Names that are ours; an endpoint's of the same name is none that can be given out.
pub const OWN: [&str; 7] = [
    "scrape_up",
    "scrape_duration_seconds",
    "scrape_body_bytes",
    "scrape_samples_read",
    "scrape_samples_kept",
    "scrape_samples_dropped",
    "scrape_left_out",
];

pub struct Metrics {
    up: Gauge<1>,
    duration: Gauge<1>,
    body: Gauge<1>,
    read: Gauge<1>,
    kept: Gauge<1>,
    dropped: Gauge<1>,
    left_out: Gauge<2>,
}

impl Metrics {
    pub fn define() -> Result<Self> {
        let [up, duration, body, read, kept, dropped, left_out] = OWN;
        let gauge = |name: &str, help: &str| Gauge::define(name, help, ["target"]);
        Ok(Self {
            up: gauge(up, "Whether the endpoint gave an answer that could be read")?,
            duration: gauge(duration, "How long that took")?,
            body: gauge(body, "How large the answer was")?,
            read: gauge(read, "Samples in the answer")?,
            kept: gauge(kept, "Of these, samples that are given out again")?,
            dropped: gauge(dropped, "Of these, samples that the rules drop")?,
            left_out: Gauge::define(
                left_out,
                "Of these, samples that cannot be given out, by reason",
                ["target", "reason"],
            )?,
        })
    }

    pub fn show_up(&self, name: &str, is_up: bool) -> Result<()> {
        self.up.set([name], f64::from(u8::from(is_up)))
    }

    pub fn show(&self, name: &str, harvest: &Harvest, bytes: usize, took: Duration) -> Result<()> {
        self.duration.set([name], took.as_secs_f64())?;
        self.body.set([name], bytes as f64)?;
        self.read.set([name], harvest.read as f64)?;
        self.kept.set([name], harvest.kept.len() as f64)?;
        self.dropped.set([name], harvest.dropped as f64)?;
        for (reason, count, _) in harvest.left_out.reasons() {
            self.left_out.set([name, reason.as_str()], count as f64)?;
        }
        Ok(())
    }
}
