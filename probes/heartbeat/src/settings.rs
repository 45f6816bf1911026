//! The probe's configuration: a list of jobs.

use probity_sdk::config::{Ceiling, Name, Named, Path, Seconds, Targets};
use serde::Deserialize;

/// Which jobs are watched.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The jobs, each with a name of its own.
    pub jobs: Targets<Job>,
}

/// A job and the file that it leaves behind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The label of its series and the id of its check.
    pub name: Name,
    /// The file; the probe's grant must have it or a folder above it.
    pub file: Path,
    /// What is read of it.
    #[serde(default)]
    pub content: Content,
    /// Since its last success.
    #[serde(default = "daily")]
    pub max_age: Ceiling<Seconds>,
    /// For how long it ran, where the file says so.
    #[serde(default)]
    pub max_duration: Ceiling<Seconds>,
}

/// What a file says about a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Nothing: the time of its last change is that of the last success.
    #[default]
    Ignored,
    /// The time of the last success and nothing else.
    Time,
    /// Lines `time=`, `status=` and `duration=`.
    Fields,
}

impl Named for Job {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

/// Right for what runs once a day: one that is late warns, two that are missing fail.
fn daily() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(25.0 * 3600.0)),
        fail: Some(Seconds(49.0 * 3600.0)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use probity_sdk::config;

    #[test]
    fn a_job_needs_a_name_and_a_file() {
        let json = r#"{"jobs":[{"name":"backup","file":"/var/lib/backup/last"}]}"#;
        let settings: Settings = config::parse(json).unwrap();
        let job = &settings.jobs.0[0];
        assert_eq!(job.content, Content::Ignored);
        assert_eq!(job.max_age.warn, Some(Seconds(90_000.0)));
        assert!(!job.max_duration.is_set());
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        let one = |rest: &str| format!(r#"{{"jobs":[{{"name":"a","file":"/a"{rest}}}]}}"#);
        for (json, said) in [
            (
                r#"{"jobs":[{"name":"a"}]}"#.to_owned(),
                "`jobs[0].file` must be there",
            ),
            (
                one(r#","content":"status""#),
                "`jobs[0].content` must be `ignored`, `time` or `fields`, not \"status\"",
            ),
            (
                one(r#","max_age":"1d""#),
                "`jobs[0].max_age` must be a table, not \"1d\"",
            ),
            (
                one(r#","max_age":{"warn":"2d","fail":"1d"}"#),
                "`jobs[0].max_age` must not warn from 2 d on and fail from 1 d on",
            ),
            (
                one(r#","maxage":{}"#),
                "`jobs[0].maxage` is not known here: use `name`, `file`, `content`, `max_age` or `max_duration`",
            ),
        ] {
            let fault = config::parse::<Settings>(&json).unwrap_err();
            assert_eq!(fault.to_string(), said);
        }
    }
}
