//! Durations and sizes for people: three digits and a unit.

use std::fmt::{self, Write};
use std::time::Duration;

/// Units of time with their length in seconds.
const TIMES: [(f64, &str); 4] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];
/// Units of size with their length in bytes.
const SIZES: [(f64, &str); 3] = [
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1024.0, "KiB"),
];

/// A duration such as `1.23 ms`.
pub(super) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let unit = TIMES.iter().find(|(length, _)| seconds >= *length);
    let (length, name) = unit.unwrap_or(&TIMES[3]);
    format!("{} {name}", digits(seconds / length))
}

/// A size such as `19.3 KiB`.
pub(super) fn size(bytes: u64) -> String {
    let unit = SIZES.iter().find(|(length, _)| bytes as f64 >= *length);
    match unit {
        Some((length, name)) => format!("{} {name}", digits(bytes as f64 / length)),
        None => format!("{bytes} B"),
    }
}

/// Three digits, or all of a larger number.
fn digits(number: f64) -> String {
    match number {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

/// `1 run`, `2 runs`.
pub(super) fn count(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    }
}

/// Rows as lines with their columns aligned: the first to the left, numbers to the right.
pub(super) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(0)),
            _ => format!("  {cell:>0$}", width(column)),
        });
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A titled list; nothing when it is empty.
pub(super) fn section(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    lines: impl Iterator<Item = String>,
) -> fmt::Result {
    let mut text = String::new();
    for line in lines {
        writeln!(text, "  {line}")?;
    }
    if text.is_empty() {
        return Ok(());
    }
    write!(f, "\n{title}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        for (seconds, text) in [
            (0.0, "0.00 ns"),
            (2.5e-7, "250 ns"),
            (6.5e-6, "6.50 µs"),
            (0.0123, "12.3 ms"),
            (1.0, "1.00 s"),
            (600.0, "600 s"),
        ] {
            assert_eq!(time(Duration::from_secs_f64(seconds)), text);
        }
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1 << 24, "16.0 MiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        let rows = [vec!["a", "1"], vec!["bc", "22", "3"]];
        let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(columns(&rows), ["a    1", "bc  22  3"]);
        assert_eq!(
            (count(1, "run"), count(0, "run")),
            ("1 run".into(), "0 runs".into())
        );
    }
}
