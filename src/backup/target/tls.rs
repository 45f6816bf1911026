//! TLS towards object storage: rustls with ring, trusting what the machine trusts.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

/// The settings of every connection, made when the first one is needed: reading some hundred certificates takes a while.
#[derive(Debug, Default)]
pub(super) struct Tls(OnceCell<Arc<ClientConfig>>);

impl Tls {
    /// The settings.
    ///
    /// # Errors
    /// When the machine has no certificates to trust. It is asked again the next time.
    pub(super) async fn settings(&self) -> io::Result<Arc<ClientConfig>> {
        let made = || async {
            let roots = spawn_blocking(machine_roots)
                .await
                .map_err(io::Error::other)?;
            trusting(roots?)
        };
        self.0.get_or_try_init(made).await.cloned()
    }
}

/// What the machine trusts; certificates that cannot be read are left out, as every other program does.
fn machine_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let reason = found.errors.first().map_or_else(
        || "there are none".to_owned(),
        std::string::ToString::to_string,
    );
    let text = format!("the machine's root certificates cannot be read: {reason}");
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}

fn trusting(roots: RootCertStore) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let mut settings = builder.with_root_certificates(roots).with_no_client_auth();
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(settings))
}
