//! Whole configurations: the root file and everything that it includes, read and planned.
//!
//! Input: files, each behind a line `#@ NAME`; what stands before the first such line is the root
//! file. An include finds a file by its path, address, template name or component address. A line
//! `#@ inputs JSON` gives the inputs of the root file.

mod again;
mod pipelines;

use std::collections::HashMap;
use std::sync::Arc;

use compile::facts::{Component, FetchedFile};
use compile::{Answer, Demand, Diagnostic, Facts, FileKey, Limits, LoadRequest, Loaded, Severity, Step, load};
use serde_json::Value as Json;

use crate::Verdict;
use crate::places::Lines;

/// Calls until a result is there; each one asks for something new, and the limit on includes ends it.
const MAX_ROUNDS: usize = 400;

/// Reads the bytes as a configuration and plans pipelines with it.
///
/// Holds: there is an end of demands and nothing is asked twice; there is a configuration exactly when there is
/// no error; each diagnostic has a text that can be shown, and places inside the files; the merged configuration,
/// read again, is the same configuration; what holds for pipelines is said there (`pipelines`).
///
/// # Panics
///
/// When one of these is broken.
pub fn run(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else {
        return Verdict::NotText;
    };
    let world = World::of(text);
    let loaded = world.load(&world.root);
    check_diagnostics(&loaded);
    let has_error = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
    assert_eq!(loaded.config.is_none(), has_error, "a configuration or an error");
    let Some(config) = &loaded.config else {
        return Verdict::Refused;
    };
    pipelines::check(&world, config);
    again::check(&world, &loaded);
    Verdict::Accepted
}

/// Everything that may be asked for.
struct World {
    root: Arc<str>,
    files: HashMap<String, Arc<str>>,
    paths: Arc<Vec<String>>,
    inputs: Vec<(String, Json)>,
    limits: Limits,
}

impl World {
    fn of(text: &str) -> World {
        let mut inputs = Vec::new();
        let mut files: Vec<(String, String)> = vec![(String::new(), String::new())];
        for line in text.split_inclusive('\n') {
            let Some(name) = line.strip_prefix("#@ ") else {
                files.last_mut().expect("the root file is there").1.push_str(line);
                continue;
            };
            let name = name.trim_end();
            match name.strip_prefix("inputs ").map(serde_json::from_str) {
                Some(Ok(Json::Object(given))) => inputs = given.into_iter().collect(),
                _ => files.push((name.to_owned(), String::new())),
            }
        }
        let mut files = files.into_iter();
        let root = files.next().map(|(_, text)| text.into()).unwrap_or_default();
        let files: HashMap<String, Arc<str>> = files.map(|(name, text)| (name, text.into())).collect();
        let mut paths: Vec<String> = files.keys().cloned().collect();
        paths.sort();
        World {
            root,
            files,
            paths: Arc::new(paths),
            inputs,
            limits: Limits::default(),
        }
    }

    fn load(&self, text: &Arc<str>) -> Loaded {
        let request = LoadRequest {
            file_name: ".gitlab-ci.yml",
            text: text.clone(),
            file_project: None,
            file_sha: None,
            inputs: &self.inputs,
            variables: &pipelines::variables(),
            project_path: "group/project",
            sha: "0123456789012345678901234567890123456789",
            server_fqdn: "ci.example.com",
            limits: &self.limits,
        };
        self.answered(|facts| load(&request, facts))
    }

    /// Answers until there is a result.
    fn answered<T>(&self, mut step: impl FnMut(&Facts) -> Step<T>) -> T {
        let mut facts = Facts::default();
        for _ in 0..MAX_ROUNDS {
            match step(&facts) {
                Step::Done(result) => return result,
                Step::Needs(demands) => {
                    assert!(!demands.is_empty(), "asks for nothing");
                    for demand in demands {
                        assert!(facts.get(&demand).is_none(), "asks twice for {demand:?}");
                        let answer = self.answer(&demand);
                        facts.insert(demand, answer);
                    }
                }
            }
        }
        panic!("no end of demands");
    }

    fn answer(&self, demand: &Demand) -> Answer {
        match demand {
            Demand::File(key) => self.file(key),
            Demand::Paths { .. } => Answer::Paths(self.paths.clone()),
            Demand::Changes { compare_to: None } => Answer::Paths(self.paths.clone()),
            Demand::Changes { compare_to: Some(name) } => match name.as_str() {
                "main" => Answer::Paths(self.paths.clone()),
                "unknown" => Answer::ChangesUnknown,
                _ => Answer::NoSuchRef,
            },
        }
    }

    fn file(&self, key: &FileKey) -> Answer {
        let (name, project, component) = match key {
            FileKey::Project { project, path, .. } => (path, project.clone(), None),
            FileKey::Remote { url, .. } => (url, None, None),
            FileKey::Template { name } | FileKey::Artifact { path: name, .. } => (name, None, None),
            FileKey::Component { address, .. } => {
                let component = Component {
                    name: "name".to_owned(),
                    version: "1.0.0".to_owned(),
                    ..Component::default()
                };
                (address, Some("group/component".to_owned()), Some(component))
            }
        };
        match (self.files.get(name), name.as_str()) {
            (Some(text), _) => Answer::File(FetchedFile {
                text: text.clone(),
                project,
                sha: None,
                component,
            }),
            (None, "denied") => Answer::Denied,
            (None, "failed") => Answer::Failed("it could not be fetched".to_owned()),
            (None, _) => Answer::Missing,
        }
    }
}

fn check_diagnostics(loaded: &Loaded) {
    let lines: Vec<(&str, Lines)> = loaded
        .sources
        .iter()
        .map(|source| (source.name.as_str(), Lines::of(&source.text)))
        .collect();
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.message.is_empty(), "a diagnostic has a text");
        check_places(diagnostic, &lines);
        let shown = compile::render(diagnostic, &loaded.sources);
        assert!(!shown.is_empty(), "{diagnostic:?} shows as nothing");
    }
}

/// Of two files with the same name (included twice) either will do.
fn check_places(diagnostic: &Diagnostic, sources: &[(&str, Lines)]) {
    for place in &diagnostic.locations {
        let (_, lines) = sources
            .iter()
            .find(|(name, _)| *name == place.file)
            .unwrap_or_else(|| panic!("`{}` is no file of the configuration", place.file));
        lines.check(place.line, place.column);
    }
}
