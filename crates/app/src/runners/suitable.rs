//! Which runners could take a job: the facts about jobs that `schedule` matches, read from the store.

use std::collections::HashMap;

use model::project::ProjectSettings;
use model::{Job, JobId, NamespaceId, Project, ProjectId, Runner};
use schedule::Mismatch;
use schedule::matching::{JobFacts, matches};
use store::{StoreError, Tx, ops};

use crate::error::Result;

/// What matters of a project to runners.
#[derive(Clone, Debug)]
pub struct ProjectFacts {
    /// Groups around it, nearest first.
    pub groups: Vec<NamespaceId>,
    /// Its settings.
    pub settings: ProjectSettings,
}

impl ProjectFacts {
    /// Returns what a runner looks at of a job of this project.
    #[must_use]
    pub fn of_job<'a>(&'a self, project: ProjectId, tags: &'a [String], protected: bool) -> JobFacts<'a> {
        JobFacts {
            project_id: project,
            groups: &self.groups,
            instance_runners_enabled: self.settings.instance_runners_enabled,
            group_runners_enabled: self.settings.group_runners_enabled,
            tags,
            protected,
        }
    }
}

/// Reads what matters of these projects; those that are gone are absent.
///
/// # Errors
///
/// What the database said.
pub fn projects(tx: &mut dyn Tx, ids: &[ProjectId]) -> Result<HashMap<ProjectId, ProjectFacts>, StoreError> {
    let mut facts = HashMap::new();
    for id in ids {
        if facts.contains_key(id) {
            continue;
        }
        if let Some(project) = ops::projects::get(tx, *id)? {
            facts.insert(*id, of_project(tx, project)?);
        }
    }
    Ok(facts)
}

fn of_project(tx: &mut dyn Tx, project: Project) -> Result<ProjectFacts, StoreError> {
    let groups = ops::namespaces::with_ancestors(tx, project.namespace_id)?;
    Ok(ProjectFacts {
        groups,
        settings: project.settings,
    })
}

/// Says of each job whether one of the runners could take it.
///
/// # Errors
///
/// What the database said.
pub fn any_for_each(tx: &mut dyn Tx, jobs: &[Job], runners: &[Runner]) -> Result<Vec<(JobId, bool)>> {
    let ids: Vec<ProjectId> = jobs.iter().map(|job| job.project_id).collect();
    let projects = projects(tx, &ids)?;
    let any = |job: &Job| {
        let facts = projects
            .get(&job.project_id)
            .map(|facts| facts.of_job(job.project_id, &job.tags, job.protected));
        facts.is_some_and(|facts| runners.iter().any(|runner| matches(runner, facts).is_ok()))
    };
    Ok(jobs.iter().map(|job| (job.id, any(job))).collect())
}

/// Says of each runner why it does not take the job; `None` when it would.
///
/// # Errors
///
/// What the database said.
pub fn why_not(tx: &mut dyn Tx, job: &Job, runners: &[Runner]) -> Result<Vec<Option<Mismatch>>> {
    let projects = projects(tx, &[job.project_id])?;
    let Some(facts) = projects.get(&job.project_id) else {
        return Ok(vec![None; runners.len()]);
    };
    let facts = facts.of_job(job.project_id, &job.tags, job.protected);
    Ok(runners.iter().map(|runner| matches(runner, facts).err()).collect())
}
