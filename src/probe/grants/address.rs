//! Which addresses a granted name must not lead to: those that only this machine, its link or nobody has.
//!
//! Whoever controls a name's answers could otherwise reach what stands behind the machine's own door. Private networks
//! (10/8, 192.168/16, fc00::/7) are allowed, for that is where most of what is observed stands.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses outside the link-local range under which clouds serve their metadata: Alibaba, Oracle, Azure.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];
/// The same for AWS and Google over IPv6.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Why a granted name must not lead to `address`, in a word or two; nothing when it may.
pub(super) fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [127, ..] => Some("loopback"),
        [169, 254, ..] => Some("link-local"),
        [0, ..] => Some("unspecified"),
        [224..=239, ..] => Some("multicast"),
        [240..=255, ..] => Some("broadcast or reserved"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("documentation"),
        _ if METADATA_V4.contains(&address) => Some("cloud metadata"),
        _ => None,
    }
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfec0..=0xfeff, ..] => Some("site-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("documentation"),
        // Forms that carry an IPv4 address are for gateways; who writes one here wants to get past a check.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some("mapped IPv4"),
        [0, 0, 0, 0, 0, 0, ..] => Some("IPv4-compatible"),
        // A NAT64 gateway is how an IPv6-only machine reaches the rest: what it leads to counts.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => refusal_v4(joined(high, low)),
        [0x64, 0xff9b, 1, ..] => Some("local NAT64"),
        [0x2002, high, low, ..] => refusal_v4(joined(high, low)),
        // Teredo carries its client's address with every bit turned.
        [0x2001, 0, .., high, low] => refusal_v4(joined(!high, !low)),
        _ if METADATA_V6.contains(&address) => Some("cloud metadata"),
        _ => None,
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g38_what_only_this_machine_or_nobody_has_is_refused_in_every_form() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:80ff:fffe",
            "fd00:ec2::254",
            "fd20:ce::254",
        ] {
            let parsed: IpAddr = address.parse().expect("an address");
            assert!(refusal(parsed).is_some(), "{address}");
        }
    }

    #[test]
    fn g38_networks_where_things_stand_are_allowed() {
        for address in [
            "8.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "2606:4700::1",
            "fd12:3456::1",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "2001:4860:4860::8888",
        ] {
            let parsed: IpAddr = address.parse().expect("an address");
            assert_eq!(refusal(parsed), None, "{address}");
        }
    }
}
