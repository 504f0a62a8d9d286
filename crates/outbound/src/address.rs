//! Which addresses are nobody else's business: this machine, its networks, and what is not an
//! ordinary public host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Why an address is refused. Displayed as GitLab says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// This machine.
    #[error("Requests to localhost are not allowed")]
    Localhost,
    /// This machine by another loopback address.
    #[error("Requests to loopback addresses are not allowed")]
    Loopback,
    /// Private networks.
    #[error("Requests to the local network are not allowed")]
    LocalNetwork,
    /// The own link; cloud providers answer here with the machine's credentials.
    #[error("Requests to the link local network are not allowed")]
    LinkLocal,
    /// Addresses behind a provider's address translation.
    #[error("Requests to the shared address space are not allowed")]
    SharedSpace,
    /// `255.255.255.255`.
    #[error("Requests to the limited broadcast address are not allowed")]
    Broadcast,
    /// Groups of hosts.
    #[error("Requests to multicast addresses are not allowed")]
    Multicast,
    /// Addresses for documentation, tests, translation or the future.
    #[error("Requests to reserved addresses are not allowed")]
    Reserved,
    /// A cloud provider's service for its machines at a public address.
    #[error("Requests to the metadata service are not allowed")]
    Metadata,
    /// The administrator named all hosts that may be asked.
    #[error("Requests to hosts and IP addresses not on the Allow List are denied")]
    NotListed,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

/// Networks that are not public, the narrower first (IANA's special-purpose registry, and what GitLab refuses).
const V4: &[(Ipv4Net, Forbidden)] = &[
    (v4(127, 0, 0, 1, 32), Forbidden::Localhost),
    (v4(0, 0, 0, 0, 8), Forbidden::Localhost),
    (v4(127, 0, 0, 0, 8), Forbidden::Loopback),
    (v4(10, 0, 0, 0, 8), Forbidden::LocalNetwork),
    (v4(172, 16, 0, 0, 12), Forbidden::LocalNetwork),
    (v4(192, 168, 0, 0, 16), Forbidden::LocalNetwork),
    (v4(169, 254, 0, 0, 16), Forbidden::LinkLocal),
    (v4(100, 64, 0, 0, 10), Forbidden::SharedSpace),
    (v4(168, 63, 129, 16, 32), Forbidden::Metadata),
    (v4(192, 0, 0, 0, 24), Forbidden::Reserved),
    (v4(192, 0, 2, 0, 24), Forbidden::Reserved),
    (v4(192, 88, 99, 0, 24), Forbidden::Reserved),
    (v4(198, 18, 0, 0, 15), Forbidden::Reserved),
    (v4(198, 51, 100, 0, 24), Forbidden::Reserved),
    (v4(203, 0, 113, 0, 24), Forbidden::Reserved),
    (v4(224, 0, 0, 0, 4), Forbidden::Multicast),
    (v4(255, 255, 255, 255, 32), Forbidden::Broadcast),
    (v4(240, 0, 0, 0, 4), Forbidden::Reserved),
];

const fn v6(first: u16, second: u16, third: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), length)
}

const V6: &[(Ipv6Net, Forbidden)] = &[
    (v6(0xfc00, 0, 0, 7), Forbidden::LocalNetwork),
    (v6(0xfec0, 0, 0, 10), Forbidden::LocalNetwork),
    (v6(0xfe80, 0, 0, 10), Forbidden::LinkLocal),
    (v6(0xff00, 0, 0, 8), Forbidden::Multicast),
    // Teredo, benchmarks, ORCHID and others: tunnels and identifiers, no hosts.
    (v6(0x2001, 0, 0, 23), Forbidden::Reserved),
    (v6(0x2001, 0xdb8, 0, 32), Forbidden::Reserved),
    (v6(0x3fff, 0, 0, 20), Forbidden::Reserved),
];

/// Addresses that the internet routes to hosts; everything else is for special purposes.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// Translation of IPv4: the address that is really reached stands in the last four bytes.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

/// 6to4: the address of the relay stands after the prefix.
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 16);

/// Returns why an address is refused; `None` for a public host.
pub(crate) fn forbidden(address: IpAddr) -> Option<Forbidden> {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<Forbidden> {
    let found = V4.iter().find(|(net, _)| net.contains(&address));
    found.map(|(_, reason)| *reason)
}

fn forbidden_v6(address: Ipv6Addr) -> Option<Forbidden> {
    if is_own(address) {
        return Some(Forbidden::Localhost);
    }
    if let Some(inner) = embedded(address) {
        return forbidden_v4(inner);
    }
    if let Some((_, reason)) = V6.iter().find(|(net, _)| net.contains(&address)) {
        return Some(*reason);
    }
    (!GLOBAL_UNICAST.contains(&address)).then_some(Forbidden::Reserved)
}

/// `::` and `::1`.
fn is_own(address: Ipv6Addr) -> bool {
    address.is_unspecified() || address.is_loopback()
}

/// The IPv4 address that an IPv6 address leads to.
pub(crate) fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if is_own(address) {
        return None;
    }
    let bytes = address.octets();
    let at = |start: usize| Ipv4Addr::new(bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]);
    if NAT64.contains(&address) {
        return Some(at(12));
    }
    if SIX_TO_FOUR.contains(&address) {
        return Some(at(2));
    }
    // `::ffff:a.b.c.d` and the deprecated `::a.b.c.d`.
    address.to_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_hosts_are_reached() {
        for (address, expected) in [
            ("127.0.0.1", Some(Forbidden::Localhost)),
            ("0.0.0.0", Some(Forbidden::Localhost)),
            ("0.1.2.3", Some(Forbidden::Localhost)),
            ("127.8.9.10", Some(Forbidden::Loopback)),
            ("10.1.2.3", Some(Forbidden::LocalNetwork)),
            ("172.16.0.1", Some(Forbidden::LocalNetwork)),
            ("172.31.255.255", Some(Forbidden::LocalNetwork)),
            ("192.168.1.1", Some(Forbidden::LocalNetwork)),
            ("169.254.169.254", Some(Forbidden::LinkLocal)),
            ("100.64.0.1", Some(Forbidden::SharedSpace)),
            ("100.100.100.200", Some(Forbidden::SharedSpace)),
            ("168.63.129.16", Some(Forbidden::Metadata)),
            ("192.0.2.1", Some(Forbidden::Reserved)),
            ("198.19.0.1", Some(Forbidden::Reserved)),
            ("203.0.113.9", Some(Forbidden::Reserved)),
            ("224.0.0.1", Some(Forbidden::Multicast)),
            ("239.255.255.255", Some(Forbidden::Multicast)),
            ("240.0.0.1", Some(Forbidden::Reserved)),
            ("255.255.255.255", Some(Forbidden::Broadcast)),
            ("::", Some(Forbidden::Localhost)),
            ("::1", Some(Forbidden::Localhost)),
            ("::ffff:127.0.0.1", Some(Forbidden::Localhost)),
            ("::ffff:10.0.0.1", Some(Forbidden::LocalNetwork)),
            ("::127.0.0.1", Some(Forbidden::Localhost)),
            ("64:ff9b::a9fe:a9fe", Some(Forbidden::LinkLocal)),
            ("64:ff9b::10.0.0.1", Some(Forbidden::LocalNetwork)),
            ("64:ff9b:1::10.0.0.1", Some(Forbidden::Reserved)),
            ("2002:7f00:1::", Some(Forbidden::Localhost)),
            ("2002:a00:1::", Some(Forbidden::LocalNetwork)),
            ("fd00:ec2::254", Some(Forbidden::LocalNetwork)),
            ("fc00::1", Some(Forbidden::LocalNetwork)),
            ("fec0::1", Some(Forbidden::LocalNetwork)),
            ("fe80::1", Some(Forbidden::LinkLocal)),
            ("ff02::1", Some(Forbidden::Multicast)),
            ("2001::1", Some(Forbidden::Reserved)),
            ("2001:db8::1", Some(Forbidden::Reserved)),
            ("100::1", Some(Forbidden::Reserved)),
            ("4000::1", Some(Forbidden::Reserved)),
            ("93.184.215.14", None),
            ("172.32.0.1", None),
            ("100.128.0.1", None),
            ("2606:4700::1111", None),
            ("64:ff9b::5db8:d70e", None),
            ("::ffff:93.184.215.14", None),
        ] {
            assert_eq!(forbidden(address.parse().unwrap()), expected, "{address}");
        }
    }
}
