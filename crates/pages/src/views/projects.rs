//! Projects: lists, a new one, one of them, its members.

use askama::Template;
use model::{AccessLevel, Pipeline, Project, Timestamp};

use super::{Choice, PipelineRow};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::language::Language;

/// A project in a list.
#[derive(Debug)]
pub struct ProjectRow {
    /// The project.
    pub project: Project,
    /// Its newest pipeline, for those who may see it.
    pub pipeline: Option<Pipeline>,
}

/// A list of projects.
#[derive(Debug, Template)]
#[template(path = "projects.html")]
pub struct ProjectsPage {
    /// Around the page.
    pub f: Frame,
    /// Address of the list.
    pub here: String,
    /// What was searched for.
    pub search: String,
    /// Whether the reader may create projects here.
    pub may_create: bool,
    /// The projects.
    pub rows: Vec<ProjectRow>,
    /// Addresses of the pages before and after.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// The form for a new project.
#[derive(Debug, Template)]
#[template(path = "project_new.html")]
pub struct NewProjectPage {
    /// Around the page.
    pub f: Frame,
    /// The name that was tried.
    pub name: String,
    /// The path that was tried.
    pub path: String,
    /// Where it may live.
    pub namespaces: Vec<Choice>,
    /// The visibility that was tried.
    pub visibility: &'static str,
}

/// A project.
#[derive(Debug, Template)]
#[template(path = "project.html")]
pub struct ProjectPage {
    /// Around the page.
    pub f: Frame,
    /// The project.
    pub project: Project,
    /// Address to clone from and push to.
    pub clone_url: String,
    /// Address of the trigger call.
    pub trigger_url: String,
    /// Whether there is no commit yet.
    pub is_empty: bool,
    /// Its latest pipelines.
    pub rows: Vec<PipelineRow>,
}

/// A member.
#[derive(Debug)]
pub struct MemberRow {
    /// Id of the user.
    pub id: i64,
    /// User name.
    pub username: String,
    /// Display name.
    pub name: String,
    /// Role.
    pub level: AccessLevel,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// The same as fields for days have it.
    pub expires_day: String,
    /// Whether it belongs to a group around the project.
    pub is_inherited: bool,
}

/// Who belongs to a project.
#[derive(Debug, Template)]
#[template(path = "members.html")]
pub struct MembersPage {
    /// Around the page.
    pub f: Frame,
    /// Address of the page.
    pub here: String,
    /// Whether the reader may change it.
    pub may_admin: bool,
    /// Roles the reader may give.
    pub levels: Vec<AccessLevel>,
    /// The members.
    pub rows: Vec<MemberRow>,
    /// The name that was tried.
    pub username: String,
    /// The end that was tried.
    pub expires_at: String,
}
