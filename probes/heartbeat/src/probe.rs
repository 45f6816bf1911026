//! What the host calls.

use std::time::Duration;

use probity_sdk::files;
use probity_sdk::prelude::*;

use crate::beat::MAX_BYTES;
use crate::{Beat, Content, Job, Seen, Settings, judge};

/// Where the state keeps what was seen of a job.
const SEEN: &str = "seen/";
/// With less than this left of the call no further file is looked at.
const TO_SPARE: Duration = Duration::from_millis(100);

struct Heartbeat {
    jobs: Vec<(Job, Check)>,
    up: Gauge<1>,
    age: Gauge<1>,
    last_run: Gauge<1>,
    last_success: Gauge<1>,
    status: Gauge<1>,
    duration: Gauge<1>,
    runs: Counter<1>,
    failures: Counter<1>,
}

probity_sdk::probe!(Heartbeat);

impl Probe for Heartbeat {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        let jobs = settings.jobs.0;
        check(&jobs)?;
        forget_others(&jobs);
        let with_check = |job: Job| {
            let name = job.name.as_str();
            let check = Check::define(name, &format!("Job {name}"))?;
            Ok((job, check))
        };
        let gauge = |name: &str, help: &str| Gauge::define(name, help, ["job"]);
        Ok(Self {
            jobs: jobs.into_iter().map(with_check).collect::<Result<_>>()?,
            up: gauge(
                "heartbeat_up",
                "Whether the job's file is there and can be read",
            )?,
            age: gauge("heartbeat_age_seconds", "Time since the job's last success")?,
            last_run: gauge(
                "heartbeat_last_run_timestamp_seconds",
                "When the job last ended, Unix time",
            )?,
            last_success: gauge(
                "heartbeat_last_success_timestamp_seconds",
                "When the job last succeeded, Unix time",
            )?,
            status: gauge("heartbeat_exit_status", "Exit status of the job's last run")?,
            duration: gauge(
                "heartbeat_duration_seconds",
                "How long the job's last run took",
            )?,
            runs: Counter::define(
                "heartbeat_runs_total",
                "Runs of the job that were seen, failed ones included",
                ["job"],
            )?,
            failures: Counter::define(
                "heartbeat_failures_total",
                "Runs of the job that were seen to end with a status other than 0",
                ["job"],
            )?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let now = run::now();
        for (job, check) in &self.jobs {
            let name = job.name.as_str();
            if run::time_left() < TO_SPARE {
                check.warn("not looked at: the files before it took all of the run's time");
                continue;
            }
            let (status, message) = match read(job) {
                Ok(beat) => self.tell(job, &beat, now)?,
                Err(message) => {
                    self.up.set([name], 0.0)?;
                    (Status::Fail, message)
                }
            };
            check.report(status, &message);
        }
        Ok(())
    }
}

/// That there is something to watch, and anything of it is granted: one that is not hides no other.
fn check(jobs: &[Job]) -> Result<()> {
    let Some(first) = jobs.first() else {
        return Err(Failure::not_applicable(
            "no job to watch: add `config = { jobs = [{ name = \"backup\", file = \"/var/lib/backup/last\" }] }` to this probe's section, and grant the file",
        ));
    };
    if !jobs.iter().any(|job| files::is_granted(job.file.as_str())) {
        files::require(first.file.as_str())?;
    }
    Ok(())
}

impl Heartbeat {
    /// Writes what a job's file says, and remembers it.
    fn tell(&self, job: &Job, beat: &Beat, now: f64) -> Result<(Status, String)> {
        let name = job.name.as_str();
        let key = format!("{SEEN}{name}");
        let before = state::get(&key).and_then(|bytes| Seen::from_bytes(&bytes));
        let (seen, is_new) = Seen::after(before, beat);
        if before != Some(seen) {
            state::put(&key, &seen.to_bytes())?;
        }
        let has_failed = is_new && beat.status != 0;
        self.runs.add([name], f64::from(u8::from(is_new)))?;
        self.failures.add([name], f64::from(u8::from(has_failed)))?;
        let age = seen.success.map(|time| (now - time).max(0.0));
        let told = job.content == Content::Fields;
        for (gauge, value) in [
            (&self.up, Some(1.0)),
            (&self.age, age),
            (&self.last_run, Some(beat.time)),
            (&self.last_success, seen.success),
            (&self.status, told.then_some(f64::from(beat.status))),
            (&self.duration, beat.duration),
        ] {
            value.map_or(Ok(()), |value| gauge.set([name], value))?;
        }
        Ok(judge(job, beat, &seen, now))
    }
}

/// A job's file.
fn read(job: &Job) -> core::result::Result<Beat, String> {
    let path = job.file.as_str();
    // A pipe would hold the run up until somebody writes into it.
    let stat = files::stat(path).map_err(|error| error.to_string())?;
    if !stat.is_file {
        return Err(format!("{path} is not a file"));
    }
    let mut bytes = Vec::new();
    if job.content != Content::Ignored {
        let part = files::beginning(path, MAX_BYTES).map_err(|error| error.to_string())?;
        if !part.is_whole {
            return Err(format!("{path} is longer than {MAX_BYTES} bytes"));
        }
        bytes = part.bytes;
    }
    Beat::read(job.content, &bytes, stat.modified).map_err(|problem| format!("{path} {problem}"))
}

/// Drops what was seen of jobs that are no longer watched.
fn forget_others(jobs: &[Job]) {
    for key in state::keys(SEEN) {
        let name = key.strip_prefix(SEEN);
        if !jobs.iter().any(|job| Some(job.name.as_str()) == name) {
            state::remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::testing::{Folder, Host};

    use super::*;

    const NOW: f64 = 1_767_225_600.0;

    fn host(folder: &Folder, jobs: &[&str]) -> Host {
        let jobs: Vec<String> = jobs
            .iter()
            .map(|job| job.replace("FOLDER", &folder.path("")))
            .collect();
        let config = format!(r#"{{"jobs":[{}]}}"#, jobs.join(","));
        Host::new().config(&config).grant_read(folder.path(""))
    }

    #[test]
    fn without_a_job_it_lies_dormant_and_without_any_grant_it_is_denied() {
        let failure = Host::new().start::<Heartbeat>().err().unwrap();
        assert_eq!(failure.code(), "not-applicable");
        let config = r#"{"jobs":[{"name":"a","file":"/a"}]}"#;
        let failure = Host::new()
            .config(config)
            .start::<Heartbeat>()
            .err()
            .unwrap();
        assert!(failure.is_denied());
    }

    #[test]
    fn runs_are_counted_across_instances() {
        let folder = Folder::new();
        folder.write("last", "");
        let mut host = host(&folder, &[r#"{"name":"a","file":"FOLDER/last"}"#]);
        for (ago, runs) in [(60.0, 0.0), (60.0, 0.0), (30.0, 1.0), (10.0, 2.0)] {
            folder.modified("last", NOW - ago);
            let mut probe = host.start::<Heartbeat>().unwrap();
            let report = host.collect(&mut probe).unwrap();
            assert_eq!(report.value("heartbeat_runs_total", ["a"]), Some(runs));
            assert_eq!(report.value("heartbeat_age_seconds", ["a"]), Some(ago));
            assert_eq!(report.value("heartbeat_exit_status", ["a"]), None);
        }
    }

    #[test]
    fn one_job_that_failed_or_is_missing_hides_no_other() {
        let folder = Folder::new();
        folder.write("good", "time=1767225540\nduration=2\n");
        folder.write("bad", "time=1767225540\nstatus=2\n");
        folder.write("long", "x".repeat(5000));
        folder.write("folder/file", "");
        let mut host = host(
            &folder,
            &[
                r#"{"name":"none","file":"FOLDER/none"}"#,
                r#"{"name":"elsewhere","file":"/elsewhere"}"#,
                r#"{"name":"folder","file":"FOLDER/folder"}"#,
                r#"{"name":"long","file":"FOLDER/long","content":"time"}"#,
                r#"{"name":"bad","file":"FOLDER/bad","content":"fields"}"#,
                r#"{"name":"good","file":"FOLDER/good","content":"fields"}"#,
            ],
        );
        let mut probe = host.start::<Heartbeat>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        for (job, ending) in [
            ("none", "/none: there is no such file"),
            (
                "elsewhere",
                "add `grant = { read = [\"/elsewhere\"] }` to this probe's section",
            ),
            ("folder", "/folder is not a file"),
            ("long", "/long is longer than 4096 bytes"),
            ("bad", "ended with status 2; no success was seen yet"),
        ] {
            let (status, message) = report.check(job).unwrap();
            assert_eq!(status, Status::Fail, "{job}");
            assert!(message.ends_with(ending), "{message}");
        }
        let good = "since the last success 1 min; it took 2 s";
        assert_eq!(report.check("good"), Some((Status::Pass, good)));
        assert_eq!(report.value("heartbeat_up", ["none"]), Some(0.0));
        assert_eq!(report.value("heartbeat_up", ["good"]), Some(1.0));
        assert_eq!(report.value("heartbeat_exit_status", ["bad"]), Some(2.0));
        assert_eq!(
            report.value("heartbeat_duration_seconds", ["good"]),
            Some(2.0)
        );

        folder.write("bad", "time=1767225570\nstatus=3\n");
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.value("heartbeat_failures_total", ["bad"]), Some(1.0));
    }

    #[test]
    fn what_is_no_longer_watched_is_forgotten() {
        let folder = Folder::new();
        folder.write("last", "");
        let mut first = host(&folder, &[r#"{"name":"a","file":"FOLDER/last"}"#]);
        let mut probe = first.start::<Heartbeat>().unwrap();
        first.collect(&mut probe).unwrap();
        assert!(first.state("seen/a").is_some());
        let config = format!(
            r#"{{"jobs":[{{"name":"b","file":"{}"}}]}}"#,
            folder.path("last")
        );
        let mut second = first.config(&config);
        let mut probe = second.start::<Heartbeat>().unwrap();
        second.collect(&mut probe).unwrap();
        assert!(second.state("seen/a").is_none() && second.state("seen/b").is_some());
    }
}
