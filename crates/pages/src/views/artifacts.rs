//! What is in the archive that a job made.

use askama::Template;

use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::language::Language;

/// A file or folder of an archive.
#[derive(Debug)]
pub struct EntryRow {
    /// Its name.
    pub name: String,
    /// Where it is shown.
    pub href: String,
    /// Its size, as it is read; `None` for a folder.
    pub size: Option<String>,
}

/// A folder of an archive.
#[derive(Debug, Template)]
#[template(path = "artifacts.html")]
pub struct ArtifactsPage {
    /// Around the page.
    pub f: Frame,
    /// Address of the job.
    pub job: String,
    /// The folders on the way, each with an address.
    pub crumbs: Vec<(String, String)>,
    /// What is in it.
    pub rows: Vec<EntryRow>,
    /// Whether there are more.
    pub has_more: bool,
}

/// How a file is shown.
#[derive(Debug)]
pub enum FileView {
    /// As text.
    Text(String),
    /// As picture.
    Picture,
    /// Not at all: it is no text.
    Other,
    /// Not at all: it is too large.
    TooLarge,
}

/// A file of an archive.
#[derive(Debug, Template)]
#[template(path = "artifact.html")]
pub struct ArtifactPage {
    /// Around the page.
    pub f: Frame,
    /// Address of the job.
    pub job: String,
    /// The folders on the way, each with an address.
    pub crumbs: Vec<(String, String)>,
    /// Its name.
    pub name: String,
    /// Its size, as it is read.
    pub size: String,
    /// Address of its content.
    pub raw: String,
    /// How it is shown.
    pub view: FileView,
}
