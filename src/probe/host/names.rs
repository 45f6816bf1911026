//! One meaning for each metric name among all probes, or the text formats would contradict themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Failure, Metric, MetricKind};

/// The prefix of the host's own metrics.
const OWN_PREFIX: &str = "probity_";

/// Which probe defined a name first, and as what.
#[derive(Default)]
pub struct MetricNames {
    claims: Mutex<HashMap<Arc<str>, Claim>>,
}

struct Claim {
    kind: MetricKind,
    unit: Arc<str>,
    probe: Arc<str>,
}

impl MetricNames {
    /// Takes the name for `probe`, or finds that it already means the same.
    ///
    /// # Errors
    /// `metrics.reserved` for the host's own names, `metrics.type-conflict` when another probe uses the name
    /// for another type or unit.
    pub(super) fn claim(&self, metric: &Metric, probe: &Arc<str>) -> Result<(), Failure> {
        if metric.name.starts_with(OWN_PREFIX) {
            let message = format!(
                "metric name `{}` begins with `{OWN_PREFIX}`, which is the host's own",
                metric.name
            );
            return Err(Failure::new("metrics.reserved", message));
        }
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let claim = claims.entry(metric.name.clone()).or_insert_with(|| Claim {
            kind: metric.kind,
            unit: metric.unit.clone(),
            probe: probe.clone(),
        });
        if (claim.kind, &claim.unit) == (metric.kind, &metric.unit) {
            return Ok(());
        }
        let (name, kind, owner) = (&metric.name, claim.kind.as_str(), &claim.probe);
        let message = format!(
            "metric `{name}` is already a {kind} of probe `{owner}` with unit `{}`",
            claim.unit
        );
        Err(Failure::new("metrics.type-conflict", message))
    }
}
