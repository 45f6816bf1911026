//! Thresholds and the verdicts they give.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::Quantity;
use super::quantity::Form;
use crate::Status;

/// Thresholds for a value that grows into trouble: `{ warn = …, fail = … }`. A value at a threshold counts as beyond it; either may be
/// left out, and an empty table gives nothing but passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling<Q = f64> {
    /// From here on it warns, if ever.
    pub warn: Option<Q>,
    /// From here on it fails, if ever.
    pub fail: Option<Q>,
}

/// Thresholds for a value that shrinks into trouble, as [`Ceiling`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor<Q = f64> {
    /// From here down it warns, if ever.
    pub warn: Option<Q>,
    /// From here down it fails, if ever.
    pub fail: Option<Q>,
}

macro_rules! thresholds {
    ($name:ident, $beyond:expr, $way:literal) => {
        impl<Q> Default for $name<Q> {
            /// Nothing but passes.
            fn default() -> Self {
                Self {
                    warn: None,
                    fail: None,
                }
            }
        }

        impl<Q: Quantity> $name<Q> {
            fn plain(&self) -> Plain {
                Plain {
                    warn: self.warn.map(Q::number),
                    fail: self.fail.map(Q::number),
                    is_beyond: $beyond,
                    way: $way,
                    show: Q::show,
                }
            }

            /// Whether it can give anything but a pass.
            pub fn is_set(&self) -> bool {
                self.warn.is_some() || self.fail.is_some()
            }

            /// The verdict on `value`; a value that is not a number passes.
            pub fn judge(&self, value: f64) -> Status {
                self.plain().judge(value)
            }

            /// The verdict on `value` and a line for people: `value` by itself, or with the threshold it has crossed.
            pub fn explain(&self, value: f64) -> (Status, String) {
                self.plain().explain(value)
            }

            /// The worst verdict it can give: what a value that cannot even be told deserves.
            pub fn worst(&self) -> Status {
                match (&self.warn, &self.fail) {
                    (_, Some(_)) => Status::Fail,
                    (Some(_), None) => Status::Warn,
                    (None, None) => Status::Pass,
                }
            }
        }

        impl<'de, Q: Quantity> Deserialize<'de> for $name<Q> {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let written = Plain {
                    warn: None,
                    fail: None,
                    is_beyond: $beyond,
                    way: $way,
                    show: Q::show,
                };
                let plain = written.read(from, Q::FORM)?;
                Ok(Self {
                    warn: plain.warn.map(Q::of),
                    fail: plain.fail.map(Q::of),
                })
            }
        }
    };
}

thresholds!(Ceiling, |value, threshold| value >= threshold, "");
thresholds!(Floor, |value, threshold| value <= threshold, " down");

/// Thresholds of any quantity, so that a component holds what is done with them once.
struct Plain {
    warn: Option<f64>,
    fail: Option<f64>,
    is_beyond: fn(f64, f64) -> bool,
    /// Which way trouble lies, in words.
    way: &'static str,
    show: fn(f64) -> String,
}

impl Plain {
    #[inline(never)]
    fn judge(&self, value: f64) -> Status {
        let is_beyond =
            |threshold: Option<f64>| threshold.is_some_and(|it| (self.is_beyond)(value, it));
        if is_beyond(self.fail) {
            Status::Fail
        } else if is_beyond(self.warn) {
            Status::Warn
        } else {
            Status::Pass
        }
    }

    #[inline(never)]
    fn explain(&self, value: f64) -> (Status, String) {
        let status = self.judge(value);
        let crossed = match status {
            Status::Pass => None,
            Status::Warn => self.warn.map(|it| ("warns", it)),
            Status::Fail => self.fail.map(|it| ("fails", it)),
        };
        let mut message = (self.show)(value);
        if let Some((verb, it)) = crossed {
            message = format!("{message}: {verb} from {}{}", (self.show)(it), self.way);
        }
        (status, message)
    }

    #[inline(never)]
    fn read<'de, D: Deserializer<'de>>(
        self,
        from: D,
        form: &'static Form,
    ) -> Result<Self, D::Error> {
        from.deserialize_struct("Thresholds", KEYS, Table { plain: self, form })
    }

    /// A value that only just fails has to warn too.
    fn check<E: Error>(self) -> Result<Self, E> {
        match (self.warn, self.fail) {
            (Some(warn), Some(fail)) if warn != fail && (self.is_beyond)(warn, fail) => {
                let on = if self.way.is_empty() { " on" } else { self.way };
                Err(E::custom(format!(
                    "must not warn from {}{on} and fail from {}{on}",
                    (self.show)(warn),
                    (self.show)(fail)
                )))
            }
            _ => Ok(self),
        }
    }
}

const KEYS: &[&str] = &["warn", "fail"];

/// `{ warn = …, fail = … }`.
struct Table {
    plain: Plain,
    form: &'static Form,
}

impl<'de> Visitor<'de> for Table {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Plain, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let place = match key.as_str() {
                "warn" => &mut self.plain.warn,
                "fail" => &mut self.plain.fail,
                other => return Err(A::Error::unknown_field(other, KEYS)),
            };
            *place = Some(map.next_value_seed(self.form)?);
        }
        self.plain.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_belongs_to_the_trouble() {
        let above = Ceiling {
            warn: Some(1.0),
            fail: Some(2.0),
        };
        let below = Floor {
            warn: Some(0.2),
            fail: Some(0.1),
        };
        for (value, status) in [
            (0.9, Status::Pass),
            (1.0, Status::Warn),
            (2.0, Status::Fail),
            (f64::NAN, Status::Pass),
        ] {
            assert_eq!(above.judge(value), status, "{value}");
        }
        for (value, status) in [
            (0.3, Status::Pass),
            (0.2, Status::Warn),
            (0.1, Status::Fail),
        ] {
            assert_eq!(below.judge(value), status, "{value}");
        }
        assert_eq!(Ceiling::<f64>::default().judge(9e9), Status::Pass);
    }

    #[test]
    fn the_message_names_the_threshold_crossed() {
        let above = Ceiling {
            warn: Some(1.0),
            fail: Some(2.0),
        };
        assert_eq!(above.explain(0.5).1, "0.5");
        assert_eq!(above.explain(1.5).1, "1.5: warns from 1");
        assert_eq!(above.explain(3.0).1, "3: fails from 2");
        let below = Floor {
            warn: Some(0.2),
            fail: Some(0.1),
        };
        assert_eq!(below.explain(0.15).1, "0.15: warns from 0.2 down");
    }
}
