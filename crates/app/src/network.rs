//! Networks of addresses, as administrators and Maintainers write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// Bits of `::ffff:0:0/96`, in which IPv6 writes addresses of IPv4.
const MAPPED_BITS: u8 = 96;

/// A network of IPv4 or IPv6 addresses, or a single address. An IPv4 address in IPv6's clothes is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

/// The text names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no network; expected `ADDRESS` or `ADDRESS/BITS`, as `10.0.0.0/8` or `2001:db8::/32`")]
pub struct InvalidNetwork {
    /// What was given.
    pub text: String,
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Network, InvalidNetwork> {
        let found = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| InvalidNetwork { text: text.to_owned() })?;
        Ok(Network(plain(found.trunc())))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Network {
    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// A network of IPv4 addresses in IPv6's clothes as what it is.
fn plain(net: IpNet) -> IpNet {
    let IpNet::V6(inner) = net else { return net };
    let bits = inner.prefix_len().checked_sub(MAPPED_BITS);
    match (inner.addr().to_ipv4_mapped(), bits) {
        (Some(address), Some(bits)) => Ipv4Net::new(address, bits).map_or(net, IpNet::V4),
        _ => net,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_its_networks() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.9.9.9/8", "10.0.0.1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:11.0.0.1", false),
            ("2001:db8::1", "2001:db8::1", true),
        ] {
            let found = network.parse::<Network>().unwrap().contains(address.parse().unwrap());
            assert_eq!(found, expected, "{address} in {network}");
        }
    }

    #[test]
    fn networks_are_shown_without_what_they_do_not_look_at() {
        for (text, shown) in [
            ("10.9.9.9/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:DB8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn anything_else_is_no_network() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "::/129",
            "example.com",
            "10.0.0.0/-1",
            "10.0.0.0/8 ",
            "1/1",
            "010.0.0.1",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
