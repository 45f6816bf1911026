//! Reading numbers and words out of the kernel's text, byte by byte and without allocation.

use super::Malformed;

/// The lines of `text` that hold something, with their numbers from 1.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    text.split(|byte| *byte == b'\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.is_empty())
}

/// The words of one line, separated by blanks.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Words<'a> {
    /// The words of `text`, which is line `line`.
    pub(super) fn new(line: usize, text: &'a [u8]) -> Self {
        Self { rest: text, line }
    }

    /// The next word as a whole number.
    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        self.next()
            .and_then(number)
            .ok_or_else(|| self.fault("a whole number is expected"))
    }

    /// The next word as a number with decimals.
    pub(super) fn decimal(&mut self) -> Result<f64, Malformed> {
        self.next()
            .and_then(decimal)
            .ok_or_else(|| self.fault("a number is expected"))
    }

    /// The next word.
    pub(super) fn word(&mut self) -> Result<&'a [u8], Malformed> {
        self.next()
            .ok_or_else(|| self.fault("the line ends too early"))
    }

    /// What is wrong with this line.
    pub(super) fn fault(&self, reason: &'static str) -> Malformed {
        Malformed::new(self.line, reason)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest.trim_ascii_start();
        if text.is_empty() {
            self.rest = text;
            return None;
        }
        let end = text
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        Some(word)
    }
}

/// An unsigned whole number in decimal digits; nothing when there are other characters or it does not fit.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// A finite number with an optional fraction.
pub(super) fn decimal(word: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Undoes the `\040` escapes by which the mount table writes blanks, tabs, newlines and backslashes.
pub(super) fn unescape_octal(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, octal(tail)) {
            (b'\\', Some(escaped)) => {
                out.push(escaped);
                rest = &tail[3..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// A name as text; bytes that are no UTF-8 are escaped, so that different names stay different.
pub(super) fn text(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) => text.to_owned(),
        Err(_) => name.escape_ascii().to_string(),
    }
}

/// The byte that the first three octal digits write.
fn octal(digits: &[u8]) -> Option<u8> {
    let value = digits.get(..3)?.iter().try_fold(0u16, |sum, digit| {
        matches!(digit, b'0'..=b'7').then(|| sum * 8 + u16::from(digit - b'0'))
    })?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_numbers_are_read_and_faults_name_the_line() {
        let mut words = Words::new(7, b"  cpu0\t12   0.25 x");
        assert_eq!(words.word().unwrap(), b"cpu0");
        assert_eq!(words.number().unwrap(), 12);
        assert_eq!(words.decimal().unwrap(), 0.25);
        let fault = words.number().unwrap_err();
        assert_eq!(fault, Malformed::new(7, "a whole number is expected"));
        assert_eq!(words.word().unwrap_err().reason, "the line ends too early");
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        for (text, wanted) in [
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("1.5", None),
        ] {
            assert_eq!(number(text.as_bytes()), wanted, "{text}");
        }
        for (text, wanted) in [("0.06", Some(0.06)), ("inf", None), ("NaN", None)] {
            assert_eq!(decimal(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn octal_escapes_are_undone_and_others_kept() {
        for (text, wanted) in [
            (r"/mnt/my\040disk", "/mnt/my disk"),
            (r"a\011b\012c\134d", "a\tb\nc\\d"),
            (r"\0", r"\0"),
            (r"\999", r"\999"),
            (r"\777", r"\777"),
            (r"\", r"\"),
        ] {
            assert_eq!(unescape_octal(text.as_bytes()), wanted.as_bytes(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_read_back(value: u64) {
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut words = Words::new(1, &bytes);
            while words.next().is_some() {}
            let _kept = (number(&bytes), decimal(&bytes));
            prop_assert!(unescape_octal(&bytes).len() <= bytes.len());
            prop_assert!(lines(&bytes).count() <= bytes.len());
        }
    }
}
