//! Certificates of TLS servers and in files: when they expire, whether they are for their host, whether their chain fits together.
//!
//! There is no TLS in here: `hello` writes the first message of a client, `handshake` reads what a server sends back in the clear, `starttls`
//! says what comes before in protocols that begin without TLS. `pem` reads files, `certificate` what is in both, with `der` and `time` below
//! it; `names` knows whom a certificate is for, and `judge` gives the verdict. `settings` reads the configuration, `wire` is the
//! connection, and `probe` is what the host calls. No signature is checked: whoever can answer in a server's place can show any certificate.

mod certificate;
mod der;
mod handshake;
mod hello;
mod judge;
mod look;
mod metrics;
mod names;
mod pem;
mod probe;
mod settings;
mod starttls;
#[cfg(test)]
mod testing;
mod time;

pub use certificate::{Certificate, Name};
pub use handshake::{Handshake, Refused};
pub use hello::client_hello;
pub use starttls::Starttls;
