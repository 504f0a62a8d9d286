//! Users and members (rest-api.md 15, 16, 22).

use serde::{Deserialize, Serialize};

use crate::time::{Day, Time};

/// A user in a few words, as in pipelines and triggers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserBasic {
    /// Id.
    pub id: i64,
    /// Unique name.
    pub username: String,
    /// Mail address that everybody may see; none here.
    pub public_email: Option<String>,
    /// Display name.
    pub name: String,
    /// `active`, `blocked` …
    pub state: String,
    /// Whether sign-in is locked after failures.
    pub locked: bool,
    /// Picture.
    pub avatar_url: Option<String>,
    /// Page.
    pub web_url: String,
}

/// A user's profile, as in jobs and `GET /users/:id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user in a few words.
    #[serde(flatten)]
    pub basic: UserBasic,
    /// When the account was created.
    pub created_at: Time,
    /// Always empty here, as the other profile texts.
    pub bio: String,
    /// Profile text.
    pub location: Option<String>,
    /// Profile text.
    pub linkedin: String,
    /// Profile text.
    pub twitter: String,
    /// Profile text.
    pub discord: String,
    /// Profile text.
    pub website_url: String,
    /// Profile text.
    pub github: String,
    /// Profile text.
    pub job_title: String,
    /// Profile text.
    pub pronouns: Option<String>,
    /// Profile text.
    pub organization: Option<String>,
    /// Whether this is a project's or group's bot.
    pub bot: bool,
    /// Profile text.
    pub work_information: Option<String>,
    /// Number of followers.
    pub followers: i64,
    /// Number of people followed.
    pub following: i64,
    /// Local time of the user.
    pub local_time: Option<String>,
}

/// `GET /user`: oneself.
#[derive(Clone, Debug, Serialize)]
pub struct CurrentUser {
    /// The profile.
    #[serde(flatten)]
    pub user: User,
    /// When last signed in.
    pub last_sign_in_at: Option<Time>,
    /// When the mail address was confirmed.
    pub confirmed_at: Time,
    /// Day of the last activity.
    pub last_activity_on: Option<Day>,
    /// Mail address.
    pub email: String,
    /// Colors.
    pub theme_id: i64,
    /// Colors of code.
    pub color_scheme_id: i64,
    /// Most projects.
    pub projects_limit: i64,
    /// When signed in now.
    pub current_sign_in_at: Option<Time>,
    /// Accounts elsewhere; none.
    pub identities: Vec<String>,
    /// Whether the user may create groups.
    pub can_create_group: bool,
    /// Whether the user may create projects.
    pub can_create_project: bool,
    /// Second factor.
    pub two_factor_enabled: bool,
    /// External account.
    pub external: bool,
    /// Profile hidden.
    pub private_profile: bool,
    /// Address in commits.
    pub commit_email: String,
    /// `en`.
    pub preferred_language: String,
    /// Only administrators are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_admin: Option<bool>,
    /// Personal namespace; only administrators are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_id: Option<i64>,
}

/// A member of a project or group.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// Who.
    #[serde(flatten)]
    pub user: UserBasic,
    /// Role as GitLab's number.
    pub access_level: i64,
    /// Since when.
    pub created_at: Time,
    /// Who added them.
    pub created_by: Option<UserBasic>,
    /// Until which day.
    pub expires_at: Option<Day>,
    /// `active`.
    pub membership_state: &'static str,
}
