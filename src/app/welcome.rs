//! What the start says: what is sampled, which probes were found, where to look, and what to try next.

use std::net::SocketAddr;

use crate::config::Loaded;
use crate::model::{ByteSize, Failure, ProbeIdentity};
use crate::sampler::Maker;

/// Where everything is.
pub(super) fn listening(loaded: &Loaded, address: SocketAddr, makers: &[Maker]) {
    let config = &loaded.config;
    let samplers: Vec<&str> = makers.iter().map(Maker::name).collect();
    tracing::info!(
        "probity {} with {}",
        env!("CARGO_PKG_VERSION"),
        loaded.origin
    );
    tracing::info!(
        "sampling {} every {}",
        samplers.join(", "),
        config.sampler.interval
    );
    let folder = config.probes.folder.display();
    tracing::info!(
        "probes from {folder}, every {} unless their section says otherwise",
        config.probes.interval
    );
    tracing::info!(
        "snapshot http://{address}/snapshot   metrics http://{address}/metrics   health http://{address}/readyz?verbose"
    );
    tracing::info!(
        "next: curl -s http://{address}/snapshot/health, or drop a component into {folder} and start again"
    );
}

/// One line for a probe that can run.
pub(super) fn loaded(identity: &ProbeIdentity) {
    let how = if identity.cached {
        "loaded from the cache in"
    } else {
        "compiled in"
    };
    let size = kibibytes(identity.size_bytes);
    tracing::info!(
        probe = &*identity.name,
        "{size}, {how} {:.0?}; asks for {}; granted: {}",
        identity.compile,
        list(&identity.asks),
        list(&identity.granted)
    );
}

/// One line for a probe that cannot.
pub(super) fn rejected(identity: &ProbeIdentity, failure: &Failure) {
    let file = identity.file.display();
    tracing::warn!(
        probe = &*identity.name,
        "rejected: {failure} ({file}); next: mend or remove the file and start again"
    );
}

fn list(words: &[String]) -> String {
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

fn kibibytes(bytes: u64) -> String {
    ByteSize(bytes.div_ceil(1024) * 1024).to_string()
}
