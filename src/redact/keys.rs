//! Names under which secrets stand.

/// Parts of names that make whatever stands there a secret, wherever they are in it: `db_password`, `clientSecret`, `X-API-Key`.
const ANYWHERE: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "credential",
    "authorization",
    "cookie",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "accountkey",
    "masterkey",
    "connectionstring",
];
/// Ends of names that do: `github_token` is one, `token_type` says something about one.
const AT_THE_END: [&str; 1] = ["token"];
/// Words that do where they stand for themselves at the end: `auth` does, and `author` does not.
const LAST_WORDS: [&str; 6] = ["auth", "pwd", "jwt", "otp", "cvv", "bearer"];
/// Ends of names under which a text is a secret and a number is none: `max_tokens` counts.
const OF_TEXTS: [&str; 1] = ["tokens"];
/// Words likewise, where they stand for themselves at the end: so many tests `pass`.
const LAST_WORDS_OF_TEXTS: [&str; 2] = ["pass", "pw"];

/// How secret what stands under a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Not by its name.
    None,
    /// If it is a text, or has any in it.
    Texts,
    /// Whatever it is.
    Everything,
}

/// The names: those that are built in, and the operator's.
#[derive(Debug)]
pub(super) struct Keys {
    own: Vec<String>,
}

/// A name in which only letters and digits count, all of them small.
pub(super) struct Normal {
    text: String,
    /// Where words begin in it.
    begins: Vec<usize>,
}

impl Keys {
    pub(super) fn new(own: &[String]) -> Self {
        Self {
            own: own.iter().map(|key| normal(key).text).collect(),
        }
    }

    pub(super) fn secrecy(&self, key: &str) -> Secrecy {
        let key = normal(key);
        let text = key.text();
        let is_secret = ANYWHERE.iter().any(|part| text.contains(part))
            || AT_THE_END.iter().any(|end| text.ends_with(end))
            || LAST_WORDS.iter().any(|word| key.ends_with_words(word))
            || self.own.iter().any(|words| key.has_words(words));
        if is_secret {
            Secrecy::Everything
        } else if OF_TEXTS.iter().any(|end| text.ends_with(end))
            || LAST_WORDS_OF_TEXTS
                .iter()
                .any(|word| key.ends_with_words(word))
        {
            Secrecy::Texts
        } else {
            Secrecy::None
        }
    }
}

/// Only the letters and digits of a name, small, and where its words begin: behind anything else, where a capital letter follows a
/// small one, and with the last of several capital letters before a small one, as in `HTTPAuth`.
pub(super) fn normal(key: &str) -> Normal {
    let mut text = String::with_capacity(key.len());
    let mut begins = Vec::new();
    let mut before = None;
    let mut characters = key.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_alphanumeric() {
            let mut ends_capitals = || characters.peek().is_some_and(|next| next.is_lowercase());
            let begins_word = match before {
                None => true,
                Some(before) => {
                    let before: char = before;
                    character.is_uppercase()
                        && (before.is_lowercase() || before.is_uppercase() && ends_capitals())
                }
            };
            if begins_word {
                begins.push(text.len());
            }
            text.extend(character.to_lowercase());
            before = Some(character);
        } else {
            before = None;
        }
    }
    Normal { text, begins }
}

impl Normal {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn ends_with_words(&self, words: &str) -> bool {
        let begin = self.text.len().checked_sub(words.len());
        self.text.ends_with(words) && begin.is_some_and(|begin| self.begins.contains(&begin))
    }

    fn has_words(&self, words: &str) -> bool {
        let mut found = self.text.match_indices(words);
        found.any(|(begin, _)| {
            let end = begin + words.len();
            let ends_word = end == self.text.len() || self.begins.contains(&end);
            self.begins.contains(&begin) && ends_word
        })
    }
}
