//! What the host calls.

use std::time::Duration;

use probity_sdk::files::{self, Entry, Listing, Refused};
use probity_sdk::prelude::*;

use crate::{Found, Looked, Settings, Survey, Tree, Watch, judge};

/// A walk stops when less than this is left of the call, so that its check says so and the run is not cut off.
const TO_SPARE: Duration = Duration::from_millis(100);

struct Files {
    watches: Vec<(Watch, Check)>,
    matched: Gauge<1>,
    bytes: Gauge<1>,
    newest_age: Gauge<1>,
    oldest_age: Gauge<1>,
    unreadable: Gauge<1>,
}

probity_sdk::probe!(Files);

impl Probe for Files {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        let watches = settings.watch.0;
        if watches.is_empty() {
            return Err(Failure::not_applicable(
                "nothing to watch: add `config = { watch = [{ name = \"logs\", path = \"/var/log\" }] }` to this probe's section, and grant the path",
            ));
        }
        for watch in &watches {
            files::require(watch.path.as_str())?;
        }
        let with_check = |watch: Watch| {
            let title = format!("Files {} in {}", watch.pattern, watch.path.as_str());
            let check = Check::define(watch.name.as_str(), &title)?;
            Ok((watch, check))
        };
        let gauge = |name: &str, help: &str| Gauge::define(name, help, ["watch"]);
        Ok(Self {
            watches: watches.into_iter().map(with_check).collect::<Result<_>>()?,
            matched: gauge("files_matched", "Files that match the watch's pattern")?,
            bytes: gauge("files_size_bytes", "Size of the files that match, together")?,
            newest_age: gauge(
                "files_newest_age_seconds",
                "Time since the newest match was changed",
            )?,
            oldest_age: gauge(
                "files_oldest_age_seconds",
                "Time since the oldest match was changed",
            )?,
            unreadable: gauge(
                "files_unreadable",
                "Matches and folders that cannot be read",
            )?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let now = run::now();
        for (watch, check) in &self.watches {
            let survey = Survey::of(watch, &Granted, now, || run::time_left() > TO_SPARE);
            if let Survey::Whole(found) = &survey {
                self.set(watch.name.as_str(), found)?;
            }
            let judgement = judge(watch, &survey);
            check.report(judgement.verdict, &judgement.message);
        }
        Ok(())
    }
}

impl Files {
    fn set(&self, watch: &str, found: &Found) -> Result<()> {
        for (gauge, value) in [
            (&self.matched, Some(found.count as f64)),
            (&self.bytes, Some(found.bytes as f64)),
            (&self.newest_age, found.newest_age),
            (&self.oldest_age, found.oldest_age),
            (&self.unreadable, Some(found.unreadable as f64)),
        ] {
            value.map_or(Ok(()), |value| gauge.set([watch], value))?;
        }
        Ok(())
    }
}

/// The folders that the operator granted.
struct Granted;

/// The reason alone, since each walk knows the path.
struct Names(Listing);

impl Iterator for Names {
    type Item = core::result::Result<Entry, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.0.next()?;
        Some(entry.map_err(|error| error.reason))
    }
}

impl Tree for Granted {
    type Listing = Names;

    fn list(&self, path: &str) -> core::result::Result<Names, Refused> {
        files::list(path).map(Names).map_err(|error| error.reason)
    }

    fn look(&self, path: &str) -> core::result::Result<Option<Looked>, Refused> {
        let stat = files::stat(path).map_err(|error| error.reason)?;
        Ok(stat.is_file.then_some(Looked {
            bytes: stat.bytes,
            modified: stat.modified,
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::testing::Host;

    use super::*;

    #[test]
    fn without_a_watch_it_lies_dormant_and_without_a_grant_it_is_denied() {
        let failure = Host::new().start::<Files>().err().unwrap();
        assert_eq!(failure.code(), "not-applicable");
        let config = r#"{"watch":[{"name":"a","path":"/a"}]}"#;
        let failure = Host::new().config(config).start::<Files>().err().unwrap();
        assert_eq!(
            failure.to_string(),
            "denied: /a is not granted: add `grant = { read = [\"/a\"] }` to this probe's section"
        );
    }

    #[test]
    fn the_machine_s_own_files_are_counted() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let config = format!(
            r#"{{"watch":[{{"name":"own","path":"{folder}","pattern":"*.rs","max_count":{{"fail":1}}}},
                          {{"name":"none","path":"{folder}/nowhere"}}]}}"#
        );
        let mut host = Host::new().config(&config).grant_read(folder);
        let mut probe = host.start::<Files>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.value("files_matched", ["own"]), Some(5.0));
        assert!(report.value("files_size_bytes", ["own"]).unwrap() > 1000.0);
        let (status, message) = report.check("own").unwrap();
        assert_eq!(status, Status::Fail);
        assert!(
            message.starts_with("5 files: fails from 1 files, "),
            "{message}"
        );
        assert_eq!(
            report.check("none"),
            Some((Status::Fail, &*format!("{folder}/nowhere does not exist")))
        );
    }
}
