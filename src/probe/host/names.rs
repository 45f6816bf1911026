//! One meaning for each metric name among all probes, or the text formats would contradict themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Failure, Metric, MetricKind};

/// The prefix of the host's own metrics.
const OWN_PREFIX: &str = "probity_";

/// Who uses which name, and as what.
#[derive(Default)]
pub struct MetricNames {
    claims: Mutex<HashMap<Arc<str>, Vec<Claim>>>,
}

struct Claim {
    kind: MetricKind,
    unit: Arc<str>,
    probe: Arc<str>,
    /// Tells the holders apart: a new version of a probe is tried out beside the one that runs.
    holder: Arc<()>,
}

/// The names that one version of a probe uses. They are given back when this is dropped.
pub(in crate::probe) struct NameClaims {
    names: Arc<MetricNames>,
    probe: Arc<str>,
    holder: Arc<()>,
}

impl NameClaims {
    pub(super) fn new(names: Arc<MetricNames>, probe: Arc<str>) -> Self {
        Self {
            names,
            probe,
            holder: Arc::new(()),
        }
    }

    /// Takes the name, or finds that it already means the same. A version may differ from another one of its own probe:
    /// only one of them stays.
    ///
    /// # Errors
    /// `metrics.reserved` for the host's own names, `metrics.type-conflict` when another probe uses the name
    /// for another type or unit.
    pub(super) fn claim(&self, metric: &Metric) -> Result<(), Failure> {
        if metric.name.starts_with(OWN_PREFIX) {
            let message = format!(
                "metric name `{}` begins with `{OWN_PREFIX}`, which is the host's own",
                metric.name
            );
            return Err(Failure::new("metrics.reserved", message));
        }
        let mut claims = self.names.lock();
        let held = claims.entry(metric.name.clone()).or_default();
        let differs = |claim: &&Claim| {
            claim.probe != self.probe && (claim.kind, &claim.unit) != (metric.kind, &metric.unit)
        };
        if let Some(other) = held.iter().find(differs) {
            return Err(conflict(metric, other));
        }
        if !held.iter().any(|claim| self.holds(claim)) {
            held.push(Claim {
                kind: metric.kind,
                unit: metric.unit.clone(),
                probe: self.probe.clone(),
                holder: self.holder.clone(),
            });
        }
        Ok(())
    }

    fn holds(&self, claim: &Claim) -> bool {
        Arc::ptr_eq(&claim.holder, &self.holder)
    }
}

impl Drop for NameClaims {
    fn drop(&mut self) {
        self.names.lock().retain(|_, held| {
            held.retain(|claim| !self.holds(claim));
            !held.is_empty()
        });
    }
}

impl MetricNames {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Vec<Claim>>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn conflict(metric: &Metric, other: &Claim) -> Failure {
    let (name, kind, owner) = (&metric.name, other.kind.as_str(), &other.probe);
    let message = format!(
        "metric `{name}` is already a {kind} of probe `{owner}` with unit `{}`",
        other.unit
    );
    Failure::new("metrics.type-conflict", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(kind: MetricKind) -> Metric {
        let name = if kind == MetricKind::Counter {
            "x_total"
        } else {
            "x"
        };
        Metric::new(kind, name, "", "h", &[]).expect("it is a metric")
    }

    #[test]
    fn a_name_means_one_thing_among_probes_until_it_is_given_back() {
        let names = Arc::<MetricNames>::default();
        let of = |probe: &str| NameClaims::new(names.clone(), probe.into());
        let gauge = metric(MetricKind::Gauge);
        let other = Metric::new(MetricKind::Gauge, "x", "", "other help", &[]).expect("it is one");
        let info = Metric {
            kind: MetricKind::StateSet,
            ..gauge.clone()
        };

        let (one, next_version, two) = (of("one"), of("one"), of("two"));
        one.claim(&gauge).expect("it is free");
        one.claim(&gauge).expect("it is its own");
        two.claim(&other).expect("it means the same");
        drop(two);
        let two = of("two");
        let refused = two.claim(&info).expect_err("it means something else");
        assert_eq!(refused.code, "metrics.type-conflict");
        assert!(refused.message.contains("probe `one`"), "{refused}");
        next_version.claim(&info).expect("its predecessor goes");
        drop((one, next_version));
        two.claim(&info).expect("nobody has it any more");
        assert_eq!(names.lock().len(), 1);
        drop(two);
        assert!(names.lock().is_empty());
    }
}
