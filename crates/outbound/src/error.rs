//! Why a request got no answer.

use std::time::Duration;

use crate::address::Forbidden;

/// Why there is no answer. Nothing that was sent or received is part of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request was not made, or not repeated at the address of a redirect.
    #[error("URL is blocked: {0}")]
    Blocked(#[from] Blocked),
    /// Nothing listens there.
    #[error("Failed to open TCP connection to {host}:{port} (Connection refused)")]
    Refused {
        /// Host of the address.
        host: String,
        /// Port of the address.
        port: u16,
    },
    /// The connection could not be made or broke.
    #[error("the connection to {host}:{port} failed: {reason}")]
    Connection {
        /// Host of the address.
        host: String,
        /// Port of the address.
        port: u16,
        /// What the operating system said.
        reason: String,
    },
    /// The other side could not prove who it is, or speaks no TLS that we do.
    #[error("no secure connection to {host}:{port}: {reason}")]
    Tls {
        /// Host of the address.
        host: String,
        /// Port of the address.
        port: u16,
        /// What is wrong.
        reason: String,
    },
    /// The time was up.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The answer has more bytes than are wanted.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// More redirects than are followed, or one that leads nowhere.
    #[error("{0}")]
    Redirect(&'static str),
    /// What came back is not HTTP as it should be.
    #[error("the answer is not valid HTTP: {0}")]
    Protocol(String),
}

/// Why a request may not be made at all. Displayed as GitLab says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Not an address that can be read.
    #[error("URI is invalid")]
    InvalidUrl,
    /// Neither `http` nor `https`.
    #[error("Only allowed schemes are http, https")]
    Scheme,
    /// The name has no address.
    #[error("Host cannot be resolved or invalid")]
    Unresolved,
    /// The address is not one to connect to.
    #[error(transparent)]
    Address(#[from] Forbidden),
}
