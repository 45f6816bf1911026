//! Lines of a file of any length, through a bounded buffer, and the words of a line: what the kernel's own files are made of.

use crate::number;

/// The longest line taken. The kernel's longest, the names in `/proc/net/netstat`, have about 3 KB.
const MAX_LINE_BYTES: usize = 32 * 1024;

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All lines were read.
    Whole,
    /// `go_on` said no.
    Stopped,
    /// A line is longer than 32 KiB, so this is not the file it should be.
    LongLine,
}

/// Calls `each` with every line, without its end. `read` gives the next portion, an empty one at the end; before each
/// portion `go_on` is asked whether there is time for it.
///
/// # Errors
/// What `read` says.
pub fn each_line<E>(
    mut read: impl FnMut() -> Result<Vec<u8>, E>,
    mut go_on: impl FnMut() -> bool,
    mut each: impl FnMut(&[u8]),
) -> Result<Ended, E> {
    let mut pending = Vec::new();
    while go_on() {
        let portion = read()?;
        if portion.is_empty() {
            if !pending.is_empty() {
                each(&pending);
            }
            return Ok(Ended::Whole);
        }
        let mut pieces = portion.split(|byte| *byte == b'\n');
        // What stands behind the last line's end, which is all of it when no line ends here.
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            if pending.is_empty() {
                each(piece);
            } else {
                pending.extend_from_slice(piece);
                each(&pending);
                pending.clear();
            }
        }
        pending.extend_from_slice(last);
        if pending.len() > MAX_LINE_BYTES {
            return Ok(Ended::LongLine);
        }
    }
    Ok(Ended::Stopped)
}

/// The words of a line.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ' || *byte == b'\t')
        .filter(|word| !word.is_empty())
}

/// A whole number that is not negative.
pub fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A number with or without a fraction, as JSON writes it.
pub fn decimal(word: &[u8]) -> Option<f64> {
    let (number, length) = number::leading(word)?;
    (length == word.len()).then_some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Reads `text` in portions of `size` bytes.
    fn portions(text: &[u8], size: usize) -> impl FnMut() -> Result<Vec<u8>, ()> {
        let mut chunks = text.chunks(size);
        move || Ok(chunks.next().unwrap_or_default().to_vec())
    }

    fn lines_of(text: &str, size: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let keep = |line: &[u8]| lines.push(String::from_utf8(line.to_vec()).unwrap());
        let ended = each_line(portions(text.as_bytes(), size), || true, keep);
        assert_eq!(ended, Ok(Ended::Whole));
        lines
    }

    #[test]
    fn lines_do_not_depend_on_portions() {
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(lines_of("a\n\nbcd\nlast", size), ["a", "", "bcd", "last"]);
            assert_eq!(lines_of("a\nb\n", size), ["a", "b"]);
            assert!(lines_of("", size).is_empty());
        }
    }

    #[test]
    fn a_hundred_thousand_lines_pass_in_portions() {
        let text = "0123456789".repeat(15) + "\n";
        let file = text.repeat(100_000);
        let mut count = 0;
        let ended = each_line(
            portions(file.as_bytes(), 4096),
            || true,
            |line| {
                assert_eq!(line.len(), 150);
                count += 1;
            },
        );
        assert_eq!((ended, count), (Ok(Ended::Whole), 100_000));
    }

    #[test]
    fn an_endless_line_is_refused() {
        let endless = || Ok::<_, ()>(vec![b'x'; 1000]);
        let ended = each_line(endless, || true, |_| panic!("no line ends"));
        assert_eq!(ended, Ok(Ended::LongLine));
    }

    #[test]
    fn reading_stops_when_time_is_up() {
        let endless = || Ok::<_, ()>(vec![b'\n'; 1000]);
        let mut left = 3;
        let go_on = || {
            left -= 1;
            left >= 0
        };
        assert_eq!(each_line(endless, go_on, |_| {}), Ok(Ended::Stopped));
    }

    #[test]
    fn what_reading_says_is_passed_on() {
        assert_eq!(each_line(|| Err("no"), || true, |_| {}), Err("no"));
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for word in ["", "-1", "+1", "1.5", "0x1", "18446744073709551616", ":"] {
            assert_eq!(number(word.as_bytes()), None, "{word}");
        }
        assert_eq!(decimal(b"-1.5e2"), Some(-150.0));
        assert_eq!(decimal(b"1.5 "), None);
    }
}
