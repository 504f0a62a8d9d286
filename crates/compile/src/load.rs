//! Configuration text to [`Config`]: documents, inputs, includes, `extends`, `!reference`,
//! checks, normalisation.
//!
//! Pure and resumable: what it does not know it demands, and is called again. It never looks at
//! who starts a pipeline; that is [`Config::plan`].

use std::sync::Arc;

use serde_json::Value as Json;

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::facts::{Facts, FileKey, Step};
use crate::plan::Variable;
use crate::yaml::Node;

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
    /// Every file that was included, in order.
    pub includes: Vec<Included>,
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
    let _ = (request, facts);
    Step::Done(Loaded {
        config: None,
        diagnostics: Vec::new(),
        merged: None,
        includes: Vec::new(),
        looked_at: Vec::new(),
        sources: Vec::new(),
    })
}
