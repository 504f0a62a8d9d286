//! From what a request presents to who calls (rest-api.md 4).
//!
//! `web` finds the credentials in headers and parameters; here they are looked up, and here is
//! decided whose they are and whether they are good enough for the call.

use model::{AccessToken, User, UserId};
use store::ops::access_tokens::TOUCH_EVERY;
use store::{Tx, ops};

use crate::App;
use crate::caller::{Caller, Credential, JobCaller, UserCaller};
use crate::error::{Error, Result, TokenProblem};
use crate::keys::JOB_TOKEN_PREFIX;
use crate::{lookup, sessions};

/// The credentials of one request, each from the first place that had one.
#[derive(Clone, Debug, Default)]
pub struct Presented {
    /// `Authorization: Bearer X`.
    pub bearer: Option<String>,
    /// Parameter `access_token` or `bearer_token`, parameter `private_token`, or header `PRIVATE-TOKEN`.
    pub access_token: Option<String>,
    /// Parameter `job_token`, parameter `token`, or header `JOB-TOKEN`.
    pub job_token: Option<String>,
    /// What the cookie of a browser's session holds; counts when there is no other credential.
    pub session: Option<String>,
    /// Parameter or header `sudo`: id or name of the user to act as.
    pub sudo: Option<String>,
}

/// What an endpoint accepts.
#[derive(Clone, Copy, Debug)]
pub struct Accept {
    /// Whether a job token will do.
    pub job_token: bool,
    /// Scopes of which an access token must have one, separated by blanks; `None` = any token will do.
    pub scopes: Option<&'static str>,
}

/// Finds out who calls.
///
/// # Errors
///
/// 401 for a token that is unknown, expired or revoked; 403 for one whose scopes do not cover the
/// call, for a blocked user and for `sudo` by anybody but an administrator.
pub async fn caller(app: &App, presented: Presented, accept: Accept) -> Result<Caller> {
    let Presented {
        bearer,
        access_token,
        job_token,
        session,
        sudo,
    } = presented;
    let is_job_token = |token: &String| token.starts_with(JOB_TOKEN_PREFIX);
    let job_token = if accept.job_token {
        bearer.clone().filter(is_job_token).or(job_token)
    } else {
        None
    };
    let caller = match bearer.or(access_token).filter(|token| !is_job_token(token)) {
        Some(token) => user_caller(app, token, accept).await?,
        None => match (job_token, session) {
            (Some(token), _) => job_caller(app, token).await?,
            // A session that has ended is no wrong credential: browsers send its cookie all the same.
            (None, Some(text)) => sessions::current(app, &text)
                .await?
                .map_or(Caller::Anonymous, |current| current.caller),
            (None, None) => Caller::Anonymous,
        },
    };
    match sudo {
        Some(whom) => act_as(app, caller, whom).await,
        None => Ok(caller),
    }
}

/// Checks an access token as the password of git over HTTP or another place that names no scopes of the API.
///
/// # Errors
///
/// As [`caller`].
pub async fn by_access_token(app: &App, token: String, scopes: &'static str) -> Result<UserCaller> {
    let accept = Accept {
        job_token: false,
        scopes: Some(scopes),
    };
    match user_caller(app, token, accept).await? {
        Caller::User(caller) => Ok(*caller),
        Caller::Anonymous | Caller::Job(_) => Err(Error::Unauthorized),
    }
}

/// Looks again who a caller is who came a while ago.
///
/// # Errors
///
/// As [`caller`]: the token was revoked or has expired, the user is blocked or gone, the job is over.
pub fn refresh(app: &App, tx: &mut dyn Tx, caller: &Caller) -> Result<Caller> {
    match caller {
        Caller::Anonymous => Ok(Caller::Anonymous),
        Caller::User(known) => {
            let user = present_user(tx, known.user.id)?;
            match &known.credential {
                Credential::AccessToken { id, .. } => {
                    let token = ops::access_tokens::get(tx, *id)?.ok_or(Error::Unauthorized)?;
                    check_token(app, &token)?;
                    // Somebody who acts as another user must still be allowed to.
                    if token.user_id != user.id && !present_user(tx, token.user_id)?.is_admin {
                        return Err(Error::Unauthorized);
                    }
                }
                Credential::Browser(id) => {
                    let session = ops::sessions::get(tx, *id)?.ok_or(Error::Unauthorized)?;
                    if session.expires_at <= app.clock.now() {
                        return Err(Error::Unauthorized);
                    }
                }
                Credential::Session => {}
            }
            let credential = known.credential.clone();
            Ok(Caller::User(Box::new(UserCaller {
                user,
                credential,
                address: None,
            })))
        }
        Caller::Job(known) => {
            let job = ops::jobs::by_id(tx, known.job.id)?
                .filter(|job| job.claim == known.job.claim && job.status.is_executing())
                .ok_or(Error::Unauthorized)?;
            let user = present_user(tx, known.user.id)?;
            Ok(Caller::Job(Box::new(JobCaller { user, job })))
        }
    }
}

fn present_user(tx: &mut dyn Tx, id: UserId) -> Result<User> {
    let user = ops::users::get(tx, id)?.ok_or(Error::Unauthorized)?;
    check_user(&user)?;
    Ok(user)
}

async fn user_caller(app: &App, token: String, accept: Accept) -> Result<Caller> {
    let digest = app.keys.digest(&token);
    let found = app
        .store
        .read(move |tx| ops::access_tokens::by_digest(tx, &digest))
        .await?;
    let (token, user) = found.ok_or(Error::Unauthorized)?;
    check_token(app, &token)?;
    check_scopes(&token.scopes, accept.scopes)?;
    check_user(&user)?;
    note_use(app, &token).await?;
    let credential = Credential::AccessToken {
        id: token.id,
        scopes: token.scopes,
    };
    Ok(Caller::User(Box::new(UserCaller {
        user,
        credential,
        address: None,
    })))
}

async fn job_caller(app: &App, token: String) -> Result<Caller> {
    let this = app.clone();
    let found = app
        .store
        .read(move |tx| {
            let Some(job) = lookup::job_of_token(&this, tx, &token)? else {
                return Ok(None);
            };
            let user = match job.user_id {
                Some(id) => ops::users::get(tx, id)?,
                None => None,
            };
            Ok::<_, Error>(user.map(|user| JobCaller { user, job }))
        })
        .await?;
    let caller = found
        .filter(|caller| caller.job.status.is_executing())
        .ok_or(Error::Unauthorized)?;
    check_user(&caller.user)?;
    Ok(Caller::Job(Box::new(caller)))
}

/// Replaces an administrator by the user they want to act as.
async fn act_as(app: &App, caller: Caller, whom: String) -> Result<Caller> {
    let Caller::User(admin) = caller else {
        return Err(match caller {
            Caller::Anonymous => Error::Unauthorized,
            _ => Error::Forbidden(Some(
                "Must be authenticated using an OAuth or personal access token to use sudo".to_owned(),
            )),
        });
    };
    if !admin.user.is_admin {
        return Err(Error::Forbidden(Some("Must be admin to use sudo".to_owned())));
    }
    if let Credential::AccessToken { scopes, .. } = &admin.credential {
        check_scopes_exactly(scopes, "sudo")?;
    }
    let name = whom.clone();
    let found = app
        .store
        .read(move |tx| match name.parse::<i64>() {
            Ok(id) => ops::users::get(tx, UserId(id)),
            Err(_) => ops::users::by_username(tx, &name),
        })
        .await?;
    let user = found.ok_or_else(|| Error::Status {
        status: 404,
        message: format!("404 User with ID or username '{whom}' Not Found"),
    })?;
    Ok(Caller::User(Box::new(UserCaller {
        user,
        credential: admin.credential,
        address: None,
    })))
}

fn check_token(app: &App, token: &AccessToken) -> Result<()> {
    if token.revoked_at.is_some() {
        return Err(Error::InvalidToken(TokenProblem::Revoked));
    }
    if token.expires_at.is_some_and(|at| at <= app.clock.now()) {
        return Err(Error::InvalidToken(TokenProblem::Expired));
    }
    Ok(())
}

/// `api` covers everything an access token can do.
fn check_scopes(scopes: &[String], accepted: Option<&'static str>) -> Result<()> {
    match accepted {
        Some(accepted) if !scopes.iter().any(|scope| scope == "api") => check_scopes_exactly(scopes, accepted),
        _ => Ok(()),
    }
}

fn check_scopes_exactly(scopes: &[String], accepted: &'static str) -> Result<()> {
    let covers = |scope: &String| accepted.split(' ').any(|accepted| accepted == scope);
    if scopes.iter().any(covers) {
        return Ok(());
    }
    Err(Error::InsufficientScope { accepted })
}

fn check_user(user: &User) -> Result<()> {
    match user.state {
        model::UserState::Active => Ok(()),
        model::UserState::Blocked => Err(Error::Forbidden(Some("Your account has been blocked.".to_owned()))),
        model::UserState::Deactivated => Err(Error::Forbidden(Some(
            "Your account has been deactivated by your administrator. Please log back in to reactivate your account."
                .to_owned(),
        ))),
    }
}

/// Notes the use of a token, unless that was done in the last minutes.
async fn note_use(app: &App, token: &AccessToken) -> Result<()> {
    let now = app.clock.now();
    if token.last_used_at.is_some_and(|at| now.0 - at.0 < TOUCH_EVERY) {
        return Ok(());
    }
    let id = token.id;
    app.store
        .write(move |tx| ops::access_tokens::touch(tx, id, now))
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_accepted_scope_is_enough_and_api_covers_all() {
        let check = |scopes: &[&str], accepted| {
            let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            check_scopes(&scopes, accepted).is_ok()
        };
        for (scopes, accepted, expected) in [
            (&["api"][..], Some("read_user"), true),
            (&["read_api"][..], Some("api read_api"), true),
            (&["read_api"][..], Some("api"), false),
            (&["sudo", "read_user"][..], Some("api read_api"), false),
            (&[][..], Some("api"), false),
            (&["read_user"][..], None, true),
        ] {
            assert_eq!(check(scopes, accepted), expected, "{scopes:?} {accepted:?}");
        }
    }
}
