//! Why a use case did not do what was asked, in GitLab's words.
//!
//! One variant per shape of answer (rest-api.md 5). The mapping to a status and a body is in
//! `web`, in one place; here are the words.

use std::collections::BTreeMap;

use model::{ProjectId, Reason};
use store::StoreError;

use crate::triggers::Rate;

/// What the caller is told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No or unknown credentials where some are needed: 401.
    #[error("401 Unauthorized")]
    Unauthorized,
    /// 401 with a text of its own, e.g. `Job is not running`.
    #[error("{0}")]
    UnauthorizedMessage(String),
    /// A token that is known but no longer good: 401 in OAuth's form.
    #[error("{0}")]
    InvalidToken(TokenProblem),
    /// The token's scopes do not cover the request: 403 in OAuth's form.
    #[error("The request requires higher privileges than provided by the access token.")]
    InsufficientScope {
        /// The scopes that would do, separated by blanks.
        accepted: &'static str,
    },
    /// 403, with a reason behind ` - ` where GitLab gives one.
    #[error("403 Forbidden{}", .0.as_ref().map(|r| format!(" - {r}")).unwrap_or_default())]
    Forbidden(Option<String>),
    /// 404 of a thing that has a name: `404 Project Not Found`.
    #[error("404 {0} Not Found")]
    NotFound(&'static str),
    /// A project found by a path that it had once: 301 to its address for GET, otherwise 405.
    #[error("Non GET methods are not allowed for moved projects")]
    Moved(Box<Moved>),
    /// 404 without a name: `404 Not Found`.
    #[error("404 Not Found")]
    NotFoundPlain,
    /// 404 of a record looked up by id: `404 Not found`, with the small f.
    #[error("404 Not found")]
    RecordNotFound,
    /// 400 `{"error": "a is missing, b is invalid"}`: the parameters themselves.
    #[error("{}", .0.join(", "))]
    Parameters(Vec<String>),
    /// 400 `{"message": "400 Bad request - REASON"}`.
    #[error("400 Bad request - {0}")]
    BadRequest(String),
    /// 400 `{"message": {"field": ["text"]}}`: a record that is not valid.
    #[error("invalid: {0:?}")]
    Invalid(BTreeMap<&'static str, Vec<String>>),
    /// `{"message": {"base": ["text"]}}` with 400, or 422 when a failed pipeline was kept.
    #[error("{message}")]
    PipelineNotCreated {
        /// GitLab's text.
        message: String,
        /// Whether a failed pipeline was stored.
        kept: bool,
        /// Why there are no jobs, where rules decided that.
        explanation: Option<Box<compile::Explanation>>,
    },
    /// Any other status with `{"message": text}`.
    #[error("{message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The whole text.
        message: String,
    },
    /// Any other status with `{"error": text}`.
    #[error("{error}")]
    StatusError {
        /// HTTP status.
        status: u16,
        /// The whole text.
        error: String,
    },
    /// A refusal of our own, with a reason for machines and a remedy for people.
    #[error("{}", .0.message)]
    Reasoned(Box<Reasoned>),
    /// Too many requests: 429 with `Retry-After`.
    #[error("This endpoint has been requested too many times. Try again later.")]
    TooMany {
        /// Seconds until a try makes sense.
        retry_after: u64,
    },
    /// Too many calls by an address or a user: 429 `Retry later`.
    #[error("Retry later")]
    Throttled(Box<Throttled>),
    /// The answer of another error, with a reason for programs and a remedy for people.
    #[error("{}", .0.error)]
    Refused(Box<Refused>),
    /// Nothing the caller can do about: 500. The cause goes to the log only.
    #[error("500 Internal Server Error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where a project is now; only told to who may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its id.
    pub id: ProjectId,
    /// Its path.
    pub full_path: String,
}

/// A refusal that GitLab does not know: `{"message": …, "reason_code": …, "remedy": …}`.
#[derive(Debug)]
pub struct Reasoned {
    /// HTTP status.
    pub status: u16,
    /// What is wrong.
    pub message: String,
    /// The same as a word that never changes.
    pub reason: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// Further fields of the answer.
    pub more: Vec<(&'static str, serde_json::Value)>,
}

impl Reasoned {
    /// An error without further fields.
    #[must_use]
    pub fn error(status: u16, message: impl Into<String>, reason: &'static str, remedy: &'static str) -> Error {
        Error::Reasoned(Box::new(Reasoned {
            status,
            message: message.into(),
            reason,
            remedy,
            more: Vec::new(),
        }))
    }

    /// The same with status 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>, reason: &'static str, remedy: &'static str) -> Error {
        Reasoned::error(400, message, reason, remedy)
    }
}

/// A call that a limit of its token refuses.
#[derive(Debug)]
pub struct Refused {
    /// What GitLab would answer.
    pub error: Error,
    /// Why, for programs.
    pub reason: Reason,
    /// What to do about it, for people.
    pub remedy: String,
    /// How often the token may be used, when that is the reason.
    pub rate: Option<Rate>,
}

/// Which limit was passed, and how far.
#[derive(Debug)]
pub struct Throttled {
    /// GitLab's name of the limit.
    pub name: &'static str,
    /// Calls in this minute.
    pub rate: Rate,
    /// Seconds until a try makes sense.
    pub retry_after: u64,
}

/// What is wrong with a token that was good once (rest-api.md 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// Past its day.
    #[error("Token is expired. You can either do re-authorization or token refresh.")]
    Expired,
    /// Revoked.
    #[error("Token was revoked. You have to re-authorize from the user.")]
    Revoked,
}

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A 403 without a reason.
    #[must_use]
    pub const fn forbidden() -> Error {
        Error::Forbidden(None)
    }

    /// One field that is not valid.
    #[must_use]
    pub fn invalid(field: &'static str, text: impl Into<String>) -> Error {
        Error::Invalid(BTreeMap::from([(field, vec![text.into()])]))
    }

    /// One parameter problem, e.g. `token is missing`.
    #[must_use]
    pub fn parameter(text: impl Into<String>) -> Error {
        Error::Parameters(vec![text.into()])
    }

    /// An error nobody foresaw.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Internal(cause.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::internal(error)
    }
}

impl From<git::Error> for Error {
    fn from(error: git::Error) -> Error {
        Error::internal(error)
    }
}
