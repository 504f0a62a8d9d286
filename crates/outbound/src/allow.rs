//! What the administrator allows besides public hosts.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::address::{self, Forbidden};

/// Which hosts may be asked. The default: public ones only.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Hosts and networks that may be asked although they are not public.
    pub allow: Vec<Allowance>,
    /// Whether nothing else may be asked, public or not.
    pub only_allowed: bool,
}

impl Policy {
    /// Returns why an address must not be connected to; `None` when it may.
    ///
    /// `host` is the name as the address of the request has it.
    pub(crate) fn refusal(&self, host: &str, port: u16, address: IpAddr) -> Option<Forbidden> {
        if self.allow.iter().any(|allowed| allowed.covers(host, port, address)) {
            return None;
        }
        if self.only_allowed {
            return Some(Forbidden::NotListed);
        }
        address::forbidden(address)
    }
}

/// A host or network that may be asked: `git.internal`, `*.internal`, `10.1.2.3`, `10.0.0.0/8`,
/// `[fd00::1]`; each with `:PORT` for this port only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    /// Addresses of a network, by whatever name they were found.
    Net(IpNet),
    /// One name, whatever addresses it has.
    Name(String),
    /// Every name below this one, which starts with a dot.
    Below(String),
}

/// The text names no host and no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no host and no network; expected `HOST`, `*.DOMAIN`, `ADDRESS` or `ADDRESS/BITS`, and `:PORT` after it for one port"
)]
pub struct InvalidAllowance {
    /// What was given.
    pub text: String,
}

impl Allowance {
    fn covers(&self, host: &str, port: u16, address: IpAddr) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        let host = host.trim_end_matches('.');
        match &self.hosts {
            Hosts::Net(net) => net.contains(&plain(address)),
            Hosts::Name(name) => host.eq_ignore_ascii_case(name),
            Hosts::Below(suffix) => host.to_ascii_lowercase().ends_with(suffix) && host.len() > suffix.len(),
        }
    }
}

/// An IPv4 address in IPv6 clothes as what it is.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(inner) => address::embedded(inner).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

impl FromStr for Allowance {
    type Err = InvalidAllowance;

    fn from_str(text: &str) -> Result<Allowance, InvalidAllowance> {
        let invalid = || InvalidAllowance { text: text.to_owned() };
        let trimmed = text.trim();
        if let Some(net) = net(trimmed) {
            return Ok(Allowance {
                hosts: Hosts::Net(net),
                port: None,
            });
        }
        let (host, port) = match trimmed.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| invalid())?)),
            _ => (trimmed, None),
        };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let hosts = match (net(bare.unwrap_or(host)), host.strip_prefix('*')) {
            (Some(net), _) => Hosts::Net(net),
            (None, Some(suffix)) if suffix.len() > 1 && suffix.starts_with('.') && is_name(&suffix[1..]) => {
                Hosts::Below(suffix.to_ascii_lowercase())
            }
            (None, None) if is_name(host) => Hosts::Name(host.trim_end_matches('.').to_ascii_lowercase()),
            _ => return Err(invalid()),
        };
        Ok(Allowance { hosts, port })
    }
}

fn net(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, host: &str, port: u16, address: &str) -> bool {
        let policy = Policy {
            allow: vec![entry.parse().unwrap()],
            only_allowed: false,
        };
        policy.refusal(host, port, address.parse().unwrap()).is_none()
    }

    #[test]
    fn an_allowance_covers_what_it_names_and_nothing_else() {
        for (entry, host, port, address, expected) in [
            ("10.0.0.0/8", "a.b", 80, "10.1.2.3", true),
            ("10.0.0.0/8", "a.b", 80, "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "a.b", 80, "192.168.0.1", false),
            ("10.0.0.0/8:8080", "a.b", 8080, "10.1.2.3", true),
            ("10.0.0.0/8:8080", "a.b", 80, "10.1.2.3", false),
            ("127.0.0.1", "localhost", 80, "127.0.0.1", true),
            ("127.0.0.1", "localhost", 80, "::1", false),
            ("127.0.0.1:9000", "localhost", 9001, "127.0.0.1", false),
            ("[::1]:9000", "localhost", 9000, "::1", true),
            ("::1", "localhost", 80, "::1", true),
            ("git.internal", "GIT.internal.", 80, "10.0.0.1", true),
            ("git.internal", "xgit.internal", 80, "10.0.0.1", false),
            ("*.internal", "git.internal", 80, "10.0.0.1", true),
            ("*.internal", "a.git.internal", 443, "10.0.0.1", true),
            ("*.internal", "internal", 80, "10.0.0.1", false),
            ("*.internal:443", "git.internal", 80, "10.0.0.1", false),
        ] {
            assert_eq!(
                allows(entry, host, port, address),
                expected,
                "{entry} {host}:{port} {address}"
            );
        }
    }

    #[test]
    fn a_list_can_be_all_there_is() {
        let policy = Policy {
            allow: vec!["example.com".parse().unwrap()],
            only_allowed: true,
        };
        let public = "93.184.215.14".parse().unwrap();
        assert_eq!(policy.refusal("example.com", 443, public), None);
        assert_eq!(policy.refusal("example.org", 443, public), Some(Forbidden::NotListed));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "a b",
            "http://a",
            "10.0.0.0/40",
            "a:b",
            "a:70000",
            "-:",
            "*a.b",
            "[::1",
        ] {
            assert!(text.parse::<Allowance>().is_err(), "{text}");
        }
    }
}
