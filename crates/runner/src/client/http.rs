//! HTTP/1.1 with kept connections, limits, and the retries the protocol wants inside one call.
//!
//! Only plain `http`: TLS is not built in, a runner on another machine reaches an `https` server
//! through a local proxy or a tunnel. The error says so at start.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri, body::Incoming};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::runner::REQUEST_ID_HEADER;

use crate::random;

/// Time to establish a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Idle connections are closed after this time.
const IDLE_LIMIT: Duration = Duration::from_secs(90);

/// Tries of one call while the server answers that it is overloaded or broken.
const TRIES: u32 = 5;

/// First pause between tries; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// An answer that is not a file has at most this many bytes (a job with many variables).
const BODY_LIMIT: usize = 64 << 20;

/// A body of any kind.
pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Connections to one server.
pub(super) struct Http {
    pool: Pool<HttpConnector, Body>,
    api: String,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Why a call gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The server was not reached, or the connection broke.
    #[error("no answer: {0}")]
    Connection(String),
    /// The time was up.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// An answer the protocol does not foresee.
    #[error("unexpected answer {status}: {message}")]
    Unexpected {
        /// HTTP status.
        status: u16,
        /// What the server said, shortened.
        message: String,
    },
    /// A file could not be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
}

/// The server's address cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidUrl {
    /// Not an address.
    #[error("`{0}` is not an address; expected `http://host:port`")]
    NotAnAddress(String),
    /// TLS is not built in.
    #[error("`{0}`: the embedded runner speaks plain http only; expected `http://…` (use a local TLS proxy or tunnel)")]
    Https(String),
}

impl Http {
    pub(super) fn new(url: &str) -> Result<Http, InvalidUrl> {
        let base = url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/ci").unwrap_or(base);
        let parsed: Uri = base.parse().map_err(|_| InvalidUrl::NotAnAddress(url.to_owned()))?;
        match (parsed.scheme_str(), parsed.host()) {
            (Some("http"), Some(_)) => {}
            (Some("https"), _) => return Err(InvalidUrl::Https(url.to_owned())),
            _ => return Err(InvalidUrl::NotAnAddress(url.to_owned())),
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_LIMIT)
            .build(connector);
        Ok(Http {
            pool,
            api: format!("{base}/api/v4/"),
        })
    }

    /// Sends `body` as JSON.
    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &impl Serialize,
        limit: Duration,
    ) -> Result<Answer, CallError> {
        let body = serde_json::to_vec(body).expect("the protocol's types have only text keys");
        let headers = [headers, &[("Content-Type", "application/json")]].concat();
        self.call(method, path, &headers, body.into(), limit).await
    }

    /// Makes one call, again while the server says that it cannot just now.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        limit: Duration,
    ) -> Result<Answer, CallError> {
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            let whole = Full::new(body.clone()).map_err(|never| match never {}).boxed_unsync();
            let answer = within(limit, async {
                collect(self.send(&method, path, headers, whole).await?).await
            })
            .await?;
            if tried == TRIES || !is_retried(answer.status) {
                return Ok(answer);
            }
            tokio::time::sleep(answer.retry_after().unwrap_or(pause + jitter(pause)).min(LONGEST_PAUSE)).await;
            pause *= 2;
        }
        unreachable!("the loop ends with the last try")
    }

    /// Sends one request to a path of the API, or to a whole address.
    pub(super) async fn send(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>, CallError> {
        let address = if path.starts_with("http://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.api)
        };
        let mut request = Request::builder()
            .method(method)
            .uri(address)
            .header(USER_AGENT, concat!("tripline-runner ", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(REQUEST_ID_HEADER, random::hex(16));
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| CallError::Connection(format!("header {name}")))?;
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| CallError::Connection(format!("header {name}")))?;
            request = request.header(name, value);
        }
        let request = request
            .body(body)
            .map_err(|error| CallError::Connection(error.to_string()))?;
        self.pool
            .request(request)
            .await
            .map_err(|error| CallError::Connection(with_cause(&error)))
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if kind
            .split(';')
            .next()
            .is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json"))
        {
            return Err(CallError::Unexpected {
                status: self.status.as_u16(),
                message: format!("content type `{kind}`"),
            });
        }
        serde_json::from_slice(&self.body).map_err(|error| CallError::Unexpected {
            status: self.status.as_u16(),
            message: error.to_string(),
        })
    }

    /// Returns the error for an answer nobody expected, with the server's words.
    pub(super) fn unexpected(&self) -> CallError {
        #[derive(serde::Deserialize)]
        struct Message {
            message: serde_json::Value,
        }
        let message = match serde_json::from_slice::<Message>(&self.body).map(|body| body.message) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(_) => String::new(),
        };
        CallError::Unexpected {
            status: self.status.as_u16(),
            message: message.chars().take(200).collect(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        self.header("Retry-After")?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// Reads the body of `response`.
pub(super) async fn collect(response: Response<Incoming>) -> Result<Answer, CallError> {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, BODY_LIMIT)
        .collect()
        .await
        .map_err(|error| CallError::Connection(error.to_string()))?;
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.to_bytes(),
    })
}

/// Gives `work` at most `limit`.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(CallError::Timeout(limit)))
}

/// Whether the protocol wants another try inside the call.
fn is_retried(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 512..)
}

fn jitter(pause: Duration) -> Duration {
    Duration::from_millis(random::below(pause.as_millis().try_into().unwrap_or(u64::MAX)))
}

fn with_cause(error: &(dyn std::error::Error + 'static)) -> String {
    struct Chain<'a>(&'a (dyn std::error::Error + 'static));
    impl fmt::Display for Chain<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}", self.0)?;
            self.0.source().map_or(Ok(()), |cause| write!(f, ": {}", Chain(cause)))
        }
    }
    Chain(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_cleaned_and_https_is_refused_with_a_reason() {
        assert_eq!(Http::new("http://h:1/").unwrap().api, "http://h:1/api/v4/");
        assert_eq!(Http::new("http://h/sub/ci/").unwrap().api, "http://h/sub/api/v4/");
        assert!(matches!(Http::new("https://h"), Err(InvalidUrl::Https(_))));
        assert!(matches!(Http::new("h:1"), Err(InvalidUrl::NotAnAddress(_))));
    }

    #[test]
    fn the_protocol_says_which_statuses_are_tried_again() {
        for (status, expected) in [
            (408, true),
            (429, true),
            (500, true),
            (501, false),
            (504, true),
            (505, false),
            (512, true),
        ] {
            assert_eq!(is_retried(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }
}
