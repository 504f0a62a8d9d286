//! `include`: files are read, filled with their inputs, resolved recursively and merged under the
//! file that includes them (ci-yaml.md 4).
//!
//! Reads nothing itself: a file that is not among the facts becomes a demand, and the others of
//! the same list are read on, so that demands come in batches. A broken file stops everything
//! with its own message, as in GitLab.

mod locations;
mod rules;
mod sources;
mod wildcard;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use crate::entry::Finding;
use crate::facts::{Answer, Component, Demand, Facts, FileKey};
use crate::inputs::{self, Given, Header, IncludeVariable, InputError, InputValues};
use crate::load::{Included, LoadRequest, Source};
use crate::merge::deep_merge;
use crate::plan::Variable;
use crate::yaml::{self, Mapping, Node, Span};

use locations::Location;
use sources::Kind;

/// Why reading stops.
pub(crate) enum Stop {
    /// A fact is missing.
    Pending,
    /// Something is wrong.
    Wrong(Vec<Finding>),
}

impl Stop {
    pub(crate) fn wrong(finding: Finding) -> Stop {
        Stop::Wrong(vec![finding])
    }
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Stop {
        Stop::wrong(finding)
    }
}

/// What to say when the line of an error begins with a tab, which nobody sees.
fn about_tabs(text: &str, place: Span) -> Option<String> {
    let line = text.lines().nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
    let indent = &line[..line.len() - line.trim_start().len()];
    indent
        .contains('\t')
        .then(|| "this line is indented with a tab: YAML takes spaces only".to_owned())
}

/// Where a file lies and what it may see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// Whether there is a project at all: not in remote files and templates.
    has_project: bool,
    /// Its project; `None` = the pipeline's own.
    project: Option<String>,
    /// Its commit, likewise.
    sha: Option<String>,
    /// Whether include-time variables are visible.
    has_variables: bool,
    /// Whether it comes from an address: what it includes must be readable by everybody.
    public: bool,
    /// The component it belongs to.
    component: Option<Component>,
}

/// Reads files and remembers what it met.
pub(crate) struct Reader<'a> {
    request: &'a LoadRequest<'a>,
    facts: &'a Facts,
    variables: HashMap<&'a str, &'a Variable>,
    sources: Vec<Source>,
    includes: Vec<Included>,
    looked_at: RefCell<IndexSet<String>>,
    demands: RefCell<IndexSet<Demand>>,
    remarks: Vec<Finding>,
    bytes: usize,
    /// Whether all facts so far are of the pipeline's own commit.
    is_fixed: Cell<bool>,
    /// Whether the root file itself could not be read.
    root_unreadable: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(request: &'a LoadRequest<'a>, facts: &'a Facts) -> Reader<'a> {
        Reader {
            request,
            facts,
            variables: request
                .variables
                .iter()
                .map(|variable| (variable.key.as_ref(), variable))
                .collect(),
            sources: Vec::new(),
            includes: Vec::new(),
            looked_at: RefCell::default(),
            demands: RefCell::default(),
            remarks: Vec::new(),
            bytes: 0,
            is_fixed: Cell::new(true),
            root_unreadable: false,
        }
    }

    /// Reads the root file with everything it includes.
    pub(crate) fn root(&mut self, request: &LoadRequest<'_>, header: &mut Option<Header>) -> Result<Mapping, Stop> {
        let place = Place {
            has_project: true,
            project: request.file_project.map(str::to_owned),
            sha: request.file_sha.map(str::to_owned),
            has_variables: true,
            public: false,
            component: None,
        };
        let given = request
            .inputs
            .iter()
            .map(|(name, value)| (name.clone(), given(value)))
            .collect();
        let (name, text) = (request.file_name.to_owned(), request.text.clone());
        let content = self.content(name, text, &given, &place, header);
        self.root_unreadable = content.is_err();
        let content = content?;
        self.with_includes(&content, &place)
    }

    /// Splits, parses and fills one file.
    fn content(
        &mut self,
        name: String,
        text: Arc<str>,
        given: &IndexMap<String, Given>,
        place: &Place,
        header: &mut Option<Header>,
    ) -> Result<Node, Stop> {
        let file = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        self.sources.push(Source {
            name,
            text: text.clone(),
            included_at: None,
        });
        let documents = yaml::documents::load(&text, file, &self.request.limits.yaml).map_err(|error| Finding {
            hint: about_tabs(&text, error.span()),
            ..Finding::new(error.to_string(), error.span())
        })?;
        for key in &documents.duplicate_keys {
            let text = format!(
                "the key `{}` is written twice in one mapping: the last one counts",
                key.key
            );
            self.remarks.push(Finding::new(text, key.first));
        }
        let Some(written) = &documents.header else {
            if !given.is_empty() {
                let text = "Given inputs not defined in the `spec` section of the included configuration file";
                return Err(Finding::new(text, documents.content.span).into());
            }
            return Ok(documents.content);
        };
        let mut parsed = Header::parse(written).map_err(|errors| joined(&errors))?;
        if let Some(include) = parsed.include.clone() {
            self.header_includes(&include, &mut parsed, place)?;
        }
        let values = match parsed.resolve(given) {
            Ok(values) => values,
            Err(errors) => {
                *header = Some(parsed);
                return Err(joined(&errors));
            }
        };
        let content = self.interpolate(&documents.content, &values, &parsed, place);
        *header = Some(parsed);
        content.map_err(|error| Finding::new(error.message, error.span).into())
    }

    fn interpolate(
        &self,
        content: &Node,
        values: &InputValues,
        header: &Header,
        place: &Place,
    ) -> Result<Node, InputError> {
        let variables = |name: &str| {
            let variable = self.variable(name, place)?;
            Some(IncludeVariable {
                value: variable.value.as_str().into(),
                masked: variable.masked,
            })
        };
        let context = inputs::Context {
            inputs: values,
            component: place.component.as_ref(),
            component_fields: &header.component,
            variables: &variables,
        };
        inputs::interpolate(content, &context)
    }

    /// Puts the files that a document includes under it; without any, it stays as it is.
    fn with_includes(&mut self, content: &Node, place: &Place) -> Result<Mapping, Stop> {
        let own = content.as_mapping().cloned().unwrap_or_default();
        let files = match own.get("include") {
            Some(include) => self.files(include, place, Kind::OF_CONTENT)?,
            None => Vec::new(),
        };
        if files.is_empty() {
            return Ok(own);
        }
        let mut merged = Mapping::new();
        for file in &files {
            deep_merge(&mut merged, file);
        }
        deep_merge(&mut merged, &own);
        merged.remove("include");
        Ok(merged)
    }

    /// Adds the inputs of `spec:include`.
    fn header_includes(&mut self, include: &Node, header: &mut Header, place: &Place) -> Result<(), Stop> {
        let locations = self.locations(include, place)?;
        let files = self.read_all(&locations, place, Kind::OF_HEADER)?;
        for (location, file) in files {
            let node = Node::mapping(file, location.span);
            let errors = header.add_included(&self.mask(&location.shown()), &node);
            errors.map_err(|errors| joined(&errors))?;
        }
        Ok(())
    }

    fn files(&mut self, include: &Node, place: &Place, kinds: &[Kind]) -> Result<Vec<Mapping>, Stop> {
        let locations = self.locations(include, place)?;
        let files = self.read_all(&locations, place, kinds)?;
        Ok(files.into_iter().map(|(_, file)| file).collect())
    }

    /// Reads the files of one list. The first that is broken stops it, after the others were looked at.
    fn read_all<'l>(
        &mut self,
        locations: &'l [Location],
        place: &Place,
        kinds: &[Kind],
    ) -> Result<Vec<(&'l Location, Mapping)>, Stop> {
        let mut chosen = Vec::new();
        for location in locations {
            chosen.push(self.kind_of(location, kinds)?);
        }
        let start = self.includes.len();
        let mut checked = Vec::new();
        for (location, kind) in locations.iter().zip(chosen) {
            self.includes.push(self.included(location, kind, place));
            if self.includes.len() > self.request.limits.includes {
                let text = format!(
                    "Maximum of {} nested includes are allowed!",
                    self.request.limits.includes
                );
                return Err(Finding::new(text, location.span).into());
            }
            checked.push((location, kind, self.location_error(location, kind)));
        }
        let mut first_wrong = None;
        let mut files = Vec::new();
        for (index, (location, kind, error)) in checked.into_iter().enumerate() {
            let read = match error {
                Some(text) => Err(Stop::wrong(Finding::new(text, location.span))),
                None => self.read(location, kind, place, kinds, start + index),
            };
            match read {
                Ok(file) => files.push((location, file)),
                Err(Stop::Pending) => {}
                Err(Stop::Wrong(found)) => {
                    first_wrong.get_or_insert((index, found));
                }
            }
        }
        if !self.demands.borrow().is_empty() {
            return Err(Stop::Pending);
        }
        match first_wrong {
            Some((_, found)) => Err(Stop::Wrong(found)),
            None => Ok(files),
        }
    }

    /// Reads one file, its inputs filled in and its own includes merged.
    fn read(
        &mut self,
        location: &Location,
        kind: Kind,
        place: &Place,
        kinds: &[Kind],
        index: usize,
    ) -> Result<Mapping, Stop> {
        let fetched = self.fetch(location, kind, place)?;
        if matches!(kind, Kind::Project | Kind::Component)
            && let Some(included) = self.includes.get_mut(index)
        {
            (included.project, included.sha) = (fetched.place.project.clone(), fetched.place.sha.clone());
            included.path.clone_from(&fetched.path);
        }
        let shown = self.mask(&location.shown());
        let given = location.inputs(location.span)?;
        let sources_before = self.sources.len();
        let name = fetched.name.clone();
        let content = self
            .content(name, fetched.text.clone(), &given, &fetched.place, &mut None)
            .map_err(|stop| prefixed(stop, &shown));
        if let Some(source) = self.sources.get_mut(sources_before) {
            source.included_at = Some(location.span);
        }
        let content = content?;
        if kind == Kind::Component && self.has_spec_include(sources_before) {
            let text =
                format!("Component `{shown}` cannot use `spec:include`. This keyword is not supported in components");
            return Err(Finding::new(text, location.span).into());
        }
        let merged = if kinds == Kind::OF_HEADER {
            content.as_mapping().cloned().unwrap_or_default()
        } else {
            self.with_includes(&content, &fetched.place)?
        };
        if merged.is_empty() {
            let text = format!("Included file `{shown}` does not have valid YAML syntax!");
            return Err(Finding::new(text, location.span).into());
        }
        self.bytes += fetched.text.len();
        if self.bytes > self.request.limits.total_bytes {
            return Err(Finding::new("Total size of combined CI/CD configuration is too big", location.span).into());
        }
        Ok(merged)
    }

    fn has_spec_include(&self, source: usize) -> bool {
        let Some(source) = self.sources.get(source) else {
            return false;
        };
        let loaded = yaml::documents::load(&source.text, 0, &self.request.limits.yaml);
        loaded
            .ok()
            .and_then(|documents| documents.header)
            .is_some_and(|header| header.get("spec").is_some_and(|spec| spec.get("include").is_some()))
    }

    /// The variable that wins, where the place sees variables; remembers that it was looked at.
    fn variable(&self, name: &str, place: &Place) -> Option<&'a Variable> {
        if !place.has_variables {
            return None;
        }
        self.looked_at.borrow_mut().insert(name.to_owned());
        self.variables.get(name).copied()
    }

    /// The answer, or a note that it is needed.
    fn ask(&self, demand: Demand) -> Result<&'a Answer, Stop> {
        let answer = self.facts.get(&demand);
        if !is_of_this_commit(&demand) && !answer.is_some_and(|answer| is_pinned(&demand, answer)) {
            self.is_fixed.set(false);
        }
        match answer {
            Some(answer) => Ok(answer),
            None => {
                self.demands.borrow_mut().insert(demand);
                Err(Stop::Pending)
            }
        }
    }

    /// Hides values of masked variables.
    fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for variable in self
            .request
            .variables
            .iter()
            .filter(|variable| variable.masked && !variable.value.is_empty())
        {
            text = text.replace(&variable.value, "[MASKED]");
        }
        text
    }

    pub(crate) fn demands(&self) -> Vec<Demand> {
        self.demands.borrow().iter().cloned().collect()
    }

    pub(crate) fn is_fixed(&self) -> bool {
        self.is_fixed.get()
    }

    pub(crate) const fn root_unreadable(&self) -> bool {
        self.root_unreadable
    }

    pub(crate) fn remarks(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.remarks)
    }

    pub(crate) fn file_names(&self) -> Vec<String> {
        self.sources.iter().map(|source| source.name.clone()).collect()
    }

    pub(crate) fn into_parts(self) -> (Vec<Source>, Vec<Included>, Vec<String>) {
        (
            self.sources,
            self.includes,
            self.looked_at.into_inner().into_iter().collect(),
        )
    }
}

/// A value from outside: text is decoded by the type of its input.
fn given(value: &serde_json::Value) -> Given {
    match value {
        serde_json::Value::String(text) => Given::Text(text.clone()),
        other => Given::Value(Node::from_json(other, Span::default())),
    }
}

/// Whether the answer is the same whenever the pipeline's commit is.
fn is_of_this_commit(demand: &Demand) -> bool {
    match demand {
        Demand::File(FileKey::Project { project, git_ref, .. }) | Demand::Paths { project, git_ref, .. } => {
            project.is_none() && git_ref.is_none()
        }
        Demand::File(FileKey::Template { .. }) => true,
        Demand::File(_) | Demand::Changes { .. } => false,
    }
}

/// Whether a file has the content that its hash demands, and so never another one.
fn is_pinned(demand: &Demand, answer: &Answer) -> bool {
    let has_hash = matches!(demand, Demand::File(FileKey::Remote { integrity: Some(_), .. }));
    has_hash && matches!(answer, Answer::File(_))
}

/// GitLab's one message for several faults: the first three.
fn joined(errors: &[InputError]) -> Stop {
    let texts: Vec<&str> = errors.iter().take(3).map(|error| error.message.as_str()).collect();
    Finding::new(
        texts.join(", "),
        errors.first().map(|error| error.span).unwrap_or_default(),
    )
    .into()
}

/// Names the file in the messages about its own text.
fn prefixed(stop: Stop, shown: &str) -> Stop {
    match stop {
        Stop::Pending => Stop::Pending,
        Stop::Wrong(found) => Stop::Wrong(
            found
                .into_iter()
                .map(|one| Finding {
                    text: format!("`{shown}`: {}", one.text),
                    ..one
                })
                .collect(),
        ),
    }
}
