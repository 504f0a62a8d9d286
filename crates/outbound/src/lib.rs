//! The guarded HTTP client for everything the server asks of other hosts: files of
//! `include:remote`, webhooks.
//!
//! Whoever may write a configuration or a hook chooses where the server connects to, so each request
//! is treated as hostile: the name is resolved here, every address it has must be a public one (or
//! one that the administrator allowed), the connection goes to exactly an address that was checked,
//! and all of it is done again at every redirect. Time and bytes are bounded. No proxy is taken from the
//! environment, no answer is decompressed, no connection is used twice.
//!
//! - Knows nothing of what is fetched or sent, and decides nothing about retries.
//! - Refuses in GitLab's words: they reach users as they are.

mod address;
mod allow;
mod client;
mod error;
mod exchange;
mod resolve;
mod tls;
mod url;

pub use address::Forbidden;
pub use allow::{Allowance, InvalidAllowance, Policy};
pub use bytes::Bytes;
pub use client::{Client, Limits, Request, Response, Trust};
pub use error::{Blocked, Error};
pub use hyper::Method;
pub use hyper::header::{HeaderMap, HeaderName, HeaderValue};
pub use resolve::{Resolve, System};
pub use url::Url;
