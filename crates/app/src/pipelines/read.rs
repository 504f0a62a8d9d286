//! What can be asked about pipelines (rest-api.md 3).

use model::definition::GivenVariable;
use model::{
    AccessLevel, GitRef, Job, Pipeline, PipelineId, Project, ProjectId, Sha, Source, Status, StatusSet, Timestamp, User,
};
use store::ops::page::{Page, Sort};
use store::ops::pipelines::{PipelineFilter, PipelineOrder, PipelineScope};
use store::{Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::given;

/// A pipeline with what is shown beside it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Its project.
    pub project: Project,
    /// Whom it runs as.
    pub user: Option<User>,
    /// Whether a job failed that was allowed to.
    pub has_warnings: bool,
    /// Average coverage of its jobs in percent.
    pub coverage: Option<f64>,
}

/// Which pipelines to list; texts must match exactly.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `scope`.
    pub scope: Option<Scope>,
    /// `status`.
    pub status: Option<Status>,
    /// `ref`.
    pub ref_name: Option<String>,
    /// `sha`.
    pub sha: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// `username`.
    pub username: Option<String>,
    /// `source`; without it child pipelines are left out.
    pub source: Option<Source>,
    /// With or without configuration errors.
    pub yaml_errors: Option<bool>,
    /// Last changed after.
    pub updated_after: Option<Timestamp>,
    /// Last changed before.
    pub updated_before: Option<Timestamp>,
    /// Created after.
    pub created_after: Option<Timestamp>,
    /// Created before.
    pub created_before: Option<Timestamp>,
    /// `order_by`.
    pub order: PipelineOrder,
    /// `sort`.
    pub sort: Sort,
}

/// `scope` of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Running ones.
    Running,
    /// Pending ones.
    Pending,
    /// Success, failed, canceled.
    Finished,
    /// The newest of each branch that exists.
    Branches,
    /// The newest of each tag that exists.
    Tags,
}

/// Lists a page of a project's pipelines, and counts all of them (up to a bound).
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn list(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    filter: Filter,
    page: Page,
) -> Result<(Project, Vec<Pipeline>, i64)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            let names = ref_names(&this, &access.project, filter.scope)?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let filter = filter.for_store(access.project.id, &names);
            let pipelines = ops::pipelines::list(tx, &filter, page)?;
            let total = ops::pipelines::count(tx, &filter)?;
            Ok((access.project, pipelines, total))
        })
        .await
}

impl Filter {
    fn for_store<'a>(&'a self, project_id: ProjectId, names: &'a [&'a str]) -> PipelineFilter<'a> {
        PipelineFilter {
            scope: self.scope.map(|scope| match scope {
                Scope::Running => PipelineScope::Running,
                Scope::Pending => PipelineScope::Pending,
                Scope::Finished => PipelineScope::Finished,
                Scope::Branches => PipelineScope::Branches(names),
                Scope::Tags => PipelineScope::Tags(names),
            }),
            status: self.status,
            ref_name: self.ref_name.as_deref(),
            sha: self.sha.as_deref(),
            name: self.name.as_deref(),
            username: self.username.as_deref(),
            source: self.source,
            yaml_errors: self.yaml_errors,
            updated_after: self.updated_after,
            updated_before: self.updated_before,
            created_after: self.created_after,
            created_before: self.created_before,
            order: self.order,
            sort: self.sort,
            ..PipelineFilter::new(project_id)
        }
    }
}

/// Names of the branches or tags that a scope asks for.
fn ref_names(app: &App, project: &Project, scope: Option<Scope>) -> Result<Vec<String>> {
    let repository = match scope {
        Some(Scope::Branches | Scope::Tags) => match app.repositories.open(project) {
            Ok(repository) => repository,
            Err(git::Error::NoRepository { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        },
        _ => return Ok(Vec::new()),
    };
    let refs = if scope == Some(Scope::Tags) {
        repository.tags(None)?
    } else {
        repository.branches(None)?
    };
    Ok(refs.into_iter().map(|entry| entry.name).collect())
}

/// Returns a pipeline.
///
/// # Errors
///
/// As [`list`]; `404 Not found` for an id that is not of this project.
pub async fn get(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<Shown> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            let pipeline = ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            show(tx, access.project, pipeline)
        })
        .await
}

/// Returns the newest pipeline of a ref's present commit; of the default branch without one.
///
/// # Errors
///
/// As [`list`]; 403 when there is none, as GitLab has it.
pub async fn latest(app: &App, caller: Caller, key: ProjectKey, ref_text: Option<String>) -> Result<Shown> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            let project = access.project;
            let name = ref_text.clone().or_else(|| project.default_branch.clone());
            let found = match name {
                Some(name) => present_commit(&this, &project, &name)?,
                None => None,
            };
            let (git_ref, sha) = found.ok_or_else(Error::forbidden)?;
            let pipeline = ops::pipelines::latest(tx, project.id, &git_ref, &sha)?.ok_or_else(Error::forbidden)?;
            show(tx, project, pipeline)
        })
        .await
}

fn present_commit(app: &App, project: &Project, name: &str) -> Result<Option<(GitRef, Sha)>> {
    let repository = match app.repositories.open(project) {
        Ok(repository) => repository,
        Err(git::Error::NoRepository { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(match repository.resolve(name)? {
        git::Resolution::Found(found) => Some((found.git_ref, found.sha)),
        git::Resolution::Ambiguous | git::Resolution::NotFound => None,
    })
}

/// Returns the variables a pipeline was given.
///
/// # Errors
///
/// As [`get`]; 403 unless the caller is a Maintainer, or started it and still is a Developer.
pub async fn variables(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<Vec<GivenVariable>> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            let pipeline = ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            let started_it = caller.user().is_some_and(|user| Some(user.id) == pipeline.user_id);
            if !(started_it && access.role >= AccessLevel::Developer) {
                access.require(&caller, Ability::ReadPipelineVariables)?;
            }
            let sealed = ops::pipelines::given(tx, pipeline.id)?;
            given::open(
                &this.keys,
                pipeline.project_id,
                pipeline.created_at,
                sealed.variables.as_deref(),
            )
        })
        .await
}

/// Longest name of a pipeline, in characters (GitLab's limit).
const MAX_NAME: usize = 255;

/// Gives a pipeline another name.
///
/// # Errors
///
/// As [`get`]; 403 below Developer, 400 for a name that is too long.
pub async fn rename(app: &App, caller: Caller, key: ProjectKey, id: PipelineId, name: String) -> Result<Shown> {
    if name.chars().count() > MAX_NAME {
        return Err(Error::invalid("name", "is too long (maximum is 255 characters)"));
    }
    let this = app.clone();
    app.store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::UpdatePipeline)?;
            let mut pipeline = ops::pipelines::lock(tx, id)?
                .filter(|pipeline| pipeline.project_id == access.project.id)
                .ok_or(Error::RecordNotFound)?;
            pipeline.name = (!name.trim().is_empty()).then(|| name.clone());
            pipeline.updated_at = this.clock.now();
            ops::pipelines::save(tx, &pipeline)?;
            show(tx, access.project, pipeline)
        })
        .await
}

/// Gathers what is shown beside a pipeline.
///
/// # Errors
///
/// What the database said.
pub fn show(tx: &mut dyn Tx, project: Project, pipeline: Pipeline) -> Result<Shown> {
    let jobs = ops::jobs::current(tx, pipeline.id)?;
    show_with(tx, project, pipeline, &jobs)
}

/// As [`show`], for a pipeline whose jobs were read before.
///
/// # Errors
///
/// What the database said.
pub fn show_with(tx: &mut dyn Tx, project: Project, pipeline: Pipeline, jobs: &[Job]) -> Result<Shown> {
    let user = match pipeline.user_id {
        Some(id) => ops::users::get(tx, id)?,
        None => None,
    };
    Ok(Shown {
        has_warnings: jobs
            .iter()
            .map(Job::composite_input)
            .collect::<StatusSet>()
            .has_warnings(),
        coverage: average_coverage(jobs),
        pipeline,
        project,
        user,
    })
}

fn average_coverage(jobs: &[Job]) -> Option<f64> {
    let found: Vec<f64> = jobs.iter().filter_map(|job| job.coverage).collect();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 jobs")]
    let count = found.len() as f64;
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / count)
}
