//! One look at the queue for everybody who asks, and the claims that follow from it.
//!
//! Inside of a transaction: nothing here waits or remembers.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Job, JobId, ProjectId, Runner, RunnerId, RunnerManagerId, RunnerType, Timestamp};
use schedule::hand_out::{Queued, assign};
use store::ops::queue::{Candidate, Claim, RunnerScope};
use store::{StoreError, Tx, ops};

use crate::error::Result;
use crate::runners::suitable::{self, ProjectFacts};

/// Most pending jobs looked at in one query.
const PAGE: i64 = 500;

/// Least number of them: most runners fit the first jobs of the queue.
const FIRST_PAGE: i64 = 32;

/// Pages looked at for one round: how far runners see past jobs that none of them fits.
const PAGES: usize = 20;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) runner: Arc<Runner>,
    pub(super) manager: Option<RunnerManagerId>,
}

impl Asker {
    fn scope(&self) -> Option<RunnerScope> {
        match self.runner.runner_type {
            RunnerType::Instance => Some(RunnerScope::Instance),
            RunnerType::Group => self.runner.group_id.map(RunnerScope::Group),
            RunnerType::Project => Some(RunnerScope::Projects(self.runner.id)),
        }
    }
}

/// What a look at the queue found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// No pending job at all.
    Nothing,
    /// Pending jobs, none for those who ask.
    NothingForThem,
    /// A job for one of them at least.
    Work,
}

/// Looks without taking anything.
pub(super) fn look(tx: &mut dyn Tx, askers: &[Asker]) -> Result<Look> {
    if ops::queue::peek(tx, RunnerScope::Instance, JobId(0), 1)?.is_empty() {
        return Ok(Look::Nothing);
    }
    for (scope, members) in by_scope(askers) {
        let mut found = false;
        pages(tx, scope, members.len(), ops::queue::peek, |tx, page, projects| {
            let runners: Vec<&Runner> = members.iter().map(|member| &*askers[*member].runner).collect();
            let running = running(tx, scope)?;
            found |= !assign(&runners, &queued(page, projects).1, &running).is_empty();
            Ok(found)
        })?;
        if found {
            return Ok(Look::Work);
        }
    }
    Ok(Look::NothingForThem)
}

/// What somebody who asks is told.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// There is nothing yet.
    Nothing,
    /// A job.
    Job(Box<Job>),
    /// The runner is not what it was when it asked; it is to ask again.
    AskAgain,
}

/// Gives jobs to those who ask; one answer each.
pub(super) fn claim(tx: &mut dyn Tx, askers: &[Asker], now: Timestamp) -> Result<Vec<Told>> {
    let mut answers: Vec<Told> = vec![Told::Nothing; askers.len()];
    for (scope, mut open) in by_scope(askers) {
        let mut seen = HashMap::new();
        pages(tx, scope, open.len(), ops::queue::candidates, |tx, page, projects| {
            let running = running(tx, scope)?;
            let (jobs, queue) = queued(page, projects);
            let assigned = loop {
                let runners: Vec<&Runner> = open.iter().map(|member| &*askers[*member].runner).collect();
                let assigned = assign(&runners, &queue, &running);
                let changed = changed(tx, &mut seen, assigned.iter().map(|(runner, _)| runners[*runner]), now)?;
                if changed.is_empty() {
                    break assigned;
                }
                open.retain(|member| {
                    let is_same = !changed.contains(&askers[*member].runner.id);
                    if !is_same {
                        answers[*member] = Told::AskAgain;
                    }
                    is_same
                });
            };
            for (runner, job) in assigned {
                let asker = open[runner];
                if let Some(job) = claim_one(tx, &askers[asker], jobs[job], projects, now)? {
                    answers[asker] = Told::Job(Box::new(job));
                }
            }
            open.retain(|member| matches!(answers[*member], Told::Nothing));
            Ok(open.is_empty())
        })?;
    }
    Ok(answers)
}

/// Returns those runners that are not what they were when they asked, maybe a minute ago: deleted, paused, with
/// other tags or other projects. They get nothing now; when they ask again they are told why.
fn changed<'a>(
    tx: &mut dyn Tx,
    seen: &mut HashMap<RunnerId, bool>,
    runners: impl Iterator<Item = &'a Runner>,
    now: Timestamp,
) -> Result<Vec<RunnerId>> {
    let mut changed = Vec::new();
    for runner in runners {
        let is_same = match seen.get(&runner.id) {
            Some(is_same) => *is_same,
            None => {
                let is_same = ops::runners::get(tx, runner.id)?.is_some_and(|present| {
                    let has_expired = present.token_expires_at.is_some_and(|at| at <= now);
                    let contacted_at = runner.contacted_at;
                    !has_expired
                        && Runner {
                            contacted_at,
                            ..present
                        } == *runner
                });
                seen.insert(runner.id, is_same);
                is_same
            }
        };
        if !is_same {
            changed.push(runner.id);
        }
    }
    Ok(changed)
}

fn claim_one(
    tx: &mut dyn Tx,
    asker: &Asker,
    candidate: &Candidate,
    projects: &HashMap<ProjectId, ProjectFacts>,
    now: Timestamp,
) -> Result<Option<Job>> {
    let project = projects
        .get(&candidate.project_id)
        .map_or(0, |facts| facts.settings.build_timeout_seconds);
    let maximum = asker.runner.maximum_timeout_seconds;
    let claim = Claim {
        runner_id: asker.runner.id,
        runner_manager_id: asker.manager,
        acknowledged: false,
        timeout_seconds: schedule::timeout::effective_seconds(None, project, maximum),
        now,
    };
    let Some(mut job) = ops::queue::claim(tx, candidate.id, claim)? else {
        return Ok(None);
    };
    let definition = ops::definitions::get(tx, job.definition_id)?;
    if let Some(own) = definition.and_then(|definition| definition.timeout_seconds) {
        job.timeout_seconds = Some(schedule::timeout::effective_seconds(Some(own), project, maximum));
        ops::jobs::save(tx, &job)?;
    }
    Ok(Some(job))
}

/// Requests by the part of the queue that they may see.
fn by_scope(askers: &[Asker]) -> Vec<(RunnerScope, Vec<usize>)> {
    let mut scopes: Vec<(RunnerScope, Vec<usize>)> = Vec::new();
    let mut known: HashMap<RunnerScope, usize> = HashMap::new();
    for (index, scope) in askers
        .iter()
        .enumerate()
        .filter_map(|(index, asker)| Some((index, asker.scope()?)))
    {
        let place = *known.entry(scope).or_insert_with(|| {
            scopes.push((scope, Vec::new()));
            scopes.len() - 1
        });
        scopes[place].1.push(index);
    }
    scopes
}

type List = fn(&mut dyn Tx, RunnerScope, JobId, i64) -> Result<Vec<Candidate>, StoreError>;

/// Calls `each` with page after page of the queue, small ones first, until it has enough.
fn pages(
    tx: &mut dyn Tx,
    scope: RunnerScope,
    askers: usize,
    list: List,
    mut each: impl FnMut(&mut dyn Tx, &[Candidate], &HashMap<ProjectId, ProjectFacts>) -> Result<bool>,
) -> Result<()> {
    let mut after = JobId(0);
    let mut projects = HashMap::new();
    let mut limit = i64::try_from(askers).unwrap_or(PAGE).clamp(FIRST_PAGE, PAGE);
    for _ in 0..PAGES {
        let page = list(tx, scope, after, limit)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let new: Vec<ProjectId> = page
            .iter()
            .map(|job| job.project_id)
            .filter(|id| !projects.contains_key(id))
            .collect();
        projects.extend(suitable::projects(tx, &new)?);
        let is_last = i64::try_from(page.len()).unwrap_or(PAGE) < limit;
        limit = PAGE;
        if each(tx, &page, &projects)? || is_last {
            return Ok(());
        }
    }
    Ok(())
}

/// Jobs, and the same jobs as the choice sees them; those of projects that are gone are left out.
fn queued<'a>(
    page: &'a [Candidate],
    projects: &'a HashMap<ProjectId, ProjectFacts>,
) -> (Vec<&'a Candidate>, Vec<Queued<'a>>) {
    let one = |job: &'a Candidate| {
        let facts = projects
            .get(&job.project_id)?
            .of_job(job.project_id, &job.tags, job.protected);
        Some((job, Queued { job: job.id, facts }))
    };
    page.iter().filter_map(one).unzip()
}

/// Jobs of each project with runners now; only instance runners look at that.
fn running(tx: &mut dyn Tx, scope: RunnerScope) -> Result<HashMap<ProjectId, u32>> {
    if scope != RunnerScope::Instance {
        return Ok(HashMap::new());
    }
    let running = ops::queue::executing_by_project(tx)?;
    Ok(running
        .into_iter()
        .map(|(id, count)| (id, u32::try_from(count).unwrap_or(u32::MAX)))
        .collect())
}
