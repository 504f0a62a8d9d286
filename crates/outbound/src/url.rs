//! Addresses as people write them, taken apart once.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use hyper::Uri;

use crate::error::Blocked;

/// An `http` or `https` address. Displayed without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    pub(crate) secure: bool,
    /// Name or address, lower case, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Starts with `/`; with the query.
    pub(crate) path: String,
    /// User and password as written, percent-encoded.
    pub(crate) userinfo: Option<(String, String)>,
}

impl Url {
    /// Returns host and port; the port only when it is not the scheme's usual one.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Whether requests to both go to the same server by the same protocol.
    #[must_use]
    pub fn same_origin(&self, other: &Url) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }

    /// Resolves the `Location` of an answer to a request to this address (RFC 3986, 5.2).
    ///
    /// # Errors
    ///
    /// When the result is not an `http` or `https` address.
    pub fn join(&self, location: &str) -> Result<Url, Blocked> {
        let scheme = if self.secure { "https" } else { "http" };
        let location = location.split('#').next().unwrap_or_default();
        if has_scheme(location) {
            return location.parse();
        }
        if location.starts_with("//") {
            return format!("{scheme}:{location}").parse();
        }
        let own = self.path.split('?').next().unwrap_or("/");
        let path = match location.chars().next() {
            None => self.path.clone(),
            Some('/') => location.to_owned(),
            Some('?') => format!("{own}{location}"),
            Some(_) => format!("{}{location}", &own[..=own.rfind('/').unwrap_or(0)]),
        };
        let joined = format!("{scheme}://{}{}", self.authority(), without_dots(&path));
        joined.parse()
    }
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Removes `.` and `..` from a path, not from its query.
fn without_dots(path: &str) -> String {
    let (path, query) = match path.find('?') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." => {}
            ".." => {
                kept.pop();
            }
            part => {
                kept.push(part);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

impl FromStr for Url {
    type Err = Blocked;

    fn from_str(text: &str) -> Result<Url, Blocked> {
        let uri: Uri = graphic(text.trim()).parse().map_err(|_| Blocked::InvalidUrl)?;
        let secure = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err(Blocked::Scheme),
            None => return Err(Blocked::InvalidUrl),
        };
        let authority = uri.authority().ok_or(Blocked::InvalidUrl)?;
        let host = host(authority.host()).ok_or(Blocked::InvalidUrl)?;
        let (userinfo, server) = match authority.as_str().rsplit_once('@') {
            Some((userinfo, server)) => (Some(userinfo), server),
            None => (None, authority.as_str()),
        };
        let port = match server.strip_prefix(authority.host()) {
            Some("" | ":") if secure => 443,
            Some("" | ":") => 80,
            Some(rest) => port(rest).ok_or(Blocked::InvalidUrl)?,
            None => return Err(Blocked::InvalidUrl),
        };
        let userinfo = userinfo.map(|text| {
            let (user, password) = text.split_once(':').unwrap_or((text, ""));
            (user.to_owned(), password.to_owned())
        });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Url {
            secure,
            host,
            port,
            path,
            userinfo,
        })
    }
}

/// Encodes what may not stand in an address: spaces and everything outside of ASCII.
fn graphic(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A colon and a port that can be connected to.
fn port(text: &str) -> Option<u16> {
    let port = text.strip_prefix(':')?.parse().ok()?;
    (port > 0).then_some(port)
}

/// A name of ASCII letters, digits, `-`, `_` and dots, or an IPv6 address in brackets.
fn host(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!text.is_empty() && text.bytes().all(plain)).then(|| text.to_ascii_lowercase())
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        for (text, expected) in [
            ("http://Example.com", "http://example.com/"),
            ("https://example.com:443/a?b=c#d", "https://example.com/a?b=c"),
            ("https://example.com:8443/a", "https://example.com:8443/a"),
            ("http://user:pa%40ss@example.com/x", "http://example.com/x"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("HTTPS://example.com?x=1", "https://example.com/?x=1"),
            (" http://example.com/a b/ü.yml", "http://example.com/a%20b/%C3%BC.yml"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), expected, "{text}");
        }
        let url: Url = "http://user:pa%40ss@example.com/x".parse().unwrap();
        assert_eq!(url.userinfo, Some(("user".to_owned(), "pa%40ss".to_owned())));
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        for (text, expected) in [
            ("ftp://example.com/x", Blocked::Scheme),
            ("ssh://example.com/x", Blocked::Scheme),
            ("file:///etc/passwd", Blocked::InvalidUrl),
            ("example.com/x", Blocked::InvalidUrl),
            ("/x", Blocked::InvalidUrl),
            ("http://", Blocked::InvalidUrl),
            ("http:///x", Blocked::InvalidUrl),
            ("http://exa mple.com/", Blocked::InvalidUrl),
            ("http://example.com:99999/", Blocked::InvalidUrl),
            ("http://example.com:0/", Blocked::InvalidUrl),
            ("http://[::1/", Blocked::InvalidUrl),
            ("http://[fe80::1%25eth0]/", Blocked::InvalidUrl),
            ("http://ex\r\nample.com/", Blocked::InvalidUrl),
            ("", Blocked::InvalidUrl),
        ] {
            assert_eq!(text.parse::<Url>().unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn a_location_is_resolved_against_the_request() {
        let base: Url = "https://u:p@example.com:8443/a/b/c?d=e".parse().unwrap();
        for (location, expected) in [
            ("https://other.com/x", "https://other.com/x"),
            ("//other.com/x", "https://other.com/x"),
            ("/x/../y?z=../1", "https://example.com:8443/y?z=../1"),
            ("x", "https://example.com:8443/a/b/x"),
            ("../x", "https://example.com:8443/a/x"),
            ("../../../x/..", "https://example.com:8443/"),
            ("./", "https://example.com:8443/a/b/"),
            ("?q=1", "https://example.com:8443/a/b/c?q=1"),
            ("#top", "https://example.com:8443/a/b/c?d=e"),
            ("x:y/z", "refused"),
            ("javascript:alert(1)", "refused"),
        ] {
            let joined = base.join(location).map(|url| {
                assert_eq!(url.userinfo, None, "{location}");
                url.to_string()
            });
            assert_eq!(joined.unwrap_or_else(|_| "refused".to_owned()), expected, "{location}");
        }
    }
}
