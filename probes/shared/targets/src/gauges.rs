//! Gauges that have the same labels, defined and set as the rows of a table: a component holds the code for that once.

use probity_sdk::{Gauge, Result};

/// Gauges that have the same labels, in the order of their table.
pub struct Gauges<const L: usize>(Vec<Gauge<L>>);

impl<const L: usize> Gauges<L> {
    /// Defines a gauge for each row: its name, and one line of help.
    ///
    /// # Errors
    /// As [`Gauge::define`].
    pub fn define(table: &[(&str, &str)], labels: [&str; L]) -> Result<Self> {
        let rows = table.iter();
        rows.map(|(name, help)| Gauge::define(name, help, labels))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Sets one series of each, in the order of the table; those of which nothing is known are left out.
    ///
    /// # Errors
    /// As [`Gauge::set`].
    pub fn set(&self, labels: [&str; L], values: &[Option<f64>]) -> Result<()> {
        for (gauge, value) in self.0.iter().zip(values) {
            if let Some(value) = value {
                gauge.set(labels, *value)?;
            }
        }
        Ok(())
    }
}

/// 1 for yes, 0 for no.
pub fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}
