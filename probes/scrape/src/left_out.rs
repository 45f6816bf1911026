//! Samples that are left out, and why: counted, with an example of each reason.

use probity_sdk::json::quoted;

/// Why a sample is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A histogram's bucket, while `buckets` is off.
    Bucket,
    /// It is older than five minutes.
    Old,
    /// Its line breaks the format.
    Syntax,
    /// The series stands there twice, or two have become one without the labels that are dropped.
    Duplicate,
    /// It is beyond `max_series`.
    Series,
    /// Its text is beyond what the probe may show.
    Text,
    /// A total that is no total: negative or no number; or an info that is not 1.
    Value,
    /// Its name is none for the host, or too long.
    Name,
    /// Its labels are none for the host, too many or too long, or not those that the metric had at first.
    Labels,
    /// It is a histogram without an ending, or its name already means something else.
    Type,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Bucket,
        Self::Old,
        Self::Syntax,
        Self::Duplicate,
        Self::Series,
        Self::Text,
        Self::Value,
        Self::Name,
        Self::Labels,
        Self::Type,
    ];

    /// As a label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Old => "old",
            Self::Syntax => "syntax",
            Self::Duplicate => "duplicate",
            Self::Series => "max_series",
            Self::Text => "text",
            Self::Value => "value",
            Self::Name => "name",
            Self::Labels => "labels",
            Self::Type => "type",
        }
    }

    /// Whether somebody should look: what is left out for good reason is only counted.
    pub fn is_odd(self) -> bool {
        !matches!(self, Self::Bucket)
    }
}

/// How many were left out for each reason, and an example.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LeftOut([(usize, String); Reason::ALL.len()]);

/// How much of an example is kept, in characters.
const EXAMPLE: usize = 120;

impl LeftOut {
    /// Counts one; `example` is made for the first.
    pub fn add<S: AsRef<str>>(&mut self, reason: Reason, example: impl FnOnce() -> S) {
        let place = &mut self.0[reason as usize];
        if place.0 == 0 {
            place.1 = example().as_ref().chars().take(EXAMPLE).collect();
        }
        place.0 += 1;
    }

    /// How many for this reason.
    pub fn count(&self, reason: Reason) -> usize {
        self.0[reason as usize].0
    }

    /// How many in all.
    pub fn total(&self) -> usize {
        self.0.iter().map(|(count, _)| count).sum()
    }

    /// The reasons that there were, in words: `bucket 12, value 1`.
    pub fn words(&self) -> String {
        let reasons = self.reasons();
        let words = reasons.map(|(reason, count, _)| format!("{} {count}", reason.as_str()));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The reasons that there were, with count and example.
    pub fn reasons(&self) -> impl Iterator<Item = (Reason, usize, &str)> {
        let all = Reason::ALL.iter().zip(&self.0);
        let some = all.filter(|(_, (count, _))| *count > 0);
        some.map(|(reason, (count, example))| (*reason, *count, example.as_str()))
    }

    /// As a JSON object: counts and examples by reason.
    pub fn json(&self) -> String {
        let each = self.reasons().map(|(reason, count, example)| {
            let example = quoted(example);
            format!(
                r#""{}":{{"count":{count},"example":{example}}}"#,
                reason.as_str()
            )
        });
        format!(
            r#"{{"left_out":{{{}}}}}"#,
            each.collect::<Vec<_>>().join(",")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_with_its_first_example() {
        let mut left_out = LeftOut::default();
        left_out.add(Reason::Value, || "a_total NaN");
        left_out.add(Reason::Value, || "b_total -1");
        left_out.add(Reason::Bucket, || "x".repeat(1000));
        assert_eq!((left_out.total(), left_out.count(Reason::Value)), (3, 2));
        assert_eq!(left_out.words(), "bucket 1, value 2");
        let json = left_out.json();
        assert!(
            json.starts_with(r#"{"left_out":{"bucket":{"count":1,"example":"xxx"#),
            "{json}"
        );
        assert!(
            json.ends_with(r#""value":{"count":2,"example":"a_total NaN"}}}"#),
            "{json}"
        );
    }

    #[test]
    fn each_reason_has_its_place() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
    }
}
