//! Users and members.

use app::ExternalUrl;
use model::User;
use wire::user::{CurrentUser, User as Profile, UserBasic};

use super::time;

/// A user in a few words.
#[must_use]
pub fn basic(url: &ExternalUrl, user: &User) -> UserBasic {
    UserBasic {
        id: user.id.0,
        username: user.username.clone(),
        public_email: Some(String::new()),
        name: user.name.clone(),
        state: user.state.to_string(),
        locked: false,
        avatar_url: None,
        web_url: format!("{}/{}", url.base(), user.username),
    }
}

/// A user's profile.
#[must_use]
pub fn profile(url: &ExternalUrl, user: &User) -> Profile {
    Profile {
        basic: basic(url, user),
        created_at: time(user.created_at),
        bio: String::new(),
        location: Some(String::new()),
        linkedin: String::new(),
        twitter: String::new(),
        discord: String::new(),
        website_url: String::new(),
        github: String::new(),
        job_title: String::new(),
        pronouns: None,
        organization: Some(String::new()),
        bot: user.is_bot,
        work_information: None,
        followers: 0,
        following: 0,
        local_time: None,
    }
}

/// Most projects a user may create, as GitLab's default says it; nothing here counts them.
const PROJECTS_LIMIT: i64 = 100_000;

/// A user as shown to themselves, or to an administrator.
#[must_use]
pub fn whole(url: &ExternalUrl, user: &User, reader_is_admin: bool) -> CurrentUser {
    CurrentUser {
        user: profile(url, user),
        last_sign_in_at: None,
        confirmed_at: time(user.created_at),
        last_activity_on: None,
        email: user.email.clone(),
        theme_id: 3,
        color_scheme_id: 1,
        projects_limit: PROJECTS_LIMIT,
        current_sign_in_at: None,
        identities: Vec::new(),
        can_create_group: true,
        can_create_project: true,
        two_factor_enabled: false,
        external: false,
        private_profile: false,
        commit_email: user.email.clone(),
        preferred_language: "en".to_owned(),
        is_admin: reader_is_admin.then_some(user.is_admin),
        namespace_id: reader_is_admin.then_some(user.namespace_id.0),
    }
}
