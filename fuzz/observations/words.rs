//! Words and numbers that a hostile guest would choose, in a few bytes of input each.

use arbitrary::Arbitrary;

/// What names, labels and messages are made of: fit for names, and fit to break out of a format.
const FRAGMENTS: [&str; 48] = [
    "a",
    "b",
    "c",
    "x_y",
    "A9",
    "_",
    "__x",
    "9",
    "le",
    "probe",
    "quantile",
    "probity_",
    "_total",
    "_info",
    "_created",
    "_bucket",
    "_sum",
    "_count",
    "bytes",
    "_bytes",
    "seconds",
    "ms",
    "",
    " ",
    "\0",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\"",
    "\\",
    "\\n",
    "{",
    "}",
    "=",
    ",",
    "# EOF\n",
    "# TYPE a gauge\n",
    "</script>",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{9b}",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "😀",
    "$serde_json::private::RawValue",
];
const SPECIAL: [f64; 20] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    0.0,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    f64::EPSILON,
    9_007_199_254_740_992.0,
    9_007_199_254_740_994.0,
    -9_007_199_254_740_991.0,
    1e308,
    -1e308,
    0.1,
    1e-7,
    1e16,
    1e21,
    18_446_744_073_709_551_616.0,
];
/// No word needs more fragments to say all it can.
const MOST_FRAGMENTS: usize = 6;

/// A text.
#[derive(Debug, Clone, Arbitrary)]
pub enum Word {
    /// One of the fragments.
    One(u8),
    /// Several of them.
    Joined(Vec<u8>),
    /// One of them so often that it exceeds every limit on words.
    Long(u8, u16),
    /// Anything.
    Raw(String),
}

impl Word {
    /// The text, of at most 2 KiB or what was given.
    pub fn text(&self) -> String {
        match self {
            Self::One(index) => fragment(*index).to_owned(),
            Self::Joined(all) => {
                let first = all.iter().take(MOST_FRAGMENTS);
                first.map(|index| fragment(*index)).collect()
            }
            Self::Long(index, times) => {
                let one = fragment(*index);
                let most = 2048 / one.len().max(1);
                one.repeat(usize::from(*times).min(most))
            }
            Self::Raw(text) => text.clone(),
        }
    }

    /// A legal name as close to the text as it can be.
    pub fn name(&self) -> String {
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let name: String = self.text().chars().filter(plain).take(100).collect();
        let bare = name.trim_start_matches(|c: char| c == '_' || c.is_ascii_digit());
        format!("n{bare}")
    }
}

/// The texts of several words.
pub fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(Word::text).collect()
}

fn fragment(index: u8) -> &'static str {
    FRAGMENTS[usize::from(index) % FRAGMENTS.len()]
}

/// A number.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Number {
    /// A whole one.
    Small(i8),
    /// One at an edge.
    Special(u8),
    /// Any, not-a-numbers with strange bits included.
    Any(u64),
}

impl Number {
    /// The number.
    pub fn value(self) -> f64 {
        match self {
            Self::Small(value) => f64::from(value),
            Self::Special(index) => SPECIAL[usize::from(index) % SPECIAL.len()],
            Self::Any(bits) => f64::from_bits(bits),
        }
    }
}

/// The values of several numbers.
pub fn values(numbers: &[Number]) -> Vec<f64> {
    numbers.iter().map(|number| number.value()).collect()
}
