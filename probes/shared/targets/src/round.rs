//! One run over all targets: the time is shared out, and one that is down hides none of the others.

use std::time::Duration;

use probity_sdk::config::Seconds;
use probity_sdk::net::Deadline;
use probity_sdk::{Failure, Result, run};

/// What a run keeps of its time for what comes after the last target, and no more than a tenth of what is left.
const SPARE: Duration = Duration::from_millis(100);

/// Looks at each target in turn and reports what came of it.
///
/// `timeout`: the longest that a target may take; none takes more than its fair share of what is left of the run, so that the slow ones
/// leave the others enough. `ask` gets an answer from it, `report` says what that was; a failed `ask` is a verdict on its target and no
/// end of the run.
///
/// # Errors
/// What `report` failed with; `denied` when none of the targets is granted.
pub fn visit<T, A>(
    targets: &mut [T],
    timeout: impl Fn(&T) -> Seconds,
    mut ask: impl FnMut(&mut T, &Deadline) -> Result<A>,
    mut report: impl FnMut(&T, Result<A>) -> Result<()>,
) -> Result<()> {
    let (count, mut denied) = (targets.len(), Vec::new());
    for (place, target) in targets.iter_mut().enumerate() {
        let share = share(run::time_left(), count - place);
        let deadline = Deadline::after(timeout(target).duration().min(share));
        let answer = ask(target, &deadline);
        if let Some(failure) = answer.as_ref().err().filter(|failure| failure.is_denied()) {
            denied.push(failure.message().into_owned());
        }
        report(target, answer)?;
    }
    match denied.len() == count {
        true => Err(Failure::denied(denied.swap_remove(0))),
        false => Ok(()),
    }
}

/// One of `targets` fair shares of what is left.
fn share(left: Duration, targets: usize) -> Duration {
    let targets = u32::try_from(targets.max(1)).unwrap_or(u32::MAX);
    (left - SPARE.min(left / 10)) / targets
}

#[cfg(test)]
mod tests {
    use probity_sdk::testing::Host;
    use probity_sdk::{Probe, Status, prelude::Check};

    use super::*;

    #[test]
    fn each_has_a_fair_share_of_what_is_left() {
        assert_eq!(
            share(Duration::from_millis(4100), 4),
            Duration::from_secs(1)
        );
        assert_eq!(
            share(Duration::from_millis(40), 4),
            Duration::from_millis(9)
        );
    }

    /// Its configuration says how each target fares.
    struct Fates(Vec<(String, Check)>);

    impl Probe for Fates {
        type Config = Vec<String>;

        fn start(fates: Vec<String>) -> Result<Self> {
            let with_check = |(place, fate)| Ok((fate, Check::define(&format!("c{place}"), "")?));
            Ok(Self(
                fates
                    .into_iter()
                    .enumerate()
                    .map(with_check)
                    .collect::<Result<_>>()?,
            ))
        }

        fn collect(&mut self) -> Result<()> {
            let ask = |(fate, _): &mut (String, Check), _: &Deadline| match fate.as_str() {
                "denied" => Err(Failure::denied("grant it")),
                "down" => Err(Failure::unavailable("refused")),
                _ => Ok(()),
            };
            visit(
                &mut self.0,
                |_| Seconds(1.0),
                ask,
                |(_, check), answer| {
                    match answer {
                        Ok(()) => check.pass("up"),
                        Err(failure) => check.fail(&failure.message()),
                    }
                    Ok(())
                },
            )
        }
    }

    fn run(fates: &str) -> Result<Vec<Status>> {
        let mut host = Host::new().config(fates);
        let mut probe = host.start::<Fates>()?;
        let report = host.collect(&mut probe)?;
        let checks =
            (0..).map_while(|place| report.check(&format!("c{place}")).map(|(status, _)| status));
        Ok(checks.collect())
    }

    #[test]
    fn one_that_is_down_or_not_granted_hides_no_other() {
        let verdicts = run(r#"["down", "up", "denied"]"#).expect("one is granted");
        assert_eq!(verdicts, [Status::Fail, Status::Pass, Status::Fail]);
        assert_eq!(run(r#"["down"]"#).expect("it is granted"), [Status::Fail]);
        let failure = run(r#"["denied", "denied"]"#).expect_err("nothing is granted");
        assert_eq!(failure.to_string(), "denied: grant it");
    }
}
