//! What secrets look like in a text.

use std::borrow::Cow;

use regex::{Captures, Regex, RegexBuilder};

use super::REDACTED;
use super::keys::normal;
use crate::model::TallyCounter;

/// What a compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// Without any of these in it a text has no secret: it is looked for first, in one go, for most texts have none. Escapes of
/// characters by their numbers may hide any of the others; those by a letter stand between two words.
const SUSPECT: &str = r#"pass(?:\\[bfnrt]|[^a-z0-9])*(?:wd|word|phrase|code)|pass[^a-z0-9]|pwd|pw[^a-z0-9]|sig(?:nature)?=|%3a%2f%2f|secret|credential|authorization|cookie|(?:api|access|private|signing|encryption|auth|account|master)(?:\\[bfnrt]|[^a-z0-9])*key|connection(?:\\[bfnrt]|[^a-z0-9])*string|tokens?[^a-z0-9]|auth[^a-z0-9]|jwt|otp[^a-z0-9]|cvv|bearer|basic |\\u|:\\*/\\*/|@(?:tcp|udp|unix)6?\(|hooks\.slack\.com|/webhooks/|a(?:kia|sia|bia|cca|gpa|ida|roa|npa|nva|ipa)[a-z0-9]{16}|gh[pousr]_|github_pat_|gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-|hf_[a-z0-9]{8}|sg\.[a-z0-9_-]{16}|[0-9]:aa[a-z0-9_-]{30}|xox[a-z]-|[srp]k[-_]|aiza|npm_|eyj|-----begin"#;

/// What is replaced whole: shapes that the issuers of secrets gave them so that they can be found.
const SHAPES: [&str; 13] = [
    // AWS: ids of access keys.
    r"\b(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}\b",
    // GitHub, GitLab.
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bgl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-[A-Za-z0-9_.-]{16,}",
    // Slack.
    r"\bxox[a-z]-[A-Za-z0-9-]{8,}",
    // Stripe, OpenAI and those that took over its way.
    r"\b(?:[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{16,})",
    // Hugging Face, SendGrid, Telegram.
    r"\bhf_[A-Za-z0-9]{30,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"(?:\b|bot)[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}",
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
/// The same where what begins a path stands in the password, unescaped: up to the last `@`, if what is before it is not a port, or in a
/// URL of a database, where no path has an `@`.
const USER_INFO_ODD: &str = r"(?i)(\b[a-z][a-z0-9+.-]{0,30}:\\*/\\*/)[^\s/?#\x22<>@:\\\[]*:(?:[/?#]|[0-9]*[^\s/?#\x22<>@0-9][^\s/?#\x22<>@]*[/?#])[^\s\x22<>]*(@)";
const USER_INFO_OF_DATABASES: &str = r"(?i)(\b(?:postgres(?:ql)?|mysqlx?|mariadb|mongodb|rediss?|amqps?|sqlserver|mssql|clickhouse)(?:\+[a-z0-9]{1,20})?:\\*/\\*/)[^\s/?#\x22<>@:]*:[^\s\x22<>]*(@)";
/// The same where there is no scheme, as drivers of MySQL have it.
const USER_INFO_OF_DRIVERS: &str = r"(?i)()[^\s\x22'<>=:@/]+:[^\s\x22'<>]+(@(?:tcp|udp|unix)6?\()";
/// Addresses that let whoever knows them write.
const WEBHOOKS: [&str; 2] = [
    r"(?i)(\bhooks\.slack\.com/(?:services|workflows|triggers)/)[^\s\x22'<>\\]+()",
    r"(?i)(\bdiscord(?:app)?\.com/api/(?:v[0-9]{1,3}/)?webhooks/[0-9]{1,30}/)[A-Za-z0-9_-]+()",
];
/// The same in a URL that is a part of another.
const ENCODED_USER_INFO: &str = r"(?i)(\b[a-z][a-z0-9+.-]{0,30}%3a%2f%2f)(?:[^\s/?#\x22<>%&]|%(?:[014-9a-f][0-9a-f]|2[0-24-9a-e]|3[0-9a-e]))+(%40)";
/// What signs a URL, and lets whoever has it in.
const SIGNATURE: &str = r"(?i)([?&;](?:x-(?:amz|goog|oss)-)?sig(?:nature)?=)[^\s&#\x22'<>\\]+()";
/// What else is a password where it stands as an option, as a parameter or at the end of a variable's name.
const SHORT: &str = r"(?:--?|[?&_])(?:pass|pw)|(?:--|[?&])auth";
/// What is said behind the name of a scheme of HTTP. Much begins with `basic`, but not in letters and digits so mixed.
const SCHEMES: [&str; 2] = [
    r"((?i:\bbearer\s+))[A-Za-z0-9._~+/=-]{8,}()",
    r"((?i:\bbasic\s+))[A-Za-z0-9+/]*(?:[a-z][A-Z]|[0-9+/=])[A-Za-z0-9+/=]*()",
];
/// Headers whose whole value is a secret, and names behind which one word is.
const HEADERS: &str = r"(?:[a-z0-9-]*-)?(?:authorization|cookie)";
const NAMES: &str = r"(?:passw(?:or)?d|passphrase|passcode|pwd|secret|credentials?|(?:api|access|private|signing|encryption|auth|account|master)[_-]?key)[a-z0-9_-]{0,20}|token";
/// Between a name and its value. Quotes may be escaped any number of times, and a log has colours there.
const ASSIGNS: &str = r"\\*[\x22']?(?:\x1b\[[0-9;]*m)*\s*(?:=>|[:=])\s*(?:\x1b\[[0-9;]*m)*";
/// A header: what is before its name, and its value. In quotes it ends with them, but not with those around the value of one of its
/// parameters; else with the line.
const HEADER_LINES: [(&str, &str); 3] = [
    (
        r"\x22",
        r"(?:\[\s*)?\\*[\x22']?(?:=\\*\x22[^\x22\r\n]*\x22[,;\x22]|[^\r\n\x22\\\x1b])+",
    ),
    (r"'", r"(?:\[\s*)?\\*[\x22']?[^\r\n'\\\x1b]+"),
    (r"(?:^|[^\x22'a-z0-9_-])", r"[^\r\n\x1b]+"),
];
/// What stands before `secrets` where the program says what would grant some.
const GRANTS: &str = "grant = { ";
/// The longest name that is looked for behind a value, bytes.
const MAX_NAME_BYTES: usize = 64;

/// All patterns, compiled.
#[derive(Debug)]
pub(super) struct Patterns {
    suspect: Regex,
    own: Vec<Regex>,
    shapes: Vec<Regex>,
    /// What is replaced between two things that stay.
    between: Vec<Regex>,
    /// Names, and all up to their values.
    assigned: [Regex; 2],
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
        let headers = HEADER_LINES
            .map(|(before, value)| format!("(?i)({before}(?:{HEADERS}){ASSIGNS}){value}()"));
        let assigned = [format!("{NAMES}{keys}"), SHORT.to_owned()]
            .map(|names| built_in(&format!("(?i)(?:{names}){ASSIGNS}")));
        let between = [
            USER_INFO_OF_DATABASES,
            USER_INFO_ODD,
            USER_INFO,
            ENCODED_USER_INFO,
            USER_INFO_OF_DRIVERS,
            WEBHOOKS[0],
            WEBHOOKS[1],
        ];
        let headers = headers.iter().map(String::as_str);
        let between = between.into_iter().chain(headers);
        let between = between.chain([SCHEMES[0], SCHEMES[1], SIGNATURE]);
        Self {
            extended: !keys.is_empty() || !own.is_empty(),
            suspect: built_in(&format!("(?i:{SUSPECT}{keys})")),
            own: own
                .iter()
                .filter_map(|pattern| compile(pattern).ok())
                .collect(),
            shapes: SHAPES.into_iter().map(built_in).collect(),
            between: between.map(built_in).collect(),
            assigned,
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
        for assigned in &self.assigned {
            take_values_out(&mut text, assigned, redactions);
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

/// Takes out what stands behind names.
fn take_values_out(text: &mut Cow<'_, str>, names: &Regex, redactions: &TallyCounter) {
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(name) = names.find_at(text, at) {
        at = match names_secrets(&text[..name.start()], &text[name.end()..]) {
            true => name.end(),
            false => value_end(text, name.end()),
        };
        if at > name.end() {
            redactions.increment();
            out.push_str(&text[copied..name.end()]);
            out.push_str(REDACTED);
            copied = at;
        }
    }
    if copied > 0 {
        out.push_str(&text[copied..]);
        *text = Cow::Owned(out);
    }
}

/// Whether a list says what secrets are called, and none of them: as the program writes what a configuration grants.
fn names_secrets(before: &str, value: &str) -> bool {
    value.starts_with('[') && before.ends_with(GRANTS)
}

/// Behind a value that begins at `from`: a list, a text in quotes, which may be escaped, or a word. Where that has `,`, `;` or `&` in it,
/// it ends there if nothing follows but another name or an end.
fn value_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let value = &bytes[from..];
    let escapes = value.iter().take_while(|byte| **byte == b'\\').count();
    let quote = value.get(escapes).copied();
    match quote {
        Some(b'[') if escapes == 0 => list_end(bytes, from),
        Some(b'"' | b'\'') if escapes == 0 => quoted_end(bytes, from),
        Some(quote @ (b'"' | b'\'')) => escaped_end(bytes, from + escapes + 1, quote, escapes),
        _ => word_end(bytes, from),
    }
}

/// Behind the bracket that closes a list, or at the end of the line if none does.
fn list_end(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => return at + 1,
            b']' => depth -= 1,
            b'"' | b'\'' => {
                at = quoted_end(bytes, at);
                continue;
            }
            b'\n' => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Behind the quote that stands behind as many backslashes as the one before `from` does.
fn escaped_end(bytes: &[u8], from: usize, quote: u8, escapes: usize) -> usize {
    let mut before = 0;
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match *byte {
            b'\\' => before += 1,
            byte if byte == quote && before == escapes => return at + 1,
            _ => before = 0,
        }
    }
    bytes.len()
}

fn quoted_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'\\' => 2,
            byte if *byte == bytes[from] => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}

fn word_end(bytes: &[u8], from: usize) -> usize {
    let ends = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\x1b');
    let separates = |byte: u8| matches!(byte, b',' | b';' | b'&');
    let mut at = from;
    while let Some(byte) = bytes.get(at).copied().filter(|byte| !ends(*byte)) {
        let next = bytes.get(at + 1).copied();
        let is_last = next.is_none_or(|next| ends(next) || separates(next));
        if separates(byte) && (is_last || is_name(&bytes[at + 1..])) {
            break;
        }
        at += 1;
    }
    at
}

/// Whether a name and what assigns something to it come first.
fn is_name(bytes: &[u8]) -> bool {
    let fits = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.[]$".contains(*byte);
    let name = bytes.iter().take(MAX_NAME_BYTES).take_while(fits).count();
    name > 0 && matches!(bytes.get(name), Some(b'=' | b':'))
}

/// A pattern for a name, whatever stands between its letters and digits.
fn spread(key: &str) -> String {
    let characters = key.chars().map(|one| regex::escape(&one.to_string()));
    characters.collect::<Vec<_>>().join(r"[\W_]?")
}
