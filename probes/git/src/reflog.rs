//! When a ref last moved, from the last line of its log: `OLD NEW NAME <MAIL> SECONDS ZONE`, a tab, and a message.

use probity_sdk::files::{self, FileError, Refused};
use probity_sdk::lines::number;

/// So much of a log's end is read: a line has two names of objects, one of a person, and what one command says.
const MAX_LINE_BYTES: usize = 8 * 1024;

/// The time of the last line of the log at `path`, Unix seconds; nothing when there is no log, or it has no such line.
///
/// # Errors
/// Why it cannot be read.
pub fn last_move(path: &str) -> Result<Option<f64>, FileError> {
    match files::end(path, MAX_LINE_BYTES) {
        Ok(part) => Ok(time_of_last(&part.bytes, part.is_whole)),
        Err(FileError {
            reason: Refused::Missing | Refused::Because("not a folder" | "a folder"),
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Of a log's end, or of all of it. A line without an end is still being written: the one before it counts.
fn time_of_last(end: &[u8], is_whole: bool) -> Option<f64> {
    let complete = &end[..end.iter().rposition(|byte| *byte == b'\n')?];
    let begin = complete.iter().rposition(|byte| *byte == b'\n');
    let line = match begin {
        Some(place) => &complete[place + 1..],
        None if is_whole => complete,
        None => return None,
    };
    let words = line.split(|byte| *byte == b'\t').next()?;
    let behind_mail = &words[words.iter().rposition(|byte| *byte == b'>')? + 1..];
    let mut words = behind_mail
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let seconds = number(words.next()?)?;
    // A date beyond the year 9999 is a mistake.
    (seconds < 253_402_300_800).then_some(seconds as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "0000000000000000000000000000000000000000 0123456789012345678901234567890123456789 A > B <a@b.c> 1767225600 +0100\tcommit: > 1\t2\n";

    #[test]
    fn the_last_complete_line_counts() {
        let older = LINE.replace("1767225600", "5");
        for (log, time) in [
            (LINE.to_owned(), Some(1_767_225_600.0)),
            (format!("{older}{LINE}"), Some(1_767_225_600.0)),
            (
                format!("{LINE}0000000000 half a line"),
                Some(1_767_225_600.0),
            ),
            (LINE.replace("1767225600", "-5"), None),
            (LINE.replace("1767225600", "999999999999999"), None),
            ("garbage\n".to_owned(), None),
            ("\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(time_of_last(log.as_bytes(), true), time, "{log}");
        }
        assert_eq!(
            time_of_last(LINE.as_bytes(), false),
            None,
            "its beginning is missing"
        );
    }

    proptest! {
        #[test]
        fn no_log_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), near in "[0-9a>< \t\n]{0,60}", is_whole: bool) {
            time_of_last(&bytes, is_whole);
            time_of_last(near.as_bytes(), is_whole);
        }

        #[test]
        fn what_is_written_is_read_back(seconds in 0u32.., name in "[a-zA-Z <]{1,20}", message in "[a-z >:]{0,40}") {
            let line = format!("0 1 {name} <a@b> {seconds} -0800\t{message}\n");
            prop_assert_eq!(time_of_last(line.as_bytes(), true), Some(f64::from(seconds)));
        }
    }
}
