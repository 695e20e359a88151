//! Which addresses may be dialled [E4]: global unicast only, judged by the IPv4 address inside where there is one.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The metadata services that AWS credentials come from: instances, containers (ECS), pods (EKS).
pub const METADATA: [&str; 5] = ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"];

/// How far a dialer reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To every address: only for exact hosts and ports that the operator named.
    Anywhere,
    /// To public addresses and to private networks; never to loopback or link-local ones.
    PrivateToo,
    /// To global unicast addresses.
    Public,
}

impl Reach {
    /// Whether an address may be dialled.
    pub fn passes(self, address: IpAddr) -> bool {
        match self {
            Reach::Anywhere => true,
            Reach::PrivateToo => is_public(address) || is_private(address),
            Reach::Public => is_public(address),
        }
    }
}

/// Every address of a name is one that may not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address may not be dialled")
    }
}

impl std::error::Error for Forbidden {}

/// Global unicast. Source: the IANA special-purpose address registries.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

/// Networks of one organisation: RFC 1918, shared address space, unique local.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => PRIVATE_V4.iter().any(|range| range.contains(address)),
        // The metadata services' own prefix stays shut.
        IpAddr::V6(address) => starts(address, 0xfc00, 7) && address.segments().get(..2) != Some(&[0xfd00, 0x0ec2]),
    }
}

/// A block of IPv4 addresses: its first one, and how many leading bits they share.
struct Range(Ipv4Addr, u32);

impl Range {
    fn contains(&self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.0.to_bits()).checked_shr(32 - self.1).unwrap_or(0) == 0
    }
}

const fn range(a: u8, b: u8, c: u8, d: u8, bits: u32) -> Range {
    Range(Ipv4Addr::new(a, b, c, d), bits)
}

const PRIVATE_V4: [Range; 4] =
    [range(10, 0, 0, 0, 8), range(100, 64, 0, 0, 10), range(172, 16, 0, 0, 12), range(192, 168, 0, 0, 16)];

const SPECIAL_V4: [Range; 11] = [
    range(0, 0, 0, 0, 8),
    range(127, 0, 0, 0, 8),
    range(168, 63, 129, 16, 32), // Azure's host agent
    range(169, 254, 0, 0, 16),
    range(192, 0, 0, 0, 24),
    range(192, 0, 2, 0, 24),
    range(192, 88, 99, 0, 24), // 6to4 relays, withdrawn
    range(198, 18, 0, 0, 15),
    range(198, 51, 100, 0, 24),
    range(203, 0, 113, 0, 24),
    range(224, 0, 0, 0, 3), // multicast, reserved, broadcast
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !PRIVATE_V4.iter().chain(&SPECIAL_V4).any(|range| range.contains(address))
}

/// 2000::/3 is all the global unicast there is, less its special parts.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let documentation = segments.starts_with(&[0x2001, 0x0db8]) || starts(address, 0x3ff0, 12) && segments[0] == 0x3fff;
    // 2001::/23 is for protocols, not for hosts.
    let protocol = segments[0] == 0x2001 && segments[1] < 0x0200;
    starts(address, 0x2000, 3) && !documentation && !protocol
}

fn starts(address: Ipv6Addr, prefix: u16, bits: u32) -> bool {
    (address.segments()[0] ^ prefix).checked_shr(16 - bits).unwrap_or(0) == 0
}

/// The IPv4 address that an IPv6 address leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // mapped, translated (SIIT), NAT64, NAT64 for local use
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low] => Some(v4(high, low)),
        // 6to4
        [0x2002, high, low, ..] => Some(v4(high, low)),
        // Teredo hides the client's address by inverting it
        [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(texts: &[&str]) {
        for text in texts {
            assert!(!Reach::Public.passes(text.parse().unwrap()), "{text} passed");
        }
    }

    #[test]
    fn e4_every_special_ipv4_range_is_refused_at_both_ends() {
        refused(&["0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255"]);
        refused(&["127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.170.2"]);
        refused(&["172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.0", "192.0.2.255"]);
        refused(&["192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.0"]);
        refused(&["203.0.113.0", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255"]);
        refused(&["168.63.129.16", "169.254.255.255"]);
    }

    #[test]
    fn e4_every_special_ipv6_range_is_refused() {
        refused(&["::", "::1", "::2", "fc00::1", "fdff::1", "fe80::1", "febf::1", "ff02::1", "2001:db8::1"]);
        refused(&["100::1", "2001:2::1", "3fff::1", "fec0::1", "4000::1", "fd00:ec2::254"]);
    }

    #[test]
    fn e4_an_embedded_ipv4_address_is_what_is_judged() {
        refused(&["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1"]);
        refused(&["64:ff9b:1::169.254.169.254", "2002:7f00:1::", "2002:a9fe:a9fe::1"]);
        // Teredo with the client 127.0.0.1, inverted
        refused(&["2001:0:4136:e378:8000:63bf:80ff:fffe"]);
        for text in ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:f7f7:f7f7"] {
            assert!(Reach::Public.passes(text.parse().unwrap()), "{text} refused");
        }
    }

    #[test]
    fn e4_neighbours_of_special_ranges_pass() {
        for text in ["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"] {
            assert!(Reach::Public.passes(text.parse().unwrap()), "{text} refused");
        }
        for text in ["172.15.255.255", "172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"] {
            assert!(Reach::Public.passes(text.parse().unwrap()), "{text} refused");
        }
        for text in ["2600::1", "2a00:1450:4001:80e::200a", "168.63.129.17", "169.253.255.255", "169.255.0.0"] {
            assert!(Reach::Public.passes(text.parse().unwrap()), "{text} refused");
        }
    }

    #[test]
    fn e2_interface_endpoints_reach_private_networks_and_nothing_more() {
        for text in ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "8.8.8.8"] {
            assert!(Reach::PrivateToo.passes(text.parse().unwrap()), "{text} refused");
        }
        for text in ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "0.0.0.0"] {
            assert!(!Reach::PrivateToo.passes(text.parse().unwrap()), "{text} passed");
        }
    }
}
