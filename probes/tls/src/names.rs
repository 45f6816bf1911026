//! Whether a certificate is for a host (RFC 9525): by the names in it that are meant for that, never by its common name.

use std::net::IpAddr;

use crate::certificate::{Certificate, Name};

/// Whether the certificate is for `host`, a name or an address.
pub fn is_for(certificate: &Certificate, host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    certificate.names.iter().any(|name| match (name, address) {
        (Name::Dns(pattern), None) => matches(pattern, &host),
        (Name::Address(one), Some(address)) => *one == address,
        _ => false,
    })
}

/// `*` stands for one whole label, the first, of a name with at least three.
fn matches(pattern: &str, host: &str) -> bool {
    let Some(domain) = pattern.strip_prefix("*.") else {
        return pattern == host;
    };
    match host.split_once('.') {
        Some((first, rest)) => !first.is_empty() && rest == domain && domain.contains('.'),
        None => false,
    }
}

/// The names that a certificate is for, the first few of them, for a message.
pub fn shown(certificate: &Certificate) -> String {
    const FEW: usize = 4;
    let names = certificate.names.iter().take(FEW).map(|name| match name {
        Name::Dns(name) => name.clone(),
        Name::Address(address) => address.to_string(),
    });
    let names: Vec<String> = names.collect();
    match certificate.names.len() {
        0 => "no host at all (its common name does not count)".to_owned(),
        count if count > FEW => format!("{} and {} more", names.join(", "), count - FEW),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        for (pattern, host, fits) in [
            ("example.com", "example.com", true),
            ("example.com", "www.example.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", ".example.com", false),
            ("w*.example.com", "www.example.com", false),
            ("*.com", "example.com", false),
            ("*", "localhost", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, host), fits, "{pattern} {host}");
        }
    }
}
