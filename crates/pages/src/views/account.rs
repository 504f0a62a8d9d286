//! Signing in, one's own account, and what is shown when something went wrong.

use askama::Template;
use model::{AccessToken, Session};

use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::language::Language;

/// The form to sign in.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// Around the page.
    pub f: Frame,
    /// The name that was tried.
    pub login: String,
    /// Where to go afterwards.
    pub return_to: String,
}

/// Something went wrong, or is not there.
#[derive(Debug, Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    /// Around the page.
    pub f: Frame,
    /// Status of the answer.
    pub status: u16,
    /// What happened and what to do.
    pub text: String,
    /// Where a button leads.
    pub back: String,
    /// What it says.
    pub back_label: &'static str,
}

/// A session and whether it is this one.
#[derive(Debug)]
pub struct SessionRow {
    /// The session.
    pub session: Session,
    /// Whether the page is read in it.
    pub is_this: bool,
}

/// One's own account.
#[derive(Debug, Template)]
#[template(path = "profile.html")]
pub struct ProfilePage {
    /// Around the page.
    pub f: Frame,
    /// Display name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// The zone that was set.
    pub zone: String,
    /// Tokens that work.
    pub tokens: Vec<AccessToken>,
    /// A token that was just made.
    pub new_token: Option<String>,
    /// Scopes to choose from.
    pub scopes: Vec<&'static str>,
    /// Signed-in browsers.
    pub sessions: Vec<SessionRow>,
}
