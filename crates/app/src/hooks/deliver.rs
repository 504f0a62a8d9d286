//! One attempt to deliver: the request as GitLab makes it, and what is kept of the answer.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use model::{Hook, HookDelivery, HookKind, HookOutcome, Timestamp};
use outbound::{Bytes, Error, HeaderMap, HeaderName, HeaderValue, Limits, Method, Request, Response};
use sha2::Sha256;
use tokio::time::Instant;
use uuid::Uuid;

use crate::App;
use crate::hooks::secrets::Secrets;
use crate::pipelines::chain::Chain;

/// Bounds of one attempt: GitLab's timeout, and as much of the answer as its log keeps.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    total: Duration::from_secs(10),
    redirects: 0,
    body: 8 << 10,
    cut: true,
};

/// Largest payload in bytes.
pub const MAX_REQUEST: usize = 25 << 20;

/// Headers of an answer that are kept.
const MAX_HEADERS: usize = 50;

/// Characters of one of them that are kept.
const MAX_HEADER: usize = 1024;

/// What a log has in place of a status when there was no answer.
pub const NO_ANSWER: &str = "internal error";

/// Headers that nobody reads in a log.
const SECRET_HEADERS: [&str; 2] = ["x-gitlab-token", "webhook-signature"];

/// What came of an attempt.
pub struct Attempt {
    /// What is kept.
    pub outcome: HookOutcome,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Whether the next attempt may go better.
    pub may_repeat: bool,
}

impl Attempt {
    /// Whether the hook has been told.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| (200..400).contains(&status))
    }
}

/// Sends a delivery once.
pub async fn attempt(app: &App, hook: &Hook, secrets: &Secrets, delivery: &HookDelivery, chain: &Chain) -> Attempt {
    let headers = headers(app, secrets, delivery, chain, app.clock.now());
    let shown = shown(&headers, secrets);
    let began = Instant::now();
    let sent = match secrets.whole_url().parse() {
        Ok(url) => {
            let request = Request {
                method: Method::POST,
                url,
                headers,
                body: Bytes::from(delivery.request.clone()),
                verify: hook.settings.verify_tls,
                limits: LIMITS,
            };
            app.outbound.send(request).await
        }
        Err(blocked) => Err(Error::Blocked(blocked)),
    };
    let seconds = began.elapsed().as_secs_f64();
    let status = sent.as_ref().ok().map(|response| response.status);
    Attempt {
        may_repeat: match &sent {
            Ok(response) => response.status >= 500 || response.status == 429,
            Err(error) => !matches!(error, Error::Blocked(_)),
        },
        status,
        outcome: HookOutcome {
            status: status.map_or_else(|| NO_ANSWER.to_owned(), |status| status.to_string()),
            url: secrets.shown_url(),
            request_headers: shown,
            response_headers: sent.as_ref().map(kept_headers).unwrap_or_default(),
            response_body: match &sent {
                Ok(response) => String::from_utf8_lossy(&response.body).replace('\0', "\u{fffd}"),
                Err(error) => error.to_string(),
            },
            seconds,
        },
    }
}

/// The headers of an attempt; those of the owner cannot take the place of ours.
fn headers(app: &App, secrets: &Secrets, delivery: &HookDelivery, chain: &Chain, now: Timestamp) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    let event = HookKind::of_trigger(&delivery.trigger).map_or("", HookKind::header);
    set("content-type", "application/json");
    set("user-agent", &format!("GitLab/{}", app.settings.version.version));
    set("x-gitlab-event", event);
    set("x-gitlab-instance", app.settings.external_url.base());
    set("x-gitlab-webhook-uuid", &Uuid::new_v4().to_string());
    set("x-gitlab-event-uuid", &delivery.event_key);
    set("idempotency-key", &delivery.key);
    if !chain.is_empty() {
        set("x-tripline-trigger-chain", &chain.to_string());
    }
    if let Some(token) = &secrets.token {
        set("x-gitlab-token", &token.replace(['\r', '\n'], ""));
    }
    if let Some(key) = secrets.signing_token.as_deref().and_then(signing_key) {
        let seconds = (now.microseconds() / 1_000_000).to_string();
        set("webhook-id", &delivery.key);
        set("webhook-timestamp", &seconds);
        set(
            "webhook-signature",
            &signature(&key, &delivery.key, &seconds, &delivery.request),
        );
    }
    for (name, value) in &secrets.custom_headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) else {
            continue;
        };
        headers.entry(name).or_insert(value);
    }
    headers
}

/// Reads `whsec_` and the base64 of the key; `None` for anything else.
#[must_use]
pub fn signing_key(token: &str) -> Option<Vec<u8>> {
    STANDARD.decode(token.strip_prefix("whsec_")?).ok()
}

/// Signs what is sent as Standard Webhooks does.
fn signature(key: &[u8], id: &str, seconds: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    for part in [id, ".", seconds, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// What was sent, without secrets: ours, and all that the owner added.
fn shown(headers: &HeaderMap, secrets: &Secrets) -> Vec<(String, String)> {
    let is_custom = |name: &str| {
        secrets
            .custom_headers
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let one = |(name, value): (&HeaderName, &HeaderValue)| {
        let secret = SECRET_HEADERS.contains(&name.as_str()) || is_custom(name.as_str());
        let value = if secret { "[REDACTED]".to_owned() } else { text(value) };
        (titled(name.as_str()), value)
    };
    headers.iter().map(one).collect()
}

fn kept_headers(response: &Response) -> Vec<(String, String)> {
    let one = |(name, value): (&HeaderName, &HeaderValue)| {
        let value: String = text(value).chars().take(MAX_HEADER).collect();
        (titled(name.as_str()), value)
    };
    response.headers.iter().take(MAX_HEADERS).map(one).collect()
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// `x-gitlab-event` as people write it: `X-Gitlab-Event`.
fn titled(name: &str) -> String {
    let part = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        format!("{}{rest}", first.to_uppercase())
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        // The example of the specification.
        let key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(signing_key("secret"), None);
    }

    #[test]
    fn names_of_headers_are_shown_as_people_write_them() {
        assert_eq!(titled("x-gitlab-event-uuid"), "X-Gitlab-Event-Uuid");
    }
}
