//! A report as text for people.

use std::fmt;
use std::time::Duration;

use super::report::{Failed, Report};
use super::session::Cost;
use super::words::{columns, count, section, size, time};
use crate::export::{Encoder, Format};
use crate::model::{Failure, ProbeIdentity};

/// Percentiles that are shown, beside the largest.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&head(&self.identity))?;
        writeln!(f, "\n{}", self.verdict())?;
        self.write_samples(f)?;
        self.write_checks(f)?;
        self.write_log(f)?;
        self.write_denied(f)?;
        self.write_failed(f)?;
        self.write_replay(f)?;
        self.write_costs(f)
    }
}

impl Report {
    fn verdict(&self) -> String {
        let (runs, seconds) = (count(self.runs, "run"), self.interval.as_secs_f64());
        let went = match (self.runs, self.failures, self.idle) {
            (1, 0, 0) => "it went well".to_owned(),
            (1, 0, _) => "it observed nothing".to_owned(),
            (1, ..) => "it failed".to_owned(),
            (_, 0, 0) => "all went well".to_owned(),
            (_, 0, idle) => format!("{idle} observed nothing"),
            (_, failures, 0) => format!("{failures} failed"),
            (_, failures, idle) => format!("{failures} failed, {idle} observed nothing"),
        };
        let note = self.cut_short.map(|why| format!("\n  {why}"));
        let state = self
            .snapshot
            .probes
            .first()
            .map_or("", |probe| probe.status.state.as_str());
        let nothing = self.snapshot.probes.first().and_then(|probe| {
            let (failure, _) = probe.status.last_error.as_ref()?;
            (state == "dormant")
                .then(|| format!("\n  nothing to observe here: {}", failure.message))
        });
        format!(
            "{runs}: {went}; state {state}; in production every {seconds} s{}{}",
            note.unwrap_or_default(),
            nothing.unwrap_or_default()
        )
    }

    fn write_samples(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = Encoder::new(Format::Prometheus).encode(&self.snapshot, self.taken);
        let text = String::from_utf8_lossy(&encoded.bytes);
        let none = text.is_empty().then(|| "none".to_owned());
        let lines = text.lines().map(str::to_owned);
        section(f, "samples, as in /metrics", lines.chain(none))
    }

    fn write_checks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = |check: &&crate::snapshot::Check| check.source == self.identity.name;
        let checks = self.snapshot.health.checks.iter().filter(own).map(|check| {
            let (status, name) = (check.status.as_str(), &check.name);
            format!("{status:<4}  {name}  {}: {}", check.title, check.message)
        });
        section(f, "checks", checks)
    }

    fn write_log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines.iter().map(|(run, line)| {
            let level = line.level.as_str();
            format!("run {run}  {level:<5}  {}", line.message)
        });
        let left_out = (self.lines_left_out > 0)
            .then(|| format!("and {}", count(self.lines_left_out, "further line")));
        section(f, "log", lines.chain(left_out))
    }

    fn write_denied(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = self.snapshot.probes.iter();
        let attempts = attempts.flat_map(|probe| probe.status.denied_attempts.iter());
        let lines = attempts.flat_map(|one| {
            let told = format!("{}  {}", count(one.count, "time"), one.attempt);
            let grant = one.grant.as_ref();
            [
                Some(told),
                grant.map(|line| format!("    granted by  {line}")),
            ]
        });
        section(f, "denied", lines.flatten())
    }

    fn write_failed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.failures - self.failed.len() as u64;
        let more = (more > 0).then(|| format!("and {}", count(more, "further failed run")));
        let lines = self.failed.iter().flat_map(failed);
        section(f, "failures", lines.chain(more))
    }

    fn write_replay(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(replay) = &self.replay else {
            return Ok(());
        };
        let build = match replay.is_other_build {
            true => "another build",
            false => "the same build",
        };
        let same = replay
            .is_same()
            .then(|| format!("all is as it was with {build}"));
        let head = (!replay.is_same()).then(|| format!("recorded with {build}; - then, + now"));
        let lines = replay.differences.iter();
        let lines = lines.map(|(run, line)| format!("run {run}  {line}"));
        let more = (replay.left_out > 0)
            .then(|| format!("and {}", count(replay.left_out, "further difference")));
        let all = same.into_iter().chain(head).chain(lines).chain(more);
        section(f, "against the recording", all)
    }

    fn write_costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = |cost: &Cost| cost.memory_bytes.map_or("none".to_owned(), size);
        let row = |name: &str, show: &dyn Fn(&Cost) -> String, rest: &[Duration]| {
            let ends = [&self.first, &self.last].map(show);
            let rest = rest.iter().map(|one| time(*one));
            let row: Vec<String> = [name.to_owned()]
                .into_iter()
                .chain(ends)
                .chain(rest)
                .collect();
            row
        };
        let titles = ["", "first run", "last run", "p50", "p95", "p99", "max"];
        let mut rows = vec![
            titles.map(str::to_owned).to_vec(),
            row("wall", &|cost| time(cost.wall), &self.wall()),
            row("CPU", &|cost| time(cost.cpu), &self.cpu_times()),
            row("host calls", &|cost| cost.host_calls.to_string(), &[]),
            row("memory", &memory, &[]),
        ];
        if self.runs == 1 {
            // One run is its own last, and its own percentile.
            rows.iter_mut().for_each(|row| row.truncate(2));
            "run".clone_into(&mut rows[0][1]);
        }
        section(f, "cost", columns(&rows).into_iter())
    }

    /// Wall time of the runs: three percentiles and the longest.
    pub(super) fn wall(&self) -> [Duration; 4] {
        let runs = self.snapshot.probes.first().map(|probe| probe.runs);
        let runs = runs.unwrap_or_default();
        [runs.p50, runs.p95, runs.p99, runs.max]
    }

    /// CPU time of the runs, likewise.
    pub(super) fn cpu_times(&self) -> [Duration; 4] {
        let [p50, p95, p99] = QUANTILES.map(|quantile| self.cpu.value_at_quantile(quantile));
        [p50, p95, p99, self.cpu.max()].map(Duration::from_nanos)
    }
}

/// Who it is, in a few lines; what is not known is left out.
pub(super) fn head(identity: &ProbeIdentity) -> String {
    let version = identity.version.as_deref().map(|text| format!(" {text}"));
    let known = !identity.digest.is_empty();
    let bytes = known.then(|| format!("{}, {}", size(identity.size_bytes), identity.digest));
    let compiled = identity.interface.as_deref().map(|interface| {
        let how = match identity.cached {
            true => "compiled before, loaded",
            false => "compiled",
        };
        format!("interface {interface}, {how} in {}", time(identity.compile))
    });
    let listed = |name: &str, words: &[String]| {
        let words = match words.is_empty() {
            true => "nothing".to_owned(),
            false => words.join(", "),
        };
        identity
            .interface
            .is_some()
            .then(|| format!("{name} {words}"))
    };
    let asks = listed("asks    ", &identity.asks);
    let granted = listed("granted ", &identity.granted);
    let (name, file) = (&identity.name, identity.file.display());
    let head = format!("{name}{}: {file}\n", version.unwrap_or_default());
    let lines = [bytes, compiled, asks, granted].into_iter().flatten();
    lines.fold(head, |text, line| format!("{text}  {line}\n"))
}

fn failed(failed: &Failed) -> Vec<String> {
    let Failed {
        run,
        failure,
        printed,
    } = failed;
    let mut lines = vec![format!("run {run}  {failure}")];
    lines.extend(frames(failure));
    if !printed.is_empty() {
        lines.push("  it last printed".to_owned());
        lines.extend(printed.lines().map(|line| format!("    {line}")));
    }
    lines
}

fn frames(failure: &Failure) -> impl Iterator<Item = String> {
    let frames = failure.backtrace.iter().flat_map(|text| text.lines());
    frames.map(|frame| format!("    {frame}"))
}
