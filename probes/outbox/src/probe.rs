//! The probe as the host sees it.

use std::time::Duration;

use probity_sdk::config::Named;
use probity_sdk::{clock, prelude::*, sql};
use targets::Judged;

use crate::log::{Last, Operations};
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::{Counts, Groups, Log, Outbox, Rows, Settings, Statement};

/// When less than this is left of a run, no other table is looked at.
const TO_SPARE: Duration = Duration::from_millis(150);

/// What is answered when there is nothing to look at.
const DORMANT: &str = "no table to look at: add `config = { counts = [{ name = \"levels\", database = \"app\", table = \"log\", column = \"level\" }] }` and \
    `grant = { sqlite = { app = \"/path/to/app.db\" } }` to this probe's section, or `logs` and `outboxes` as the documentation has them";

/// The probe.
pub struct OutboxProbe {
    tables: Vec<Table>,
    metrics: Metrics,
}

/// A table that is looked at, with its checks.
struct Table {
    what: What,
    name: String,
    readable: Check,
    further: Vec<Check>,
    /// How long the last look took: the quick ones come first, so that a slow one costs none of the others its turn.
    took: Duration,
}

enum What {
    Log(Log, Option<Last>),
    Outbox(Outbox),
    Counts(Counts),
}

/// What was seen.
enum Seen {
    Log(Operations),
    Outbox(Notices),
    Counts(Groups),
}

probity_sdk::probe!(OutboxProbe);

impl Probe for OutboxProbe {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if let Some(fault) = settings.fault() {
            return Err(Failure::bad_config(fault));
        }
        let logs = settings.logs.0.into_iter().map(|log| What::Log(log, None));
        let outboxes = settings.outboxes.0.into_iter().map(What::Outbox);
        let counts = settings.counts.0.into_iter().map(What::Counts);
        let tables: Vec<Table> = logs
            .chain(outboxes)
            .chain(counts)
            .map(Table::new)
            .collect::<Result<_>>()?;
        match tables.is_empty() {
            true => Err(Failure::not_applicable(DORMANT)),
            false => Ok(Self {
                tables,
                metrics: Metrics::define()?,
            }),
        }
    }

    fn collect(&mut self) -> Result<()> {
        let (now, mut denied) = (run::now(), Vec::new());
        quick_ones_first(&mut self.tables);
        for table in &mut self.tables {
            let seen = table.look(now);
            if let Some(failure) = seen.as_ref().err().filter(|failure| failure.is_denied()) {
                denied.push(failure.message().into_owned());
            }
            table.report(&seen);
            self.metrics.up(&table.name, seen.is_ok())?;
            match (&table.what, &seen) {
                (What::Log(log, last), Ok(Seen::Log(seen))) => {
                    self.metrics
                        .log(log, seen, last.as_ref().unwrap_or(&Vec::new()), now)?
                }
                (What::Outbox(outbox), Ok(Seen::Outbox(seen))) => {
                    self.metrics.outbox(outbox, seen)?
                }
                (What::Counts(counts), Ok(Seen::Counts(seen))) => {
                    self.metrics.counts(counts, seen)?
                }
                _ => {}
            }
        }
        match denied.len() == self.tables.len() {
            true => Err(Failure::denied(denied.swap_remove(0))),
            false => Ok(()),
        }
    }
}

impl Table {
    fn new(what: What) -> Result<Self> {
        let (name, title, further): (_, _, &[_]) = match &what {
            What::Log(log, _) => (
                log.name(),
                format!("Log {} of {}", log.table, log.database),
                &[
                    ("stuck", "Operations run"),
                    ("failures", "Operations go well"),
                ],
            ),
            What::Outbox(outbox) => (
                outbox.name(),
                format!("Outbox {} of {}", outbox.table, outbox.database),
                &[
                    ("backlog", "Few notifications wait"),
                    ("age", "No notification waits for long"),
                    ("dead", "Notifications are delivered"),
                ],
            ),
            What::Counts(counts) => (
                counts.name(),
                format!("Column {} of {}", counts.column, counts.table),
                &[],
            ),
        };
        let name = name.to_owned();
        let check = |(what, words): &(&str, &str)| {
            Check::define(&format!("{name}.{what}"), &format!("{words}: {title}"))
        };
        Ok(Self {
            readable: Check::define(&name, &title)?,
            further: further.iter().map(check).collect::<Result<_>>()?,
            name,
            what,
            took: Duration::ZERO,
        })
    }

    fn look(&mut self, now: f64) -> Result<Seen> {
        let began = clock::steady();
        let mut ask = |database: &str, statement: &Statement| -> Result<Rows> {
            if run::time_left() < TO_SPARE {
                return Err(Failure::unavailable(
                    "there is no time left in this run: make `interval` or `limits.deadline` longer",
                ));
            }
            sql::query(database, &statement.text, &statement.values)?.collect()
        };
        let seen = match &mut self.what {
            What::Log(log, last) => log.look(now, last, &mut ask).map(Seen::Log),
            What::Outbox(outbox) => outbox.look(now, &mut ask).map(Seen::Outbox),
            What::Counts(counts) => counts.look(now, &mut ask).map(Seen::Counts),
        };
        self.took = clock::steady() - began;
        seen
    }

    fn report(&self, seen: &Result<Seen>) {
        let (summary, verdicts) = match (&self.what, seen) {
            (What::Log(log, _), Ok(Seen::Log(seen))) => (
                log.summary(seen),
                vec![Some(log.stuck(seen)), Some(log.failing(seen))],
            ),
            (What::Outbox(outbox), Ok(Seen::Outbox(seen))) => (
                outbox.summary(seen),
                vec![
                    Some(outbox.backlog(seen)),
                    Some(outbox.age(seen)),
                    outbox.dead(seen),
                ],
            ),
            (What::Counts(counts), Ok(Seen::Counts(seen))) => (counts.summary(seen), Vec::new()),
            (_, Err(failure)) => {
                let (status, message) = unread(failure);
                return self.readable.report(status, &message);
            }
            _ => return,
        };
        self.readable.pass(&summary);
        for (check, verdict) in self.further.iter().zip(verdicts) {
            if let Some((status, message)) = verdict {
                check.report(status, &message);
            }
        }
    }
}

/// In place and one by one: they mostly are in order already.
fn quick_ones_first(tables: &mut [Table]) {
    for place in 1..tables.len() {
        let mut at = place;
        while at > 0 && tables[at - 1].took > tables[at].took {
            tables.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Why a table could not be read. While its own program writes, the next run will do.
fn unread(failure: &Failure) -> Judged {
    let status = match failure.code().as_ref() {
        "sql.busy" => Status::Warn,
        _ => Status::Fail,
    };
    (status, failure.message().into_owned())
}

#[cfg(test)]
mod tests {
    use probity_sdk::testing::Host;

    use super::*;

    const COUNTS: &str = r#"{"counts":[{"name":"levels","database":"app","table":"log","column":"level"},
        {"name":"gone","database":"app","table":"gone","column":"level"}]}"#;
    const LEVELS: &str = "SELECT k, n, sum(n) OVER () FROM (SELECT coalesce(substr(CAST(t.\"level\" AS TEXT), 1, 100), '') AS k, count(*) AS n FROM \
        \"log\" AS t GROUP BY 1) ORDER BY n DESC, k LIMIT ?1";

    #[test]
    fn one_table_that_cannot_be_read_hides_no_other() {
        let mut host = Host::new().config(COUNTS);
        let row = |value: &str, count| {
            vec![
                sql::Value::Text(value.into()),
                sql::Value::Integer(count),
                sql::Value::Integer(9),
            ]
        };
        host.sql(
            "app",
            LEVELS,
            &["k", "n", "s"],
            vec![row("info", 6), row("warn", 3)],
        );
        let mut probe = host.start::<OutboxProbe>().expect("it is right");
        let report = host.collect(&mut probe).expect("one can be read");
        assert_eq!(report.value("outbox_rows", ["levels", "info"]), Some(6.0));
        assert_eq!(
            report.check("levels"),
            Some((Status::Pass, "9 rows with 2 values"))
        );
        assert_eq!(report.value("outbox_up", ["gone"]), Some(0.0));
        assert_eq!(
            report.check("gone").map(|(status, _)| status),
            Some(Status::Fail)
        );
    }

    #[test]
    fn without_any_grant_the_run_is_denied() {
        let mut host = Host::new().config(COUNTS);
        let mut probe = host.start::<OutboxProbe>().expect("it is right");
        assert!(
            host.collect(&mut probe)
                .expect_err("nothing is granted")
                .is_denied()
        );
    }

    #[test]
    fn without_tables_it_lies_dormant_and_what_does_not_fit_is_refused() {
        let start = |json: &str| {
            Host::new()
                .config(json)
                .start::<OutboxProbe>()
                .err()
                .expect("it does not start")
                .to_string()
        };
        assert!(start("{}").starts_with("not-applicable: no table to look at"));
        let told = start(r#"{"logs":[{"name":"a","database":"d","table":"t","started":"s"}]}"#);
        assert!(told.starts_with("bad-config: `logs[0]` must say"), "{told}");
    }
}
