//! What secrets look like in a text.

use std::borrow::Cow;

use regex::{Captures, Regex, RegexBuilder};

use super::REDACTED;
use super::keys::normal;
use crate::model::TallyCounter;

/// What a compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// Without any of these in it a text has no secret: it is looked for first, in one go, for most texts have none. Escapes of
/// ASCII may hide any of the others.
const SUSPECT: &str = r#"pass[^a-z0-9]*(?:wd|word|phrase|code)|pass[^a-z0-9]|pwd|pw[^a-z0-9]|sig(?:nature)?=|%3a%2f%2f|secret|credential|authorization|cookie|(?:api|access|private|signing|encryption)[^a-z0-9]*key|connection[^a-z0-9]*string|tokens?[^a-z0-9]|auth[^a-z0-9]|jwt|otp[^a-z0-9]|cvv|bearer|basic |\\u00[2-7]|:\\*/\\*/|a(?:kia|sia|gpa|ida|roa|npa|nva|ipa)[a-z0-9]{16}|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|[srp]k[-_]|aiza|npm_|eyj|-----begin"#;

/// What is replaced whole: shapes that the issuers of secrets gave them so that they can be found.
const SHAPES: [&str; 10] = [
    // AWS: ids of access keys.
    r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}\b",
    // GitHub, GitLab.
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",
    // Slack.
    r"\bxox[a-z]-[A-Za-z0-9-]{8,}",
    // Stripe, OpenAI and those that took over its way.
    r"\b(?:[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{16,})",
    // Google, npm.
    r"\bAIza[A-Za-z0-9_-]{30,}",
    r"\bnpm_[A-Za-z0-9]{30,}",
    // JSON Web Tokens, encrypted ones included.
    r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*",
    // Private keys; one that was cut off, too.
    r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
];

/// Who a URL says one is: behind the scheme, before the host.
const USER_INFO: &str = r"(?i)(\b[a-z][a-z0-9+.-]{0,30}:\\*/\\*/)[^\s/?#\x22<>]+(@)";
/// The same in a URL that is a part of another.
const ENCODED_USER_INFO: &str = r"(?i)(\b[a-z][a-z0-9+.-]{0,30}%3a%2f%2f)(?:[^\s/?#\x22<>%&]|%(?:[014-9a-f][0-9a-f]|2[0-24-9a-e]|3[0-9a-e]))+(%40)";
/// What signs a URL, and lets whoever has it in.
const SIGNATURE: &str = r"(?i)([?&;](?:x-(?:amz|goog|oss)-)?sig(?:nature)?=)[^\s&#\x22'<>\\]+()";
/// What else is a password where it stands as an option, as a parameter or at the end of a variable's name.
const SHORT: &str = r"(?:--?|[?&_])(?:pass|pw)";
/// What is said behind the name of a scheme of HTTP. Much begins with `basic`, but not in letters and digits so mixed.
const SCHEMES: [&str; 2] = [
    r"((?i:\bbearer\s+))[A-Za-z0-9._~+/=-]{8,}()",
    r"((?i:\bbasic\s+))[A-Za-z0-9+/]*(?:[a-z][A-Z]|[0-9+/=])[A-Za-z0-9+/=]*()",
];
/// Headers whose whole value is a secret, and names behind which one word is.
const HEADERS: &str = r"\b(?:proxy-)?authorization|\b(?:set-)?cookie";
const NAMES: &str = r"(?:passw(?:or)?d|passphrase|passcode|pwd|secret|credentials?|(?:api|access|private|signing|encryption)[_-]?key)[a-z0-9_-]{0,20}|token";
/// Between a name and its value. Quotes may be escaped any number of times, and a log has colours there.
const ASSIGNS: &str = r"\\*[\x22']?(?:\x1b\[[0-9;]*m)*\s*(?:=>|[:=])\s*(?:\x1b\[[0-9;]*m)*";
/// The value of a header, to the end of the line or the text in quotes that it stands in; and a word or a text in quotes.
const LINE: &str = r"\\*[\x22']?[^\r\n\x22'\\\x1b]+";
const WORD: &str =
    r"\x22(?:[^\x22\\]|\\.)*\x22?|'(?:[^'\\]|\\.)*'?|\\+\x22[^\x22]*\x22?|[^\s\x22'&,;\x1b]+";

/// All patterns, compiled.
#[derive(Debug)]
pub(super) struct Patterns {
    suspect: Regex,
    own: Vec<Regex>,
    shapes: Vec<Regex>,
    /// What is replaced between two things that stay.
    between: Vec<Regex>,
    /// Whether anything is the operator's.
    extended: bool,
}

/// Makes a pattern of bounded size; it takes time in proportion to the text.
pub(super) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build()
}

impl Patterns {
    /// Those that are built in, and the operator's, which were checked.
    pub(super) fn new(keys: &[String], own: &[String]) -> Self {
        let built_in = |pattern: &str| Regex::new(pattern).expect("it is tested");
        let keys = keys.iter().map(|key| spread(normal(key).text()));
        let keys = keys.fold(String::new(), |keys, key| format!("{keys}|{key}"));
        let headers = format!("(?i)((?:{HEADERS}){ASSIGNS})(?:{LINE})()");
        let assigned = format!("(?i)((?:{NAMES}{keys}){ASSIGNS})(?:{WORD})()");
        let short = format!("(?i)({SHORT}{ASSIGNS})(?:{WORD})()");
        let between = [
            USER_INFO,
            ENCODED_USER_INFO,
            &headers,
            SCHEMES[0],
            SCHEMES[1],
            SIGNATURE,
            &assigned,
            &short,
        ];
        Self {
            extended: !keys.is_empty() || !own.is_empty(),
            suspect: built_in(&format!("(?i:{SUSPECT}{keys})")),
            own: own
                .iter()
                .filter_map(|pattern| compile(pattern).ok())
                .collect(),
            shapes: SHAPES.into_iter().map(built_in).collect(),
            between: between.into_iter().map(built_in).collect(),
        }
    }

    /// Whether there may be a secret in a text, which may be that of JSON. Fast, and wrong on the safe side: an escape may hide
    /// anything that the operator named.
    pub(super) fn suspects(&self, text: &str) -> bool {
        self.suspect.is_match(text)
            || self.extended
                && (text.contains('\\') || self.own.iter().any(|own| own.is_match(text)))
    }

    /// The text without what looks like a secret.
    pub(super) fn replace<'a>(&self, text: &'a str, redactions: &TallyCounter) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for shape in self.own.iter().chain(&self.shapes) {
            take_out(&mut text, shape, redactions, |_| REDACTED.to_owned());
        }
        for between in &self.between {
            take_out(&mut text, between, redactions, |found| {
                format!("{}{REDACTED}{}", &found[1], &found[2])
            });
        }
        text
    }
}

fn take_out(
    text: &mut Cow<'_, str>,
    pattern: &Regex,
    redactions: &TallyCounter,
    instead: impl Fn(&Captures<'_>) -> String,
) {
    let changed = match pattern.replace_all(text, |found: &Captures<'_>| {
        redactions.increment();
        instead(found)
    }) {
        Cow::Borrowed(_) => return,
        Cow::Owned(changed) => changed,
    };
    *text = Cow::Owned(changed);
}

/// A pattern for a name, whatever stands between its letters and digits.
fn spread(key: &str) -> String {
    let characters = key.chars().map(|one| regex::escape(&one.to_string()));
    characters.collect::<Vec<_>>().join(r"[\W_]?")
}
