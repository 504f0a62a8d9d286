//! The lint API: what is wrong with a configuration, what it becomes, which jobs it has
//! (rest-api.md 12); and the inputs that it declares. Stores nothing.

use std::sync::Arc;

use compile::Explanation;
pub use compile::FileKey;
use compile::inputs::Header;
pub use compile::load::Included;
pub use compile::summary::JobSummary;
use model::job::PlannedJob;
use model::{AccessLevel, GitRef, Project, Sha, Source, User};
use serde_json::Value as Json;

use crate::App;
use crate::access::{self, Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::compiled::{Compiled, Numbering, Place, Reveal};
use crate::pipelines::config::{ConfigText, Revision};
use crate::pipelines::create::{self, Context, Outcome};
use crate::pipelines::request::{NewPipeline, Provenance, Skip};
use crate::variables::CommitFacts;

/// What to look at, and how.
#[derive(Clone, Debug)]
pub struct Lint {
    /// Which configuration.
    pub subject: Subject,
    /// Whether to go through the creation of a pipeline, rules and all.
    pub dry_run: bool,
    /// Branch or tag of that pipeline; without one the default branch.
    pub ref_text: Option<String>,
    /// What starts that pipeline; otherwise a push.
    pub source: Option<Source>,
    /// Whether a dry run also says why each job is in or out.
    pub explain: bool,
}

/// Which configuration to look at.
#[derive(Clone, Debug)]
pub enum Subject {
    /// The project's own, at a commit, branch or tag; without one at the default branch.
    Stored {
        /// The revision.
        content_ref: Option<String>,
    },
    /// This text.
    Given(String),
}

/// What was found.
#[derive(Debug)]
pub struct Linted {
    /// The project.
    pub project: Project,
    /// The commit that local files were taken from; zeros when there is none.
    pub sha: Sha,
    /// Everything that stops a pipeline, in GitLab's words.
    pub errors: Vec<String>,
    /// Everything else worth a remark.
    pub warnings: Vec<String>,
    /// The whole configuration as YAML; `None` when it did not get that far.
    pub merged_yaml: Option<String>,
    /// The files that it includes, in order.
    pub includes: Vec<Included>,
    /// Its jobs; none when there is an error.
    pub jobs: Jobs,
    /// Why each job is in or out of the pipeline that a dry run would create.
    pub explanation: Option<Explanation>,
}

/// The jobs of a configuration.
#[derive(Debug)]
pub enum Jobs {
    /// All of them, before rules decide.
    All(Vec<JobSummary>),
    /// Those that a pipeline would get.
    Planned(Vec<PlannedJob>),
}

/// Looks at a configuration.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say: reading the code is enough for a stored configuration, a
/// text takes a Developer; `404 Repository Not Found` for an empty repository, `404 Commit Not Found`
/// for an unknown revision. A wrong configuration is no error.
pub async fn lint(app: &App, caller: Caller, key: ProjectKey, lint: Lint) -> Result<Linted> {
    let ability = match lint.subject {
        Subject::Stored { .. } => Ability::ReadCode,
        Subject::Given(_) => Ability::CreatePipeline,
    };
    let asker = Asker::new(app, caller, key, ability).await?;
    let (place, text) = match &lint.subject {
        Subject::Stored { content_ref } => {
            let place = asker
                .stored(app, content_ref.as_deref(), lint.ref_text.as_deref())
                .await?;
            let text = text_of(&place.revision);
            (place, text)
        }
        Subject::Given(text) => {
            let text: Arc<str> = Arc::from(text.as_str());
            (asker.beside(app, lint.ref_text.as_deref(), &text).await?, text)
        }
    };
    let request = NewPipeline {
        source: lint.source.unwrap_or(Source::Push),
        ..asker.request(&lint.ref_text)
    };
    let compiled = Compiled::new(app, &request, &asker.context, &place, &text).await?;
    let loaded = &compiled.form.loaded;
    let mut linted = Linted {
        project: asker.project.clone(),
        sha: place.sha.clone(),
        errors: compiled.errors().map(|found| found.message.clone()).collect(),
        warnings: compiled.warnings().map(|found| found.message.clone()).collect(),
        merged_yaml: loaded.merged.as_ref().map(compile::yaml::to_yaml),
        includes: loaded.includes.clone(),
        jobs: Jobs::All(
            loaded
                .config
                .as_ref()
                .map(|config| config.summaries())
                .unwrap_or_default(),
        ),
        explanation: None,
    };
    if lint.dry_run {
        simulate(app, &asker.context, &request, text, lint.explain, &mut linted).await?;
    }
    Ok(linted)
}

/// Returns the JSON Schema of the inputs that a project's configuration declares.
///
/// # Errors
///
/// As [`lint`] of a stored configuration; 422 with the text when the header is wrong.
pub async fn inputs_schema(app: &App, caller: Caller, key: ProjectKey, revision: Option<String>) -> Result<Json> {
    let asker = Asker::new(app, caller, key, Ability::ReadCode).await?;
    let place = asker.stored(app, revision.as_deref(), revision.as_deref()).await?;
    let text = text_of(&place.revision);
    let request = asker.request(&revision);
    let compiled = Compiled::new(app, &request, &asker.context, &place, &text).await?;
    let loaded = &compiled.form.loaded;
    match (&loaded.header, compiled.first_error()) {
        (Some(header), _) => Ok(header.json_schema()),
        (None, Some(message)) if loaded.root_unreadable => Err(Error::Status { status: 422, message }),
        (None, _) => Ok(Header::default().json_schema()),
    }
}

/// Puts what the creation of a pipeline says in the place of what the configuration alone says.
async fn simulate(
    app: &App,
    context: &Context,
    request: &NewPipeline,
    text: Arc<str>,
    explain: bool,
    linted: &mut Linted,
) -> Result<()> {
    linted.jobs = Jobs::Planned(Vec::new());
    if text.trim().is_empty() || !linted.errors.is_empty() {
        return Ok(());
    }
    match create::prepare_with(app, request, context, Numbering::Look, Some(text)).await? {
        Ok(prepared) => {
            linted.warnings.extend(prepared.warnings);
            if let Outcome::Run { plan, compiled, .. } = prepared.outcome {
                // Nothing but what the caller may read of the project anyway is revealed.
                let reveal = Reveal {
                    settings: request.is_admin || request.role >= Ability::AdminProject.minimum_role(),
                    given: true,
                };
                if explain {
                    linted.explanation = Some(compiled.explain(app, request, &prepared.place, reveal).await?);
                }
                linted.jobs = Jobs::Planned(plan.jobs);
            }
        }
        Err(failure) => linted.errors = vec![failure.refusal.message],
    }
    Ok(())
}

/// A configuration's text; a missing one is an empty one.
fn text_of(revision: &Revision) -> Arc<str> {
    match &revision.text {
        ConfigText::Text(text) => Arc::clone(text),
        ConfigText::Missing | ConfigText::TooLarge | ConfigText::NotText => Arc::from(""),
    }
}

/// Who asks, and about which project.
struct Asker {
    project: Project,
    user: User,
    role: AccessLevel,
    is_admin: bool,
    context: Context,
}

impl Asker {
    async fn new(app: &App, caller: Caller, key: ProjectKey, ability: Ability) -> Result<Asker> {
        let user = caller.user().cloned();
        let is_admin = caller.is_admin();
        let this = app.clone();
        let (ProjectAccess { project, role }, context) = app
            .store
            .read(move |tx| {
                let access = lookup::project_for(&this, tx, &caller, &key, ability)?;
                let context = create::context(tx, &access.project)?;
                Ok::<_, Error>((access, context))
            })
            .await?;
        Ok(Asker {
            project,
            // Includes of other projects are read as somebody.
            user: user.ok_or(Error::Unauthorized)?,
            role,
            is_admin,
            context,
        })
    }

    /// The place of the project's own configuration.
    async fn stored(&self, app: &App, content_ref: Option<&str>, ref_text: Option<&str>) -> Result<Place> {
        let repository = match app.repositories.open(&self.project) {
            Ok(repository) if self.project.default_branch.is_some() => repository,
            Ok(_) | Err(git::Error::NoRepository { .. }) => return Err(Error::NotFound("Repository")),
            Err(error) => return Err(error.into()),
        };
        let wanted = content_ref.or(self.project.default_branch.as_deref()).unwrap_or("HEAD");
        let sha = repository.revision(wanted)?.ok_or(Error::NotFound("Commit"))?;
        let revision = create::revision(app, &self.project, &sha).await?;
        let (git_ref, _) = self.git_ref(app, ref_text.or(content_ref))?;
        self.place(app, git_ref, sha, revision)
    }

    /// The place of a text: beside the files of a branch or tag, or nowhere.
    async fn beside(&self, app: &App, ref_text: Option<&str>, text: &Arc<str>) -> Result<Place> {
        let (git_ref, sha) = self.git_ref(app, ref_text)?;
        let (sha, commit) = match sha {
            Some(sha) => {
                let commit = create::revision(app, &self.project, &sha).await?.commit.clone();
                (sha, commit)
            }
            None => (Sha::zero(), NO_COMMIT),
        };
        let revision = Revision::new(commit, ConfigText::Text(Arc::clone(text)));
        self.place(app, git_ref, sha, Arc::new(revision))
    }

    fn place(&self, app: &App, git_ref: GitRef, sha: Sha, revision: Arc<Revision>) -> Result<Place> {
        Ok(Place {
            tag_message: create::tag_message(app, &self.project, &git_ref)?,
            protected: access::is_protected(&self.context.protected, &git_ref.name, git_ref.is_tag),
            git_ref,
            sha,
            revision,
        })
    }

    /// The branch or tag that is meant, and its commit where it has one; otherwise the default branch.
    fn git_ref(&self, app: &App, ref_text: Option<&str>) -> Result<(GitRef, Option<Sha>)> {
        let default = self.project.default_branch.as_deref().unwrap_or("main");
        let found = match app.repositories.open(&self.project) {
            Ok(repository) => {
                let wanted = match ref_text {
                    Some(text) => repository.resolve(text)?,
                    None => git::Resolution::NotFound,
                };
                match wanted {
                    git::Resolution::Found(found) => git::Resolution::Found(found),
                    _ => repository.resolve(default)?,
                }
            }
            Err(git::Error::NoRepository { .. }) => git::Resolution::NotFound,
            Err(error) => return Err(error.into()),
        };
        Ok(match found {
            git::Resolution::Found(found) => (found.git_ref, Some(found.sha)),
            _ => (GitRef::branch(default), None),
        })
    }

    /// The pipeline that a push of the caller would start.
    fn request(&self, ref_text: &Option<String>) -> NewPipeline {
        let default = self.project.default_branch.as_deref().unwrap_or("main");
        NewPipeline {
            project: self.project.clone(),
            user: self.user.clone(),
            role: self.role,
            ref_text: ref_text.clone().unwrap_or_else(|| default.to_owned()),
            sha: None,
            before_sha: Sha::zero(),
            source: Source::Push,
            variables: Vec::new(),
            call_variables: Vec::new(),
            inputs: Vec::new(),
            keep_failed: false,
            skip: Skip::Never,
            trigger: None,
            schedule: None,
            upstream: None,
            provenance: Provenance::default(),
            is_admin: self.is_admin,
        }
    }
}

/// What is known of the commit of a repository without any.
const NO_COMMIT: CommitFacts = CommitFacts {
    message: String::new(),
    author: String::new(),
    timestamp: String::new(),
};
