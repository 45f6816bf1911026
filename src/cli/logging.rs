//! Setting the program's own log up.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_queue::Queue;
use super::{Exit, Trouble};
use crate::config::{LogConfig, LogFormat};
use crate::model::{Tally, TallyCounter};
use crate::redact::{self, Redactor};

/// Lines about the log itself; they pass whatever the configured level is.
const LOG_TARGET: &str = "probity::log";
/// How long the end of the program waits for a reader that has stalled.
pub(super) const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// The running log. Dropping it waits until what was logged is written, but no longer than a second.
pub struct Log {
    queue: Arc<Queue>,
    tally: Arc<Tally>,
}

impl Log {
    /// What the log counts of itself.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // What is left then has no reader, so there is nobody to tell.
        self.queue.flush(FLUSH_PATIENCE);
    }
}

/// Starts logging to standard error: for people on a terminal, JSON lines otherwise, unless the configuration says
/// so. Colour needs a terminal, and yields to `NO_COLOR` in `environment`. What `redaction` says is a secret does not get there.
///
/// # Errors
/// The level is not one, logging was started before, or the machine gives no further thread.
pub fn start_logging(
    config: &LogConfig,
    redaction: &redact::Config,
    environment: &[(OsString, OsString)],
) -> Result<Log, Trouble> {
    let targets: Targets = config
        .level
        .parse()
        .map_err(|error| refused(Exit::Configuration, &error))?;
    let targets = targets.with_target(LOG_TARGET, Level::WARN);
    let terminal = io::stderr().is_terminal();
    let human = match config.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let mut tally = Tally::default();
    let dropped = count_dropped(&mut tally);
    let redactor = redactor(redaction, &mut tally)?;
    let queue = Queue::start(io::stderr(), dropped, report_dropped)
        .map_err(|error| refused(Exit::Unavailable, &error))?;
    let lines = Arc::new(Lines {
        queue: queue.clone(),
        redactor,
    });
    let colour = terminal && wants_colour(environment);
    tracing_subscriber::registry()
        .with(layer(lines, human, colour).with_filter(targets))
        .try_init()
        .map_err(|error| refused(Exit::Failure, &error))?;
    Ok(Log {
        queue,
        tally: Arc::new(tally),
    })
}

fn count_dropped(tally: &mut Tally) -> TallyCounter {
    tally.counter(
        "probity_log_lines_dropped_total",
        "Log lines that standard error did not take.",
        None,
    )
}

fn report_dropped(lines: u64) {
    tracing::warn!(
        target: LOG_TARGET,
        lines,
        "log lines are missing here: standard error was not read fast enough"
    );
}

/// Lines on their way to the queue, freed of secrets.
struct Lines {
    queue: Arc<Queue>,
    redactor: Redactor,
}

/// Each write is one line, or several that belong together, as `tracing_subscriber::fmt` makes them.
impl Write for &Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.queue.push(&self.redactor.lines(lines));
        Ok(lines.len())
    }

    /// Nothing to do: the queue's thread writes as soon as it can.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn redactor(config: &redact::Config, tally: &mut Tally) -> Result<Redactor, Trouble> {
    let redactions = tally.counter(
        "probity_log_redactions_total",
        "Secrets that were taken out of log lines.",
        None,
    );
    Redactor::new(config, redactions).map_err(|fault| {
        let message = format!(
            "redaction.{} is {}: it {}",
            fault.key, fault.value, fault.rule
        );
        Trouble::new(
            Exit::Configuration,
            message,
            "see [redaction] in `probity config show`",
        )
    })
}

fn layer(lines: Arc<Lines>, human: bool, colour: bool) -> Box<dyn Layer<Registry> + Send + Sync> {
    // Its own complaints would go straight to standard error, and panic when that is closed.
    let layer = fmt::layer()
        .with_writer(lines)
        .with_ansi(colour)
        .log_internal_errors(false);
    if human {
        layer.with_target(false).boxed()
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
