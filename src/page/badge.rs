//! Badges: a label and a word as a small image, with a text for who cannot see it.

use askama::Template;

use super::RenderError;
use super::words::tone;
use crate::model::{ProbeState, Status};
use crate::snapshot::Snapshot;

/// Units of space beside a text.
const PAD: usize = 6;
/// The longest label shown, in characters: a badge is a small thing.
const LONGEST: usize = 64;

/// A label and a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge {
    /// What it is about; whoever embeds it may give another.
    pub label: String,
    /// The state in a word.
    pub word: &'static str,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "badge.svg", config = "src/page/askama.toml", escape = "html")]
struct Image<'a> {
    label: &'a str,
    word: &'a str,
    colour: &'static str,
    label_width: usize,
    width: usize,
    label_text: usize,
    word_text: usize,
    label_middle: usize,
    word_middle: usize,
}

/// The worst verdict of all checks.
pub fn badge_of_health(verdict: Status) -> Badge {
    of_status("health".to_owned(), verdict)
}

/// One check's verdict, by its name.
pub fn badge_of_check(snapshot: &Snapshot, name: &str) -> Option<Badge> {
    let mut checks = snapshot.health.checks.iter();
    let check = checks.find(|check| *check.name == *name)?;
    Some(of_status(name.to_owned(), check.status))
}

/// A probe's state.
pub fn badge_of_probe(snapshot: &Snapshot, name: &str) -> Option<Badge> {
    let mut probes = snapshot.probes.iter();
    let state: ProbeState = probes
        .find(|probe| *probe.identity.name == *name)?
        .status
        .state;
    Some(Badge {
        label: name.to_owned(),
        word: state.as_str(),
        tone: tone(state),
    })
}

/// For what is not there.
pub fn badge_unknown(name: &str) -> Badge {
    Badge {
        label: name.to_owned(),
        word: "unknown",
        tone: "idle",
    }
}

fn of_status(label: String, status: Status) -> Badge {
    Badge {
        label,
        word: status.as_str(),
        tone: status.as_str(),
    }
}

impl Badge {
    /// The image, as SVG.
    ///
    /// # Errors
    /// A template that does not fit its data: a defect.
    pub fn image(&self) -> Result<String, RenderError> {
        let label: String = crate::model::printable(&self.label, LONGEST * 4);
        let label: String = label.chars().take(LONGEST).collect();
        let (label_text, word_text) = (width(&label), width(self.word));
        let label_width = label_text + 2 * PAD;
        let word_width = word_text + 2 * PAD;
        let image = Image {
            label: &label,
            word: self.word,
            colour: colour(self.tone),
            label_width,
            width: label_width + word_width,
            label_text,
            word_text,
            label_middle: label_width / 2,
            word_middle: label_width + word_width / 2,
        };
        image.render()
    }
}

/// White text on each has a contrast of 4.5 or more.
fn colour(tone: &str) -> &'static str {
    match tone {
        "pass" => "#1a7f4b",
        "warn" => "#8f5b00",
        "fail" => "#c0362c",
        _ => "#5f6470",
    }
}

/// About how wide a text is at 11 px in a usual sans-serif; the image makes it exactly so.
fn width(text: &str) -> usize {
    let of = |character: char| match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' | ' ' => 3.6,
        'f' | 'r' | 't' | '-' | '/' | '(' | ')' => 4.6,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 9.6,
        'A'..='Z' => 7.6,
        character if character.is_ascii() => 6.5,
        _ => 9.0,
    };
    text.chars().map(of).sum::<f64>().ceil() as usize
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_badge_says_its_label_and_word_and_nothing_breaks_out() {
        let image = badge_unknown("<script>\"&").image().unwrap();
        assert!(image.starts_with("<svg xmlns"), "{image}");
        assert!(!image.contains("<script>"), "{image}");
        assert!(image.contains(">unknown</text>"), "{image}");
        let long = badge_unknown(&"x".repeat(500)).image().unwrap();
        assert!(long.len() < 2000, "{}", long.len());
    }
}
