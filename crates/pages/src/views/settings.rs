//! Settings of a project and administration of the server.

use askama::Template;
use model::{AccessLevel, Job, Project, ProtectedRef, Status, Timestamp, User};

use super::Choice;
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::language::Language;

/// A CI/CD variable in the settings.
#[derive(Debug)]
pub struct VariableRow {
    /// Key.
    pub key: String,
    /// Value; `None` when it is never shown.
    pub value: Option<String>,
    /// Description.
    pub description: String,
    /// Whether it is a file.
    pub is_file: bool,
    /// Only for protected refs.
    pub protected: bool,
    /// Hidden in logs.
    pub masked: bool,
    /// Taken literally.
    pub raw: bool,
    /// For which environments.
    pub scope: String,
}

/// A runner in the settings.
#[derive(Debug)]
pub struct RunnerRow {
    /// Its id.
    pub id: i64,
    /// Description.
    pub description: String,
    /// Whom it serves, as it is read.
    pub serves: &'static str,
    /// Whether it was heard of lately.
    pub is_online: bool,
    /// Whether it takes no jobs.
    pub paused: bool,
    /// Tags.
    pub tags: Vec<String>,
    /// When it was last heard of.
    pub contacted_at: Option<Timestamp>,
    /// Whether the reader may change it here.
    pub may_change: bool,
}

/// A part of the CI/CD settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Trigger tokens.
    Triggers,
    /// What was called with them.
    TriggerLog,
    /// Variables.
    Variables,
    /// Runners.
    Runners,
    /// General.
    General,
    /// Protected branches and tags.
    Repository,
    /// Whose job tokens are accepted.
    TokenAccess,
    /// Webhooks.
    Webhooks,
    /// Inbound webhooks.
    Inbound,
}

impl Part {
    /// Whether it is this one.
    #[must_use]
    pub fn is(self, part: Part) -> bool {
        self == part
    }
}

/// Variables of a project.
#[derive(Debug, Template)]
#[template(path = "settings_variables.html")]
pub struct VariablesPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// The variables.
    pub rows: Vec<VariableRow>,
    /// Whether values are shown.
    pub revealed: bool,
    /// The key that was tried.
    pub key: String,
}

/// Runners of a project, or of the server.
#[derive(Debug, Template)]
#[template(path = "settings_runners.html")]
pub struct RunnersPage {
    /// Around the page.
    pub f: Frame,
    /// Address of this page.
    pub here: String,
    /// Full path of the project; `None` for the server's.
    pub path: Option<String>,
    /// Which settings.
    pub part: Part,
    /// The runners.
    pub rows: Vec<RunnerRow>,
    /// The command that registers a runner that was just made.
    pub register: Option<String>,
    /// The same for our own runner.
    pub register_own: String,
}

/// General settings of a project.
#[derive(Debug, Template)]
#[template(path = "settings_general.html")]
pub struct GeneralPage {
    /// Around the page.
    pub f: Frame,
    /// Which settings.
    pub part: Part,
    /// The project.
    pub project: Project,
    /// Who may give variables.
    pub override_roles: Vec<Choice>,
    /// Visibilities.
    pub visibilities: Vec<Choice>,
    /// Groups and users that the project may be moved to.
    pub targets: Vec<Choice>,
    /// Whether the reader may delete the project.
    pub may_delete: bool,
}

impl GeneralPage {
    /// Timeout of a job in minutes.
    #[must_use]
    pub fn timeout_minutes(&self) -> i64 {
        self.project.settings.build_timeout_seconds / 60
    }
}

/// Protected branches and tags.
#[derive(Debug, Template)]
#[template(path = "settings_repository.html")]
pub struct ProtectedPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// Branches.
    pub branches: Vec<ProtectedRef>,
    /// Tags.
    pub tags: Vec<ProtectedRef>,
    /// Roles to choose from; 0 is nobody.
    pub levels: Vec<AccessLevel>,
}

impl ProtectedPage {
    /// The word for who may.
    #[must_use]
    pub fn who(&self, level: &Option<AccessLevel>) -> &'static str {
        match level {
            Some(level) => self.f.role(*level),
            None => self.f.no_one(),
        }
    }
}

/// A project or group whose job tokens are accepted.
#[derive(Debug)]
pub struct AllowedRow {
    /// Its id.
    pub id: i64,
    /// Its full path.
    pub path: String,
    /// Whether it is a group.
    pub is_group: bool,
    /// Whether it is the project itself.
    pub is_own: bool,
}

/// Whose job tokens a project accepts.
#[derive(Debug, Template)]
#[template(path = "token_access.html")]
pub struct TokenAccessPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// Whether others must be on the list.
    pub enabled: bool,
    /// The list.
    pub rows: Vec<AllowedRow>,
    /// The path that was tried.
    pub tried: String,
}

/// The server.
#[derive(Debug, Template)]
#[template(path = "admin.html")]
pub struct AdminPage {
    /// Around the page.
    pub f: Frame,
    /// Whether the database answers.
    pub is_ready: bool,
    /// Version.
    pub version: String,
    /// Unfinished jobs by status.
    pub jobs: Vec<(Status, i64)>,
}

/// The users of the server.
#[derive(Debug, Template)]
#[template(path = "admin_users.html")]
pub struct UsersPage {
    /// Around the page.
    pub f: Frame,
    /// What was searched for.
    pub search: String,
    /// The users.
    pub rows: Vec<User>,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
    /// What was tried.
    pub tried: TriedUser,
}

impl UsersPage {
    /// Whether a user may not sign in.
    #[must_use]
    pub fn is_blocked(&self, user: &User) -> bool {
        !user.is_active()
    }
}

/// The fields of the form for a new user.
#[derive(Debug, Default)]
pub struct TriedUser {
    /// User name.
    pub username: String,
    /// Display name.
    pub name: String,
    /// Mail address.
    pub email: String,
}

/// The jobs that wait for a runner.
#[derive(Debug, Template)]
#[template(path = "admin_queue.html")]
pub struct QueuePage {
    /// Around the page.
    pub f: Frame,
    /// Path of the project and the job, the oldest first.
    pub rows: Vec<(String, Job)>,
    /// Address of the first page.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// What a project takes, as it is read.
#[derive(Debug)]
pub struct StorageRow {
    /// Full path of the project.
    pub path: String,
    /// Everything.
    pub total: String,
    /// Its repository.
    pub repository: String,
    /// Artifacts.
    pub artifacts: String,
    /// Logs.
    pub logs: String,
    /// Whether only those of its newest jobs were counted.
    pub has_more_logs: bool,
}

/// What projects take.
#[derive(Debug, Template)]
#[template(path = "admin_storage.html")]
pub struct StoragePage {
    /// Around the page.
    pub f: Frame,
    /// The projects.
    pub rows: Vec<StorageRow>,
    /// The jobs of a project whose logs are counted.
    pub most_logs: i64,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}
