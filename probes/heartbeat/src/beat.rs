//! What a job's file says about its last run.

use probity_sdk::lines::decimal;
use probity_sdk::time::rfc3339;

use crate::Content;

/// A file is longer than what any job has to say, and none of these.
pub const MAX_BYTES: usize = 4096;
/// So much of what was found is repeated in a message.
const MAX_SHOWN: usize = 40;

/// One run of a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    /// When it ended, Unix seconds.
    pub time: f64,
    /// Its exit status; a job that does not tell has succeeded.
    pub status: i32,
    /// For how long it ran, in seconds, where it tells.
    pub duration: Option<f64>,
}

impl Beat {
    /// Reads a file's `bytes`; `modified` is when it was last changed.
    ///
    /// # Errors
    /// What is wrong with the file, as a part of a sentence that begins with its path.
    pub fn read(content: Content, bytes: &[u8], modified: Option<f64>) -> Result<Self, String> {
        let text = core::str::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
        match content {
            Content::Ignored => Self::at(modified),
            Content::Time => match time(text.trim()) {
                Some(time) => Self::at(Some(time)),
                None => Err(format!("must hold {TIME}, not {}", shown(text.trim()))),
            },
            Content::Fields => Self::fields(text, modified),
        }
    }

    fn at(time: Option<f64>) -> Result<Self, String> {
        Ok(Self {
            time: time.ok_or("has no time of its last change on this file system")?,
            status: 0,
            duration: None,
        })
    }

    fn fields(text: &str, modified: Option<f64>) -> Result<Self, String> {
        let (mut at, mut status, mut duration) = (None, None, None);
        for (place, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |expected: &str| {
                format!("line {} must be {expected}, not {}", place + 1, shown(line))
            };
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            let value = value.trim();
            match key.trim() {
                "time" => {
                    let read = time(value).ok_or_else(|| wrong(&format!("`time=` and {TIME}")))?;
                    at = Some(read);
                }
                "status" => {
                    let read = value.parse::<i32>();
                    status = Some(read.map_err(|_| wrong("`status=` and a whole number"))?);
                }
                "duration" => {
                    let read = decimal(value.as_bytes()).filter(|seconds| is_duration(*seconds));
                    duration = Some(read.ok_or_else(|| wrong("`duration=` and seconds"))?);
                }
                _ => return Err(wrong("`time=`, `status=` or `duration=`")),
            }
        }
        if at.is_none() && status.is_none() && duration.is_none() {
            return Err("must have a line `time=`, `status=` or `duration=`, and is empty".into());
        }
        Ok(Self {
            status: status.unwrap_or(0),
            duration,
            ..Self::at(at.or(modified))?
        })
    }
}

const TIME: &str = "Unix seconds or a time such as 2026-01-31T04:05:06Z";

fn time(text: &str) -> Option<f64> {
    let seconds = decimal(text.as_bytes()).or_else(|| rfc3339(text))?;
    is_duration(seconds).then_some(seconds)
}

fn is_duration(seconds: f64) -> bool {
    (0.0..1e12).contains(&seconds)
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => format!("\"{text}\""),
        Some((end, _)) => format!("\"{}…\"", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(text: &str) -> Result<Beat, String> {
        Beat::read(Content::Fields, text.as_bytes(), Some(7.0))
    }

    fn beat(time: f64, status: i32, duration: Option<f64>) -> Beat {
        Beat {
            time,
            status,
            duration,
        }
    }

    #[test]
    fn the_time_stands_in_the_file_or_is_that_of_its_change() {
        for (content, text, time) in [
            (Content::Ignored, "whatever", 7.0),
            (Content::Time, "1767225600\n", 1_767_225_600.0),
            (Content::Time, " 1767225600.5", 1_767_225_600.5),
            (Content::Time, "2026-01-01T00:00:00Z\n", 1_767_225_600.0),
            (Content::Fields, "status=0", 7.0),
            (Content::Fields, "time=1767225600", 1_767_225_600.0),
        ] {
            let read = Beat::read(content, text.as_bytes(), Some(7.0));
            assert_eq!(read, Ok(beat(time, 0, None)), "{text}");
        }
    }

    #[test]
    fn fields_may_stand_in_any_order_among_comments() {
        let text = "# nightly\n\n duration = 12.5 \nstatus=-1\r\ntime=2026-01-01 01:00:00+01:00\n";
        assert_eq!(fields(text), Ok(beat(1_767_225_600.0, -1, Some(12.5))));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, said) in [
            (
                "",
                "must have a line `time=`, `status=` or `duration=`, and is empty",
            ),
            (
                "#\n",
                "must have a line `time=`, `status=` or `duration=`, and is empty",
            ),
            (
                "time=yesterday",
                "line 1 must be `time=` and Unix seconds or a time such as 2026-01-31T04:05:06Z, not \"time=yesterday\"",
            ),
            (
                "time=-5",
                "line 1 must be `time=` and Unix seconds or a time such as 2026-01-31T04:05:06Z, not \"time=-5\"",
            ),
            (
                "\nstatus=ok",
                "line 2 must be `status=` and a whole number, not \"status=ok\"",
            ),
            (
                "status",
                "line 1 must be `status=` and a whole number, not \"status\"",
            ),
            (
                "duration=1h",
                "line 1 must be `duration=` and seconds, not \"duration=1h\"",
            ),
            (
                "duration=1e400",
                "line 1 must be `duration=` and seconds, not \"duration=1e400\"",
            ),
            (
                "statsu=1",
                "line 1 must be `time=`, `status=` or `duration=`, not \"statsu=1\"",
            ),
        ] {
            assert_eq!(fields(text), Err(said.to_owned()), "{text}");
        }
        let long = Beat::read(Content::Time, "é".repeat(3000).as_bytes(), None);
        let said = long.expect_err("no time");
        assert!(
            said.ends_with(&format!("not \"{}…\"", "é".repeat(40))),
            "{said}"
        );
        assert_eq!(
            Beat::read(Content::Time, &[0xff, 0xfe], None),
            Err("is not text".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_content_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), near in "((time|status|duration|x)=?[0-9T:Z.-]{0,8}\n?){0,4}") {
            for content in [Content::Ignored, Content::Time, Content::Fields] {
                let _ = Beat::read(content, &bytes, Some(1.0));
                let _ = Beat::read(content, near.as_bytes(), None);
            }
        }

        #[test]
        fn what_is_written_is_read_back(time in 0u32.., status in any::<i32>(), tenths in 0u32..1_000_000) {
            let duration = f64::from(tenths) / 10.0;
            let text = format!("time={time}\nstatus={status}\nduration={duration}\n");
            let read = fields(&text).expect("it is well written");
            prop_assert_eq!((read.time, read.status), (f64::from(time), status));
            prop_assert!((read.duration.expect("it is there") - duration).abs() < 1e-9);
        }
    }
}
