//! Who calls.

use model::{AccessTokenId, Job, SessionId, User};
use std::net::IpAddr;

/// The caller of a use case, after authentication.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No credentials.
    Anonymous,
    /// A person or bot, by access token or session.
    User(Box<UserCaller>),
    /// A running job, by its job token; acts as its user within the job token's limits.
    Job(Box<JobCaller>),
}

/// A person or bot.
#[derive(Clone, Debug)]
pub struct UserCaller {
    /// As whom.
    pub user: User,
    /// By what.
    pub credential: Credential,
    /// Where the call comes from, for the record.
    pub address: Option<IpAddr>,
}

/// What proved who a [`UserCaller`] is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A personal, project or group access token.
    AccessToken {
        /// Which.
        id: AccessTokenId,
        /// What it may be used for.
        scopes: Vec<String>,
    },
    /// A browser's session: everything the user may do, until it ends.
    Browser(SessionId),
    /// The user as such, for whom the server acts: everything the user may do.
    Session,
}

/// A running job.
#[derive(Clone, Debug)]
pub struct JobCaller {
    /// Whom it runs as.
    pub user: User,
    /// The job.
    pub job: Job,
}

impl Caller {
    /// The caller, who comes from this address.
    #[must_use]
    pub fn from_address(mut self, address: Option<IpAddr>) -> Caller {
        if let Caller::User(caller) = &mut self {
            caller.address = address;
        }
        self
    }

    /// Where the call comes from.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Caller::User(caller) => caller.address,
            Caller::Anonymous | Caller::Job(_) => None,
        }
    }

    /// Returns the user the caller acts as.
    #[must_use]
    pub const fn user(&self) -> Option<&User> {
        match self {
            Caller::Anonymous => None,
            Caller::User(caller) => Some(&caller.user),
            Caller::Job(caller) => Some(&caller.user),
        }
    }

    /// Whether the caller administers the server. A job never does, whoever started it.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        matches!(self, Caller::User(caller) if caller.user.is_admin)
    }

    /// Whether anybody in particular calls.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        !matches!(self, Caller::Anonymous)
    }
}
