//! Where in a text of good form something is that cannot be meant: the function, the aggregation, the operator or the string.

use promql_parser::parser::{self, Expr};
use promql_parser::util::unquote_string;

use super::QueryError;
use super::error::Part;
use super::fault::{self, Piece};

/// Gives a fault of planning the place of the part that it is about.
pub(super) fn of_planning(text: &str, mut error: QueryError) -> QueryError {
    let pieces = fault::code(text);
    let found = match error.part.take() {
        Some(Part::Name(name)) => named(&pieces, &name),
        Some(Part::Text(said)) => pieces.iter().position(|piece| {
            let is_string = piece.text.starts_with(['"', '\'', '`']);
            is_string && unquote_string(piece.text).is_ok_and(|text| text == said)
        }),
        None => return error,
    };
    error.position = found.map(|at| pieces[at].character(text));
    error
}

/// The function or aggregation of this name, else whatever is called so.
fn named(pieces: &[Piece<'_>], name: &str) -> Option<usize> {
    let is_called = |at: usize| {
        let next = pieces.get(at + 1).map_or("", |piece| piece.text);
        next == "(" || next.eq_ignore_ascii_case("by") || next.eq_ignore_ascii_case("without")
    };
    let is_name = |at: &usize| pieces[*at].text.eq_ignore_ascii_case(name);
    let mut all = (0..pieces.len()).filter(is_name);
    let first = all.clone().next();
    all.find(|at| is_called(*at)).or(first)
}

/// The first character of an expression that makes more of it than a selector.
pub(super) fn beyond_selector(text: &str) -> usize {
    let pieces = fault::code(text);
    let braces = pieces.iter().position(|piece| piece.text == "}");
    let ends = [braces, Some(0)].into_iter().flatten();
    let is_selector = |end: &usize| {
        let beginning = fault::completed(text, &pieces[..=*end]).next();
        let parsed = beginning.and_then(|beginning| parser::parse(&beginning).ok());
        matches!(parsed, Some(Expr::VectorSelector(_)))
    };
    let next = ends.into_iter().find(is_selector).map_or(0, |end| end + 1);
    pieces.get(next).map_or(1, |piece| piece.character(text))
}

/// The character that a message of the parser crate about a meaning is about.
pub(super) fn of_meaning(text: &str, pieces: &[Piece<'_>], message: &str) -> Option<usize> {
    let pieces: Vec<Piece<'_>> = pieces.iter().copied().filter(Piece::is_code).collect();
    let at = unavoidable(text, &pieces, message)?;
    let named = |before: &str| {
        let (_, rest) = message.split_once(before)?;
        rest.split('\'').next()
    };
    let function = named("function '")
        .or_else(|| named("in call to '"))
        .or_else(|| named("unknown function with name '"));
    let operator = named("operator '").or_else(|| named("allowed for '"));
    let owner = if let Some(name) = function {
        enclosing(&pieces, at, |own| own == name)
    } else if message.contains("aggregation expression") {
        enclosing(&pieces, at, |_| true)
    } else if let Some(name) = operator {
        beside(&pieces, at, |sign| sign.eq_ignore_ascii_case(name))
    } else if message.starts_with("comparisons") {
        let signs = ["==", "!=", "<", "<=", ">", ">="];
        beside(&pieces, at, |sign| signs.contains(&sign))
    } else if message.starts_with("binary expression") {
        let signs = [
            "+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=",
        ];
        let words = ["atan2", "and", "or", "unless"];
        let is_word = |sign: &str| words.iter().any(|word| sign.eq_ignore_ascii_case(word));
        beside(&pieces, at, |sign| signs.contains(&sign) || is_word(sign))
    } else {
        None
    };
    Some(pieces[owner.unwrap_or(at)].character(text))
}

/// The first piece behind which the text comes to this message whatever follows, as far as completions tell.
fn unavoidable(text: &str, pieces: &[Piece<'_>], message: &str) -> Option<usize> {
    let plain = fault::without_patterns(text, pieces);
    let found = fault::first(pieces.len(), |index| {
        let mut is_formed = false;
        for whole in fault::completed(&plain, &pieces[..=index]) {
            match parser::parse(&whole) {
                Ok(_) => return false,
                Err(other) if other == message => is_formed = true,
                Err(other) if fault::is_of_form(&whole, &other) => return false,
                Err(_) => {}
            }
        }
        is_formed
    });
    found.or_else(|| pieces.len().checked_sub(1))
}

/// The nearest word around a piece to which the content of a bracket is given, such as a function.
fn enclosing(pieces: &[Piece<'_>], from: usize, is_it: impl Fn(&str) -> bool) -> Option<usize> {
    outwards(pieces, from, |at| {
        let called = (pieces[at].text == "(")
            .then(|| called(pieces, at))
            .flatten()?;
        is_it(pieces[called].text).then_some(called)
    })
}

/// The nearest sign before a piece that stands in the same bracket, or in one around it.
fn beside(pieces: &[Piece<'_>], from: usize, is_it: impl Fn(&str) -> bool) -> Option<usize> {
    outwards(pieces, from, |at| is_it(pieces[at].text).then_some(at))
}

/// Goes back from a piece, past brackets that are closed there; those of a closing one itself are still open.
fn outwards(
    pieces: &[Piece<'_>],
    from: usize,
    look: impl Fn(usize) -> Option<usize>,
) -> Option<usize> {
    let mut closed = 0;
    for at in (0..=from).rev() {
        match pieces[at].text {
            ")" | "]" | "}" if at != from => closed += 1,
            "(" | "[" | "{" if closed > 0 => closed -= 1,
            _ if closed > 0 => {}
            _ => match look(at) {
                Some(found) => return Some(found),
                None => continue,
            },
        }
    }
    None
}

/// The word before a bracket; before `by` with its labels, if these stand between.
fn called(pieces: &[Piece<'_>], bracket: usize) -> Option<usize> {
    let before = bracket.checked_sub(1)?;
    if pieces[before].text != ")" {
        return Some(before);
    }
    let labels = outwards(pieces, before, |at| (pieces[at].text == "(").then_some(at))?;
    labels.checked_sub(2)
}

#[cfg(test)]
mod tests {
    use crate::query::{Query, Selector};

    #[test]
    fn what_cannot_be_meant_has_its_place() {
        for (text, position, word) in [
            ("rate(up)", 1, "'rate'"),
            ("up + rate(up)", 6, "'rate'"),
            ("rate(up[5m]) + rate(abs(up))", 16, "'rate'"),
            ("abs(1, 2)", 1, "'abs'"),
            ("abs(rate(x[5m])) + abs(y[5m])", 20, "'abs'"),
            ("up + nofn(up)", 6, "'nofn'"),
            ("histogram_quantile(up, up)", 1, "'histogram_quantile'"),
            ("1 + sum(up[5m])", 5, "aggregation"),
            ("1 + sum by (a) (up[5m])", 5, "aggregation"),
            ("topk(abs(up), up)", 1, "aggregation"),
            ("1 == 2", 3, "BOOL"),
            ("up and 1", 4, "'and'"),
            ("(up AND 1)", 5, "'and'"),
            ("\"a\" + up", 5, "binary expression"),
            ("up + up[5m]", 4, "binary expression"),
            ("# ü hour()\n\"ü\" or (hour(up))", 16, "binary"),
            ("up + hour(up)", 6, "the function `hour`"),
            ("hour + hour(up)", 8, "the function `hour`"),
            ("up or limitk by (a) (2, up)", 7, "the aggregation `limitk`"),
            ("count_values(\"\", up)", 14, "no name of a label"),
            (
                "up + label_join(up, \"\", \"-\", \"a\")",
                21,
                "no name of a label",
            ),
            (
                "label_replace(up, \"a\", \"b\", \"c\", \"(\")",
                34,
                "regular",
            ),
        ] {
            let error = Query::parse(text).expect_err("it means nothing");
            assert!(error.message.contains(word), "{text}: {error}");
            assert_eq!(error.position, Some(position), "{text}: {error}");
        }
    }

    #[test]
    fn what_makes_more_of_a_selector_has_its_place() {
        for (text, position) in [
            ("rate(up[5m])", 5),
            ("up[5m]", 3),
            ("up{a=\"b\"} offset 5m", 11),
            ("{a=\"b\"} + 1", 9),
            ("(up)", 1),
            ("1", 1),
        ] {
            let error = Selector::parse(text).expect_err("it is more");
            assert_eq!(error.position, Some(position), "{text}");
        }
    }
}
