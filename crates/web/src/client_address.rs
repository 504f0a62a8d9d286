//! Where a call comes from: the peer of the connection, or behind proxies that the administrator trusts, whoever
//! the outermost of them was called by.
//!
//! Only `X-Forwarded-For` is read, from its end: each proxy adds whom it was called by. What stands left of the
//! first address that is no trusted proxy was written by a stranger and means nothing.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use app::{App, Network};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

/// The header in which proxies note whom they were called by.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that a call comes from; `None` when there is no connection, as in tests of the router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<ClientAddress, Infallible> {
        let trusted = &app.settings.trusted_proxies;
        Ok(ClientAddress(address(&parts.extensions, &parts.headers, trusted)))
    }
}

/// Finds the address of whoever sent a request.
pub(crate) fn address(extensions: &Extensions, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(behind_proxies(peer.ip().to_canonical(), headers, trusted))
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer;
    if !is_trusted(nearest) {
        return nearest;
    }
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    // What cannot be read ends the chain: the proxy that passed it on stands for its caller then.
    for line in lines {
        let Ok(line) = line.to_str() else { return nearest };
        for text in line.rsplit(',') {
            let Some(address) = parse(text.trim()) else {
                return nearest;
            };
            nearest = address;
            if !is_trusted(nearest) {
                return nearest;
            }
        }
    }
    nearest
}

/// Reads an address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let without_brackets = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = without_brackets
        .unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_who_called_them() {
        for (trusted, peer, lines, expected) in [
            ("", "10.0.0.1", vec!["1.2.3.4"], "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["1.2.3.4"], "1.2.3.4"),
            ("10.0.0.0/8", "11.0.0.1", vec!["1.2.3.4"], "11.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.0/8", "10.0.0.1", vec!["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.0/8", "10.0.0.1", vec!["6.6.6.6", "1.2.3.4,10.0.0.2"], "1.2.3.4"),
            ("10.0.0.0/8", "10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.0/8", "10.0.0.1", vec!["1.2.3.4, unknown"], "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["1.2.3.4, "], "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["1.2.3.4:5678"], "1.2.3.4"),
            ("10.0.0.0/8", "10.0.0.1", vec!["[2001:db8::1]:5678"], "2001:db8::1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", vec!["::ffff:1.2.3.4"], "1.2.3.4"),
            ("::1", "::1", vec!["2001:db8::1"], "2001:db8::1"),
        ] {
            let trusted: Vec<Network> = trusted.split(' ').filter_map(|text| text.parse().ok()).collect();
            let headers: HeaderMap = lines
                .iter()
                .map(|line| {
                    (
                        axum::http::HeaderName::from_static(FORWARDED_FOR),
                        line.parse().unwrap(),
                    )
                })
                .collect();
            let peer: IpAddr = peer.parse().unwrap();
            let found = behind_proxies(peer.to_canonical(), &headers, &trusted);
            assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
        }
    }
}
