//! Answers: what a use case returned, as status, headers and body. The only place that knows
//! which status and which shape of body an error has (rest-api.md 5).

use app::error::Throttled;
use app::triggers::Rate;
use app::{Error, Refused};
use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::error;

/// The result of a handler.
pub type ApiResult<T> = Result<T, ApiError>;

/// An error of a use case on its way to the client.
#[derive(Debug)]
pub struct ApiError(pub Error);

/// 201 with a JSON body.
#[derive(Debug)]
pub struct Created<T>(pub T);

/// 202 `{"message":"202 Accepted"}`.
#[derive(Debug)]
pub struct Accepted;

/// 204 without a body.
#[derive(Debug)]
pub struct NoContent;

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        ApiError(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = self.0;
        log(&error);
        let mut response = match &error {
            Error::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, "Retry later\n").into_response(),
            _ => (status(&error), Json(body(&error))).into_response(),
        };
        add_headers(&error, &mut response);
        if let Error::Moved(moved) = error {
            response.extensions_mut().insert(*moved);
        }
        response
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(json!({"message": "202 Accepted"}))).into_response()
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Returns `{"error":"404 Not Found"}`: no such route, or not with this method.
pub fn unknown_route() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"error": "404 Not Found"}))).into_response()
}

/// Returns the answer to anything below `/api/v3`.
pub fn gone() -> Response {
    let text = "API V3 is no longer supported. Use API V4 instead.";
    (StatusCode::GONE, Json(json!({"error": text}))).into_response()
}

/// Returns the answer to a call whose handler panicked.
pub fn panicked() -> Response {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Json(json!({"message": "500 Internal Server Error"})),
    )
        .into_response()
}

/// Writes an error that nobody foresaw to the log.
pub(crate) fn log(error: &Error) {
    if let Error::Internal(cause) = error {
        error!(error = %chain(cause.as_ref()), "a call failed: {}", chain(cause.as_ref()));
    }
}

pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::Unauthorized | Error::UnauthorizedMessage(_) | Error::InvalidToken(_) => StatusCode::UNAUTHORIZED,
        Error::InsufficientScope { .. } | Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) | Error::NotFoundPlain | Error::RecordNotFound => StatusCode::NOT_FOUND,
        Error::Moved(_) => StatusCode::METHOD_NOT_ALLOWED,
        Error::Parameters(_) | Error::BadRequest(_) | Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::Refused(refused) => status(&refused.error),
        Error::PipelineNotCreated { kept: false, .. } => StatusCode::BAD_REQUEST,
        Error::PipelineNotCreated { kept: true, .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Status { status, .. } | Error::StatusError { status, .. } => {
            StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
        Error::Reasoned(reasoned) => StatusCode::from_u16(reasoned.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Error::TooMany { .. } | Error::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn body(error: &Error) -> Value {
    match error {
        Error::InvalidToken(problem) => json!({"error": "invalid_token", "error_description": problem.to_string()}),
        Error::InsufficientScope { accepted } => json!({
            "error": "insufficient_scope",
            "error_description": error.to_string(),
            "scope": accepted,
        }),
        Error::Parameters(_) | Error::StatusError { .. } => json!({"error": error.to_string()}),
        Error::Invalid(fields) => json!({"message": fields}),
        Error::PipelineNotCreated {
            message,
            kept: _,
            explanation,
        } => match explanation {
            None => json!({"message": {"base": [message]}}),
            Some(explanation) => json!({
                "message": {"base": [message]},
                "explanation": explanation.to_json(),
            }),
        },
        Error::Reasoned(reasoned) => {
            let mut body = json!({
                "message": reasoned.message,
                "reason_code": reasoned.reason,
                "remedy": reasoned.remedy,
            });
            for (name, value) in &reasoned.more {
                body[*name] = value.clone();
            }
            body
        }
        Error::Refused(refused) => refused_body(refused),
        Error::TooMany { .. } => json!({"message": {"error": error.to_string()}}),
        Error::Unauthorized
        | Error::UnauthorizedMessage(_)
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::Moved(_)
        | Error::NotFoundPlain
        | Error::RecordNotFound
        | Error::BadRequest(_)
        | Error::Status { .. }
        | Error::Throttled(_)
        | Error::Internal(_) => json!({"message": error.to_string()}),
    }
}

/// GitLab's body, and beside it why and what to do.
fn refused_body(refused: &Refused) -> Value {
    let mut body = body(&refused.error);
    if let Value::Object(fields) = &mut body {
        fields.insert("reason_code".to_owned(), refused.reason.as_str().into());
        fields.insert("remedy".to_owned(), refused.remedy.as_str().into());
    }
    body
}

fn add_headers(error: &Error, response: &mut Response) {
    match error {
        Error::InvalidToken(_) => challenge(response, "invalid_token", &error.to_string()),
        Error::InsufficientScope { .. } => challenge(response, "insufficient_scope", &error.to_string()),
        Error::TooMany { retry_after } => {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, (*retry_after).into());
        }
        Error::Throttled(throttled) => add_limit(throttled, response.headers_mut()),
        Error::Refused(refused) => {
            add_headers(&refused.error, response);
            if let Some(rate) = &refused.rate {
                add_rate(rate, response.headers_mut());
            }
        }
        _ => {}
    }
}

/// Says how often a token may be used, in GitLab's headers.
pub(crate) fn add_rate(rate: &Rate, headers: &mut HeaderMap) {
    for (name, value) in [
        ("ratelimit-limit", rate.limit),
        ("ratelimit-observed", rate.observed),
        ("ratelimit-remaining", rate.remaining()),
        // Whole seconds since 1970, rounded up: whoever comes then does not come too early.
        ("ratelimit-reset", rate.resets_at.0.div_euclid(1_000_000) + 1),
    ] {
        headers.insert(HeaderName::from_static(name), value.into());
    }
    headers.insert(
        HeaderName::from_static("ratelimit-name"),
        HeaderValue::from_static("trigger_token"),
    );
}

/// Says how many calls there may be in a minute, in GitLab's headers.
fn add_limit(throttled: &Throttled, headers: &mut HeaderMap) {
    let rate = &throttled.rate;
    add_rate(rate, headers);
    headers.insert(
        HeaderName::from_static("ratelimit-name"),
        HeaderValue::from_static(throttled.name),
    );
    let reset = rate.resets_at.0.div_euclid(1_000_000) + 1;
    if let Ok(time) = HeaderValue::from_str(&app::time::http_date(Timestamp(reset * 1_000_000))) {
        headers.insert(HeaderName::from_static("ratelimit-resettime"), time);
    }
    headers.insert(header::RETRY_AFTER, throttled.retry_after.into());
}

fn challenge(response: &mut Response, code: &str, description: &str) {
    let text = format!("Bearer realm=\"The API\", error=\"{code}\", error_description=\"{description}\"");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
}

/// Returns an error with all its causes, for the log.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::TokenProblem;

    fn shown(error: Error) -> String {
        let status = status(&error).as_u16();
        format!("{status} {}", body(&error))
    }

    #[test]
    fn errors_have_gitlabs_status_and_body() {
        let text = |text: &str| text.to_owned();
        for (error, expected) in [
            (Error::Unauthorized, r#"401 {"message":"401 Unauthorized"}"#),
            (
                Error::UnauthorizedMessage(text("Job is not running")),
                r#"401 {"message":"Job is not running"}"#,
            ),
            (Error::forbidden(), r#"403 {"message":"403 Forbidden"}"#),
            (
                Error::Forbidden(Some(text("Why"))),
                r#"403 {"message":"403 Forbidden - Why"}"#,
            ),
            (Error::NotFound("Project"), r#"404 {"message":"404 Project Not Found"}"#),
            (
                Error::Moved(Box::new(app::error::Moved {
                    id: model::ProjectId(2),
                    full_path: text("a/b"),
                })),
                r#"405 {"message":"Non GET methods are not allowed for moved projects"}"#,
            ),
            (Error::NotFoundPlain, r#"404 {"message":"404 Not Found"}"#),
            (Error::RecordNotFound, r#"404 {"message":"404 Not found"}"#),
            (
                Error::Parameters(vec![text("a is missing"), text("b is invalid")]),
                r#"400 {"error":"a is missing, b is invalid"}"#,
            ),
            (Error::BadRequest(text("x")), r#"400 {"message":"400 Bad request - x"}"#),
            (Error::invalid("key", "is bad"), r#"400 {"message":{"key":["is bad"]}}"#),
            (
                Error::PipelineNotCreated {
                    message: text("Reference not found"),
                    kept: false,
                    explanation: None,
                },
                r#"400 {"message":{"base":["Reference not found"]}}"#,
            ),
            (
                Error::PipelineNotCreated {
                    message: text("bad"),
                    kept: true,
                    explanation: None,
                },
                r#"422 {"message":{"base":["bad"]}}"#,
            ),
            (
                Error::Status {
                    status: 409,
                    message: text("409 Conflict"),
                },
                r#"409 {"message":"409 Conflict"}"#,
            ),
            (
                Error::StatusError {
                    status: 422,
                    error: text("Invalid url given"),
                },
                r#"422 {"error":"Invalid url given"}"#,
            ),
            (
                app::error::Reasoned::error(410, "gone", "deleted", "make another"),
                r#"410 {"message":"gone","reason_code":"deleted","remedy":"make another"}"#,
            ),
            (
                Error::TooMany { retry_after: 3 },
                r#"429 {"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#,
            ),
            (
                Error::InvalidToken(TokenProblem::Revoked),
                r#"401 {"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#,
            ),
            (
                Error::InsufficientScope {
                    accepted: "api read_api",
                },
                r#"403 {"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#,
            ),
        ] {
            assert_eq!(shown(error), expected);
        }
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_sent() {
        assert_eq!(
            shown(Error::internal("disk /secret is full")),
            r#"500 {"message":"500 Internal Server Error"}"#
        );
    }

    #[test]
    fn waiting_times_and_challenges_are_headers() {
        let response = ApiError(Error::TooMany { retry_after: 7 }).into_response();
        assert_eq!(response.headers()["retry-after"], "7");
        let response = ApiError(Error::InvalidToken(TokenProblem::Expired)).into_response();
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.starts_with(r#"Bearer realm="The API", error="invalid_token""#),
            "{challenge}"
        );
    }
}
