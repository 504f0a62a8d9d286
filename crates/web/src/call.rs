//! A call of the API: who calls, with which parameters.
//!
//! Finds credentials where GitLab's clients put them (rest-api.md 4.1) and has `app` look them up.
//! What an endpoint accepts is a [`Policy`] in the handler's signature.

use std::marker::PhantomData;

use app::authenticate::{self, Accept, Presented};
use app::{App, Caller, Error, ProjectKey, throttle};
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, header};
use model::User;

use crate::client_address;
use crate::cookies;
use crate::page::Page;
use crate::params::{self, Params, Reader};
use crate::respond::ApiError;

/// What an endpoint accepts.
pub trait Policy: Send + Sync + 'static {
    /// Whether a job token will do.
    const JOB_TOKEN: bool = false;
    /// Scopes that do for GET and HEAD; `None` = any.
    const READ: Option<&'static str> = Some("api read_api");
    /// Scopes that do for everything else; `None` = any.
    const WRITE: Option<&'static str> = Some("api");
    /// Most bytes of a body.
    const BODY_LIMIT: usize = params::BODY_LIMIT;
}

/// Access tokens only, small bodies: most endpoints.
#[derive(Debug)]
pub struct Standard;

/// A job token will do as well.
#[derive(Debug)]
pub struct OrJobToken;

/// The scope `read_user` will do as well.
#[derive(Debug)]
pub struct UserScope;

/// A token of any scope: it may look at itself and revoke itself.
#[derive(Debug)]
pub struct AnyScope;

/// The scope `self_rotate` will do as well.
#[derive(Debug)]
pub struct SelfRotate;

/// The scope `create_runner` will do as well.
#[derive(Debug)]
pub struct CreateRunner;

/// The scope `manage_runner` will do as well.
#[derive(Debug)]
pub struct ManageRunner;

/// The scope `read_repository` will do as well, and bodies carry files.
#[derive(Debug)]
pub struct Files;

impl Policy for Standard {}

impl Policy for OrJobToken {
    const JOB_TOKEN: bool = true;
}

impl Policy for UserScope {
    const READ: Option<&'static str> = Some("api read_api read_user");
}

impl Policy for AnyScope {
    const READ: Option<&'static str> = None;
    const WRITE: Option<&'static str> = None;
}

impl Policy for SelfRotate {
    const WRITE: Option<&'static str> = Some("api self_rotate");
}

impl Policy for CreateRunner {
    const WRITE: Option<&'static str> = Some("api create_runner");
}

impl Policy for ManageRunner {
    const READ: Option<&'static str> = Some("api read_api manage_runner");
    const WRITE: Option<&'static str> = Some("api manage_runner");
}

impl Policy for Files {
    const READ: Option<&'static str> = Some("api read_api read_repository");
    const BODY_LIMIT: usize = params::FILES_BODY_LIMIT;
}

/// An authenticated (or anonymous) call with its parameters. Takes the body: the last argument of a handler.
#[derive(Debug)]
pub struct Call<P = Standard> {
    /// Who calls.
    pub caller: Caller,
    /// With which parameters.
    pub params: Params,
    policy: PhantomData<P>,
}

impl<P> Call<P> {
    /// Returns the user who calls.
    ///
    /// # Errors
    ///
    /// 401 when nobody is signed in.
    pub fn user(&self) -> Result<&User, Error> {
        self.caller.user().ok_or(Error::Unauthorized)
    }

    /// Returns the project that the path names.
    ///
    /// # Errors
    ///
    /// `404 Project Not Found` when nothing can have such a name.
    pub fn project(&self) -> Result<ProjectKey, Error> {
        let text = self.params.text("id").unwrap_or_default();
        ProjectKey::parse(text).ok_or(Error::NotFound("Project"))
    }

    /// Starts reading typed parameters.
    #[must_use]
    pub const fn reader(&self) -> Reader<'_> {
        self.params.reader()
    }

    /// Reads `page` and `per_page` of a call without other parameters.
    ///
    /// # Errors
    ///
    /// 400 when they are no positive numbers.
    pub fn page(&self) -> Result<Page, Error> {
        Page::from_params(&self.params)
    }

    /// Reads a whole number that the path names.
    ///
    /// # Errors
    ///
    /// 400 `NAME is invalid`.
    pub fn id(&self, name: &str) -> Result<i64, Error> {
        let mut reader = self.reader();
        let id = reader.required_int(name);
        reader.finish()?;
        Ok(id)
    }

    /// Returns a text that the path names.
    #[must_use]
    pub fn segment(&self, name: &str) -> String {
        self.params.text(name).unwrap_or_default().to_owned()
    }
}

impl<P: Policy> FromRequest<App> for Call<P> {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Call<P>, ApiError> {
        let (mut parts, body) = request.into_parts();
        let params = Params::read(&mut parts, body, P::BODY_LIMIT).await?;
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let accept = Accept {
            job_token: P::JOB_TOKEN,
            scopes: if reads { P::READ } else { P::WRITE },
        };
        let mut presented = presented(&parts.headers, &params);
        if reads && is_own_script(&parts.headers) {
            presented.session = cookies::session(&parts.headers, &app.settings.external_url);
        }
        let address = client_address::address(&parts.extensions, &parts.headers, &app.settings.trusted_proxies);
        let caller = match authenticate::caller(app, presented, accept).await {
            Ok(caller) => caller.from_address(address),
            Err(error) => {
                throttle::anonymous_call(app, address)?;
                return Err(error.into());
            }
        };
        match &caller {
            Caller::User(user) => throttle::user_call(app, user.user.id, address)?,
            // A job asks as often as its script does, from where its runner is.
            Caller::Job(_) => {}
            Caller::Anonymous => throttle::anonymous_call(app, address)?,
        }
        // Nobody changes anything; nor does nobody learn by trying which projects there are.
        if !reads && !caller.is_authenticated() {
            return Err(Error::Unauthorized.into());
        }
        Ok(Call {
            caller,
            params,
            policy: PhantomData,
        })
    }
}

/// Whether a browser's cookie may count: for what scripts of our own pages read. A file of a repository or
/// of a job that is opened as a page of its own must not be able to act as its reader.
fn is_own_script(headers: &HeaderMap) -> bool {
    let says = |name: &str, accepted: &[&[u8]]| {
        let value = headers.get(name).map(|value| value.as_bytes());
        value.is_none_or(|value| accepted.contains(&value))
    };
    says("sec-fetch-site", &[b"same-origin"]) && says("sec-fetch-dest", &[b"empty"])
}

/// Finds the credentials of a request.
fn presented(headers: &HeaderMap, params: &Params) -> Presented {
    let param = |name: &str| params.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let header = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    Presented {
        bearer: bearer(headers),
        access_token: param("access_token")
            .or_else(|| param("bearer_token"))
            .or_else(|| param("private_token"))
            .or_else(|| header("private-token")),
        job_token: param("job_token")
            .or_else(|| param("token"))
            .or_else(|| header("job-token")),
        session: None,
        sudo: param("sudo").or_else(|| header("sudo")),
    }
}

/// Returns `X` of `Authorization: Bearer X`.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Hash, Value};
    use axum::http::{HeaderName, HeaderValue};

    fn found(headers: &[(&'static str, &'static str)], params: &[(&str, &str)]) -> String {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let params: Hash = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        let presented = presented(&headers, &Params::new("/", params));
        let show = |token: Option<String>| token.unwrap_or_else(|| "-".to_owned());
        format!(
            "{} {} {} {}",
            show(presented.bearer),
            show(presented.access_token),
            show(presented.job_token),
            show(presented.sudo)
        )
    }

    #[test]
    fn credentials_are_found_in_their_order() {
        assert_eq!(found(&[], &[]), "- - - -");
        assert_eq!(
            found(
                &[
                    ("authorization", "bearer A"),
                    ("private-token", "B"),
                    ("job-token", "C"),
                    ("sudo", "ann")
                ],
                &[]
            ),
            "A B C ann"
        );
        assert_eq!(
            found(&[("private-token", "B")], &[("private_token", "P"), ("sudo", "7")]),
            "- P - 7"
        );
        assert_eq!(
            found(&[("job-token", "C")], &[("token", "T"), ("job_token", "J")]),
            "- - J -"
        );
        assert_eq!(found(&[("job-token", "C")], &[("token", "T")]), "- - T -");
        assert_eq!(
            found(
                &[("authorization", "Basic A"), ("private-token", " ")],
                &[("private_token", "")]
            ),
            "- - - -"
        );
    }
}
