//! Attempts at what is not granted: counted, told once, and shown with the line that would grant them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::model::{ByteSize, DeniedAttempt, printable};

/// Different attempts that are kept for each probe; the total counts them all.
const MAX_ATTEMPTS: usize = 32;
/// The longest text of one; a guest chooses the names in it.
const MAX_TEXT_BYTES: usize = 300;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::probe) struct Attempt {
    what: String,
    grant: Option<String>,
}

impl Attempt {
    /// Something that no line of the configuration grants.
    pub(in crate::probe) fn never(what: impl AsRef<str>) -> Self {
        Self {
            what: printable(what.as_ref(), MAX_TEXT_BYTES),
            grant: None,
        }
    }

    fn granted_by(what: impl AsRef<str>, key: &str, value: &str) -> Self {
        let value = toml::Value::String(printable(value, MAX_TEXT_BYTES));
        Self {
            grant: Some(format!("grant = {{ {key} = [{value}] }}")),
            ..Self::never(what)
        }
    }

    /// More than a limit allows; `key` is the limit's.
    pub(super) fn over(what: &str, bytes: u64, key: &str) -> Self {
        let limit = ByteSize(bytes);
        let more = ByteSize(bytes.saturating_mul(2));
        Self {
            grant: Some(format!("limits = {{ {key} = \"{more}\" }}")),
            ..Self::never(format!("{what} a body of more than {limit}"))
        }
    }

    pub(super) fn read(path: &Path) -> Self {
        let shown = path.display().to_string();
        Self::granted_by(format!("read {shown}"), "read", &shown)
    }

    pub(super) fn http(origin: &str) -> Self {
        Self::granted_by(format!("HTTP to {origin}"), "http", origin)
    }

    pub(super) fn tcp(address: SocketAddr) -> Self {
        Self::granted_by(format!("TCP to {address}"), "tcp", &address.to_string())
    }

    pub(super) fn udp(address: SocketAddr) -> Self {
        Self::granted_by(format!("UDP to {address}"), "udp", &address.to_string())
    }

    /// A name is looked up before the port is known.
    pub(super) fn lookup(name: &str) -> Self {
        let what = format!("look up {name}");
        Self::granted_by(what, "tcp", &format!("{name}:PORT"))
    }

    pub(super) fn secret(name: &str) -> Self {
        Self::granted_by(format!("secret {name}"), "secrets", name)
    }

    pub(super) fn reveal(name: &str) -> Self {
        Self::granted_by(format!("secret {name} itself"), "reveal", name)
    }

    pub(super) fn sqlite(name: &str) -> Self {
        let shown = printable(name, MAX_TEXT_BYTES);
        Self {
            grant: Some(format!(
                "grant = {{ sqlite = {{ {shown} = \"/path/to/it.db\" }} }}"
            )),
            ..Self::never(format!("query the database {name}"))
        }
    }

    /// The secret's own section limits where it may go.
    pub(super) fn secret_to(name: &str, origin: &str) -> Self {
        let value = toml::Value::String(origin.to_owned());
        let what = format!("send secret {name} to {origin}");
        Self {
            grant: Some(format!("[secrets] {name} = {{ …, origins = [{value}] }}")),
            ..Self::never(what)
        }
    }
}

/// What one probe tried in vain since it was loaded.
#[derive(Default)]
pub(in crate::probe) struct Denials(Mutex<Tried>);

#[derive(Default)]
struct Tried {
    total: u64,
    attempts: Vec<DeniedAttempt>,
    /// The attempts as they were last shown, until another is made.
    shown: Option<Arc<[DeniedAttempt]>>,
}

impl Denials {
    /// The count goes on with a new version; what that one tries, under its own grants, is told anew.
    pub(in crate::probe) fn for_successor(&self) -> Arc<Self> {
        let (total, _) = self.shown();
        let tried = Tried {
            total,
            ..Tried::default()
        };
        Arc::new(Self(Mutex::new(tried)))
    }

    /// How many attempts there were, and the first different ones of them.
    pub(in crate::probe) fn shown(&self) -> (u64, Arc<[DeniedAttempt]>) {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Tried {
            total,
            attempts,
            shown,
        } = &mut *tried;
        let shown = shown.get_or_insert_with(|| attempts.clone().into());
        (*total, shown.clone())
    }

    /// Counts one; true when it is the first of its kind and is kept.
    fn count(&self, attempt: &Attempt, now: SystemTime) -> bool {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tried.total += 1;
        tried.shown = None;
        let known = tried
            .attempts
            .iter_mut()
            .find(|one| one.attempt == attempt.what);
        if let Some(known) = known {
            known.count += 1;
            known.last = now;
            return false;
        }
        let room = tried.attempts.len() < MAX_ATTEMPTS;
        if room {
            tried.attempts.push(DeniedAttempt {
                attempt: attempt.what.clone(),
                grant: attempt.grant.clone(),
                count: 1,
                last: now,
            });
        }
        room
    }
}

/// Where the parts of one instance tell what they refused; clones share it.
#[derive(Clone)]
pub(in crate::probe) struct Denier {
    /// The probe's name.
    pub(super) probe: Arc<str>,
    /// What outlives the instance.
    pub(super) denials: Arc<Denials>,
}

impl Denier {
    /// Counts an attempt, and logs the first of its kind.
    pub(in crate::probe) fn note(&self, attempt: &Attempt) {
        if !self.denials.count(attempt, SystemTime::now()) {
            return;
        }
        let (probe, what) = (&*self.probe, &attempt.what);
        match &attempt.grant {
            Some(grant) => tracing::warn!(probe, grant, "denied: {what}"),
            None => tracing::warn!(probe, "denied: {what}"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A place to tell refusals, for the tests of this folder.
    pub(in crate::probe::grants) fn denier() -> Denier {
        Denier {
            probe: "test".into(),
            denials: Arc::default(),
        }
    }

    /// The attempts told so far, with the lines that grant them.
    pub(in crate::probe::grants) fn told(denier: &Denier) -> Vec<(String, Option<String>)> {
        let (_, attempts) = denier.denials.shown();
        let pair = |one: &DeniedAttempt| (one.attempt.clone(), one.grant.clone());
        attempts.iter().map(pair).collect()
    }

    #[test]
    fn the_same_attempt_is_kept_once_and_counted() {
        let denier = denier();
        for _ in 0..3 {
            denier.note(&Attempt::http("https://a.example"));
        }
        denier.note(&Attempt::secret("token"));
        let (total, attempts) = denier.denials.shown();
        assert_eq!((total, attempts.len()), (4, 2));
        assert_eq!(attempts[0].count, 3);
        let grant = attempts[0].grant.as_deref();
        assert_eq!(
            grant,
            Some("grant = { http = [\"https://a.example\"] }"),
            "the line can be copied"
        );
        assert!(Arc::ptr_eq(&attempts, &denier.denials.shown().1));
    }

    #[test]
    fn a_guest_that_invents_attempts_fills_nothing() {
        let denier = denier();
        for index in 0..10_000 {
            denier.note(&Attempt::http(&format!("https://{index}.example")));
        }
        denier.note(&Attempt::lookup(&"x\n\"".repeat(1000)));
        let (total, attempts) = denier.denials.shown();
        assert_eq!((total, attempts.len()), (10_001, MAX_ATTEMPTS));
        let long = Attempt::lookup(&"x\n\"".repeat(1000));
        assert!(long.what.len() < 400 && !long.what.contains('\n'));
        assert!(long.grant.is_some_and(|grant| grant.len() < 1000));
    }

    #[test]
    fn the_line_that_grants_is_toml() {
        for attempt in [
            Attempt::read(Path::new("/a \"b\"")),
            Attempt::tcp(([127, 0, 0, 1], 6379).into()),
            Attempt::reveal("db"),
        ] {
            let grant = attempt.grant.expect("it can be granted");
            assert!(grant.parse::<toml::Table>().is_ok(), "{grant}");
        }
    }
}
