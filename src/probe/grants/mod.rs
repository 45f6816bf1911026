//! What a guest can reach: nothing but clocks and random numbers, and what the operator granted.
//!
//! One file a capability; each check is a function of its own. Everything is linked for every guest and refused at the
//! call. What is refused is counted, and told with the line of the configuration that would grant it.

mod address;
mod config;
mod denied;
mod descriptors;
mod environment;
mod files;
mod found;
mod http;
mod link;
mod names;
mod origin;
mod placeholder;
mod resolve;
mod secrets;
mod sockets;
mod taped;

use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime_wasi::{Deterministic, WasiCtx};
use wasmtime_wasi_http::WasiHttpCtx;

pub use config::Grants;
pub(super) use denied::Denials;
use denied::{Attempt, Denier};
pub use environment::Environment;
use files::Files;
use http::{Egress, Tls};
pub use origin::{Endpoint, Host, Origin};
use placeholder::GrantedSecrets;
pub(super) use placeholder::percent_encoded;
use resolve::{Lookups, MachineResolver, Resolve};
pub(super) use secrets::{MAX_SECRET_BYTES, SECRET_FILLER};
pub use secrets::{SecretConfig, Secrets, SecretsConfig};
use sockets::Sockets;
use taped::{Held, TapedResolver};
pub(super) use taped::{is_file_error, is_socket_error};

use super::host::{Guest, OutputTail};
use super::tape::{Tape, TapedClock};
use super::{Limits, Surroundings};
use crate::model::Failure;

/// What all probes share on their way out.
pub(super) struct Network {
    resolver: Arc<dyn Resolve>,
    tls: Arc<Tls>,
}

impl Network {
    /// The machine's, or what a tape says of it.
    pub(super) fn new(tape: &Tape) -> Self {
        let resolver: Arc<dyn Resolve> = if tape.is_on() {
            Arc::new(TapedResolver(tape.clone()))
        } else {
            Arc::new(MachineResolver)
        };
        Self {
            resolver,
            tls: Arc::default(),
        }
    }
}

/// Sizes of bodies in bytes.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    request: u64,
    response: u64,
}

/// What one probe may reach, fixed as long as it is loaded.
pub(super) struct Reach {
    probe: Arc<str>,
    grants: Grants,
    environment: Environment,
    secrets: GrantedSecrets,
    lookups: Lookups,
    tls: Arc<Tls>,
    sizes: Sizes,
    /// Random bytes that its guest gets in one call.
    random: u64,
    tape: Tape,
}

impl Reach {
    /// Prepares the grants of the probe of this name.
    ///
    /// # Errors
    /// `grant` when a granted secret is not there.
    pub(super) fn new(
        probe: Arc<str>,
        grants: &Grants,
        limits: &Limits,
        network: &Network,
        around: &Surroundings,
    ) -> Result<Self, Failure> {
        Ok(Self {
            probe,
            grants: grants.clone(),
            environment: around.environment.clone(),
            secrets: GrantedSecrets::new(grants, &around.secrets, &around.tape)?,
            lookups: Lookups::new(network.resolver.clone()),
            tls: network.tls.clone(),
            sizes: Sizes {
                request: limits.http_request.0,
                response: limits.http_response.0,
            },
            random: limits.random.0,
            tape: around.tape.clone(),
        })
    }

    /// Whether its guest waits for the machine's files, which nothing can interrupt.
    pub(super) fn has_files(&self) -> bool {
        !self.grants.read.is_empty()
    }
}

/// What one instance reaches through.
pub(super) struct Access {
    reach: Arc<Reach>,
    denier: Denier,
    pub(super) wasi: WasiCtx,
    http: WasiHttpCtx,
    egress: Egress,
    files: Files,
    sockets: Sockets,
    /// What stands for files and sockets where a tape is on.
    held: Held,
}

impl Access {
    /// Opens what is granted, for one instance. Nothing can be written; no arguments; what the guest prints goes to
    /// `output`, what it is refused to `denials`.
    ///
    /// # Errors
    /// `not-applicable` when no granted file exists on this machine, `grant` when one cannot be opened.
    pub(super) fn new(
        reach: &Arc<Reach>,
        output: &OutputTail,
        denials: &Arc<Denials>,
    ) -> Result<Self, Failure> {
        let denier = Denier {
            probe: reach.probe.clone(),
            denials: denials.clone(),
        };
        Ok(Self {
            wasi: context(reach, &denier, output),
            http: http::context(),
            egress: Egress::new(reach, denier.clone()),
            files: taped::open(&reach.tape, &reach.grants.read)?,
            sockets: Sockets::default(),
            held: Held::default(),
            reach: reach.clone(),
            denier,
        })
    }

    /// Whether other files or folders lie at the granted paths than this instance has opened.
    ///
    /// # Errors
    /// `unavailable` when what lies there now cannot be opened, or nothing is left.
    pub(super) fn has_moved(&self) -> Result<bool, Failure> {
        taped::have_moved(&self.reach.tape, &self.files, &self.reach.grants.read)
    }

    /// The text that stands for a secret.
    ///
    /// # Errors
    /// `denied` when it is not granted.
    pub(super) fn placeholder(&self, name: &str) -> Result<String, Failure> {
        let granted = self.reach.secrets.placeholder(name);
        granted
            .map(str::to_owned)
            .ok_or_else(|| self.deny(name, "secrets", &Attempt::secret(name)))
    }

    /// The secret itself.
    ///
    /// # Errors
    /// `denied` when that is not granted.
    pub(super) fn reveal(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let granted = self.reach.secrets.reveal(name);
        granted
            .map(<[u8]>::to_vec)
            .ok_or_else(|| self.deny(name, "reveal", &Attempt::reveal(name)))
    }

    /// Notes that a guest asked for a database that it is not granted.
    pub(super) fn deny_database(&self, name: &str) {
        self.denier.note(&Attempt::sqlite(name));
    }

    fn deny(&self, name: &str, key: &str, attempt: &Attempt) -> Failure {
        self.denier.note(attempt);
        let message = format!("no secret `{name}` is granted to this probe (grant.{key})");
        Failure::new("denied", message)
    }
}

fn context(reach: &Arc<Reach>, denier: &Denier, output: &OutputTail) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    builder
        .stdout(output.clone())
        .stderr(output.clone())
        .max_random_size(reach.random)
        // Sockets are made by anybody, and refused where they would go.
        .allow_tcp(true)
        .allow_udp(true)
        // A guest with files runs on a thread that may block; see `Probe::spawn`.
        .allow_blocking_current_thread(reach.has_files());
    if let Some(deck) = reach.tape.deck() {
        let insecure = deck.random("insecure");
        builder
            .wall_clock(TapedClock(deck.clone()))
            .monotonic_clock(TapedClock(deck.clone()))
            .insecure_random_seed(seed(&insecure))
            .insecure_random(Deterministic::new(insecure))
            .secure_random(Deterministic::new(deck.random("secure")));
    }
    for (name, value) in reach.environment.granted(&reach.grants.env) {
        builder.env(name, value);
    }
    let (reach, denier) = (reach.clone(), denier.clone());
    builder.socket_addr_check(move |address, usage| {
        Box::pin(sockets::check(
            reach.clone(),
            denier.clone(),
            address,
            usage,
        ))
    });
    builder.build()
}

fn seed(bytes: &[u8]) -> u128 {
    let first = bytes.first_chunk();
    u128::from_le_bytes(first.copied().unwrap_or_default())
}

/// Links what guests reach through, over wasmtime's own interfaces, which must be linked already.
///
/// # Errors
/// When one of them is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>, tape: &Tape) -> wasmtime::Result<()> {
    descriptors::add_to_linker(linker)?;
    sockets::add_to_linker(linker)?;
    names::add_to_linker(linker)?;
    http::add_to_linker(linker)?;
    taped::add_to_linker(linker, tape)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// What a probe of these grants may reach, with names resolved like that, for the tests of this folder.
    pub(super) fn reach(grants: Grants, resolver: impl Resolve + 'static) -> Arc<Reach> {
        let network = Network {
            resolver: Arc::new(resolver),
            ..Network::new(&Tape::default())
        };
        let around = Surroundings::default();
        let reach = Reach::new(
            "test".into(),
            &grants,
            &Limits::default(),
            &network,
            &around,
        );
        Arc::new(reach.unwrap())
    }

    #[test]
    fn grants_are_shown_in_words() {
        let grants: Grants = toml::from_str(
            "read = [\"/etc\"]\nhttp = [\"https://a.example\"]\ntcp = [\"db:1\"]\nudp = [\"10.0.0.1:53\"]\n\
             env = [\"HOME\"]\nsecrets = [\"a\"]\nreveal = [\"b\"]\nsqlite = { jobs = \"/srv/jobs.db\" }",
        )
        .unwrap();
        let words = [
            "read /etc",
            "http https://a.example",
            "tcp db:1",
            "udp 10.0.0.1:53",
            "env HOME",
            "secret a",
            "reveal b",
            "sqlite jobs",
        ];
        assert_eq!(grants.words(), words);
    }
}
