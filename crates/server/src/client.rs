//! A small client of a GitLab API, for `tripline trigger` and `tripline demo`.

use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value as Json;

/// Time for one call.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Largest answer that is read, in bytes: logs are cut at 4 MiB by most runners.
const ANSWER_LIMIT: usize = 64 << 20;

/// A server and the token to use, if any.
pub(crate) struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: String,
    token: Option<Token>,
}

/// A token, and what it is for.
pub(crate) enum Token {
    /// An access token: the API as its user sees it.
    Access(String),
    /// A trigger token: the pipelines it started.
    Trigger(String),
}

/// What the server answered.
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// The body.
    pub(crate) body: Bytes,
}

impl Client {
    /// A client for the server at `url`; only `http` is spoken.
    pub(crate) fn new(url: &str, token: Option<Token>) -> anyhow::Result<Client> {
        let base = url.trim_end_matches('/');
        if base.starts_with("https://") {
            bail!("`{url}`: this client speaks plain http only; use curl, or a local TLS proxy");
        }
        if !base.starts_with("http://") {
            bail!("`{url}` is not an address; expected `http://HOST:PORT`");
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        Ok(Client {
            pool,
            base: format!("{base}/api/v4"),
            token,
        })
    }

    /// Calls the API and returns whatever it answers.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Json>) -> anyhow::Result<Answer> {
        let exchange = async {
            let response = self.send(method, path, body).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
            let body = body
                .map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?
                .to_bytes();
            Ok(Answer { status, body })
        };
        tokio::time::timeout(CALL_LIMIT, exchange)
            .await
            .context("no answer within a minute")?
    }

    /// Reads an answer that grows, piece by piece until its end, however long that takes.
    pub(crate) async fn stream(&self, path: &str, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let response = tokio::time::timeout(CALL_LIMIT, self.send(Method::GET, path, None))
            .await
            .context("no answer within a minute")??;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let said = Limited::new(body, ANSWER_LIMIT).collect().await;
            let json = said.ok().and_then(|said| serde_json::from_slice(&said.to_bytes()).ok());
            bail!("{status}: {}", message(&json.unwrap_or_default()));
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.context("the connection broke")?;
            if let Some(piece) = frame.data_ref() {
                each(piece);
            }
        }
        Ok(())
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Json>) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder().method(&method).uri(format!("{}{path}", self.base));
        request = match &self.token {
            Some(Token::Access(token)) => request.header("PRIVATE-TOKEN", token),
            Some(Token::Trigger(token)) => request.header("TRIGGER-TOKEN", token),
            None => request,
        };
        // In a job: what it starts is to be known as started by it, so that a loop ends.
        if let Ok(chain) = std::env::var("TRIPLINE_TRIGGER_CHAIN") {
            request = request.header("X-Tripline-Trigger-Chain", chain);
        }
        let bytes = match body {
            Some(json) => {
                request = request.header("Content-Type", "application/json");
                Bytes::from(json.to_string())
            }
            None => Bytes::new(),
        };
        let request = request
            .body(Full::new(bytes))
            .with_context(|| format!("`{path}` cannot be called"))?;
        let sent = self.pool.request(request).await;
        sent.with_context(|| format!("no answer from {}", self.base))
    }

    /// Calls the API and returns the JSON of an answer that says yes.
    pub(crate) async fn json(&self, method: Method, path: &str, body: Option<&Json>) -> anyhow::Result<Json> {
        let answer = self.call(method, path, body).await?;
        let json = serde_json::from_slice(&answer.body).unwrap_or(Json::Null);
        if !answer.status.is_success() {
            bail!("{}: {}", answer.status, message(&json));
        }
        Ok(json)
    }
}

/// What an error answer says, in one line.
fn message(json: &Json) -> String {
    let said = json.get("message").or_else(|| json.get("error")).unwrap_or(json);
    match said {
        Json::String(text) => text.clone(),
        Json::Object(fields) => {
            let texts: Vec<String> = fields.values().map(message).collect();
            texts.join("; ")
        }
        Json::Array(items) => items.iter().map(message).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

/// Encodes a text as one segment of a path or one value of a query.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_one_line() {
        for (body, expected) in [
            (r#"{"message":"404 Not Found"}"#, "404 Not Found"),
            (r#"{"message":{"base":["Reference not found"]}}"#, "Reference not found"),
            (r#"{"error":"token is missing"}"#, "token is missing"),
        ] {
            assert_eq!(message(&serde_json::from_str(body).unwrap()), expected);
        }
    }

    #[test]
    fn slashes_are_encoded() {
        assert_eq!(encode("group/my project"), "group%2Fmy%20project");
    }
}
