//! What every call gets around its handler: a request id, headers, the access log, and an answer
//! even when the handler panics. One function instead of a stack of layers, because thousands of
//! trigger calls a second go through it.

use std::any::Any;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use app::inbound::manage::KEY_PREFIX;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt as _;
use tracing::{error, info};

use crate::respond;

/// Header with the id of a call, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Most characters of a request id that is taken over from the client.
const MAX_REQUEST_ID: usize = 64;

const RUNTIME: HeaderName = HeaderName::from_static("x-runtime");

/// Parameters whose values may stand in the access log. All others may be secrets.
const LOGGED_PARAMETERS: &[&str] = &[
    "page",
    "per_page",
    "order_by",
    "sort",
    "scope",
    "scope[]",
    "status",
    "ref",
    "sha",
    "source",
    "pagination",
    "id_after",
    "id_before",
    "simple",
    "membership",
    "owned",
    "visibility",
    "archived",
    "service",
];

/// Answers so far, by the first digit of their status.
static ANSWERS: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];

/// Time spent on all answers in microseconds.
static BUSY_MICROS: AtomicU64 = AtomicU64::new(0);

/// Calls in progress.
static IN_PROGRESS: AtomicU64 = AtomicU64::new(0);

/// Returns the figures of this module in Prometheus' text form.
pub(crate) fn metrics() -> String {
    let mut text = String::new();
    text.push_str("# HELP tripline_http_requests_total Answered calls by class of status.\n");
    text.push_str("# TYPE tripline_http_requests_total counter\n");
    for (class, count) in ANSWERS.iter().enumerate().skip(1) {
        let count = count.load(Ordering::Relaxed);
        text.push_str(&format!(
            "tripline_http_requests_total{{status=\"{class}xx\"}} {count}\n"
        ));
    }
    let seconds = Duration::from_micros(BUSY_MICROS.load(Ordering::Relaxed)).as_secs_f64();
    text.push_str("# HELP tripline_http_request_seconds_total Time spent on all calls.\n");
    text.push_str("# TYPE tripline_http_request_seconds_total counter\n");
    text.push_str(&format!("tripline_http_request_seconds_total {seconds:.6}\n"));
    let running = IN_PROGRESS.load(Ordering::Relaxed);
    text.push_str("# HELP tripline_http_requests_in_progress Calls in progress.\n");
    text.push_str("# TYPE tripline_http_requests_in_progress gauge\n");
    text.push_str(&format!("tripline_http_requests_in_progress {running}\n"));
    text
}

/// Counts a call as in progress until it is dropped, also when the client goes away.
struct Running;

impl Running {
    fn start() -> Running {
        IN_PROGRESS.fetch_add(1, Ordering::Relaxed);
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        IN_PROGRESS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs the handler and dresses its answer.
pub(crate) async fn wrap(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _running = Running::start();
    let id = request_id(&request);
    let method = request.method().clone();
    let uri = request.uri().clone();
    let result = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = result.unwrap_or_else(|panic| {
        let cause = panic_text(panic.as_ref());
        error!(request_id = ?id, "the handler of {method} {} panicked: {cause}", uri.path());
        respond::panicked()
    });
    let elapsed = started.elapsed();
    count(&response, elapsed);
    log(&method, &uri, &response, &id, elapsed);
    add_headers(&mut response, id, elapsed);
    response
}

fn count(response: &Response, elapsed: Duration) {
    let class = usize::from(response.status().as_u16() / 100);
    if let Some(counter) = ANSWERS.get(class) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    BUSY_MICROS.fetch_add(micros, Ordering::Relaxed);
}

fn add_headers(response: &mut Response, id: HeaderValue, elapsed: Duration) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    let runtime = format!("{:.6}", elapsed.as_secs_f64());
    headers.insert(
        RUNTIME,
        HeaderValue::try_from(runtime).expect("a number is a header value"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(header::X_FRAME_OPTIONS)
        .or_insert(HeaderValue::from_static("SAMEORIGIN"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

fn log(method: &Method, uri: &Uri, response: &Response, id: &HeaderValue, elapsed: Duration) {
    info!(
        target: "access",
        request_id = id.to_str().unwrap_or_default(),
        status = response.status().as_u16(),
        elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        "{method} {}",
        Scrubbed(uri)
    );
}

/// Takes the client's id over if it is harmless, otherwise makes one.
fn request_id(request: &Request) -> HeaderValue {
    let harmless = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !bytes.is_empty() && bytes.len() <= MAX_REQUEST_ID && bytes.iter().all(is_plain)
    };
    match request.headers().get(REQUEST_ID).filter(harmless) {
        Some(value) => value.clone(),
        None => new_request_id(),
    }
}

/// A random start of the process and a count: unique without asking the system for randomness each time.
fn new_request_id() -> HeaderValue {
    static START: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("request id"));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    HeaderValue::try_from(format!("{:016x}{count:010x}", *START)).expect("hex digits are a header value")
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// An address for the log: parameters that may be secret lose their values.
struct Scrubbed<'a>(&'a Uri);

impl std::fmt::Display for Scrubbed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.0.path();
        match path.find(KEY_PREFIX) {
            None => f.write_str(path)?,
            Some(at) => {
                let rest = &path[at..];
                write!(
                    f,
                    "{}[FILTERED]{}",
                    &path[..at],
                    &rest[rest.find('/').unwrap_or(rest.len())..]
                )?;
            }
        }
        let Some(query) = self.0.query() else {
            return Ok(());
        };
        for (index, pair) in query.split('&').enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match pair.split_once('=') {
                Some((name, _)) if !LOGGED_PARAMETERS.contains(&name) => write!(f, "{}=[FILTERED]", name_only(name))?,
                Some(_) => f.write_str(pair)?,
                None => f.write_str("[FILTERED]")?,
            }
        }
        Ok(())
    }
}

/// The name of a parameter, or nothing when it is too odd to be one.
fn name_only(name: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'[' | b']' | b'%');
    if name.len() <= 64 && name.bytes().all(is_plain) {
        name
    } else {
        "…"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn secrets_in_a_query_do_not_reach_the_log() {
        for (uri, expected) in [
            (
                "/api/v4/projects?page=2&simple=true",
                "/api/v4/projects?page=2&simple=true",
            ),
            ("/x?token=glptt-1&ref=main", "/x?token=[FILTERED]&ref=main"),
            (
                "/x?private_token=a&variables[K]=v",
                "/x?private_token=[FILTERED]&variables[K]=[FILTERED]",
            ),
            ("/x?glpat-secret", "/x?[FILTERED]"),
            ("/x", "/x"),
            (
                "/api/v4/projects/1/inbound_hooks/tlih-a_b/deliver?token=x",
                "/api/v4/projects/1/inbound_hooks/[FILTERED]/deliver?token=[FILTERED]",
            ),
        ] {
            assert_eq!(Scrubbed(&uri.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn a_harmless_request_id_is_taken_over() {
        let id = |value: &str| {
            let request = Request::builder()
                .header("x-request-id", value)
                .body(Body::empty())
                .unwrap();
            request_id(&request).to_str().unwrap().to_owned()
        };
        assert_eq!(id("abc-1_2.3"), "abc-1_2.3");
        for bad in ["", "a b", "<script>", &"a".repeat(65)] {
            assert_eq!(id(bad).len(), 26, "{bad}");
        }
        assert_ne!(id(""), id(""));
    }
}
