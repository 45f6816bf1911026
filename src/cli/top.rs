//! `probity top`: a running Probity on the terminal.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;

use super::subject::block_on;
use super::{Exit, Trouble};
use crate::client::Instance;
use crate::model::Span;
use crate::top::{self, Settings};

/// How often an instance may be asked, at most.
const SHORTEST: Span = Span::millis(100);
/// And at least.
const LONGEST: Span = Span::seconds(3600);

/// What `probity top` is told.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Keys: q quits, ? shows the others. NO_COLOR is heeded.")]
pub struct TopOptions {
    /// Where the Probity serves
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7762")]
    url: String,
    /// A file whose first line is the token that it wants
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How often it is asked, 100ms to 1h
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Span,
}

/// Shows the instance until the person leaves.
///
/// # Errors
/// There is no terminal, the address or the token file is of no use.
pub fn top(options: TopOptions, environment: &[(OsString, OsString)]) -> Result<Exit, Trouble> {
    let token = options.token_file.as_deref().map(super::dev::first_line);
    let token = token.transpose()?;
    let instance = Instance::at(&options.url, token).map_err(|error| {
        let next = "name it like --url http://127.0.0.1:7762";
        Trouble::new(Exit::Usage, format!("--url {error}"), next)
    })?;
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let next = format!(
            "run it in a terminal, or read the same with curl -s {}/snapshot",
            options.url.trim_end_matches('/')
        );
        let message = "`probity top` needs a terminal for its input and output";
        return Err(Trouble::new(Exit::Unavailable, message, next));
    }
    let settings = Settings {
        instance,
        interval: options.interval.0,
        colour: may_colour(environment),
    };
    block_on(top::run(settings))?.map_err(|error| {
        let message = format!("the terminal cannot be used: {error}");
        Trouble::new(
            Exit::Unavailable,
            message,
            "try another terminal, or set TERM",
        )
    })?;
    Ok(Exit::Success)
}

/// Whether the person has not switched colours off (no-color.org: set, and not empty).
fn may_colour(environment: &[(OsString, OsString)]) -> bool {
    let mut all = environment.iter();
    !all.any(|(name, value)| name == OsStr::new("NO_COLOR") && !value.is_empty())
}

fn interval(text: &str) -> Result<Span, String> {
    let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    let span = Span::deserialize(text).map_err(|error| error.to_string())?;
    match (SHORTEST..=LONGEST).contains(&span) {
        true => Ok(span),
        false => Err(format!("must be between {SHORTEST} and {LONGEST}")),
    }
}
