//! The probe as the host sees it.

use probity_sdk::net::{Deadline, TcpStream};
use probity_sdk::{clock, prelude::*, secrets};
use targets::{Judged, Talk, visit, without};

use crate::login::{answer, asked, greet};
use crate::metrics::Metrics;
use crate::scram::Keys;
use crate::{Credentials, Facts, Greeting, Login, Settings, State, Target, Trust, judge, wire};

/// The most that a server may send in a run.
const BYTES: usize = 1024 * 1024;
/// How often passwords are hashed in one run at most, for all servers together: a quarter of the processor time that a run may take, at 2.5
/// µs each. Servers want 4096 unless somebody has asked for more. Once hashed they are kept, so that servers that want much get their
/// turn one run after the other.
const HASHES: u32 = 100_000;
/// The user in the name of whom a server is asked whether it accepts connections, where there is no other.
const NOBODY: &str = "probity";

/// What is answered when there is nothing to look at.
const DORMANT: &str = "no server to look at: add `config = { targets = [{ name = \"main\", address = \"127.0.0.1:5432\" }] }` and \
    `grant = { tcp = [\"127.0.0.1:5432\"] }` to this probe's section";

/// The probe.
pub struct Postgres {
    servers: Vec<Server>,
    metrics: Metrics,
}

/// A server with its checks, and what is kept from its last login.
struct Server {
    target: Target,
    keys: Option<Keys>,
    ready: Check,
    connections: Check,
    transactions: Check,
    replication: Check,
}

/// What was seen of a server.
pub struct Seen {
    /// How it is.
    pub state: State,
    /// How long it took until it let us in, or said that it would not.
    pub seconds: f64,
    /// What it told.
    pub told: Told,
}

/// What it told.
pub enum Told {
    /// All that we asked.
    Facts(Facts),
    /// What it would want to be shown.
    Asked(&'static str),
    /// Why we are not in.
    Problem(String),
}

type Connection = Talk<(TcpStream, Deadline)>;

impl Probe for Postgres {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if settings.targets.0.is_empty() {
            return Err(Failure::not_applicable(DORMANT));
        }
        Ok(Self {
            servers: settings
                .targets
                .0
                .into_iter()
                .map(Server::new)
                .collect::<Result<_>>()?,
            metrics: Metrics::define()?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let Self { servers, metrics } = self;
        let (count, mut hashes) = (servers.len(), HASHES);
        visit(
            servers,
            |server| server.target.timeout,
            |server, deadline| server.look(count, deadline, &mut hashes),
            |server, seen| {
                server.report(&seen);
                metrics.set(&server.target, &seen)
            },
        )
    }
}

impl Server {
    fn new(target: Target) -> Result<Self> {
        let check = |what: &str, title: &str| {
            let id = format!("{}{what}", target.name.as_str());
            Check::define(&id, &format!("{title} {}", target.address))
        };
        Ok(Self {
            keys: None,
            ready: check("", "PostgreSQL at")?,
            connections: check(".connections", "Connections of PostgreSQL at")?,
            transactions: check(".transactions", "Transactions of PostgreSQL at")?,
            replication: check(".replication", "Replication of PostgreSQL at")?,
            target,
        })
    }

    fn look(&mut self, targets: usize, deadline: &Deadline, hashes: &mut u32) -> Result<Seen> {
        let password = self.target.password.as_deref();
        let password = password.map(secrets::reveal).transpose()?;
        let seen = self.ask(password.as_deref(), targets, deadline, hashes);
        match password {
            Some(password) => seen.map(|seen| seen.without(&password)).map_err(|failure| {
                match failure.is_denied() {
                    true => failure,
                    false => Failure::unavailable(without(&failure.message(), &password)),
                }
            }),
            None => seen,
        }
    }

    fn ask(
        &mut self,
        password: Option<&[u8]>,
        targets: usize,
        deadline: &Deadline,
        hashes: &mut u32,
    ) -> Result<Seen> {
        let target = &self.target;
        let began = clock::steady();
        let seconds = || (clock::steady() - began).as_secs_f64();
        let mut talk = Talk::connect(&target.address, targets, BYTES, deadline)?;
        let user = target.user.as_deref();
        let (kind, body) = match greet(&mut talk, user.unwrap_or(NOBODY), &target.database)? {
            Greeting::Refuses(problem) => return Ok(Seen::refused(seconds(), &problem)),
            Greeting::Asks(kind, body) => (kind, body),
        };
        let Some(user) = user else {
            goodbye(&mut talk);
            return Ok(Seen::new(
                State::Accepting,
                seconds(),
                Told::Asked(asked(kind)),
            ));
        };
        let who = Credentials {
            user,
            database: &target.database,
            password,
            allow_cleartext: target.allow_cleartext,
        };
        let keys = &mut self.keys;
        let login = answer(&mut talk, (kind, &body), &who, &mut Trust { keys, hashes })?;
        let seconds = seconds();
        Ok(match login {
            Login::In => {
                let told = Told::Facts(ask(target, &mut talk, deadline)?);
                goodbye(&mut talk);
                Seen::new(State::Accepting, seconds, told)
            }
            Login::Refused(problem) => Seen::refused(seconds, &problem),
            Login::Unable(words) => Seen::new(State::Refusing, seconds, Told::Problem(words)),
        })
    }

    /// Reports what can be judged; what a server does not tell is no check.
    fn report(&self, seen: &Result<Seen>) {
        let tell = |check: &Check, (status, message): Judged| check.report(status, &message);
        tell(&self.ready, judge::ready(&self.target, seen));
        if let Ok(Seen {
            told: Told::Facts(facts),
            ..
        }) = seen
        {
            tell(&self.connections, judge::connections(&self.target, facts));
            tell(&self.transactions, judge::transactions(&self.target, facts));
            if let Some(judged) = judge::replication(&self.target, facts) {
                tell(&self.replication, judged);
            }
        }
    }
}

impl Seen {
    /// Without the password, wherever the server repeats it.
    fn without(self, password: &[u8]) -> Self {
        let told = match self.told {
            Told::Problem(words) => Told::Problem(without(&words, password)),
            other => other,
        };
        Self { told, ..self }
    }

    fn new(state: State, seconds: f64, told: Told) -> Self {
        Self {
            state,
            seconds,
            told,
        }
    }

    fn refused(seconds: f64, problem: &crate::Problem) -> Self {
        let told = Told::Problem(problem.to_string());
        Self::new(State::of(problem), seconds, told)
    }
}

fn ask(target: &Target, talk: &mut Connection, deadline: &Deadline) -> Result<Facts> {
    let milliseconds = deadline.left().as_millis();
    Facts::ask(talk, milliseconds, |name| target.shows(name), target.size)
}

/// Says that we go, so that the server's log has no word of a lost connection. Whether it hears that is its own affair.
fn goodbye(talk: &mut Connection) {
    if let Err(failure) = talk.send(&wire::message(b'X', &[])) {
        probity_sdk::debug!("it went first: {}", failure.message());
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
