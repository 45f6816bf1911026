//! What the start says: what is sampled, which probes were found, where to look, and what to try next.

use std::net::SocketAddr;

use crate::config::Loaded;
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
        "next: curl -s http://{address}/snapshot/health, or drop a component into {folder}"
    );
}
