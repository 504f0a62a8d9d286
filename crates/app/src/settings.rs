//! What the administrator configured, as checked values. Read once at start by the server.

use crate::network::Network;

/// Settings of this server that use cases look at.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clients reach the server.
    pub external_url: ExternalUrl,
    /// Version as `GET /version` tells it.
    pub version: Version,
    /// Most trigger tokens of one project (GitLab: 25,000).
    pub max_trigger_tokens_per_project: i64,
    /// Longest life of a token in days (GitLab: 365).
    pub max_token_lifetime_days: i64,
    /// Most jobs of one pipeline; 0 = any number.
    pub max_jobs_per_pipeline: usize,
    /// Bytes of a configuration file, and of what it becomes in GitLab's memory (GitLab: 2 MiB).
    pub max_yaml_size_bytes: usize,
    /// Most pipelines one user may start for the same project and commit in a minute; 0 = any number.
    pub max_pipelines_per_minute: u32,
    /// Proxies that are believed when they say whom they were called by.
    pub trusted_proxies: Vec<Network>,
    /// Most pipelines that may lead to each other, across projects and servers.
    pub max_trigger_chain: usize,
    /// Days after which entries of trigger logs are forgotten.
    pub trigger_log_days: u32,
    /// Most entries of one project's trigger log.
    pub trigger_log_entries: u32,
    /// Days after which audit events are forgotten; 0 = never.
    pub audit_event_days: u32,
    /// API calls a minute from one address without a good credential; 0 = any number.
    pub unauthenticated_calls_per_minute: u32,
    /// API calls a minute of one user; 0 = any number.
    pub authenticated_calls_per_minute: u32,
}

impl Settings {
    /// Returns the defaults for a server that is reached at `external_url`.
    #[must_use]
    pub fn new(external_url: ExternalUrl) -> Settings {
        Settings {
            external_url,
            version: Version::default(),
            max_trigger_tokens_per_project: 25_000,
            max_token_lifetime_days: 365,
            max_jobs_per_pipeline: 0,
            max_yaml_size_bytes: 2_097_152,
            max_pipelines_per_minute: 0,
            trusted_proxies: Vec::new(),
            max_trigger_chain: 20,
            trigger_log_days: 90,
            trigger_log_entries: 100_000,
            audit_event_days: 365,
            unauthenticated_calls_per_minute: 500,
            authenticated_calls_per_minute: 2000,
        }
    }
}

/// The GitLab version whose behaviour this server shows to its clients.
#[derive(Clone, Debug)]
pub struct Version {
    /// `18.11.2`: clients compare it with the features they need.
    pub version: String,
    /// Revision, eight characters or so.
    pub revision: String,
}

impl Default for Version {
    fn default() -> Version {
        Version {
            version: "18.11.2".to_owned(),
            revision: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// The address under which clients reach the server, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl {
    base: String,
    scheme: String,
    host: String,
    port: u16,
    path: String,
}

/// The text is not an `http` or `https` address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an external URL: expected `http://HOST[:PORT][/PATH]` or `https://…`, without user, query or fragment"
)]
pub struct InvalidExternalUrl {
    /// What was given.
    pub text: String,
}

impl std::str::FromStr for ExternalUrl {
    type Err = InvalidExternalUrl;

    fn from_str(text: &str) -> Result<ExternalUrl, InvalidExternalUrl> {
        let invalid = || InvalidExternalUrl { text: text.to_owned() };
        let trimmed = text.trim_end_matches('/');
        let (scheme, rest) = trimmed.split_once("://").ok_or_else(invalid)?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(invalid()),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | '?' | '#' | '"' | '<' | '>' | '\\');
        if authority.is_empty() || !authority.chars().all(plain) || !path.chars().all(plain) {
            return Err(invalid());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.contains(']') => {
                (host, port.parse().map_err(|_| invalid())?)
            }
            _ => (authority, default_port),
        };
        Ok(ExternalUrl {
            base: trimmed.to_owned(),
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }
}

impl ExternalUrl {
    /// Returns the address without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the host without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, also when it is the scheme's usual one.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path under which the server lives, empty or with a leading slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns host and port, the port only when it is not the scheme's usual one (`CI_SERVER_FQDN`).
    #[must_use]
    pub fn fqdn(&self) -> String {
        match (self.scheme.as_str(), self.port) {
            ("http", 80) | ("https", 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_url_is_taken_apart() {
        let url: ExternalUrl = "http://ci.example:8080/sub/".parse().unwrap();
        assert_eq!(
            (
                url.base(),
                url.scheme(),
                url.host(),
                url.port(),
                url.path(),
                url.fqdn().as_str()
            ),
            (
                "http://ci.example:8080/sub",
                "http",
                "ci.example",
                8080,
                "/sub",
                "ci.example:8080"
            )
        );
        let url: ExternalUrl = "https://ci.example".parse().unwrap();
        assert_eq!((url.port(), url.fqdn().as_str(), url.path()), (443, "ci.example", ""));
        let url: ExternalUrl = "http://[::1]:3000".parse().unwrap();
        assert_eq!((url.host(), url.port()), ("[::1]", 3000));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "ci.example",
            "ftp://x",
            "http://",
            "http://a@b",
            "http://a?b",
            "http://a:port",
            "http://a b",
        ] {
            assert!(bad.parse::<ExternalUrl>().is_err(), "{bad}");
        }
    }
}
