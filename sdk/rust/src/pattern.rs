//! Which names match: `*` for any characters, `?` for one, `[abc]`, `[a-z]` and `[!abc]` for one of or none of some.

use serde::Deserialize;

/// A list of patterns, as an operator writes it: `["*.log", "app-?"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Patterns(pub Vec<String>);

impl Patterns {
    /// The one that every name matches.
    pub fn every() -> Self {
        Self(vec!["*".to_owned()])
    }

    /// Whether any of them matches the whole name; see [`matches`].
    pub fn match_any(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| pattern == "*" || matches(pattern, name))
    }
}

/// Whether the whole `name` matches. A name with a dot in front is like any other; a `[` that is never closed stands
/// for itself.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut pattern, mut name) = (pattern.as_slice(), name.as_slice());
    // Where to go on when the last `*` has to take one character more: never further back, so time is bounded.
    let mut retry: Option<(&[char], &[char])> = None;
    loop {
        if let ['*', after @ ..] = pattern {
            retry = Some((after, name));
            pattern = after;
            continue;
        }
        match (step(pattern, name), retry) {
            (Some(([], [])), _) => return true,
            (Some((later, rest)), _) if !pattern.is_empty() => (pattern, name) = (later, rest),
            (_, Some((after, [_, rest @ ..]))) => {
                retry = Some((after, rest));
                (pattern, name) = (after, rest);
            }
            _ => return false,
        }
    }
}

/// What is left of both after the pattern's first part has taken the name's first character; both as they are when
/// there is nothing left of either.
fn step<'a>(pattern: &'a [char], name: &'a [char]) -> Option<(&'a [char], &'a [char])> {
    let Some((first, rest)) = name.split_first() else {
        return pattern.is_empty().then_some((pattern, name));
    };
    let (part, later) = pattern.split_first()?;
    let (taken, later) = match part {
        '?' => (true, later),
        '[' => class(later, *first).unwrap_or(('[' == *first, later)),
        part => (part == first, later),
    };
    taken.then_some((later, rest))
}

/// Whether a class, of which `[` is already read, has the character, and what stands behind it. Nothing when it is
/// never closed.
fn class(pattern: &[char], character: char) -> Option<(bool, &[char])> {
    let (negated, pattern) = match pattern {
        ['!', rest @ ..] => (true, rest),
        pattern => (false, pattern),
    };
    // A `]` in front belongs to the class.
    let end = 1 + pattern.get(1..)?.iter().position(|part| *part == ']')?;
    let (mut parts, behind) = (pattern.get(..end)?, pattern.get(end + 1..)?);
    let mut has = false;
    loop {
        match parts {
            [from, '-', to, rest @ ..] => {
                has |= (*from..=*to).contains(&character);
                parts = rest;
            }
            [one, rest @ ..] => {
                has |= *one == character;
                parts = rest;
            }
            [] => return Some((has != negated, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, yes, no) in [
            ("*", &["", "a", ".hidden", "a/b"][..], &[][..]),
            (
                "*.log",
                &["a.log", ".log", "a.b.log", "ä.log"],
                &["a.log.1", "log", "a.LOG"],
            ),
            ("a?c", &["abc", "aäc", "a?c"], &["ac", "abbc"]),
            (
                "app-[0-9][0-9].txt",
                &["app-07.txt"],
                &["app-7.txt", "app-ab.txt"],
            ),
            ("[!.]*", &["a", "ab"], &["", ".a"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[ab", &["[ab"], &["a", "[a"]),
            ("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a"]),
            ("", &[], &["a"]),
            ("exact", &["exact"], &["exac", "exactly"]),
        ] {
            for name in yes {
                assert!(matches(pattern, name), "{pattern} should match {name}");
            }
            for name in no {
                assert!(!matches(pattern, name), "{pattern} should not match {name}");
            }
        }
        assert!(matches("", ""));
        let patterns = Patterns(vec!["a*".into(), "*b".into()]);
        for (name, matched) in [("ac", true), ("cb", true), ("c", false)] {
            assert_eq!(patterns.match_any(name), matched, "{name}");
        }
        assert!(Patterns::every().match_any(""));
        assert!(!Patterns::default().match_any(""));
    }

    #[test]
    fn a_pattern_of_many_stars_takes_bounded_time() {
        let name = "a".repeat(2000);
        assert!(!matches(&("*a".repeat(50) + "*b"), &name));
    }

    /// The same by definition: slow, and easily seen to be right.
    fn by_definition(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                (0..=name.len()).any(|taken| by_definition(rest, &name[taken..]))
            }
            ([part, rest @ ..], [first, name @ ..]) => {
                (*part == '?' || part == first) && by_definition(rest, name)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_does_what_the_definition_says(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            prop_assert_eq!(matches(&pattern, &name), by_definition(&chars(&pattern), &chars(&name)));
        }
    }
}
