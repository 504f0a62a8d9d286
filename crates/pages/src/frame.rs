//! What every page has around its content: who reads, in which language, where they are.

use std::ops::Deref;

use model::Timestamp;

use crate::assets;
use crate::html::Html;
use crate::language::Language;
use crate::moment::{self, Reading};
use crate::status;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the browser prefers.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme.
    pub const ALL: &'static [Theme] = &[Theme::Auto, Theme::Light, Theme::Dark];

    /// Returns its word in cookies, forms and the style sheet.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// Returns the theme of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Theme> {
        Theme::ALL.iter().copied().find(|theme| theme.as_str() == word)
    }
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// User name.
    pub username: String,
    /// Display name.
    pub name: String,
    /// Whether they administer the server.
    pub is_admin: bool,
}

/// The part of a project that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The project itself.
    Overview,
    /// Pipelines.
    Pipelines,
    /// Jobs.
    Jobs,
    /// Environments.
    Environments,
    /// Pipelines at certain times.
    Schedules,
    /// The editor of the configuration.
    Lint,
    /// Members.
    Members,
    /// Settings.
    Settings,
}

/// The project that a page belongs to.
#[derive(Clone, Debug)]
pub struct ProjectFrame {
    /// Full path.
    pub path: String,
    /// Display name.
    pub name: String,
    /// Which part of it.
    pub tab: Tab,
    /// Whether the reader may see pipelines.
    pub may_read_pipelines: bool,
    /// Whether the reader may see environments.
    pub may_read_environments: bool,
    /// Whether the reader may see the code.
    pub may_read_code: bool,
    /// Whether the reader may see who belongs to it.
    pub may_read_members: bool,
    /// Whether the reader may change its settings.
    pub may_admin: bool,
    /// Whether the reader may start pipelines.
    pub may_run: bool,
}

impl ProjectFrame {
    /// The path of the group, and the last part.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Whether the page belongs to this part.
    #[must_use]
    pub fn is(&self, tab: Tab) -> bool {
        self.tab == tab
    }
}

/// The part of a group that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupTab {
    /// Its projects.
    Projects,
    /// Its members.
    Members,
}

/// The group that a page belongs to.
#[derive(Clone, Debug)]
pub struct GroupFrame {
    /// Full path.
    pub path: String,
    /// Display name.
    pub name: String,
    /// Which part of it.
    pub tab: GroupTab,
    /// Whether the reader may see who belongs to it.
    pub may_read_members: bool,
}

impl GroupFrame {
    /// Whether the page belongs to this part.
    #[must_use]
    pub fn is(&self, tab: GroupTab) -> bool {
        self.tab == tab
    }
}

/// A short message above a page.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Something was done.
    Done(String),
    /// Something was not done.
    Problem(String),
}

/// Everything around the content of a page. Derefs to the reader's [`Language`], so that templates say `f.sign_in()`.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The page's own title.
    pub title: String,
    /// Who reads.
    pub viewer: Option<Viewer>,
    /// When, where and in which language.
    pub reading: Reading,
    /// Light or dark.
    pub theme: Theme,
    /// What a form must send back.
    pub csrf: String,
    /// Address of this page, to come back to.
    pub here: String,
    /// The project that the page belongs to.
    pub project: Option<ProjectFrame>,
    /// The group that the page belongs to.
    pub group: Option<GroupFrame>,
    /// Messages above the page.
    pub notices: Vec<Notice>,
}

impl Deref for Frame {
    type Target = Language;

    fn deref(&self) -> &Language {
        &self.reading.language
    }
}

impl Frame {
    /// How long ago something was.
    #[must_use]
    pub fn ago(&self, at: &Timestamp) -> Html {
        self.reading.ago(*at)
    }

    /// When exactly something was.
    #[must_use]
    pub fn exact(&self, at: &Timestamp) -> Html {
        self.reading.exact(*at)
    }

    /// On which day something was.
    #[must_use]
    pub fn day(&self, at: &Timestamp) -> Html {
        self.reading.day(*at)
    }

    /// How long something took.
    #[must_use]
    pub fn seconds(&self, seconds: &i64) -> String {
        if *seconds <= 0 {
            return self.less_than_a_second().to_owned();
        }
        self.reading.seconds(*seconds)
    }

    /// How long something took, from a number with a fraction.
    #[must_use]
    pub fn took(&self, seconds: &f64) -> String {
        if *seconds < 1.0 {
            return self.less_than_a_second().to_owned();
        }
        self.reading.duration(std::time::Duration::from_secs_f64(*seconds))
    }

    /// A number with its thousands apart.
    #[must_use]
    pub fn number(&self, count: &i64) -> String {
        moment::number(*count)
    }

    /// An icon.
    #[must_use]
    pub fn icon(&self, name: &str) -> Html {
        status::icon(name)
    }

    /// Whether this page is at this address.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        self.here.split('?').next() == Some(path)
    }

    /// Whether a language is the reader's.
    #[must_use]
    pub fn speaks(&self, language: &Language) -> bool {
        self.reading.language == *language
    }

    /// Whether the reader may see the project's pipelines.
    #[must_use]
    pub fn may_read_pipelines(&self) -> bool {
        self.project.as_ref().is_some_and(|project| project.may_read_pipelines)
    }

    /// Whether the reader may start pipelines of the project.
    #[must_use]
    pub fn may_run(&self) -> bool {
        self.project.as_ref().is_some_and(|project| project.may_run)
    }

    /// Whether the reader may change the project's settings.
    #[must_use]
    pub fn may_admin(&self) -> bool {
        self.project.as_ref().is_some_and(|project| project.may_admin)
    }

    /// Address of the style sheet.
    #[must_use]
    pub fn style_path(&self) -> &'static str {
        assets::style_path()
    }

    /// Address of the script.
    #[must_use]
    pub fn script_path(&self) -> &'static str {
        assets::script_path()
    }

    /// Address of the logo.
    #[must_use]
    pub fn logo_path(&self) -> &'static str {
        assets::logo_path()
    }
}
