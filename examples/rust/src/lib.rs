//! Watches a small text file that lists queues, one a line: `NAME DEPTH WAITED_SECONDS`.

use probity_sdk::prelude::*;
use probity_sdk::show;

/// The probe's section of the configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The file; it has to be granted.
    file: String,
    /// From this depth on the check warns.
    #[serde(default = "Settings::warn")]
    warn: f64,
    /// What it does wrong on purpose, for the conformance suite.
    misbehave: Option<Misbehaviour>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Misbehaviour {
    Trap,
    Spin,
    Fail,
    Flood,
}

impl Settings {
    fn warn() -> f64 {
        100.0
    }
}

pub struct Queue {
    settings: Settings,
    depth: Gauge<1>,
    highest: Gauge<1>,
    polls: Counter,
    wait: Histogram,
    backlog: Check,
}

impl Probe for Queue {
    type Config = Settings;

    /// Runs once in each instance: what is defined here is written in every run.
    fn start(settings: Settings) -> Result<Self> {
        if settings.warn <= 0.0 {
            let warn = settings.warn;
            return Err(Failure::bad_config(format!(
                "`warn` must be a number above 0, not {warn}"
            )));
        }
        info!("watching {}", settings.file);
        Ok(Self {
            settings,
            depth: Gauge::define("queue_depth", "Jobs that wait.", ["queue"])?,
            highest: Gauge::define(
                "queue_depth_highest",
                "The most jobs that ever waited.",
                ["queue"],
            )?,
            polls: Counter::define("queue_polls_total", "How often the file was read.", [])?,
            wait: Histogram::define(
                "queue_wait_seconds",
                "How long the first job has waited.",
                [],
                &[0.1, 1.0, 10.0, 60.0],
            )?,
            backlog: Check::define("backlog", "Queues are short")?,
        })
    }

    /// Runs on schedule. What it writes counts only if it answers `Ok`.
    fn collect(&mut self) -> Result<()> {
        let text = files::read_text(&self.settings.file)?;
        let mut longest = None;
        let mut count = 0;
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, depth, waited)) = parse(line) else {
                let (file, number) = (&self.settings.file, number + 1);
                let message = format!("{file}, line {number}: expected NAME DEPTH WAITED_SECONDS");
                return Err(Failure::unavailable(message));
            };
            self.write(name, depth, waited)?;
            count += 1;
            if longest.is_none_or(|(_, most)| depth > most) {
                longest = Some((name, depth));
            }
        }
        self.polls.add([], 1.0)?;
        self.judge(count, longest);
        self.misbehave()
    }
}

impl Queue {
    fn write(&self, name: &str, depth: u64, waited: f64) -> Result<()> {
        // What has to survive a new version is put into the state.
        let key = format!("highest/{name}");
        let highest = state::get_text(&key).map_or(depth, |known: u64| known.max(depth));
        state::put_text(&key, highest)?;
        self.depth.set([name], depth as f64)?;
        self.highest.set([name], highest as f64)?;
        self.wait.observe([], waited)
    }

    fn judge(&self, count: usize, longest: Option<(&str, u64)>) {
        let warn = self.settings.warn;
        match longest {
            None => self.backlog.pass("no queues"),
            Some((name, depth)) if depth as f64 >= warn => self.backlog.warn(&format!(
                "{name} has {depth}: warns from {}",
                show::number(warn)
            )),
            Some((name, depth)) => self.backlog.pass(&format!(
                "{count} queues, the longest is {name} with {depth}"
            )),
        }
    }

    fn misbehave(&self) -> Result<()> {
        match self.settings.misbehave {
            None => Ok(()),
            Some(Misbehaviour::Trap) => panic!("asked to panic"),
            Some(Misbehaviour::Spin) => loop {
                std::hint::spin_loop();
            },
            Some(Misbehaviour::Fail) => Err(Failure::other("asked to fail")),
            Some(Misbehaviour::Flood) => {
                (0..20).for_each(|line| info!("line {line}"));
                Ok(())
            }
        }
    }
}

fn parse(line: &str) -> Option<(&str, u64, f64)> {
    let mut words = line.split_whitespace();
    let parsed = (
        words.next()?,
        words.next()?.parse().ok()?,
        words.next()?.parse().ok()?,
    );
    words.next().is_none().then_some(parsed)
}

probity_sdk::probe!(Queue);

#[cfg(test)]
mod tests {
    use super::*;
    use probity_sdk::testing::Host;

    /// A host whose probe watches a file with this text.
    fn host(text: &str, warn: f64) -> (Host, std::path::PathBuf) {
        let file = std::env::temp_dir().join(format!("queue-{}-{warn}", std::process::id()));
        std::fs::write(&file, text).expect("there is room");
        let path = file.to_str().expect("it is UTF-8");
        let config = format!("{{\"file\": \"{path}\", \"warn\": {warn}}}");
        (Host::new().config(&config).grant_read(path), file)
    }

    #[test]
    fn the_longest_queue_is_judged_and_the_highest_depth_remembered() {
        let (mut host, file) = host("# queues\nmail 12 3.5\nprint 3 0.5\n", 10.0);
        let mut queue = host.start::<Queue>().expect("its configuration is right");
        let report = host.collect(&mut queue).expect("the file is right");
        assert_eq!(report.value("queue_depth", ["mail"]), Some(12.0));
        assert_eq!(
            report.observations("queue_wait_seconds", []),
            Some(&[3.5, 0.5][..])
        );
        assert_eq!(
            report.check("backlog"),
            Some((Status::Warn, "mail has 12: warns from 10"))
        );

        std::fs::write(&file, "mail 2 0\n").expect("there is room");
        let report = host.collect(&mut queue).expect("the file is right");
        assert_eq!(report.value("queue_depth_highest", ["mail"]), Some(12.0));
        assert_eq!(report.value("queue_polls_total", []), Some(2.0));
        assert_eq!(report.value("queue_depth", ["print"]), None);
    }

    #[test]
    fn a_wrong_line_is_named_and_leaves_nothing_behind() {
        let (mut host, _) = host("mail 12 3.5\nprint three 0\n", 20.0);
        let mut queue = host.start::<Queue>().expect("its configuration is right");
        let failure = host.collect(&mut queue).expect_err("three is no number");
        assert!(
            failure
                .message()
                .ends_with("line 2: expected NAME DEPTH WAITED_SECONDS"),
            "{failure}"
        );
        assert_eq!(host.state("highest/mail"), None);
    }

    #[test]
    fn configuration_is_checked_before_anything_runs() {
        let told = |config| {
            Host::new()
                .config(config)
                .start::<Queue>()
                .err()
                .expect("it is wrong")
                .to_string()
        };
        assert_eq!(told("{}"), "bad-config: `file` must be there");
        assert_eq!(
            told(r#"{"file":"/q","warn":"many"}"#),
            "bad-config: `warn` must be a number, not \"many\""
        );
        assert_eq!(
            told(r#"{"file":"/q","warn":0}"#),
            "bad-config: `warn` must be a number above 0, not 0"
        );
    }
}
