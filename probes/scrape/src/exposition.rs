//! Lines of Prometheus' text format 0.0.4, and of OpenMetrics 1.0 as far as it differs.

use std::borrow::Cow;

use probity_sdk::json;

/// What a metric is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A total.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram,
    /// Observations with quantiles.
    Summary,
    /// Facts in labels.
    Info,
    /// Numbers in buckets that go up and down, OpenMetrics alone.
    GaugeHistogram,
    /// Nothing that is known here, or nothing at all.
    Unknown,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// What a metric is.
    Type(&'a str, Type),
    /// What it is for, in words.
    Help(&'a str, &'a str),
    /// A value.
    Sample(Sample<'a>),
    /// The end, OpenMetrics alone.
    End,
    /// Nothing, or a remark.
    Nothing,
}

/// A value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// The name, with its ending.
    pub name: &'a str,
    /// Label keys and values, in their order.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value.
    pub value: f64,
    /// When it was taken, as it is written: milliseconds or, in OpenMetrics, seconds.
    pub timestamp: Option<f64>,
}

/// Reads one line, without its end; nothing when it breaks the format.
pub fn line(line: &str) -> Option<Line<'_>> {
    let line = line.trim_matches([' ', '\t', '\r']);
    let Some(remark) = line.strip_prefix('#') else {
        return match line.is_empty() {
            true => Some(Line::Nothing),
            false => sample(line).map(Line::Sample),
        };
    };
    let remark = remark.trim_start_matches([' ', '\t']);
    if remark == "EOF" {
        return Some(Line::End);
    }
    let (word, rest) = split_at_blank(remark);
    match word {
        "TYPE" => {
            let (name, kind) = split_at_blank(rest);
            is_name(name).then(|| Line::Type(name, kind_of(kind.trim())))
        }
        "HELP" => {
            let (name, words) = split_at_blank(rest);
            is_name(name).then_some(Line::Help(name, words))
        }
        _ => Some(Line::Nothing),
    }
}

fn kind_of(word: &str) -> Type {
    match word {
        "counter" => Type::Counter,
        "gauge" | "stateset" => Type::Gauge,
        "histogram" => Type::Histogram,
        "summary" => Type::Summary,
        "info" => Type::Info,
        "gaugehistogram" => Type::GaugeHistogram,
        _ => Type::Unknown,
    }
}

fn split_at_blank(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((word, rest)) => (word, rest.trim_start_matches([' ', '\t'])),
        None => (text, ""),
    }
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(|letter: char| !is_name_letter(letter));
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    if !is_name(name) {
        return None;
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    // What stands behind ` # ` is an example of what was counted.
    let rest = rest.split_once(" # ").map_or(rest, |(numbers, _)| numbers);
    let mut numbers = rest.split_ascii_whitespace();
    let value = number(numbers.next()?)?;
    let timestamp = match numbers.next() {
        Some(text) => Some(number(text).filter(|time| time.is_finite())?),
        None => None,
    };
    numbers.next().is_none().then_some(Sample {
        name,
        labels,
        value,
        timestamp,
    })
}

/// Labels of one series. The host takes 20; each is held against those before it, so that thousands would use up the run.
const MOST_LABELS: usize = 64;

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The labels up to `}`, and what stands behind it. A comma may stand behind the last one.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels: Labels<'_> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let end = rest.find(|letter: char| !is_label_letter(letter))?;
        let (key, behind) = rest.split_at(end);
        let is_new = || labels.iter().all(|(other, _)| *other != key);
        if !is_label(key) || labels.len() == MOST_LABELS || !is_new() {
            return None;
        }
        let behind = behind.trim_start_matches([' ', '\t']).strip_prefix('=')?;
        let behind = behind.trim_start_matches([' ', '\t']).strip_prefix('"')?;
        let (value, behind) = quoted(behind)?;
        labels.push((key, value));
        let behind = behind.trim_start_matches([' ', '\t']);
        rest = match behind.strip_prefix(',') {
            Some(behind) => behind,
            None if behind.starts_with('}') => behind,
            None => return None,
        };
    }
}

/// Text up to its closing quote, and what stands behind that.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let plain = text.find(['"', '\\'])?;
    if let (value, Some(behind)) = (text.get(..plain)?, text.get(plain..)?.strip_prefix('"')) {
        return Some((Cow::Borrowed(value), behind));
    }
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((Cow::Owned(value), text.get(place + 1..)?)),
            '\\' => value.push(match letters.next()?.1 {
                '\\' => '\\',
                '"' => '"',
                'n' => '\n',
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

fn number(text: &str) -> Option<f64> {
    match text {
        "NaN" | "nan" => return Some(f64::NAN),
        "+Inf" | "Inf" | "+inf" | "inf" => return Some(f64::INFINITY),
        "-Inf" | "-inf" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    match text.strip_prefix('+') {
        Some(unsigned) if unsigned.starts_with('-') => None,
        Some(unsigned) => json::number(unsigned),
        None => json::number(text),
    }
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

fn is_label_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(is_name_letter)
}

fn is_label(name: &str) -> bool {
    is_name(name) && !name.contains(':')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Sample<'_> {
        match line(text) {
            Some(Line::Sample(sample)) => sample,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn remarks_are_told_apart() {
        for (text, expected) in [
            ("", Line::Nothing),
            ("  \t\r", Line::Nothing),
            ("# a remark", Line::Nothing),
            ("#", Line::Nothing),
            ("# UNIT a seconds", Line::Nothing),
            ("# EOF", Line::End),
            ("# TYPE a:b counter", Line::Type("a:b", Type::Counter)),
            ("#TYPE a  gauge ", Line::Type("a", Type::Gauge)),
            ("# TYPE a\tmystery", Line::Type("a", Type::Unknown)),
            ("# HELP a Some words. ", Line::Help("a", "Some words.")),
            ("# HELP a", Line::Help("a", "")),
        ] {
            assert_eq!(line(text), Some(expected), "{text}");
        }
        assert_eq!(line("# TYPE 1a counter"), None);
        assert_eq!(line("# HELP  a-b c"), None);
    }

    #[test]
    fn labels_have_an_end() {
        let labelled = |count: usize| {
            let labels: String = (0..count).map(|place| format!("l{place}=\"\",")).collect();
            format!("a{{{labels}}} 1")
        };
        assert_eq!(read(&labelled(64)).labels.len(), 64);
        assert_eq!(line(&labelled(65)), None);
        // As much as one body may hold.
        assert_eq!(line(&labelled(200_000)), None);
    }

    #[test]
    fn samples_are_read() {
        let sample =
            read(r#"http_requests_total{method="post",code="2\"0\\0\n"} 1027 1395066363000"#);
        assert_eq!(sample.name, "http_requests_total");
        assert_eq!(
            sample.labels,
            [
                ("method", Cow::from("post")),
                ("code", Cow::from("2\"0\\0\n"))
            ]
        );
        assert_eq!(
            (sample.value, sample.timestamp),
            (1027.0, Some(1_395_066_363_000.0))
        );
        for (text, value) in [
            ("a 1", 1.0),
            ("a{} -1.5e-3", -0.0015),
            ("a { b = \"c\" , } +Inf", f64::INFINITY),
            ("a{b=\"}\"}\t1", 1.0),
            ("a{b=\"ä # 1\"} 2", 2.0),
            ("a_bucket{le=\"1\"} 3 # {trace=\"x\"} 0.5 1.5", 3.0),
            ("a 0.30000000000000004", 0.300_000_000_000_000_04),
            ("a +1.5e+2", 150.0),
        ] {
            assert_eq!(read(text).value, value, "{text}");
        }
        assert!(read("a NaN").value.is_nan());
        assert_eq!(
            read("a 1 1520879607.789").timestamp,
            Some(1_520_879_607.789)
        );
    }

    #[test]
    fn what_breaks_the_format_is_nothing() {
        for text in [
            "a",
            "a ",
            "1a 1",
            "a-b 1",
            "a{b=\"c\"}",
            "a{b=\"c\" 1",
            "a{b=\"c} 1",
            "a{b=c} 1",
            "a{b} 1",
            "a{=\"c\"} 1",
            "a{1b=\"c\"} 1",
            "a{b:c=\"d\"} 1",
            "a{b=\"c\" d=\"e\"} 1",
            "a{b=\"c\",,} 1",
            "a{b=\"c\",b=\"d\"} 1",
            "a{b=\"\\x\"} 1",
            "a{b=\"\\",
            "a 1 2 3",
            "a 1 NaN",
            "a 0x10",
            "a 1_000",
            "a infinity",
            "a +-1",
            "a 1e",
            "<html>",
            "{\"a\"} 1",
        ] {
            assert_eq!(line(text), None, "{text}");
        }
    }

    fn escaped(value: &str) -> String {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        value.replace('\n', "\\n")
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,30}",
            labels in prop::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,10}", ".{0,20}", 0..8),
            value in -1e15..1e15f64,
            timestamp in prop::option::of(0u32..),
        ) {
            let parts: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
            let at = timestamp.map_or(String::new(), |time| format!(" {time}"));
            // As many places as are read exactly.
            let value = (value * 1000.0).round() / 1000.0;
            let text = format!("{name}{{{}}} {value:e}{at}", parts.join(","));
            let sample = read(&text);
            prop_assert_eq!(sample.name, name);
            let read: Vec<(String, String)> = sample.labels.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())).collect();
            prop_assert_eq!(read, labels.into_iter().collect::<Vec<_>>());
            prop_assert_eq!((sample.value, sample.timestamp), (value, timestamp.map(f64::from)));
        }

        #[test]
        fn no_line_makes_it_panic(text in "\\PC{0,80}") {
            let _ = line(&text);
        }

        #[test]
        fn nor_does_a_spoilt_one(place in 0usize..60, letter in any::<char>()) {
            let mut letters: Vec<char> = "a_bucket{b=\"c\\n\",d=\"e\"} 1.5e3 1395066363000 # {f=\"g\"} 1".chars().collect();
            let count = letters.len();
            letters[place % count] = letter;
            let _ = line(&String::from_iter(letters));
        }
    }
}
