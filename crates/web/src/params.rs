//! The parameters of a request, wherever they travel: path, body (form, multipart, JSON) and query.
//!
//! All places are merged into one [`Hash`](type@Hash): the path wins over the body, the body over the query
//! (rest-api.md 1.2). What a name with brackets means follows Rack (`nested`), because that is what
//! GitLab's clients were written against. Handlers read typed values through a [`Reader`], which
//! collects every problem before it answers. Nothing here knows any particular parameter.

mod form;
mod json;
mod multipart;
mod nested;
mod reader;
mod value;

use std::time::Duration;

use app::{Error, Result};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, OriginalUri, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use futures_util::StreamExt as _;

pub use reader::Reader;
pub use value::{File, Hash, Value};

use crate::respond::ApiError;

/// Largest body of an ordinary call in bytes.
///
/// Webhooks of other systems are triggers too, and their payloads reach a few megabytes.
pub const BODY_LIMIT: usize = 8 << 20;

/// Largest body of a call that carries files (`POST …/repository/commits`) in bytes.
///
/// The body, its parsed form and the files made from it are in memory at the same time.
pub const FILES_BODY_LIMIT: usize = 64 << 20;

/// Longest silence in the middle of a body before the call is given up.
pub(crate) const BODY_SILENCE: Duration = Duration::from_secs(30);

/// Most parameters (pairs of a form, values of a JSON document) of one call: what Rack takes, times 16 for JSON payloads.
const MAX_VALUES: usize = 65_536;

/// Most levels of brackets in a name (Rack: 32).
const MAX_FORM_DEPTH: usize = 32;

/// All parameters of a call, merged.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: Hash,
    path: String,
}

/// As [`Params`], for calls that carry files: the body may have [`FILES_BODY_LIMIT`] bytes.
#[derive(Clone, Debug, Default)]
pub struct FileParams(pub Params);

impl Params {
    /// Merges already parsed parameters; for tests and for calls made from within.
    #[must_use]
    pub fn new(path: impl Into<String>, values: Hash) -> Params {
        Params {
            values,
            path: path.into(),
        }
    }

    /// Returns the value of a parameter; `None` when it was not sent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Returns the text of a parameter, or `None` when it was not sent or is no text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_text)
    }

    /// Whether the parameter is exactly `true`, as text or in JSON.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::Text(text)) => text == "true",
            _ => false,
        }
    }

    /// Whether nothing was sent but the names in the path and who calls.
    #[must_use]
    pub fn is_bare(&self, path: &[&str]) -> bool {
        const CREDENTIALS: [&str; 5] = ["private_token", "access_token", "bearer_token", "job_token", "sudo"];
        let says_nothing = |name: &String| path.contains(&name.as_str()) || CREDENTIALS.contains(&name.as_str());
        self.values.keys().all(says_nothing)
    }

    /// Returns all parameters, in the order query, body, path.
    #[must_use]
    pub const fn values(&self) -> &Hash {
        &self.values
    }

    /// Returns the path of the request as it was sent, still encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Starts reading typed values.
    #[must_use]
    pub const fn reader(&self) -> Reader<'_> {
        Reader::new(&self.values)
    }

    /// Reads path, query and body of a request.
    ///
    /// # Errors
    ///
    /// 400 for what cannot be decoded, 413 for a body over `limit` bytes, 415 for a content type that carries no parameters.
    pub async fn read(parts: &mut Parts, body: Body, limit: usize) -> Result<Params> {
        let mut params = Params {
            values: Hash::new(),
            path: original_path(parts).to_owned(),
        };
        if let Some(query) = parts.uri.query() {
            params.values = form::parse(query.as_bytes())?;
        }
        let bytes = read_body(body, &parts.headers, limit).await?;
        if !bytes.is_empty() {
            params.merge(parse_body(&parts.headers, &parts.method, &bytes)?);
        }
        params.merge_path(parts).await?;
        Ok(params)
    }

    fn merge(&mut self, stronger: Hash) {
        if self.values.is_empty() {
            self.values = stronger;
        } else {
            self.values.extend(stronger);
        }
    }

    async fn merge_path(&mut self, parts: &mut Parts) -> Result<()> {
        form::check_encoding(parts.uri.path().as_bytes())?;
        let captured = RawPathParams::from_request_parts(parts, &()).await;
        let captured = captured.map_err(|_| form::bad_encoding())?;
        for (name, text) in &captured {
            self.values.insert(name.to_owned(), value::text(text.to_owned())?);
        }
        Ok(())
    }
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Params, ApiError> {
        let (mut parts, body) = request.into_parts();
        Ok(Params::read(&mut parts, body, BODY_LIMIT).await?)
    }
}

impl<S: Send + Sync> FromRequest<S> for FileParams {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<FileParams, ApiError> {
        let (mut parts, body) = request.into_parts();
        Ok(FileParams(Params::read(&mut parts, body, FILES_BODY_LIMIT).await?))
    }
}

/// Reads the query of a request whose body is not for us to take apart.
///
/// # Errors
///
/// 400 for what cannot be decoded.
pub fn query(parts: &Parts) -> Result<Hash> {
    parts
        .uri
        .query()
        .map_or_else(|| Ok(Hash::new()), |query| form::parse(query.as_bytes()))
}

/// Returns the path as the client sent it; below a nested router `uri` has lost its first part.
fn original_path(parts: &Parts) -> &str {
    let original = parts.extensions.get::<OriginalUri>();
    original.map_or(parts.uri.path(), |uri| uri.path())
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
///
/// 413 when it is longer (also by its announced length), 408 when nothing arrives for [`BODY_SILENCE`], 400 when it breaks off.
pub async fn read_body(body: Body, headers: &HeaderMap, limit: usize) -> Result<Bytes> {
    let too_large = || status(413, "413 Request Entity Too Large");
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut stream = body.into_data_stream();
    let mut first = Bytes::new();
    let mut all = Vec::new();
    loop {
        let next = tokio::time::timeout(BODY_SILENCE, stream.next());
        let chunk = match next.await.map_err(|_| status(408, "408 Request Timeout"))? {
            None => break,
            Some(chunk) => chunk.map_err(|_| Error::BadRequest("the body breaks off".to_owned()))?,
        };
        if first.len().max(all.len()) + chunk.len() > limit {
            return Err(too_large());
        }
        // Most bodies arrive in one piece, which needs no copy.
        if first.is_empty() && all.is_empty() {
            first = chunk;
            continue;
        }
        if all.is_empty() {
            all.reserve(announced.unwrap_or(first.len() + chunk.len()));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&chunk);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Returns the first moment of a day in UTC.
#[must_use]
pub fn start_of_day(day: jiff::civil::Date) -> model::Timestamp {
    let days = day
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map(|start| start.timestamp().as_microsecond());
    // Only the very last days of the calendar have no such moment.
    model::Timestamp(days.unwrap_or(i64::MAX))
}

/// Parses a body by its content type.
fn parse_body(headers: &HeaderMap, method: &Method, body: &[u8]) -> Result<Hash> {
    let content_type = match headers.get(header::CONTENT_TYPE) {
        Some(value) => value.to_str().map_err(|_| unsupported("?"))?,
        None => "",
    };
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match media_type.as_str() {
        "application/json" if changes => check_identity(headers).and_then(|()| json::parse(body)),
        "application/x-www-form-urlencoded" => check_identity(headers).and_then(|()| form::parse(body)),
        "multipart/form-data" => {
            check_identity(headers)?;
            multipart::parse(content_type, body)
        }
        // Reading calls have no body; some clients send the type, or `{}`, all the same.
        _ if !changes => Ok(Hash::new()),
        "" if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) => json::parse(body),
        "" => form::parse(body),
        other => Err(unsupported(other)),
    }
}

/// Compressed bodies would have to be limited twice; GitLab does not take them either.
fn check_identity(headers: &HeaderMap) -> Result<()> {
    match headers.get(header::CONTENT_ENCODING) {
        None => Ok(()),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(_) => Err(Error::StatusError {
            status: 415,
            error: "The provided content-encoding is not supported.".to_owned(),
        }),
    }
}

fn unsupported(media_type: &str) -> Error {
    Error::StatusError {
        status: 415,
        error: format!("The provided content-type '{media_type}' is not supported."),
    }
}

fn status(status: u16, message: &str) -> Error {
    Error::Status {
        status,
        message: message.to_owned(),
    }
}

/// 400 `{"error": …}` for parameters that cannot be put together.
fn malformed(error: impl Into<String>) -> Error {
    Error::StatusError {
        status: 400,
        error: error.into(),
    }
}

fn too_many() -> Error {
    malformed(format!("more than {MAX_VALUES} parameters"))
}

#[cfg(test)]
mod tests;
