//! A reader of JSON (RFC 8259) for what the host hands over.
//!
//! It accepts all of JSON up to a depth; since the host writes it, it is lenient where that is shorter. serde_json makes
//! a component 28 KB larger, tinyjson 90 KB, the standard library's number parser alone 17 KB.

use std::fmt::{self, Write};

use crate::number;

/// Deeper nesting is refused, so that no document can use up the stack.
const MAX_DEPTH: u32 = 64;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number; exact up to 17 digits in its usual range, beyond that within a few units of an `f64`'s last place.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object, in the order written.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Reads one value with nothing but white space around it; nothing when the text is not JSON.
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.skip_space();
        (reader.at == text.len()).then_some(value)
    }

    /// The value of an object's key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(entries) => entries
                .iter()
                .find_map(|(name, value)| (name == key).then_some(value)),
            _ => None,
        }
    }

    /// The number that stands under an object's key.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether `true` stands under an object's key.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some(&Self::Bool(true))
    }
}

impl fmt::Display for Value {
    /// As JSON. Numbers have as many digits as it takes to read the same one again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Number(number) if number.is_finite() => write!(f, "{number}"),
            Self::Number(_) => f.write_str("null"),
            Self::Text(text) => quote(text, f),
            Self::List(items) => {
                for (place, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if place == 0 { "[" } else { "," })?;
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Object(entries) => {
                for (place, (key, value)) in entries.iter().enumerate() {
                    f.write_str(if place == 0 { "{" } else { "," })?;
                    quote(key, f)?;
                    write!(f, ":{value}")?;
                }
                f.write_str(if entries.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
            other => f.write_char(other)?,
        }
    }
    f.write_str("\"")
}

/// A text as JSON, in its quotes. To write JSON by hand with it saves the 20 KB of component that [`Value`]'s numbers cost.
pub fn quoted(text: &str) -> String {
    struct Quoted<'a>(&'a str);
    impl fmt::Display for Quoted<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            quote(self.0, f)
        }
    }
    Quoted(text).to_string()
}

/// The number that a whole text is, as JSON writes numbers.
pub fn number(text: &str) -> Option<f64> {
    let (number, length) = number::leading(text.as_bytes())?;
    (length == text.len()).then_some(number)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over `byte` and the white space before it.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.rest().starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        match self.peek()? {
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'"' => self.string().map(Value::Text),
            b'[' => self.list(depth),
            b'{' => self.object(depth),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.rest().as_bytes();
        let (number, length) = number::leading(rest)?;
        self.at += length;
        Some(Value::Number(number))
    }

    fn list(&mut self, depth: u32) -> Option<Value> {
        self.take(b'[')?;
        let mut items = Vec::new();
        if self.take(b']').is_some() {
            return Some(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b',').is_none() {
                self.take(b']')?;
                return Some(Value::List(items));
            }
        }
    }

    fn object(&mut self, depth: u32) -> Option<Value> {
        self.take(b'{')?;
        let mut entries = Vec::new();
        if self.take(b'}').is_some() {
            return Some(Value::Object(entries));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.take(b':')?;
            entries.push((key, self.value(depth + 1)?));
            if self.take(b',').is_none() {
                self.take(b'}')?;
                return Some(Value::Object(entries));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        (self.peek()? == b'"').then(|| self.at += 1)?;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
            out.push_str(rest.get(..plain)?);
            self.at += plain + 1;
            if rest.as_bytes().get(plain) == Some(&b'"') {
                return Some(out);
            }
            out.push(self.escaped()?);
        }
    }

    /// The character after a backslash.
    fn escaped(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return None,
        })
    }

    /// Four hexadecimal digits, or two such groups for a character beyond U+FFFF.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.word("\\u", Value::Null)?;
        let second = self.hex()?.checked_sub(0xdc00)?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            prop::num::f64::NORMAL
                .prop_filter(
                    "a size that one last place more or less cannot overflow",
                    |number| { (1e-290..1e290).contains(&number.abs()) }
                )
                .prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    /// Whether both are the same, numbers up to rounding in the last places.
    fn alike(ours: &Value, theirs: &serde_json::Value) -> bool {
        match (ours, theirs) {
            (Value::Null, serde_json::Value::Null) => true,
            (Value::Bool(ours), serde_json::Value::Bool(theirs)) => ours == theirs,
            (Value::Number(ours), serde_json::Value::Number(theirs)) => {
                let theirs = theirs.as_f64().expect("a number");
                (ours - theirs).abs() <= 1e-14 * theirs.abs()
            }
            (Value::Text(ours), serde_json::Value::String(theirs)) => ours == theirs,
            (Value::List(ours), serde_json::Value::Array(theirs)) => {
                ours.len() == theirs.len()
                    && ours
                        .iter()
                        .zip(theirs)
                        .all(|(ours, theirs)| alike(ours, theirs))
            }
            (Value::Object(ours), serde_json::Value::Object(theirs)) => {
                ours.len() == theirs.len()
                    && ours.iter().all(|(key, value)| {
                        theirs.get(key).is_some_and(|theirs| alike(value, theirs))
                    })
            }
            _ => false,
        }
    }
    fn assert_read_alike(text: &str, value: &serde_json::Value) {
        let ours = Value::parse(text).unwrap_or_else(|| panic!("refused {text}"));
        assert!(alike(&ours, value), "{text} was read as {ours:?}");
    }

    proptest! {
        #[test]
        fn whatever_serde_json_writes_is_read_alike(value in any_json()) {
            assert_read_alike(&value.to_string(), &value);
            assert_read_alike(&serde_json::to_string_pretty(&value).expect("JSON"), &value);
        }

        #[test]
        fn no_text_makes_it_panic_and_what_is_json_is_read(text in "[\\[\\]\",:0-9eE.+\\-truefalsn\\\\ud8 é]{0,40}") {
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(value) => assert_read_alike(&text, &value),
                Err(_) => drop(Value::parse(&text)),
            }
        }
    }

    #[test]
    fn escapes_are_resolved() {
        let text = r#""\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00é""#;
        assert_eq!(
            Value::parse(text),
            Some(Value::Text("\"\\/\u{8}\u{c}\n\r\tAé😀é".into()))
        );
    }

    #[test]
    fn texts_and_numbers_stand_alone() {
        assert_eq!(quoted("a\"b\\c\nd\u{e9}"), "\"a\\\"b\\\\c\\u000ad\u{e9}\"");
        assert_eq!(number("-1.5e3"), Some(-1500.0));
        for text in ["", "1 ", "+1", "1x", "NaN"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_nothing() {
        for text in [
            "",
            " ",
            "{",
            "[1,",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "nul",
            "1 2",
            "--1",
            "[1]]",
            "'a'",
        ] {
            assert_eq!(Value::parse(text), None, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Value::parse(&nested(64)).is_some());
        assert_eq!(Value::parse(&nested(100_000)), None);
    }
}
