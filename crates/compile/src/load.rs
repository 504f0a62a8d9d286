//! Configuration text to [`Config`]: documents, inputs, includes, `extends`, `!reference`,
//! checks, normalisation.
//!
//! Pure and resumable: what it does not know it demands, and is called again. It never looks at
//! who starts a pipeline; that is [`Config::plan`].

use std::sync::Arc;

use serde_json::Value as Json;

use crate::config::Config;
use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::entry::{self, Finding};
use crate::facts::{Facts, FileKey, Step};
use crate::include::{Reader, Stop};
use crate::inputs::Header;
use crate::plan::Variable;
use crate::yaml::{Mapping, Node, Span};
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
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            includes: 150,
            total_bytes: 314_572_800,
            needs: 50,
            jobs: 0,
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
            FileKey::Remote { .. } | FileKey::Component { .. } | FileKey::Given { .. } => false,
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
    let roots = merged.as_ref().map(root_lines).unwrap_or_default();
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

/// Where each root key stands, by file and line: tells in which job a place lies.
fn root_lines(merged: &Node) -> Vec<(Span, String)> {
    let mapping = merged.as_mapping().into_iter().flat_map(Mapping::iter);
    let mut lines: Vec<(Span, String)> = mapping.map(|(key, entry)| (entry.key_span, key.to_string())).collect();
    lines.sort();
    lines
}

/// Gives a finding its file names; a place outside the job it is about gets the job as second place.
fn diagnostic(found: Finding, severity: Severity, sources: &[Source], roots: &[(Span, String)]) -> Diagnostic {
    let place = |span: Span| {
        let source = sources.get(span.file as usize).filter(|_| span.line > 0)?;
        Some(Location {
            file: source.name.clone(),
            line: span.line,
            column: span.column,
        })
    };
    let mut locations: Vec<Location> = place(found.span).into_iter().collect();
    let about = found.text.strip_prefix("jobs:").and_then(|rest| {
        let matches = |name: &str| {
            rest.to_lowercase().starts_with(&format!("{}:", name.to_lowercase()))
                || rest.to_lowercase().starts_with(&format!("{} ", name.to_lowercase()))
        };
        roots
            .iter()
            .filter(|(_, name)| matches(name))
            .max_by_key(|(_, name)| name.len())
    });
    if let Some((span, _)) = about {
        let around = roots
            .iter()
            .rfind(|(start, _)| start.file == found.span.file && *start <= found.span);
        if around.is_none_or(|(start, _)| start != span) {
            locations.extend(place(*span));
        }
    }
    Diagnostic {
        severity,
        message: found.text,
        locations,
        hint: found.hint,
    }
}
