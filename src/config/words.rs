//! serde's messages in the words of an operator.

use super::suggest;
use super::tree::Node;

/// What was expected where serde says `message` of the value at `key`, and what to do about it.
pub(super) fn of(message: &str, key: &str, defaults: &Node<'_>) -> (String, Option<String>) {
    let (problem, expected) = match message.rsplit_once(", expected ") {
        Some((problem, expected)) => (problem, Some(expected)),
        None => (message, None),
    };
    let known: Vec<&str> = backticked(expected.unwrap_or("")).collect();
    let list = known.join(", ");
    let meant =
        |word, known| suggest::closest(word, known).map(|meant| format!("did you mean `{meant}`?"));
    let word = quoted(problem).unwrap_or("");
    if problem.starts_with("unknown field") {
        let suggestion = meant(key, known).or_else(|| elsewhere(key, defaults));
        (
            format!("is not a key here; the keys are {list}"),
            suggestion,
        )
    } else if problem.starts_with("unknown variant") {
        (format!("must be one of {list}"), meant(word, known))
    } else if problem.starts_with("missing field") {
        (format!("lacks the key `{word}`"), None)
    } else if problem == "invalid socket address syntax" {
        (format!("must be {}", in_words("socket address")), None)
    } else {
        let rule = expected.map(|expected| format!("must be {}", in_words(expected)));
        (rule.unwrap_or_else(|| message.to_owned()), None)
    }
}

/// Rust's names of types, in words.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list, such as [\"a\", \"b\"]",
        "path string" => "a path",
        "a map" => "a section",
        other if other.starts_with("struct ") => "a section",
        "socket address" => "an address and a port, such as \"127.0.0.1:7762\"",
        other => other,
    }
}

/// The words that serde puts between backticks.
fn backticked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The first of them.
pub(super) fn quoted(message: &str) -> Option<&str> {
    backticked(message).next()
}

/// The section that has a key of this name.
fn elsewhere(word: &str, defaults: &Node<'_>) -> Option<String> {
    let sections = defaults.get_ref().as_table()?;
    sections
        .iter()
        .find(|(_, section)| {
            let keys = section.get_ref().as_table();
            keys.is_some_and(|keys| keys.contains_key(word))
        })
        .map(|(name, _)| format!("`{word}` belongs into the section [{}]", name.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    #[test]
    fn types_are_told_in_words_and_words_of_ours_are_kept() {
        let text = "[server]\nlisten = \"x\"";
        let defaults = super::super::tree::root(DeTable::parse(text).expect("it is TOML"));
        for (message, rule, suggestion) in [
            (
                "invalid type: string \", expected u32\", expected u64",
                "must be a whole number",
                None,
            ),
            (
                "invalid value: string \"x\", expected a duration",
                "must be a duration",
                None,
            ),
            (
                "unknown field `listen`, expected `a` or `b`",
                "is not a key here; the keys are a, b",
                Some("`listen` belongs into the section [server]"),
            ),
            ("something new", "something new", None),
        ] {
            let (told, next) = of(message, "listen", &defaults);
            assert_eq!((told.as_str(), next.as_deref()), (rule, suggestion));
        }
    }
}
