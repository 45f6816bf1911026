//! Usage errors in this program's own way: what is wrong, and one next step.

use clap::{Command, CommandFactory, Error, error::ErrorKind};
use std::ffi::OsString;

/// What clap ends its errors with.
const CLAPS_NEXT: &str = "For more information, try '--help'.";

/// The text of a usage error. `words`: the command line, the program's name first.
pub(super) fn told<Line: CommandFactory>(error: &Error, words: &[OsString]) -> String {
    let text = error.render().to_string();
    let text = text.trim_end();
    let text = text.strip_suffix(CLAPS_NEXT).unwrap_or(text).trim_end();
    let verb = verb(&Line::command(), words);
    // It has shown its help already, as clap does where a verb is missing.
    let next = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            format!("name one of the verbs above after `{verb}`")
        }
        _ => format!("`{verb} --help` shows what is understood"),
    };
    format!("{text}\nnext: {next}")
}

/// The verb that the words ask for, as far as there is one: `probity config show`.
fn verb(line: &Command, words: &[OsString]) -> String {
    let mut at = line;
    let mut named = line.get_name().to_owned();
    for word in words.iter().skip(1) {
        let Some(below) = at.find_subcommand(word).filter(|one| !one.is_hide_set()) else {
            break;
        };
        at = below;
        named = format!("{named} {}", at.get_name());
    }
    named
}
