//! The verdict on one job.

use probity_sdk::{Status, show};

use crate::{Beat, Job, Seen};

/// A clock of another machine may be so many seconds ahead of ours.
const AHEAD: f64 = 300.0;

/// Judges a job's last run. `now`: Unix seconds.
pub fn judge(job: &Job, beat: &Beat, seen: &Seen, now: f64) -> (Status, String) {
    let mut said = Vec::new();
    let ago = |time: f64| show::seconds((now - time).max(0.0));
    if beat.status != 0 {
        let message = format!(
            "the last run, {} ago, ended with status {}",
            ago(beat.time),
            beat.status
        );
        said.push((Status::Fail, message));
    }
    match seen.success {
        None => said.push((job.max_age.worst(), "no success was seen yet".to_owned())),
        Some(time) => {
            let (status, age) = job.max_age.explain((now - time).max(0.0));
            said.push((status, format!("since the last success {age}")));
        }
    }
    if let Some(duration) = beat.duration {
        let (status, duration) = job.max_duration.explain(duration);
        said.push((status, format!("it took {duration}")));
    }
    if beat.time > now + AHEAD {
        let message = format!(
            "it is dated {} ahead: are both clocks right?",
            show::seconds(beat.time - now)
        );
        said.push((Status::Warn, message));
    }
    let worst = said.iter().map(|(status, _)| *status).max();
    let messages: Vec<String> = said.into_iter().map(|(_, message)| message).collect();
    (worst.unwrap_or(Status::Pass), messages.join("; "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Settings;
    use probity_sdk::config;

    fn said(keys: &str, beat: Beat, success: Option<f64>, now: f64) -> (Status, String) {
        let json = format!(r#"{{"jobs":[{{"name":"a","file":"/a"{keys}}}]}}"#);
        let settings: Settings = config::parse(&json).unwrap();
        let seen = Seen {
            time: beat.time,
            success,
        };
        judge(&settings.jobs.0[0], &beat, &seen, now)
    }

    fn beat(status: i32, duration: Option<f64>) -> Beat {
        Beat {
            time: 100_000.0,
            status,
            duration,
        }
    }

    #[test]
    fn age_status_and_duration_are_judged_and_the_worst_counts() {
        let success = Some(100_000.0);
        for (keys, beat, success, now, status, message) in [
            (
                "",
                beat(0, None),
                success,
                100_060.0,
                Status::Pass,
                "since the last success 1 min",
            ),
            (
                "",
                beat(0, None),
                success,
                190_000.0,
                Status::Warn,
                "since the last success 1 d 1 h: warns from 1 d 1 h",
            ),
            (
                r#","max_age":{"fail":"1m"}"#,
                beat(0, Some(5.0)),
                success,
                100_061.0,
                Status::Fail,
                "since the last success 1 min 1 s: fails from 1 min; it took 5 s",
            ),
            (
                r#","max_duration":{"warn":"1h"}"#,
                beat(0, Some(7200.0)),
                success,
                100_000.0,
                Status::Warn,
                "since the last success 0 s; it took 2 h: warns from 1 h",
            ),
            (
                "",
                beat(3, None),
                Some(99_000.0),
                100_060.0,
                Status::Fail,
                "the last run, 1 min ago, ended with status 3; since the last success 17 min 40 s",
            ),
            (
                "",
                beat(3, None),
                None,
                100_060.0,
                Status::Fail,
                "the last run, 1 min ago, ended with status 3; no success was seen yet",
            ),
            (
                "",
                beat(0, None),
                success,
                96_400.0,
                Status::Warn,
                "since the last success 0 s; it is dated 1 h ahead: are both clocks right?",
            ),
        ] {
            assert_eq!(
                said(keys, beat, success, now),
                (status, message.to_owned()),
                "{keys}"
            );
        }
    }
}
