//! What is thought of a server.

use probity_sdk::{Result, Status, show};
use targets::{Judged, count, held, moment, trouble};

use crate::probe::{Seen, Told};
use crate::{Facts, Replica, State, Target};

/// Whether it takes connections, or with a login, ours.
pub fn ready(target: &Target, seen: &Result<Seen>) -> Judged {
    let address = &target.address;
    let seen = match seen {
        Ok(seen) => seen,
        Err(failure) => return (Status::Fail, trouble(address, failure)),
    };
    let took = moment(seen.seconds);
    let message = match (&seen.told, seen.state) {
        (Told::Facts(facts), _) => format!(
            "{address} PostgreSQL {} lets us in in {took}",
            facts.version
        ),
        (Told::Asked(what), _) => {
            format!("{address} accepts connections in {took} and asks for {what}")
        }
        // Nobody asked to be let in, and it is there to say no.
        (Told::Problem(words), State::Refusing) if target.user.is_none() => {
            format!("{address} accepts connections in {took}, though not ours: {words}")
        }
        (Told::Problem(words), State::Refusing) => {
            return (
                Status::Fail,
                format!("{address} does not let us in: {words}"),
            );
        }
        (Told::Problem(words), state) => {
            return (
                Status::Fail,
                format!("{address} is {}: {words}", state.word()),
            );
        }
    };
    held(&target.max_time, seen.seconds, message, moment)
}

/// How many of the connections that clients may have are taken.
pub fn connections(target: &Target, facts: &Facts) -> Judged {
    let (taken, most) = (facts.connected(), facts.most_connections);
    let share = if most > 0.0 { taken / most } else { 1.0 };
    let (shown, taken, most) = (
        show::percent(share),
        show::number(taken),
        show::number(most),
    );
    let message = format!("{taken} of {most} connections taken, {shown}");
    held(&target.max_connections, share, message, show::percent)
}

/// How long the oldest transaction has been open.
pub fn transactions(target: &Target, facts: &Facts) -> Judged {
    let hint = match (facts.hidden() > 0.0, &target.user) {
        (true, Some(user)) => {
            format!(" (of what we may see: GRANT pg_monitor TO {user} shows all)")
        }
        _ => String::new(),
    };
    match facts.longest_transaction {
        None => (Status::Pass, format!("no transaction is open{hint}")),
        Some(age) => {
            let message = format!("the oldest transaction is {} old{hint}", show::seconds(age));
            held(&target.max_transaction, age, message, show::seconds)
        }
    }
}

/// How far a standby is behind, or those that follow a server; nothing for a server by itself.
pub fn replication(target: &Target, facts: &Facts) -> Option<Judged> {
    if let Some((lag, receives)) = facts.standby {
        let from = if receives {
            ""
        } else {
            ", and hears of no primary"
        };
        return Some(match lag {
            Some(lag) => {
                let message = format!("it is {} behind its primary{from}", show::seconds(lag));
                held(&target.max_lag, lag, message, show::seconds)
            }
            None => (
                Status::Pass,
                format!("it has replayed no transaction yet{from}"),
            ),
        });
    }
    let lag_of = |replica: &Replica| replica.lag.unwrap_or(0.0);
    let replicas = facts.replicas.iter();
    let last = replicas.max_by(|one, other| lag_of(one).total_cmp(&lag_of(other)))?;
    let behind = last
        .behind
        .map(|bytes| format!(" and {}", show::bytes(bytes)));
    let message = format!(
        "{}, {} is {}{} behind",
        count(facts.replicas.len(), "replica"),
        last.name,
        show::seconds(lag_of(last)),
        behind.unwrap_or_default()
    );
    Some(held(&target.max_lag, lag_of(last), message, show::seconds))
}

#[cfg(test)]
mod tests {
    use probity_sdk::{Failure, config};

    use super::*;
    use crate::{Role, Settings};

    fn target(more: &str) -> Target {
        let json = format!(r#"{{"targets":[{{"name":"p","address":"127.0.0.1:5432"{more}}}]}}"#);
        config::parse::<Settings>(&json)
            .expect("it is right")
            .targets
            .0
            .remove(0)
    }

    fn facts() -> Facts {
        Facts {
            version: "15.8".into(),
            role: Role::Primary,
            uptime: None,
            most_connections: 97.0,
            connections: vec![("idle".into(), 10.0)],
            waiting: 0.0,
            longest_transaction: None,
            databases: Vec::new(),
            size: None,
            replicas: Vec::new(),
            standby: None,
        }
    }

    fn seen(state: State, told: Told) -> Result<Seen> {
        Ok(Seen {
            state,
            seconds: 0.002,
            told,
        })
    }

    #[test]
    fn a_refusal_is_life_unless_we_wanted_in() {
        let problem = || Told::Problem("no pg_hba.conf entry (28000)".into());
        for (more, state, told, status, message) in [
            (
                "",
                State::Accepting,
                Told::Asked("SCRAM-SHA-256"),
                Status::Pass,
                "127.0.0.1:5432 accepts connections in 2 ms and asks for SCRAM-SHA-256",
            ),
            (
                "",
                State::Refusing,
                problem(),
                Status::Pass,
                "127.0.0.1:5432 accepts connections in 2 ms, though not ours: no pg_hba.conf entry (28000)",
            ),
            (
                r#","user":"u""#,
                State::Refusing,
                problem(),
                Status::Fail,
                "127.0.0.1:5432 does not let us in: no pg_hba.conf entry (28000)",
            ),
            (
                r#","user":"u""#,
                State::Accepting,
                Told::Facts(facts()),
                Status::Pass,
                "127.0.0.1:5432 PostgreSQL 15.8 lets us in in 2 ms",
            ),
            (
                "",
                State::Starting,
                Told::Problem("starting up (57P03)".into()),
                Status::Fail,
                "127.0.0.1:5432 is starting: starting up (57P03)",
            ),
            (
                "",
                State::Full,
                Told::Problem("too many (53300)".into()),
                Status::Fail,
                "127.0.0.1:5432 is full: too many (53300)",
            ),
        ] {
            assert_eq!(
                ready(&target(more), &seen(state, told)),
                (status, message.to_owned())
            );
        }
        let failure = Err(Failure::unavailable("the connection was refused"));
        assert_eq!(
            ready(&target(""), &failure),
            (
                Status::Fail,
                "127.0.0.1:5432: the connection was refused".into()
            )
        );
        let slow = ready(
            &target(r#","max_time":{"fail":0}"#),
            &seen(State::Accepting, Told::Asked("nothing")),
        );
        assert_eq!(slow.0, Status::Fail);
    }

    #[test]
    fn connections_and_transactions_have_thresholds() {
        let mut facts = facts();
        assert_eq!(
            connections(&target(""), &facts),
            (Status::Pass, "10 of 97 connections taken, 10.3 %".into())
        );
        assert_eq!(
            transactions(&target(""), &facts),
            (Status::Pass, "no transaction is open".into())
        );
        facts.connections.push(("hidden".into(), 80.0));
        facts.longest_transaction = Some(700.0);
        assert_eq!(
            connections(&target(""), &facts),
            (
                Status::Warn,
                "90 of 97 connections taken, 92.8 %: warns from 80 %".into()
            )
        );
        let told = "the oldest transaction is 11 min 40 s old (of what we may see: GRANT pg_monitor TO u shows all): warns from 10 min";
        assert_eq!(
            transactions(&target(r#","user":"u""#), &facts),
            (Status::Warn, told.into())
        );
    }

    #[test]
    fn replicas_and_standbys_lag() {
        let mut facts = facts();
        assert_eq!(replication(&target(""), &facts), None);
        facts.replicas = vec![
            Replica {
                name: "a".into(),
                lag: None,
                behind: Some(0.0),
            },
            Replica {
                name: "b".into(),
                lag: Some(40.0),
                behind: Some(2048.0),
            },
        ];
        let told = "2 replicas, b is 40 s and 2 KiB behind: warns from 30 s";
        assert_eq!(
            replication(&target(""), &facts),
            Some((Status::Warn, told.into()))
        );
        facts.standby = Some((Some(400.0), false));
        let told = "it is 6 min 40 s behind its primary, and hears of no primary: fails from 5 min";
        assert_eq!(
            replication(&target(""), &facts),
            Some((Status::Fail, told.into()))
        );
        facts.standby = Some((Some(0.0), true));
        assert_eq!(
            replication(&target(""), &facts),
            Some((Status::Pass, "it is 0 s behind its primary".into()))
        );
    }
}
