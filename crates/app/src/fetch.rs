//! Clones and fetches: what a git client asks before it transfers anything, and the transfer.
//!
//! Who may do it is decided by [`crate::git_access`]; pushes are in [`crate::push`].

pub use git::{Output, Protocol, PushRequest, ServeError, Service};

use tokio::io::AsyncRead;

use crate::git_access::GitAccess;
use crate::{App, Caller};

/// Answers what a client asks first: which refs there are and what the server can do.
///
/// # Errors
///
/// As [`git::Server::advertise`].
pub async fn advertise(
    app: &App,
    access: &GitAccess,
    service: Service,
    protocol: Option<Protocol>,
) -> Result<Output, ServeError> {
    let repository = app.repositories.open(&access.project)?;
    app.repositories
        .server()
        .advertise(&repository, service, protocol, caller(access))
        .await
}

/// Answers a clone or fetch with an inflated body.
///
/// # Errors
///
/// As [`git::Server::upload_pack`].
pub async fn fetch<R: AsyncRead + Unpin + Send + 'static>(
    app: &App,
    access: &GitAccess,
    protocol: Option<Protocol>,
    body: R,
) -> Result<Output, ServeError> {
    let repository = app.repositories.open(&access.project)?;
    app.repositories
        .server()
        .upload_pack(&repository, protocol, caller(access), body)
        .await
}

fn caller(access: &GitAccess) -> git::Caller {
    match access.caller {
        Caller::Anonymous => git::Caller::Anonymous,
        _ => git::Caller::Known,
    }
}
