//! Configuration text to [`Config`]: documents, inputs, includes, `extends`, `!reference`,
//! checks, normalisation.
//!
//! Pure and resumable: what it does not know it demands, and is called again. It never looks at
//! who starts a pipeline; that is [`Config::plan`].

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::config::Config;
use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::entry::{self, Finding};
use crate::facts::{Facts, FileKey, Step};
use crate::include::{Reader, Stop};
use crate::inputs::Header;
use crate::plan::Variable;
use crate::yaml::{self, Mapping, Node, Span};
use crate::{cross, extends, normalize, reference};

/// What [`load`] works on.
#[derive(Clone, Debug)]
pub struct LoadRequest<'a> {
    /// Name of the root file as people know it (`.gitlab-ci.yml`).
    pub file_name: &'a str,
    /// Its text.
    pub text: Arc<str>,
    /// Full path of the project the root file lies in, where that is not the pipeline's own
    /// (`path@group/project`); nested `include:local` looks there.
    pub file_project: Option<&'a str>,
    /// The commit of that project.
    pub file_sha: Option<&'a str>,
    /// Given inputs by name. Text (form fields, command line) is a JSON string: inputs of other
    /// types decode it as JSON first.
    pub inputs: &'a [(String, Json)],
    /// Variables known before there is a pipeline, lowest precedence first: project and commit,
    /// instance, group, project (scope `*` only), pipeline, schedule.
    pub variables: &'a [Variable],
    /// Full path of the pipeline's project.
    pub project_path: &'a str,
    /// The pipeline's commit.
    pub sha: &'a str,
    /// Host (and port) under which components are addressed (`CI_SERVER_FQDN`).
    pub server_fqdn: &'a str,
    /// Limits of this server.
    pub limits: &'a Limits,
}

/// Limits of a server (ci-yaml.md 1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Included files in total; default 150.
    pub includes: usize,
    /// Bytes of all files together; default 300 MiB.
    pub total_bytes: usize,
    /// Needs of one job; default 50.
    pub needs: usize,
    /// Jobs of one pipeline; default 0 = any number.
    pub jobs: usize,
    /// Of each file.
    pub yaml: yaml::Limits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            includes: 150,
            total_bytes: 314_572_800,
            needs: 50,
            jobs: 0,
            yaml: yaml::Limits::default(),
        }
    }
}

/// What became of a configuration.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration; `None` when a diagnostic is an error.
    pub config: Option<Arc<Config>>,
    /// All errors in GitLab's order, then all warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// The whole configuration after includes, `extends` and `!reference`; `None` when it did not get that far.
    pub merged: Option<Node>,
    /// The header of the root file: the inputs it declares. `None` when it has none.
    pub header: Option<Header>,
    /// Every file that was included, in order.
    pub includes: Vec<Included>,
    /// Whether everything that was read lies in the pipeline's own commit (or comes with Tripline):
    /// no file of another project or host, no changed paths.
    pub is_fixed: bool,
    /// Whether the error is one of the root file alone: its YAML, its header, a value given for an
    /// input, an interpolation. GitLab puts the file's name in front when it creates a pipeline.
    pub root_unreadable: bool,
    /// Names of the variables whose values reading the configuration looked at (include paths and
    /// rules, `expand_vars`), defined or not. A result holds for every pipeline of the commit in
    /// which these have the same values; the caller's cache relies on it.
    pub looked_at: Vec<String>,
    /// The texts, for excerpts: index = [`Span::file`](crate::yaml::Span::file); the first is the root file.
    pub sources: Vec<Source>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name as people know it.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
    /// The `include` that names it; `None` for the main file.
    pub included_at: Option<Span>,
}

/// One file of `include`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// Which file.
    pub key: FileKey,
    /// The project it came from; `None` = the pipeline's own, or none at all.
    pub project: Option<String>,
    /// The commit it came from.
    pub sha: Option<String>,
    /// Path of the file of a component.
    pub path: Option<String>,
    /// Project of the file that includes it; `None` = the pipeline's own.
    pub context_project: Option<String>,
    /// Commit of the file that includes it.
    pub context_sha: Option<String>,
}

impl Included {
    /// Whether the file is the same whenever this commit is compiled: from the pipeline's own
    /// commit, or one of our templates.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match &self.key {
            FileKey::Project { project, git_ref, .. } => project.is_none() && git_ref.is_none(),
            FileKey::Template { .. } => true,
            FileKey::Remote { .. } | FileKey::Component { .. } | FileKey::Artifact { .. } => false,
        }
    }
}

/// Reads a configuration.
///
/// Answers [`Step::Needs`] until every included file is among the `facts`. What is wrong with the
/// configuration is in [`Loaded::diagnostics`].
#[must_use]
pub fn load(request: &LoadRequest<'_>, facts: &Facts) -> Step<Loaded> {
    let mut reader = Reader::new(request, facts);
    let mut warnings = Vec::new();
    let mut parts = Parts::default();
    let errors = match steps(request, &mut reader, &mut parts, &mut warnings) {
        Ok(()) => Vec::new(),
        Err(Stop::Pending) => return Step::Needs(reader.demands()),
        Err(Stop::Wrong(found)) => found,
    };
    let demands = reader.demands();
    if !demands.is_empty() {
        return Step::Needs(demands);
    }
    warnings.extend(reader.remarks());
    let Parts { merged, header, config } = parts;
    let config = config.filter(|_| errors.is_empty());
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let roots = merged.as_ref().map(RootKeys::of).unwrap_or_default();
    let (is_fixed, root_unreadable) = (reader.is_fixed(), reader.root_unreadable());
    let (sources, includes, looked_at) = reader.into_parts();
    diagnostics.extend(
        errors
            .into_iter()
            .map(|found| diagnostic(found, Severity::Error, &sources, &roots)),
    );
    diagnostics.extend(
        warnings
            .into_iter()
            .map(|found| diagnostic(found, Severity::Warning, &sources, &roots)),
    );
    Step::Done(Loaded {
        config: config.map(Arc::new),
        diagnostics,
        merged,
        header,
        includes,
        is_fixed,
        root_unreadable,
        looked_at,
        sources,
    })
}

/// What the steps leave behind, as far as they got.
#[derive(Default)]
struct Parts {
    merged: Option<Node>,
    header: Option<Header>,
    config: Option<Config>,
}

/// The steps of ci-yaml.md 2, from text to configuration.
fn steps(
    request: &LoadRequest<'_>,
    reader: &mut Reader<'_>,
    parts: &mut Parts,
    warnings: &mut Vec<Finding>,
) -> Result<(), Stop> {
    if request.text.trim().is_empty() {
        return Err(Stop::wrong(Finding::new(
            "Please provide content of .gitlab-ci.yml",
            Span::default(),
        )));
    }
    let tree = reader.root(request, &mut parts.header)?;
    let tree = extends::resolve(&tree)?;
    let mut tree = reference::resolve(&tree)?;
    inject_edge_stages(&mut tree);
    let merged = Node::mapping(
        tree,
        Span {
            file: 0,
            line: 1,
            column: 1,
        },
    );
    parts.merged = Some(merged.clone());
    let checked = entry::root(&merged, warnings)?;
    let Some(root) = checked.value else {
        return Err(Stop::Wrong(checked.found));
    };
    normalize::check_size(&root.jobs, &root.variables)?;
    let jobs = normalize::normalize(root.jobs)?;
    cross::check(&jobs, &root.stages, &root.nameable_stages)?;
    warnings.extend(cross::remarks(&jobs));
    let files = reader.file_names();
    parts.config = Some(Config::new(root.stages, root.workflow, root.variables, jobs, files));
    Ok(())
}

/// `.pre` first, `.post` last, wherever they are written; only for a list that is not empty.
fn inject_edge_stages(tree: &mut Mapping) {
    let Some(entry) = tree.entries.get_mut("stages") else {
        return;
    };
    let Some(items) = entry.value.as_sequence().filter(|items| !items.is_empty()) else {
        return;
    };
    let span = entry.value.span;
    let is_edge = |node: &&Node| !matches!(node.as_str(), Some(".pre" | ".post"));
    let inner = items.iter().filter(is_edge).cloned();
    let stages = std::iter::once(Node::text(".pre", span))
        .chain(inner)
        .chain([Node::text(".post", span)])
        .collect();
    entry.value = Node::sequence(stages, span);
}

/// Where each root key stands: tells in which job a place lies.
#[derive(Default)]
struct RootKeys {
    /// By file and line.
    places: Vec<Span>,
    /// By name, in lower case as messages have it.
    by_name: HashMap<String, Span>,
}

impl RootKeys {
    /// Bytes of a message that may be a job's name: 255 characters.
    const NAME_BYTES: usize = 1020;

    fn of(merged: &Node) -> RootKeys {
        let mut keys = RootKeys::default();
        for (key, entry) in merged.as_mapping().into_iter().flat_map(Mapping::iter) {
            keys.places.push(entry.key_span);
            keys.by_name.insert(key.to_string().to_lowercase(), entry.key_span);
        }
        keys.places.sort_unstable();
        keys
    }

    /// The key that a message `jobs:NAME…` is about; of several the longest.
    fn about(&self, message: &str) -> Option<Span> {
        let rest = message.strip_prefix("jobs:")?.to_lowercase();
        let mut ends: Vec<usize> = rest.match_indices([':', ' ']).map(|(at, _)| at).collect();
        ends.retain(|end| *end <= RootKeys::NAME_BYTES);
        let mut names = ends.into_iter().rev().map(|end| &rest[..end]);
        names.find_map(|name| self.by_name.get(name).copied())
    }

    /// The key under which a place lies.
    fn around(&self, place: Span) -> Option<Span> {
        let behind = self.places.partition_point(|start| *start <= place);
        let before = self.places[..behind].last().copied();
        before.filter(|start| start.file == place.file)
    }
}

/// Files of a chain of includes that a diagnostic names.
const MAX_INCLUDES_SHOWN: usize = 5;

/// Gives a finding its file names; a place outside the job it is about gets the job as second place,
/// any other place in an included file the `include` that names the file.
fn diagnostic(found: Finding, severity: Severity, sources: &[Source], roots: &RootKeys) -> Diagnostic {
    let place = |span: Span| {
        let source = sources.get(span.file as usize).filter(|_| span.line > 0)?;
        Some(Location {
            file: source.name.clone(),
            line: span.line,
            column: span.column,
        })
    };
    let mut locations: Vec<Location> = place(found.span).into_iter().collect();
    if let Some(job) = roots.about(&found.text)
        && roots.around(found.span) != Some(job)
    {
        locations.extend(place(job));
    } else {
        let included_at = |span: Span| sources.get(span.file as usize)?.included_at;
        let includes = std::iter::successors(included_at(found.span), |at| included_at(*at));
        locations.extend(includes.take(MAX_INCLUDES_SHOWN).filter_map(place));
    }
    Diagnostic {
        severity,
        message: found.text,
        locations,
        hint: found.hint,
    }
}
