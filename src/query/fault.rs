//! Where in a text the fault is: the parser crate says what is wrong, and mostly not where.

use promql_parser::parser;
use promql_parser::util::unquote_string;

use super::{QueryError, place};
use crate::model::printable;

/// What the parser crate says when it knows no better.
const NO_REASON: &str = "invalid promql query";

/// What may stand behind a beginning to make an expression of it, before its brackets are closed. A beginning that none of
/// these completes is taken to be at fault with its last piece.
const COMPLETIONS: [&str; 9] = [
    "", " x", "=\"x\"", "\"x\"", "(x)", "x=\"y\"", "5m", " 1", "(x[5m])",
];

/// A duration with as many seconds, or more, is longer than any history: some thousand years.
const LONGEST_SECONDS: f64 = 1e11;

/// A word, a string, a number or a sign of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Its first byte in the text.
    start: usize,
    pub(super) text: &'a str,
}

impl Piece<'_> {
    /// Whether an expression may become deeper with it.
    pub(super) fn is_operator(&self) -> bool {
        let words = ["and", "or", "unless", "atan2"];
        let signs = [
            "(", "[", "{", "+", "-", "*", "/", "%", "^", "<", ">", "==", "!=",
        ];
        signs.contains(&self.text)
            || words
                .iter()
                .any(|word| self.text.eq_ignore_ascii_case(word))
    }

    /// Whether a regular expression follows it.
    pub(super) fn is_pattern(&self) -> bool {
        matches!(self.text, "=~" | "!~" | "label_replace")
    }

    /// Whether it is more than a comment.
    pub(super) fn is_code(&self) -> bool {
        !self.text.starts_with('#')
    }

    /// Its first character in the text, counted from 1.
    pub(super) fn character(&self, text: &str) -> usize {
        text[..self.start].chars().count() + 1
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The pieces of a text, blanks left out.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let length = piece_length(&text[at..], first);
        if !first.is_whitespace() {
            let text = &text[at..at + length];
            pieces.push(Piece { start: at, text });
        }
        at += length;
    }
    pieces
}

/// The same without comments.
pub(super) fn code(text: &str) -> Vec<Piece<'_>> {
    let pieces = pieces(text).into_iter();
    pieces.filter(Piece::is_code).collect()
}

fn piece_length(rest: &str, first: char) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
    match first {
        '"' | '\'' | '`' => string_length(rest, first),
        '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
        _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
        '=' | '!' | '<' | '>' if rest[1..].starts_with(['=', '~']) => 2,
        _ => first.len_utf8(),
    }
}

/// With both quotes; to the end, if there is no second one.
fn string_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The regular expressions of matchers, as far as they can be read.
pub(super) fn patterns(pieces: &[Piece<'_>]) -> Vec<String> {
    let code = pieces.iter().filter(|piece| piece.is_code());
    let pairs = std::iter::zip(code.clone(), code.skip(1));
    let patterns = pairs.filter(|(sign, _)| matches!(sign.text, "=~" | "!~"));
    patterns
        .filter_map(|(_, text)| unquote_string(text.text).ok())
        .collect()
}

/// The duration, given as a number of seconds, that is longer than any time: the parser crate would panic on it.
pub(super) fn endless<'a>(pieces: &[Piece<'a>]) -> Option<Piece<'a>> {
    let code = pieces.iter().copied().filter(Piece::is_code);
    let code: Vec<Piece<'a>> = code.collect();
    let mut in_brackets = false;
    for (index, piece) in code.iter().enumerate() {
        match piece.text {
            "[" => in_brackets = true,
            "]" => in_brackets = false,
            _ => {}
        }
        let before = &code[..index];
        let is_offset = before
            .iter()
            .rev()
            .find(|before| !matches!(before.text, "+" | "-"))
            .is_some_and(|before| before.text.eq_ignore_ascii_case("offset"));
        // An exponent with a sign is three pieces.
        let signed: String = code[index..]
            .iter()
            .take(3)
            .map(|piece| piece.text)
            .collect();
        let numbers = piece.text.split(':').chain([signed.as_str()]);
        let mut numbers = numbers.filter_map(|number| number.parse::<f64>().ok());
        if (in_brackets || is_offset) && !numbers.all(|seconds| seconds < LONGEST_SECONDS) {
            return Some(*piece);
        }
    }
    None
}

/// What to say of such a duration.
pub(super) fn too_long(text: &str, piece: Piece<'_>) -> QueryError {
    let shown = printable(piece.text, 32);
    let position = text[..piece.start].chars().count() + 1;
    QueryError::malformed(
        format!("`{shown}` is no duration: it is too long"),
        Some(position),
    )
}

/// The parser's message with the character that it is about.
pub(super) fn locate(text: &str, pieces: &[Piece<'_>], message: &str) -> QueryError {
    let character = |byte: usize| Some(text[..byte].chars().count() + 1);
    if message == NO_REASON {
        return match first_unexpected(text, pieces, has_form) {
            Some(piece) => {
                let shown = printable(piece.text, 32);
                let message = format!("unexpected `{shown}`");
                QueryError::malformed(message, character(piece.start))
            }
            None => QueryError::malformed("unexpected end of the query", character(text.len())),
        };
    }
    let message = printable(message, 200);
    if let Some(pattern) = message.strip_prefix("illegal regex for ") {
        let is_it = |piece: &&Piece<'_>| piece.text.get(1..piece.text.len() - 1) == Some(pattern);
        let found = pieces.iter().find(is_it);
        let position = found.and_then(|piece| character(piece.start));
        let message =
            format!("`{pattern}` is no regular expression, or too large a one (illegal regex)");
        return QueryError::malformed(message, position);
    }
    let position = lexical(text, pieces, &message).and_then(character);
    let position = position.or_else(|| place::of_meaning(text, pieces, &message));
    QueryError::malformed(message, position)
}

/// The byte at which reading signs and words fails with this message, if it does.
fn lexical(text: &str, pieces: &[Piece<'_>], message: &str) -> Option<usize> {
    let fails = |text: &str| {
        parser::lexer(text)
            .err()
            .is_some_and(|error| error == message)
    };
    if text.trim().is_empty() {
        return Some(0);
    }
    if !fails(text) {
        return None;
    }
    let end_missing = ["end of input", "not terminated", "unterminated", "unclosed"];
    if end_missing.iter().any(|word| message.contains(word)) {
        return Some(text.len());
    }
    let bad = first(pieces.len(), |index| fails(&text[..pieces[index].end()]));
    bad.map(|index| pieces[index].start)
}

/// The first of so many for which something holds that holds for all after it, in few steps: a text may have thousands of
/// pieces.
pub(super) fn first(count: usize, mut holds: impl FnMut(usize) -> bool) -> Option<usize> {
    let last = count.checked_sub(1).filter(|last| holds(*last))?;
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Some(high)
}

/// The first piece up to which nothing can be made an expression any more, as far as `has_form` can tell.
fn first_unexpected<'a>(
    text: &str,
    pieces: &[Piece<'a>],
    mut has_form: impl FnMut(&str) -> bool,
) -> Option<Piece<'a>> {
    let text = without_patterns(text, pieces);
    let found = first(pieces.len(), |index| {
        !completed(&text, &pieces[..=index]).any(|whole| has_form(&whole))
    });
    found.map(|index| pieces[index])
}

/// A text's beginning with these pieces, and what may make an expression of it.
pub(super) fn completed(text: &str, pieces: &[Piece<'_>]) -> impl Iterator<Item = String> {
    let beginning = &text[..pieces.last().map_or(0, Piece::end)];
    let closing = closing(pieces);
    let all = COMPLETIONS.iter();
    all.map(move |completion| format!("{beginning}{completion}{closing}"))
}

/// Whether it is an expression by its form.
fn has_form(text: &str) -> bool {
    let message = parser::parse(text).err();
    message.is_none_or(|message| is_of_form(text, &message))
}

/// Any message but one, if signs and words can be read, is about what the text means.
pub(super) fn is_of_form(text: &str, message: &str) -> bool {
    message != NO_REASON && parser::lexer(text).is_ok()
}

/// The same text with matchers of the same length that have no regular expressions, which would be compiled each time.
pub(super) fn without_patterns(text: &str, pieces: &[Piece<'_>]) -> String {
    let mut plain = text.to_owned();
    for piece in pieces {
        match piece.text {
            "=~" => plain.replace_range(piece.start..piece.end(), "= "),
            "!~" => plain.replace_range(piece.start..piece.end(), "!="),
            _ => {}
        }
    }
    plain
}

/// What closes the brackets that are open behind these pieces.
fn closing(pieces: &[Piece<'_>]) -> String {
    let mut open = Vec::new();
    for piece in pieces {
        match piece.text {
            "(" => open.push(')'),
            "[" => open.push(']'),
            "{" => open.push('}'),
            ")" | "]" | "}" => drop(open.pop()),
            _ => {}
        }
    }
    open.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_in_few_steps() {
        for (count, from) in [(0, 0), (1, 0), (1, 1), (10_000, 0), (10_000, 7_777), (9, 9)] {
            let mut steps = 0;
            let found = first(count, |index| {
                steps += 1;
                index >= from
            });
            assert_eq!(found, (from < count).then_some(from), "{count}");
            assert!(steps <= 15, "{steps}");
        }
    }

    #[test]
    fn a_fault_in_a_long_text_is_found_with_few_parses_and_no_patterns() {
        let pairs = vec!["a=\"b\""; 2_000].join(",");
        let text = format!("{{a=~\"c\",b!~\"d\",{pairs} e=\"f\",{pairs}}}");
        let mut parses = 0;
        let pieces = pieces(&text);
        let found = first_unexpected(&text, &pieces, |beginning| {
            parses += 1;
            assert!(!beginning.contains('~'));
            has_form(beginning)
        });
        assert_eq!(found.map(|piece| piece.text), Some("e"));
        assert!(parses <= 15 * COMPLETIONS.len(), "{parses}");
    }
}
