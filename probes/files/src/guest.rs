//! The probe as the host sees it.

use std::cell::RefCell;

use kit::folder::{Granted, Listing};
use kit::{Refused, Verdict};

use crate::{Found, Looked, Settings, Survey, Tree, Watch, judge};
use bindings::exports::probity::probe::collector::Guest;
use bindings::probity::health::health::{Check, Status};
use bindings::probity::host::failure::Failure;
use bindings::probity::host::{config, run};
use bindings::probity::metrics::metrics::Gauge;

/// Generated from the interface.
#[allow(missing_docs, clippy::all)]
mod bindings {
    use super::Files;

    wit_bindgen::generate!({ world: "probe", path: "../../wit/0.1.0", generate_all });
    export!(Files with_types_in self);
}

/// A walk stops when less than this is left of the call, so that its check says so and the run is not cut off.
const SECONDS_TO_SPARE: f64 = 0.1;

struct Files {
    watches: Vec<(Watch, Check)>,
    granted: Granted,
    matched: Gauge,
    bytes: Gauge,
    newest_age: Gauge,
    oldest_age: Gauge,
    unreadable: Gauge,
}

thread_local! {
    /// What `start` made for the runs of this instance.
    static STARTED: RefCell<Option<Files>> = const { RefCell::new(None) };
}

impl Guest for Files {
    fn start() -> Result<(), Failure> {
        let settings = Settings::parse(&config::json())
            .map_err(|fault| Failure::bad_config(&fault.to_string()))?;
        let started = Files::new(settings)?;
        STARTED.set(Some(started));
        Ok(())
    }

    fn collect() -> Result<(), Failure> {
        STARTED.with_borrow(|started| match started {
            Some(files) => files.run(),
            None => Err(Failure::other("collect was called before start")),
        })
    }
}

impl Files {
    fn new(settings: Settings) -> Result<Self, Failure> {
        let granted = Granted::folders();
        if let Some(watch) = settings
            .watches
            .iter()
            .find(|watch| !granted.leads_to(&watch.path))
        {
            let path = &watch.path;
            return Err(Failure::denied(&format!(
                "{path} is not granted: add `grant.read = [\"{path}\"]` to this probe's section"
            )));
        }
        let gauge = |name: &str, unit: &str, help: &str| {
            Gauge::define(name, unit, help, &["watch".to_owned()])
        };
        let with_check = |watch: Watch| {
            let title = format!("Files {} in {}", watch.pattern, watch.path);
            let check = Check::define(&watch.name, &title)?;
            Ok((watch, check))
        };
        let watches = settings.watches.into_iter().map(with_check);
        Ok(Self {
            watches: watches.collect::<Result<_, Failure>>()?,
            granted,
            matched: gauge("files_matched", "", "Files that match the watch's pattern")?,
            bytes: gauge(
                "files_size_bytes",
                "bytes",
                "Size of the files that match, together",
            )?,
            newest_age: gauge(
                "files_newest_age_seconds",
                "seconds",
                "Time since the newest match was changed",
            )?,
            oldest_age: gauge(
                "files_oldest_age_seconds",
                "seconds",
                "Time since the oldest match was changed",
            )?,
            unreadable: gauge(
                "files_unreadable",
                "",
                "Matches and folders that cannot be read",
            )?,
        })
    }

    fn run(&self) -> Result<(), Failure> {
        let now = run::now_unix_seconds();
        for (watch, check) in &self.watches {
            let survey = Survey::of(watch, &self.granted, now, || {
                run::seconds_left() > SECONDS_TO_SPARE
            });
            if let Survey::Whole(found) = &survey {
                self.set(&watch.name, found)?;
            }
            let judgement = judge(watch, &survey);
            check.report(status(judgement.verdict), &judgement.message);
        }
        Ok(())
    }

    fn set(&self, watch: &str, found: &Found) -> Result<(), Failure> {
        for (gauge, value) in [
            (&self.matched, Some(found.count as f64)),
            (&self.bytes, Some(found.bytes as f64)),
            (&self.newest_age, found.newest_age),
            (&self.oldest_age, found.oldest_age),
            (&self.unreadable, Some(found.unreadable as f64)),
        ] {
            value.map_or(Ok(()), |value| gauge.set(&[watch.to_owned()], value))?;
        }
        Ok(())
    }
}

impl Tree for Granted {
    type Listing = Listing;

    fn list(&self, path: &str) -> Result<Listing, Refused> {
        Self::list(self, path)
    }

    fn look(&self, path: &str) -> Result<Option<Looked>, Refused> {
        let stat = self.stat(path)?;
        Ok(stat.is_file.then_some(Looked {
            bytes: stat.bytes,
            modified: stat.modified,
        }))
    }
}

fn status(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Pass => Status::Pass,
        Verdict::Warn => Status::Warn,
        Verdict::Fail => Status::Fail,
    }
}
