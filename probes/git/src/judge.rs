//! The verdict on one repository.

use probity_sdk::{Status, show};

use crate::survey::Unseen;
use crate::{Operation, Repository, Survey};

/// As many names are told as fit into a line.
const MAX_NAMES: usize = 5;

/// Judges what was found.
pub fn judge(repository: &Repository, survey: &Result<Survey, Unseen>) -> (Status, String) {
    let survey = match survey {
        Ok(survey) => survey,
        Err(Unseen::Broken(message)) => return (Status::Fail, message.clone()),
        Err(Unseen::TooMuch(message)) => return (Status::Warn, format!("not measured: {message}")),
    };
    let mut said = branches(repository, survey);
    said.extend(expected(repository, survey));
    said.extend(left_behind(repository, survey));
    let worst = said.iter().map(|(status, _)| *status).max();
    let messages: Vec<String> = said.into_iter().map(|(_, message)| message).collect();
    (worst.unwrap_or(Status::Pass), messages.join("; "))
}

type Said = Vec<(Status, String)>;

fn branches(repository: &Repository, survey: &Survey) -> Said {
    let (status, count) = repository.max_count.explain(survey.branches as f64);
    let mut said = vec![(status, format!("branches {count}"))];
    if survey.is_cut {
        let message = format!(
            "only {} of them were dated: raise max_branches, or narrow branches",
            survey.dated.len()
        );
        said.push((Status::Warn, message));
    }
    match survey.newest() {
        Some(age) => {
            let (status, age) = repository.newest_max_age.explain(age);
            said.push((status, format!("since the newest moved {age}")));
        }
        None if !survey.is_cut => {
            let message = match survey.branches {
                0 => "there is no newest one",
                _ => "when the newest moved is not known, for packed branches need a reflog",
            };
            said.push((repository.newest_max_age.worst(), message.to_owned()));
        }
        None => {}
    }
    if let Some(stale) = survey
        .stale(repository.stale_after.0)
        .filter(|stale| *stale > 0)
    {
        let (status, count) = repository.max_stale.explain(stale as f64);
        let after = show::seconds(repository.stale_after.0);
        said.push((status, format!("not moved for {after}: {count}")));
    }
    said
}

fn expected(repository: &Repository, survey: &Survey) -> Said {
    let mut said = Vec::new();
    if !survey.missing.is_empty() {
        let message = format!("required and not there: {}", list(&survey.missing));
        said.push((Status::Fail, message));
    }
    let on = survey.head.as_deref().unwrap_or("no branch");
    match &repository.head {
        Some(expected) if survey.head.as_ref() != Some(expected) => {
            said.push((Status::Fail, format!("HEAD is on {on}, not on {expected}")));
        }
        _ => said.push((Status::Pass, format!("HEAD is on {on}"))),
    }
    // A new repository has no branch at all.
    if !survey.head_exists && survey.branches > 0 {
        said.push((Status::Warn, "which has no commit".to_owned()));
    }
    said
}

fn left_behind(repository: &Repository, survey: &Survey) -> Said {
    let mut said = Vec::new();
    let (operation, since) = survey.operation;
    if operation != Operation::None {
        let (status, since) = repository.operation_max_age.explain(since.unwrap_or(0.0));
        said.push((
            status,
            format!("{} under way for {since}", operation.word()),
        ));
    }
    if let Some((path, since)) = &survey.oldest_lock {
        let (status, since) = repository.lock_max_age.explain(*since);
        said.push((status, format!("{path} is there for {since}")));
    }
    let (count, example) = &survey.broken;
    if let Some(example) = example {
        said.push((
            Status::Warn,
            format!("damaged refs {count}, such as {example}"),
        ));
    }
    said
}

fn list(names: &[String]) -> String {
    let mut text = names[..names.len().min(MAX_NAMES)].join(", ");
    if names.len() > MAX_NAMES {
        text.push_str(&format!(" and {} more", names.len() - MAX_NAMES));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Age, Settings};
    use probity_sdk::config;

    fn survey() -> Survey {
        Survey {
            branches: 2,
            dated: vec![
                ("main".into(), Age::Known(60.0)),
                ("old".into(), Age::AtLeast(1e7)),
            ],
            is_cut: false,
            missing: Vec::new(),
            broken: (0, None),
            head: Some("main".into()),
            head_exists: true,
            operation: (Operation::None, None),
            locks: 0,
            oldest_lock: None,
        }
    }

    fn said(keys: &str, survey: Survey) -> (Status, String) {
        let json = format!(r#"{{"repositories":[{{"name":"a","path":"/a"{keys}}}]}}"#);
        let settings: Settings = config::parse(&json).unwrap();
        judge(&settings.repositories.0[0], &Ok(survey))
    }

    #[test]
    fn each_part_is_judged_and_the_worst_counts() {
        let whole =
            "branches 2; since the newest moved 1 min; not moved for 90 d: 1; HEAD is on main";
        assert_eq!(said("", survey()), (Status::Pass, whole.to_owned()));
        for (keys, status, part) in [
            (
                r#","max_count":{"warn":2}"#,
                Status::Warn,
                "branches 2: warns from 2;",
            ),
            (
                r#","newest_max_age":{"fail":"1m"}"#,
                Status::Fail,
                "since the newest moved 1 min: fails from 1 min;",
            ),
            (
                r#","max_stale":{"warn":1}"#,
                Status::Warn,
                "not moved for 90 d: 1: warns from 1;",
            ),
            (
                r#","head":"release""#,
                Status::Fail,
                "HEAD is on main, not on release",
            ),
        ] {
            let (given, message) = said(keys, survey());
            assert_eq!(given, status, "{message}");
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn what_is_missing_damaged_or_left_behind_is_told() {
        let missing = (0..7).map(|number| format!("b{number}")).collect();
        let bad = Survey {
            missing,
            broken: (3, Some("refs/heads/x".into())),
            head: None,
            operation: (Operation::Rebase, Some(90_000.0)),
            locks: 1,
            oldest_lock: Some(("/a/index.lock".into(), 700.0)),
            is_cut: true,
            ..survey()
        };
        let message = "branches 2; only 2 of them were dated: raise max_branches, or narrow branches; \
            required and not there: b0, b1, b2, b3, b4 and 2 more; HEAD is on no branch; \
            rebase under way for 1 d 1 h: warns from 1 d; /a/index.lock is there for 11 min 40 s: warns from 10 min; \
            damaged refs 3, such as refs/heads/x";
        assert_eq!(said("", bad), (Status::Fail, message.to_owned()));
    }

    #[test]
    fn what_is_not_known_does_not_pass() {
        let keys = r#","newest_max_age":{"warn":"1d"}"#;
        let packed = Survey {
            dated: vec![
                ("old".into(), Age::AtLeast(60.0)),
                ("main".into(), Age::Known(90.0)),
            ],
            ..survey()
        };
        let (status, message) = said(keys, packed);
        assert_eq!(status, Status::Warn);
        assert!(
            message.contains("when the newest moved is not known"),
            "{message}"
        );
        let empty = Survey {
            branches: 0,
            dated: Vec::new(),
            head_exists: false,
            ..survey()
        };
        let message = "branches 0; there is no newest one; HEAD is on main";
        assert_eq!(said(keys, empty), (Status::Warn, message.to_owned()));
        let unborn = Survey {
            head_exists: false,
            ..survey()
        };
        assert!(
            said("", unborn)
                .1
                .ends_with("HEAD is on main; which has no commit")
        );
    }
}
