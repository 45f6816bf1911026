//! The probe's configuration: a list of repositories.

use probity_sdk::config::{self, Ceiling, Count, Name, Named, Path, Seconds, Targets, Whole};
use probity_sdk::pattern::Patterns;
use serde::{Deserialize, Deserializer};

use crate::names::is_ref;

/// Which repositories are watched.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The repositories, each with a name of its own.
    pub repositories: Targets<Repository>,
}

/// A repository and what is expected of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// The label of its series and the id of its check.
    pub name: Name,
    /// Its working tree, its bare repository, or a linked working tree.
    pub path: Path,
    /// Below which its branches are.
    #[serde(default = "heads", deserialize_with = "refs")]
    pub refs: String,
    /// Which branches count; `*` matches `/` too.
    #[serde(default = "Patterns::every")]
    pub branches: Patterns,
    /// Branches that have to exist.
    #[serde(default)]
    pub require: Vec<String>,
    /// The branch that HEAD has to be on.
    #[serde(default)]
    pub head: Option<String>,
    /// How many branches are dated, each with a series of its own.
    #[serde(default = "fifty")]
    pub max_branches: Whole<1, 1000>,
    /// How many match.
    #[serde(default)]
    pub max_count: Ceiling<Count>,
    /// A branch that has not moved for so long is stale.
    #[serde(default = "ninety_days")]
    pub stale_after: Seconds,
    /// How many are stale.
    #[serde(default)]
    pub max_stale: Ceiling<Count>,
    /// Since any branch has moved.
    #[serde(default)]
    pub newest_max_age: Ceiling<Seconds>,
    /// Since a merge, a rebase or another such operation was begun.
    #[serde(default = "a_day")]
    pub operation_max_age: Ceiling<Seconds>,
    /// Since a lock was taken.
    #[serde(default = "minutes")]
    pub lock_max_age: Ceiling<Seconds>,
}

impl Named for Repository {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

fn heads() -> String {
    "refs/heads".to_owned()
}

fn refs<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = "the beginning of refs, such as \"refs/heads\" or \"refs/remotes/origin\"";
    config::text(from, expected, is_ref)
}

fn fifty() -> Whole<1, 1000> {
    Whole(50)
}

fn ninety_days() -> Seconds {
    Seconds(90.0 * 86_400.0)
}

/// Somebody may sleep over a conflict.
fn a_day() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(86_400.0)),
        fail: None,
    }
}

/// git holds a lock for moments, and refuses to work while one is left over from a crash.
fn minutes() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(600.0)),
        fail: Some(Seconds(3600.0)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_repository_needs_a_name_and_a_path() {
        let json = r#"{"repositories":[{"name":"app","path":"/srv/git/app.git/"}]}"#;
        let settings: Settings = config::parse(json).unwrap();
        let repository = &settings.repositories.0[0];
        assert_eq!(repository.path.as_str(), "/srv/git/app.git");
        assert_eq!(repository.refs, "refs/heads");
        assert!(repository.branches.match_any("feature/x"));
        assert_eq!(repository.max_branches, Whole(50));
        assert!(repository.lock_max_age.is_set() && !repository.max_stale.is_set());
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (rest, said) in [
            (
                r#""refs":"heads""#,
                "`repositories[0].refs` must be the beginning of refs, such as \"refs/heads\" or \"refs/remotes/origin\", not \"heads\"",
            ),
            (
                r#""refs":"refs/../../etc""#,
                "`repositories[0].refs` must be the beginning of refs, such as \"refs/heads\" or \"refs/remotes/origin\", not \"refs/../../etc\"",
            ),
            (
                r#""branches":"main""#,
                "`repositories[0].branches` must be a list, not \"main\"",
            ),
            (
                r#""max_branches":0"#,
                "`repositories[0].max_branches` must be a whole number from 1 to 1000, not 0",
            ),
            (
                r#""stale_after":{"warn":1}"#,
                "`repositories[0].stale_after` must be a duration such as \"90s\", \"26h\" or \"7d\", not a table",
            ),
        ] {
            let json = format!(r#"{{"repositories":[{{"name":"a","path":"/a",{rest}}}]}}"#);
            let fault = config::parse::<Settings>(&json).unwrap_err();
            assert_eq!(fault.to_string(), said);
        }
    }
}
