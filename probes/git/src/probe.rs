//! What the host calls.

use probity_sdk::prelude::*;

use crate::survey::Unseen;
use crate::{Age, Budget, Operation, Repository, Settings, Survey, judge};

struct Git {
    repositories: Vec<(Repository, Check)>,
    up: Gauge<1>,
    branches: Gauge<1>,
    stale: Gauge<1>,
    age: Gauge<2>,
    broken: Gauge<1>,
    head: Info<2>,
    operation: StateSet<1>,
    locks: Gauge<1>,
    lock_age: Gauge<1>,
}

probity_sdk::probe!(Git);

impl Probe for Git {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        let repositories = settings.repositories.0;
        check(&repositories)?;
        let with_check = |repository: Repository| {
            let name = repository.name.as_str();
            let check = Check::define(name, &format!("Repository {name}"))?;
            Ok((repository, check))
        };
        let gauge = |name: &str, help: &str| Gauge::define(name, help, ["repository"]);
        Ok(Self {
            repositories: repositories
                .into_iter()
                .map(with_check)
                .collect::<Result<_>>()?,
            up: gauge("git_up", "Whether the repository is there and can be read")?,
            branches: gauge("git_branches", "Branches that match")?,
            stale: gauge(
                "git_branches_stale",
                "Branches that have not moved for long",
            )?,
            age: Gauge::define(
                "git_branch_age_seconds",
                "Time since the branch last moved",
                ["repository", "branch"],
            )?,
            broken: gauge("git_refs_broken", "Refs that are damaged or cannot be read")?,
            head: Info::define(
                "git_head_info",
                "The branch that HEAD is on; `HEAD` when it is on none",
                ["repository", "branch"],
            )?,
            operation: StateSet::define(
                "git_operation",
                "What is under way in the repository",
                ["repository"],
                &Operation::STATES,
            )?,
            locks: gauge("git_locks", "Lock files")?,
            lock_age: gauge(
                "git_lock_age_seconds",
                "Time since the oldest lock file was made",
            )?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let now = run::now();
        let mut budget = Budget::new();
        for (place, (repository, check)) in self.repositories.iter().enumerate() {
            let name = repository.name.as_str();
            let mut part = budget.take_part(self.repositories.len() - place - 1);
            let survey = Survey::of(repository, now, &mut part);
            budget.give_back(part);
            let is_there = !matches!(survey, Err(Unseen::Broken(_)));
            self.up.set([name], f64::from(u8::from(is_there)))?;
            if let Ok(survey) = &survey {
                self.set(repository, survey)?;
            }
            let (status, message) = judge(repository, &survey);
            check.report(status, &message);
        }
        Ok(())
    }
}

/// That there is something to watch, and anything of it is granted: one that is not hides no other.
fn check(repositories: &[Repository]) -> Result<()> {
    let Some(first) = repositories.first() else {
        return Err(Failure::not_applicable(
            "no repository to watch: add `config = { repositories = [{ name = \"app\", path = \"/srv/git/app.git\" }] }` to this probe's section, and grant the path",
        ));
    };
    let is_granted = |one: &Repository| files::is_granted(one.path.as_str());
    if !repositories.iter().any(is_granted) {
        files::require(first.path.as_str())?;
    }
    Ok(())
}

impl Git {
    fn set(&self, repository: &Repository, survey: &Survey) -> Result<()> {
        let name = repository.name.as_str();
        let stale = survey.stale(repository.stale_after.0);
        let lock_age = survey.oldest_lock.as_ref().map(|(_, age)| *age);
        for (gauge, value) in [
            (&self.branches, Some(survey.branches as f64)),
            (&self.stale, stale.map(|stale| stale as f64)),
            (&self.broken, Some(f64::from(survey.broken.0))),
            (&self.locks, Some(survey.locks as f64)),
            (&self.lock_age, lock_age),
        ] {
            value.map_or(Ok(()), |value| gauge.set([name], value))?;
        }
        for (branch, age) in &survey.dated {
            if let Age::Known(seconds) = age {
                self.age.set([name, branch], *seconds)?;
            }
        }
        let head = survey.head.as_deref().unwrap_or("HEAD");
        self.head.set([name, head])?;
        self.operation.set([name], survey.operation.0.word())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use probity_sdk::testing::{Folder, Host};

    use super::*;

    const NOW: f64 = 1_767_225_600.0;
    const OBJECT: &str = "0123456789012345678901234567890123456789\n";

    fn host(folder: &Folder, repositories: &[&str]) -> Host {
        let repositories: Vec<String> = repositories
            .iter()
            .map(|one| one.replace("FOLDER", &folder.path("")))
            .collect();
        let config = format!(r#"{{"repositories":[{}]}}"#, repositories.join(","));
        Host::new().config(&config).grant_read(folder.path(""))
    }

    fn log(time: f64) -> String {
        let zero = "0".repeat(40);
        format!(
            "{zero} {} A <a@b.c> {time} +0000\tcommit: x\n",
            OBJECT.trim()
        )
    }

    #[test]
    fn without_a_repository_it_lies_dormant_and_without_any_grant_it_is_denied() {
        let failure = Host::new().start::<Git>().err().unwrap();
        assert_eq!(failure.code(), "not-applicable");
        let config = r#"{"repositories":[{"name":"a","path":"/a"}]}"#;
        let failure = Host::new().config(config).start::<Git>().err().unwrap();
        assert!(failure.is_denied());
    }

    #[test]
    fn branches_are_dated_by_log_file_and_packing() {
        let folder = Folder::new();
        folder
            .write("HEAD", "ref: refs/heads/main\n")
            .write("refs/heads/main", OBJECT)
            .write("refs/heads/loose", OBJECT)
            .write("refs/heads/empty", "")
            .write("logs/refs/heads/main", log(NOW - 60.0))
            .write(
                "packed-refs",
                format!("{} refs/heads/packed\n", OBJECT.trim()),
            )
            .modified("refs/heads/main", NOW - 1e6)
            .modified("refs/heads/loose", NOW - 3600.0)
            .modified("packed-refs", NOW - 1e7);
        let mut host = host(&folder, &[r#"{"name":"a","path":"FOLDER"}"#]);
        let mut probe = host.start::<Git>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        let age = |branch| report.value("git_branch_age_seconds", ["a", branch]);
        assert_eq!(report.value("git_branches", ["a"]), Some(4.0));
        assert_eq!((age("main"), age("loose")), (Some(60.0), Some(3600.0)));
        assert_eq!((age("packed"), age("empty")), (None, None));
        assert_eq!(report.value("git_branches_stale", ["a"]), Some(1.0));
        assert_eq!(report.value("git_refs_broken", ["a"]), Some(1.0));
        assert_eq!(report.value("git_head_info", ["a", "main"]), Some(1.0));
        assert_eq!(report.active("git_operation", ["a"]), Some("none"));
        let message = "branches 4; since the newest moved 1 min; not moved for 90 d: 1; HEAD is on main; \
            damaged refs 1, such as refs/heads/empty";
        assert_eq!(report.check("a"), Some((Status::Warn, message)));
    }

    #[test]
    fn what_is_left_behind_is_found_in_the_working_tree_s_own_folder() {
        let folder = Folder::new();
        folder
            .write("git/HEAD", OBJECT)
            .write("git/refs/heads/main", OBJECT)
            .write("tree/.git", "gitdir: ../git/worktrees/tree\n")
            .write("git/worktrees/tree/commondir", "../..\n")
            .write("git/worktrees/tree/HEAD", "ref: refs/heads/main\n")
            .write("git/worktrees/tree/MERGE_HEAD", OBJECT)
            .write("git/worktrees/tree/index.lock", "")
            .write("git/refs/heads/main.lock", "")
            .modified("git/worktrees/tree/MERGE_HEAD", NOW - 60.0)
            .modified("git/worktrees/tree/index.lock", NOW - 700.0)
            .modified("git/refs/heads/main.lock", NOW - 5.0);
        let mut host = host(
            &folder,
            &[
                r#"{"name":"tree","path":"FOLDER/tree"}"#,
                r#"{"name":"bare","path":"FOLDER/git","lock_max_age":{}}"#,
            ],
        );
        let mut probe = host.start::<Git>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.active("git_operation", ["tree"]), Some("merge"));
        assert_eq!(report.active("git_operation", ["bare"]), Some("none"));
        assert_eq!(report.value("git_locks", ["tree"]), Some(2.0));
        assert_eq!(report.value("git_lock_age_seconds", ["tree"]), Some(700.0));
        assert_eq!(report.value("git_head_info", ["bare", "HEAD"]), Some(1.0));
        let (status, message) = report.check("tree").unwrap();
        assert_eq!(status, Status::Warn);
        assert!(message.contains("merge under way for 1 min;"), "{message}");
        assert!(message.contains("index.lock is there for 11 min 40 s: warns from 10 min"));
        assert_eq!(report.check("bare").unwrap().0, Status::Pass);
    }

    #[test]
    fn a_repository_that_is_none_hides_no_other_and_links_in_circles_end() {
        let folder = Folder::new();
        folder
            .write("good/HEAD", "ref: refs/heads/main\n")
            .write("good/refs/heads/main", OBJECT)
            .write("circle/HEAD", "ref: refs/heads/a\n")
            .write("circle/refs/heads/a", "ref: refs/heads/a\n");
        let refs = folder.path("good/refs/heads");
        symlink("itself", format!("{refs}/itself")).unwrap();
        symlink("..", format!("{refs}/up")).unwrap();
        symlink("/etc/passwd", format!("{refs}/outside")).unwrap();
        let mut host = host(
            &folder,
            &[
                r#"{"name":"none","path":"FOLDER/none"}"#,
                r#"{"name":"denied","path":"/elsewhere"}"#,
                r#"{"name":"circle","path":"FOLDER/circle"}"#,
                r#"{"name":"good","path":"FOLDER/good"}"#,
            ],
        );
        let mut probe = host.start::<Git>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        for (name, ending) in [
            ("none", "/none is no git repository"),
            (
                "denied",
                "add `grant = { read = [\"/elsewhere\"] }` to this probe's section",
            ),
            ("circle", "points from ref to ref without an end"),
        ] {
            let (status, message) = report.check(name).unwrap();
            assert_eq!(status, Status::Fail, "{name}");
            assert!(message.ends_with(ending), "{message}");
            assert_eq!(report.value("git_up", [name]), Some(0.0));
        }
        assert_eq!(report.value("git_up", ["good"]), Some(1.0));
        assert_eq!(report.value("git_branches", ["good"]), Some(4.0));
        assert_eq!(
            report.value("git_refs_broken", ["good"]),
            Some(3.0),
            "none of the links leads to a ref"
        );
    }

    #[test]
    fn more_branches_than_series_are_counted_and_told() {
        let folder = Folder::new();
        folder.write("HEAD", "ref: refs/heads/b000\n");
        for number in 0..120 {
            folder.write(&format!("refs/heads/b{number:03}"), OBJECT);
        }
        let repository =
            r#"{"name":"a","path":"FOLDER","max_branches":100,"max_stale":{"warn":1}}"#;
        let mut host = host(&folder, &[repository]);
        let mut probe = host.start::<Git>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.value("git_branches", ["a"]), Some(120.0));
        assert_eq!(report.value("git_branches_stale", ["a"]), None);
        let series = report.series();
        let ages = series
            .iter()
            .filter(|(name, _)| *name == "git_branch_age_seconds");
        assert_eq!(ages.count(), 100);
        let (status, message) = report.check("a").unwrap();
        assert_eq!(status, Status::Warn);
        assert!(message.contains("only 100 of them were dated"), "{message}");
    }
}
