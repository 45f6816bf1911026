//! Numbers with a unit, as an operator writes them.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, Unexpected, Visitor};

use crate::{show, units};

/// A number that a threshold can be given in.
pub trait Quantity: Copy {
    /// How it is written.
    const FORM: &'static Form;
    /// The quantity of a number in its base unit that is within the form's bounds.
    fn of(number: f64) -> Self;
    /// The number in its base unit.
    fn number(self) -> f64;
    /// A number of it in words.
    fn show(number: f64) -> String;
}

impl Quantity for f64 {
    const FORM: &'static Form = &Form {
        least: f64::MIN,
        most: f64::MAX,
        units: &[],
        expected: "a number",
    };

    fn of(number: f64) -> Self {
        number
    }

    fn number(self) -> f64 {
        self
    }

    fn show(number: f64) -> String {
        show::number(number)
    }
}

/// A duration in seconds: a number, or text with units such as `90s`, `1h 30m`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Seconds(pub f64);

/// A size in bytes: a number, or text with a unit such as `500MiB`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Bytes(pub f64);

/// A share, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Ratio(pub f64);

/// How many there are of something, 0 or more; it may be a mean, and so have a fraction.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Count(pub f64);

/// A whole number within bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const LEAST: u32, const MOST: u32>(pub u32);

/// No duration is longer, in seconds.
const LONGEST: f64 = 1e12;
/// No size is larger, in bytes.
const LARGEST: f64 = 1e18;

impl Seconds {
    /// The same duration as the standard library has it.
    pub fn duration(self) -> Duration {
        Duration::from_secs_f64(self.0)
    }
}

macro_rules! quantity {
    ($name:ident, $most:expr, $units:expr, $expected:expr, $show:path) => {
        impl Quantity for $name {
            const FORM: &'static Form = &Form {
                least: 0.0,
                most: $most,
                units: $units,
                expected: $expected,
            };

            fn of(number: f64) -> Self {
                Self(number)
            }

            fn number(self) -> f64 {
                self.0
            }

            fn show(number: f64) -> String {
                $show(number)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::FORM.deserialize(from).map(Self)
            }
        }
    };
}

quantity!(
    Seconds,
    LONGEST,
    units::DURATIONS,
    "a duration such as \"90s\", \"26h\" or \"7d\"",
    show::seconds
);
quantity!(
    Bytes,
    LARGEST,
    units::SIZES,
    "a size such as \"500MiB\" or a number of bytes",
    show::bytes
);
quantity!(Count, f64::MAX, &[], "a number, 0 or more", show::number);
quantity!(Ratio, 1.0, &[], "a number from 0 to 1", show::percent);

/// How a quantity is written: within bounds, as a number or as text with one of the units.
#[derive(Debug)]
pub struct Form {
    /// The least number, in the base unit.
    pub least: f64,
    /// The largest.
    pub most: f64,
    /// Names of units and how many of the base unit they are. None: as a number alone.
    pub units: &'static [(&'static str, f64)],
    /// What must stand there, in words.
    pub expected: &'static str,
}

impl<'de> DeserializeSeed<'de> for &'static Form {
    type Value = f64;

    #[inline(never)]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<f64, D::Error> {
        from.deserialize_any(self)
    }
}

impl Form {
    fn bounded<E: Error>(&'static self, number: f64, found: Unexpected<'_>) -> Result<f64, E> {
        match (self.least..=self.most).contains(&number) {
            true => Ok(number),
            false => Err(E::invalid_value(found, &self)),
        }
    }
}

impl Visitor<'_> for &'static Form {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        self.bounded(number, Unexpected::Float(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        self.bounded(number as f64, Unexpected::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        self.bounded(number as f64, Unexpected::Signed(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        let number = match self.units {
            [] => None,
            units => units::with_units(text, units),
        };
        self.bounded(number.unwrap_or(f64::NAN), Unexpected::Str(text))
    }
}

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Between::<LEAST, MOST>).map(Self)
    }
}

struct Between<const LEAST: u32, const MOST: u32>;

impl<const LEAST: u32, const MOST: u32> Visitor<'_> for Between<LEAST, MOST> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {LEAST} to {MOST}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        let whole = u32::try_from(number)
            .ok()
            .filter(|whole| (LEAST..=MOST).contains(whole));
        whole.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}
