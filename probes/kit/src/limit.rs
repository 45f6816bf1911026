//! Thresholds and the verdicts they give.

/// A check's verdict, in rising order of worry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All is well.
    Pass,
    /// It works, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

/// On which side of a threshold the trouble lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// At the threshold and above it.
    Above,
    /// At the threshold and below it.
    Below,
}

/// From where on a check warns and fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Where the trouble lies.
    pub side: Side,
    /// From here on it warns, if ever.
    pub warn: Option<f64>,
    /// From here on it fails, if ever.
    pub fail: Option<f64>,
}

impl Limit {
    /// A limit for values that grow into trouble.
    pub const fn above(warn: Option<f64>, fail: Option<f64>) -> Self {
        let side = Side::Above;
        Self { side, warn, fail }
    }

    /// A limit for values that shrink into trouble.
    pub const fn below(warn: Option<f64>, fail: Option<f64>) -> Self {
        let side = Side::Below;
        Self { side, warn, fail }
    }

    /// Whether it can give anything but a pass.
    pub fn is_set(&self) -> bool {
        self.warn.is_some() || self.fail.is_some()
    }

    /// The verdict on `value`; a value that is not a number passes.
    pub fn judge(&self, value: f64) -> Verdict {
        let beyond = |threshold: Option<f64>| {
            threshold.is_some_and(|threshold| match self.side {
                Side::Above => value >= threshold,
                Side::Below => value <= threshold,
            })
        };
        if beyond(self.fail) {
            Verdict::Fail
        } else if beyond(self.warn) {
            Verdict::Warn
        } else {
            Verdict::Pass
        }
    }

    /// The verdict on `value` and a line for people: `value` by itself, or with the threshold it has crossed.
    pub fn explain(&self, value: f64, show: fn(f64) -> String) -> (Verdict, String) {
        let verdict = self.judge(value);
        let crossed = match verdict {
            Verdict::Pass => None,
            Verdict::Warn => self.warn.map(|threshold| ("warns", threshold)),
            Verdict::Fail => self.fail.map(|threshold| ("fails", threshold)),
        };
        let message = match (crossed, self.side) {
            (None, _) => show(value),
            (Some((verb, threshold)), Side::Above) => {
                format!("{}: {verb} from {}", show(value), show(threshold))
            }
            (Some((verb, threshold)), Side::Below) => {
                format!("{}: {verb} from {} down", show(value), show(threshold))
            }
        };
        (verdict, message)
    }

    /// The worst verdict it can give: what a value that cannot even be told deserves.
    pub fn worst(&self) -> Verdict {
        match (self.warn, self.fail) {
            (_, Some(_)) => Verdict::Fail,
            (Some(_), None) => Verdict::Warn,
            (None, None) => Verdict::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show;

    #[test]
    fn a_threshold_belongs_to_the_trouble() {
        let above = Limit::above(Some(1.0), Some(2.0));
        let below = Limit::below(Some(0.2), Some(0.1));
        for (limit, value, verdict) in [
            (above, 0.9, Verdict::Pass),
            (above, 1.0, Verdict::Warn),
            (above, 2.0, Verdict::Fail),
            (above, f64::NAN, Verdict::Pass),
            (below, 0.3, Verdict::Pass),
            (below, 0.2, Verdict::Warn),
            (below, 0.1, Verdict::Fail),
            (Limit::above(None, None), 9e9, Verdict::Pass),
            (Limit::above(None, Some(1.0)), 1.0, Verdict::Fail),
            (Limit::above(Some(1.0), None), 9e9, Verdict::Warn),
        ] {
            assert_eq!(limit.judge(value), verdict, "{limit:?} {value}");
        }
    }

    #[test]
    fn the_message_names_the_threshold_crossed() {
        let above = Limit::above(Some(1.0), Some(2.0));
        let message = |limit: Limit, value| limit.explain(value, show::number).1;
        assert_eq!(message(above, 0.5), "0.5");
        assert_eq!(message(above, 1.5), "1.5: warns from 1");
        assert_eq!(message(above, 3.0), "3: fails from 2");
        let below = Limit::below(Some(0.2), Some(0.1));
        assert_eq!(message(below, 0.15), "0.15: warns from 0.2 down");
    }
}
