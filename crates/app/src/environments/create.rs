//! The environments and deployments of new jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use model::definition::Environment as Written;
use model::job::PlannedJob;
use model::{
    AutoStopSetting, DeploymentStatus, Environment, Job, JobId, Pipeline, ProjectId, Status, Tier, Timestamp, UserId,
};
use store::ops::deployments::NewDeployment;
use store::ops::environments::NewEnvironment;
use store::{StoreError, Tx, ops};

use super::slug::{other_slug, slug};

/// Longest time after which an environment stops by itself that is taken as it is: what is longer counts as this.
const LONGEST_SECONDS: f64 = 100.0 * 365.0 * 86_400.0;

/// Whether the environment of a planned job can be made; without one it can.
///
/// References may leave a name that is none, or a tier or time that nobody knows.
pub(crate) fn is_possible(job: &PlannedJob) -> bool {
    let Some(name) = &job.environment else {
        return job.definition.environment.is_none();
    };
    is_name(name)
        && said(job.environment_tier.as_deref()).is_none_or(|tier| tier.parse::<Tier>().is_ok())
        && said(job.environment_auto_stop_in.as_deref()).is_none_or(|text| compile::duration::parse(text).is_some())
}

/// Whether an environment can have that name.
pub(crate) fn is_name(name: &str) -> bool {
    name.chars().count() <= Environment::MAX_TEXT && !name.trim().is_empty() && compile::is_environment_name(name)
}

/// What is left of a text when references to nothing leave nothing.
pub(super) fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// Returns when an environment stops that is to stop after a time in words; `None` when the words say none.
pub(super) fn stop_at(words: &str, now: Timestamp) -> Option<Timestamp> {
    let seconds = compile::duration::parse(words)?.min(LONGEST_SECONDS);
    Some(now + Duration::from_secs_f64(seconds))
}

/// An environment as a job wants it if it is not there yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) tier: Option<Tier>,
    pub(super) auto_stop_at: Option<Timestamp>,
}

impl<'a> Wanted<'a> {
    pub(super) const fn named(name: &'a str) -> Wanted<'a> {
        Wanted {
            name,
            tier: None,
            auto_stop_at: None,
        }
    }
}

/// Finds environments by name and makes those that are not there.
pub(super) fn ensure<'a>(
    tx: &mut dyn Tx,
    project: ProjectId,
    wanted: impl Iterator<Item = Wanted<'a>>,
    now: Timestamp,
) -> Result<BTreeMap<String, Environment>, StoreError> {
    // In order of their names, so that two who make the same ones do not wait for each other.
    let mut by_name: BTreeMap<&str, Wanted<'_>> = BTreeMap::new();
    for one in wanted {
        by_name.entry(one.name).or_insert(one);
    }
    let names: Vec<&str> = by_name.keys().copied().collect();
    let mut found = find(tx, project, &names)?;
    let missing: Vec<&Wanted<'_>> = by_name.values().filter(|one| !found.contains_key(one.name)).collect();
    if missing.is_empty() {
        return Ok(found);
    }
    for one in &missing {
        make(tx, project, one, now)?;
    }
    let names: Vec<&str> = missing.iter().map(|one| one.name).collect();
    found.extend(find(tx, project, &names)?);
    Ok(found)
}

fn find(tx: &mut dyn Tx, project: ProjectId, names: &[&str]) -> Result<BTreeMap<String, Environment>, StoreError> {
    let found = ops::environments::by_names(tx, project, names)?;
    Ok(found.into_iter().map(|one| (one.name.clone(), one)).collect())
}

fn make(tx: &mut dyn Tx, project: ProjectId, wanted: &Wanted<'_>, now: Timestamp) -> Result<(), StoreError> {
    for slug in [slug(wanted.name), other_slug(wanted.name)] {
        let new = NewEnvironment {
            project_id: project,
            name: wanted.name,
            slug: &slug,
            tier: wanted.tier.unwrap_or_else(|| Tier::guess(wanted.name)),
            external_url: None,
            description: None,
            auto_stop_setting: AutoStopSetting::Always,
            auto_stop_at: wanted.auto_stop_at,
            created_at: now,
        };
        // Not made: somebody else made it meanwhile, or its slug is that of another name.
        let made = ops::environments::insert(tx, &new)?;
        if made || ops::environments::by_name(tx, project, wanted.name)?.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

/// A job that was just stored.
pub(crate) struct New<'a> {
    /// Its id.
    pub(crate) id: JobId,
    /// Its status.
    pub(crate) status: Status,
    /// Whom it runs as.
    pub(crate) user: Option<UserId>,
    /// Expanded name of its environment.
    pub(crate) environment: &'a str,
    /// Its environment as written.
    pub(crate) written: &'a Written,
    /// `deployment_tier`, expanded.
    pub(crate) tier: Option<&'a str>,
    /// `auto_stop_in`, expanded.
    pub(crate) auto_stop_in: Option<&'a str>,
}

impl<'a> New<'a> {
    /// A job of a new pipeline; `None` when it has no environment.
    pub(crate) fn planned(id: JobId, status: Status, user: Option<UserId>, job: &'a PlannedJob) -> Option<New<'a>> {
        Some(New {
            id,
            status,
            user,
            environment: job.environment.as_deref()?,
            written: job.definition.environment.as_ref()?,
            tier: job.environment_tier.as_deref(),
            auto_stop_in: job.environment_auto_stop_in.as_deref(),
        })
    }

    fn wanted(&self, now: Timestamp) -> Wanted<'a> {
        Wanted {
            name: self.environment,
            tier: said(self.tier).and_then(|tier| tier.parse().ok()),
            auto_stop_at: said(self.auto_stop_in).and_then(|words| stop_at(words, now)),
        }
    }
}

/// Makes the environments of new jobs of a pipeline, and the deployments of those that start one.
///
/// # Errors
///
/// What the database said.
pub(crate) fn store(tx: &mut dyn Tx, pipeline: &Pipeline, jobs: &[New<'_>], now: Timestamp) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let found = ensure(tx, pipeline.project_id, jobs.iter().map(|job| job.wanted(now)), now)?;
    let mut new = Vec::new();
    for job in jobs.iter().filter(|job| job.written.starts()) {
        let Some(environment) = found.get(job.environment) else {
            continue;
        };
        new.push(NewDeployment {
            environment_id: environment.id,
            pipeline_id: Some(pipeline.id),
            job_id: Some(job.id),
            user_id: job.user,
            git_ref: &pipeline.git_ref,
            sha: &pipeline.sha,
            status: DeploymentStatus::Created
                .follow(job.status)
                .unwrap_or(DeploymentStatus::Created),
            on_stop: job.written.on_stop.as_deref(),
            created_at: now,
            finished_at: None,
        });
    }
    ops::deployments::insert(tx, pipeline.project_id, &new)?;
    Ok(())
}

/// Does the same for new attempts of jobs.
///
/// # Errors
///
/// What the database said.
pub(crate) fn store_attempts(
    tx: &mut dyn Tx,
    pipeline: &Pipeline,
    attempts: &[Job],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut definitions = Vec::new();
    for job in attempts.iter().filter(|job| job.environment.is_some()) {
        if let Some(definition) = ops::definitions::get(tx, job.definition_id)? {
            definitions.push((job, definition));
        }
    }
    let new: Vec<New<'_>> = definitions
        .iter()
        .filter_map(|(job, definition)| {
            Some(New {
                id: job.id,
                status: job.status,
                user: job.user_id,
                environment: job.environment.as_deref().filter(|name| is_name(name))?,
                written: definition.environment.as_ref()?,
                tier: None,
                auto_stop_in: None,
            })
        })
        .collect();
    store(tx, pipeline, &new, now)
}
