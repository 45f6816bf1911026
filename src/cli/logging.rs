//! Setting the program's own log up.

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

use super::{Exit, Trouble};
use crate::config::{LogConfig, LogFormat};

/// Starts logging to standard error: for people on a terminal, JSON lines otherwise, unless the configuration says
/// so. Colour needs a terminal, and yields to `NO_COLOR` in `environment`.
///
/// # Errors
/// The level is not one, or logging was started before.
pub fn start_logging(
    config: &LogConfig,
    environment: &[(OsString, OsString)],
) -> Result<(), Trouble> {
    let targets: Targets = config
        .level
        .parse()
        .map_err(|error| refused(Exit::Configuration, &error))?;
    let terminal = io::stderr().is_terminal();
    let human = match config.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    tracing_subscriber::registry()
        .with(layer(human, terminal && wants_colour(environment)).with_filter(targets))
        .try_init()
        .map_err(|error| refused(Exit::Failure, &error))
}

fn layer(human: bool, colour: bool) -> Box<dyn Layer<Registry> + Send + Sync> {
    // Its own complaints would go to standard error too, and panic when that is closed.
    let layer = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colour)
        .log_internal_errors(false);
    if human {
        layer.boxed()
    } else {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed()
    }
}

/// See no-color.org: any value but an empty one asks for none.
fn wants_colour(environment: &[(OsString, OsString)]) -> bool {
    !environment.iter().any(|(name, value)| match name.to_str() {
        Some("NO_COLOR") => !value.is_empty(),
        Some("TERM") => value == "dumb",
        _ => false,
    })
}

fn refused(exit: Exit, error: &dyn std::error::Error) -> Trouble {
    let message = format!("the log cannot be started: {error}");
    Trouble::new(exit, message, "set log.level to a level such as `info`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_yields_to_no_color_and_to_dumb_terminals() {
        for (name, value, wanted) in [
            ("NO_COLOR", "1", false),
            ("NO_COLOR", "", true),
            ("TERM", "dumb", false),
            ("TERM", "xterm", true),
        ] {
            assert_eq!(
                wants_colour(&[(name.into(), value.into())]),
                wanted,
                "{name}={value}"
            );
        }
    }
}
