//! The kinds of files an include may name, their checks and GitLab's messages for each.

use std::sync::Arc;

use crate::entry::Finding;
use crate::facts::{Answer, Demand, FetchedFile, FileKey, Unfetched};
use crate::load::Included;
use crate::templates;

use super::locations::{Location, is_url};
use super::{Place, Reader, Stop};

/// Where a file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Local,
    Project,
    Remote,
    Template,
    Artifact,
    Component,
}

impl Kind {
    /// What `include` may name, in GitLab's order.
    pub(super) const OF_CONTENT: &'static [Kind] = &[
        Kind::Local,
        Kind::Project,
        Kind::Remote,
        Kind::Template,
        Kind::Artifact,
        Kind::Component,
    ];
    /// What `spec:include` may name.
    pub(super) const OF_HEADER: &'static [Kind] = &[Kind::Local, Kind::Remote, Kind::Project];

    const fn word(self) -> &'static str {
        match self {
            Kind::Local => "local",
            Kind::Project => "project",
            Kind::Remote => "remote",
            Kind::Template => "template",
            Kind::Artifact => "artifact",
            Kind::Component => "component",
        }
    }

    fn is_named(self, location: &Location) -> bool {
        match self {
            Kind::Project => location.get("file").is_some() && location.get("project").is_some(),
            kind => location.get(kind.word()).is_some(),
        }
    }
}

/// A file at hand.
pub(super) struct Fetched {
    pub(super) name: String,
    pub(super) text: Arc<str>,
    /// What its own includes see.
    pub(super) place: Place,
    /// Path of the file of a component.
    pub(super) path: Option<String>,
}

impl Reader<'_> {
    /// The one kind that the include names.
    pub(super) fn kind_of(&self, location: &Location, kinds: &[Kind]) -> Result<Kind, Stop> {
        let named: Vec<Kind> = kinds.iter().copied().filter(|kind| kind.is_named(location)).collect();
        let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
        let words = words.join("`, `");
        let text = match named[..] {
            [kind] => return Ok(kind),
            [] => {
                let json = crate::yaml::Node::mapping(location.map.clone(), location.span)
                    .to_json()
                    .to_string();
                let what = if kinds == Kind::OF_HEADER {
                    "header include"
                } else {
                    "include"
                };
                let json = self.mask(&json);
                format!("`{json}` does not have a valid subkey for {what}. Valid subkeys are: `{words}`")
            }
            _ => format!("Each include must use only one of: `{words}`"),
        };
        Err(Finding::new(text, location.span).into())
    }

    /// What is wrong with the path or address itself.
    pub(super) fn location_error(&self, location: &Location, kind: Kind) -> Option<String> {
        let key = if kind == Kind::Project { "file" } else { kind.word() };
        let node = location.get(key)?;
        let shown = self.mask(&location.shown());
        let Some(text) = node.as_str() else {
            return Some(format!("Included file `{shown}` needs to be a string"));
        };
        if kind != Kind::Component && !has_yaml_extension(text) {
            return Some(format!("Included file `{shown}` does not have YAML extension!"));
        }
        match kind {
            Kind::Remote if !is_url(text) => Some(format!("Remote file `{shown}` does not have a valid address!")),
            Kind::Template if !text.ends_with(templates::SUFFIX) => {
                Some(format!("Template file `{shown}` is not a valid location!"))
            }
            _ => None,
        }
    }

    /// The entry in the list of included files.
    pub(super) fn included(&self, location: &Location, kind: Kind, place: &Place) -> Included {
        let mut key = file_key(location, kind, place);
        if let FileKey::Remote { url, .. } = &mut key {
            *url = self.mask(url);
        }
        let (project, sha) = match kind {
            Kind::Local => (place.project.clone(), place.sha.clone()),
            Kind::Project => (location.get("project").map(crate::yaml::Node::to_text), None),
            _ => (None, None),
        };
        Included {
            key,
            project,
            sha,
            path: None,
            context_project: place.project.clone(),
            context_sha: place.sha.clone(),
        }
    }

    /// Gets the text of a file.
    pub(super) fn fetch(&self, location: &Location, kind: Kind, place: &Place) -> Result<Fetched, Stop> {
        let wrong = |text: String| Stop::wrong(Finding::new(text, location.span));
        let shown = self.mask(&location.shown());
        match kind {
            Kind::Local if !place.has_project => {
                return Err(wrong(format!("Local file `{shown}` does not have project!")));
            }
            Kind::Component if !place.has_project => {
                return Err(wrong(
                    "Unable to use components outside of a project context".to_owned(),
                ));
            }
            Kind::Component => self.component_path(location, &shown)?,
            Kind::Template => {
                if let Some(text) = templates::find(&location.shown()) {
                    return Ok(Fetched {
                        name: location.shown(),
                        text: text.into(),
                        place: Place::default(),
                        path: None,
                    });
                }
            }
            Kind::Artifact => return self.artifact(location, place, &shown),
            _ => {}
        }
        let key = file_key(location, kind, place);
        let demand = Demand::File(key);
        let answer = self.ask(demand)?;
        let Answer::File(file) = answer else {
            return Err(wrong(self.missing(location, kind, answer, &shown)));
        };
        if file.text.trim().is_empty() {
            return Err(wrong(self.empty(location, kind, &shown)));
        }
        Ok(Fetched {
            name: shown_name(location, kind, place, &shown),
            text: file.text.clone(),
            place: inner_place(file, kind, place, location),
            path: file.component.as_ref().map(|component| component.path.clone()),
        })
    }

    fn component_path(&self, location: &Location, shown: &str) -> Result<(), Stop> {
        let fqdn = self.request.server_fqdn;
        let address = location.shown();
        let path = if fqdn.is_empty() {
            Some(address.as_str())
        } else {
            address.strip_prefix(fqdn)
        };
        let is_path = path
            .and_then(|path| path.split_once('@'))
            .is_some_and(|(path, version)| {
                !version.is_empty() && path.trim_start_matches('/').matches('/').count() >= 1
            });
        if is_path {
            return Ok(());
        }
        let text = format!("Component '{shown}' - the component path is not supported");
        Err(Finding::new(text, location.span).into())
    }

    /// A file of the parent pipeline's artifacts.
    fn artifact(&self, location: &Location, place: &Place, shown: &str) -> Result<Fetched, Stop> {
        let key = file_key(location, Kind::Artifact, place);
        let wrong = |text: String| Err(Finding::new(text, location.span).into());
        match self.ask(Demand::File(key))? {
            Answer::File(file) if file.text.trim().is_empty() => wrong(format!("File `{shown}` is empty!")),
            Answer::File(file) => Ok(Fetched {
                name: shown.to_owned(),
                text: file.text.clone(),
                place: place.clone(),
                path: None,
            }),
            Answer::Failed(message) => wrong(self.mask(message)),
            _ => wrong("Including configs from artifacts is only allowed when triggering child pipelines".to_owned()),
        }
    }

    fn missing(&self, location: &Location, kind: Kind, answer: &Answer, shown: &str) -> String {
        let text = |key: &str| location.get(key).map(crate::yaml::Node::to_text).unwrap_or_default();
        match (kind, answer) {
            (_, Answer::Failed(message)) => message.clone(),
            (Kind::Local, _) => format!("Local file `{shown}` does not exist!"),
            (Kind::Project, Answer::Denied) => format!(
                "Project `{}` not found or access denied! Make sure any includes in the pipeline configuration are \
                 correctly defined.",
                self.mask(&text("project").to_lowercase())
            ),
            (Kind::Project, Answer::NoSuchRef) => format!(
                "Project `{}` reference `{}` does not exist!",
                self.mask(&text("project").to_lowercase()),
                self.mask(
                    &location
                        .get("ref")
                        .map_or_else(|| "HEAD".to_owned(), crate::yaml::Node::to_text)
                )
            ),
            (Kind::Project, _) => {
                format!(
                    "Project `{}` file `{shown}` does not exist!",
                    self.mask(&text("project").to_lowercase())
                )
            }
            (Kind::Remote, Answer::Unfetched(why)) => unfetched(shown, why),
            (Kind::Component, Answer::Denied) => {
                format!("Component '{shown}' - project does not exist or you don't have sufficient permissions")
            }
            (Kind::Component, _) => format!("Component '{shown}' - content not found"),
            (Kind::Remote | Kind::Template | Kind::Artifact, _) => {
                format!("Included file `{shown}` is empty or does not exist!")
            }
        }
    }

    fn empty(&self, location: &Location, kind: Kind, shown: &str) -> String {
        match kind {
            Kind::Local => format!("Local file `{shown}` is empty!"),
            Kind::Project => {
                let project = location
                    .get("project")
                    .map(crate::yaml::Node::to_text)
                    .unwrap_or_default();
                format!(
                    "Project `{}` file `{shown}` is empty!",
                    self.mask(&project.to_lowercase())
                )
            }
            Kind::Component => format!("Component '{shown}' - content not found"),
            Kind::Remote | Kind::Template | Kind::Artifact => {
                format!("Included file `{shown}` is empty or does not exist!")
            }
        }
    }
}

/// GitLab's message about an address that gave no file.
fn unfetched(shown: &str, why: &Unfetched) -> String {
    let (attempts, cause) = match why {
        Unfetched::Reason(reason) => return format!("Remote file could not be fetched because {reason}!"),
        Unfetched::TooLarge => return "The provided YAML is too big".to_owned(),
        Unfetched::Integrity => return format!("Remote file `{shown}` failed integrity check!"),
        Unfetched::Status { code, attempts } => (attempts, format!("HTTP code `{code}` error")),
        Unfetched::Timeout { attempts } => (attempts, "a timeout error".to_owned()),
        Unfetched::Socket { attempts } => (attempts, "a socket error".to_owned()),
        Unfetched::Http { attempts } => (attempts, "HTTP error".to_owned()),
    };
    let word = if *attempts == 1 { "attempt" } else { "attempts" };
    format!("Remote file `{shown}` could not be fetched after {attempts} {word} because of {cause}!")
}

fn file_key(location: &Location, kind: Kind, place: &Place) -> FileKey {
    let text = |key: &str| location.get(key).map(crate::yaml::Node::to_text);
    let path = location.shown();
    match kind {
        Kind::Local => FileKey::Project {
            project: place.project.clone(),
            git_ref: place.sha.clone(),
            path,
            public: place.public,
        },
        Kind::Project => FileKey::Project {
            project: text("project"),
            git_ref: text("ref"),
            path,
            public: place.public,
        },
        Kind::Remote => FileKey::Remote {
            url: path,
            integrity: text("integrity"),
            cache_seconds: cache_seconds(location),
        },
        Kind::Template => FileKey::Template { name: path },
        Kind::Component => FileKey::Component {
            address: path,
            public: place.public,
        },
        Kind::Artifact => FileKey::Artifact {
            job: text("job").unwrap_or_default(),
            path,
        },
    }
}

/// `cache: true` is an hour.
fn cache_seconds(location: &Location) -> Option<u64> {
    let cache = location.get("cache")?;
    match cache.as_str() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "durations are positive and small"
        )]
        Some(text) => crate::duration::parse(text).map(|seconds| seconds as u64),
        None => (cache.as_bool() == Some(true)).then_some(3600),
    }
}

/// What the includes of the file itself see.
fn inner_place(file: &FetchedFile, kind: Kind, place: &Place, location: &Location) -> Place {
    let text = |key: &str| location.get(key).map(crate::yaml::Node::to_text);
    match kind {
        Kind::Local | Kind::Artifact => place.clone(),
        Kind::Project => Place {
            has_project: true,
            project: file.project.clone().or_else(|| text("project")),
            sha: file.sha.clone().or_else(|| text("ref")),
            has_variables: place.has_variables,
            public: place.public,
            component: None,
        },
        Kind::Component => Place {
            has_project: true,
            project: file.project.clone(),
            sha: file.sha.clone(),
            has_variables: place.has_variables,
            public: place.public,
            component: Some(file.component.clone().unwrap_or_default()),
        },
        Kind::Remote | Kind::Template => Place {
            public: true,
            ..Place::default()
        },
    }
}

/// The file's name for people: with its project when that is another one.
fn shown_name(location: &Location, kind: Kind, place: &Place, shown: &str) -> String {
    let project = match kind {
        Kind::Project => location.get("project").map(crate::yaml::Node::to_text),
        Kind::Local => place.project.clone(),
        _ => None,
    };
    project.map_or_else(|| shown.to_owned(), |project| format!("{project}:{shown}"))
}

/// Whether the last part of a path is `NAME.yml` or `NAME.yaml`.
fn has_yaml_extension(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
    [".yml", ".yaml"].iter().any(|extension| {
        name.lines()
            .any(|line| line.len() > extension.len() && line.ends_with(extension))
    })
}
