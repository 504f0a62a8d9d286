//! One pipeline: its graph, its jobs, what can be done with it.

use std::collections::HashMap;
use std::sync::Arc;

use ::pages::Tab;
use ::pages::graph::{self, Column, Node};
use ::pages::views::{Failure, GivenView, JobRow, LinkView, PipelineHead, PipelinePage, StageRows, TokenView};
use app::access::Ability;
use app::pipelines::actions;
use app::pipelines::overview::{self, Given, Linked, Overview};
use app::triggers::PAYLOAD_VARIABLE;
use model::definition::group_name;
use model::{Job, JobId, PipelineId, Status, StatusSet};

use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Lines of a failed job's log that are shown.
const TAIL_LINES: usize = 12;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/pipelines/{id}", read(show))
        .route("/p/{project}/pipelines/{id}/cancel", act(cancel))
        .route("/p/{project}/pipelines/{id}/retry", act(retry))
        .route("/p/{project}/pipelines/{id}/delete", act(delete))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let id = PipelineId(visit.id()?);
    let overview = overview::overview(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    let head = head(&visit, &overview, false);
    let stages = stages(&visit, &overview);
    let columns: Vec<Column> = stages.iter().map(column).collect();
    let title = visit.language().pipeline_number(id);
    let page = PipelinePage {
        f: visit.project_frame(title, &overview.access, Tab::Pipelines),
        events: (!overview.pipeline.status.is_completed()).then(|| {
            let project = overview.access.project.id;
            format!("/api/v4/projects/{project}/pipelines/{id}/events?stay=true")
        }),
        graph: graph::draw(&columns, visit.language()),
        failures: failures(&visit, &overview),
        upstream: overview.upstream.as_ref().map(|link| link_view(&overview, link, None)),
        downstream: overview
            .downstream
            .iter()
            .map(|(job, link)| link_view(&overview, link, *job))
            .collect(),
        given: given(&visit, overview.given, &head.href()),
        stages,
        head,
    };
    Ok(visit.page_of(page.given.revealed, &page))
}

/// What all pages of one pipeline share.
pub(super) fn head(visit: &Visit, overview: &Overview, is_why: bool) -> PipelineHead {
    let pipeline = &overview.pipeline;
    let may_update = overview.access.allows(&visit.caller, Ability::UpdatePipeline);
    let statuses = || overview.jobs.iter().map(|job| job.status);
    PipelineHead {
        path: overview.access.project.full_path.clone(),
        title: overview.title.clone(),
        username: overview.user.as_ref().map(|user| user.username.clone()),
        token: pipeline
            .trigger_token_id
            .map(|_| TokenView::new(overview.token.as_ref())),
        has_warnings: overview
            .jobs
            .iter()
            .map(Job::composite_input)
            .collect::<StatusSet>()
            .has_warnings(),
        jobs: overview.jobs.len(),
        queued: pipeline
            .started_at
            .map(|started| i64::try_from(started.since(pipeline.created_at).as_secs()).unwrap_or(i64::MAX)),
        may_cancel: may_update && pipeline.status.is_cancelable() && statuses().any(Status::is_cancelable),
        may_retry: may_update && statuses().any(|status| matches!(status, Status::Failed | Status::Canceled)),
        may_delete: overview.access.allows(&visit.caller, Ability::DeletePipeline),
        may_explain: overview.access.allows(&visit.caller, Ability::ReadCode),
        is_why,
        pipeline: pipeline.clone(),
    }
}

fn stages(visit: &Visit, overview: &Overview) -> Vec<StageRows> {
    let mut stages: Vec<StageRows> = Vec::new();
    let mut jobs: Vec<&Job> = overview.jobs.iter().collect();
    jobs.sort_by_key(|job| (job.stage_index, job.id));
    for job in jobs {
        if stages.last().is_none_or(|stage| stage.name != job.stage) {
            let state = overview
                .pipeline
                .stages
                .iter()
                .find(|state| state.index == job.stage_index);
            stages.push(StageRows {
                index: stages.len(),
                name: job.stage.clone(),
                status: state.map_or(job.status, |state| state.status),
                jobs: Vec::new(),
            });
        }
        if let Some(stage) = stages.last_mut() {
            stage.jobs.push(job_row(visit, overview, job));
        }
    }
    for stage in &mut stages {
        group(&mut stage.jobs);
    }
    stages
}

/// Brings the jobs of a matrix together, each group under a line of its own.
fn group(rows: &mut [JobRow]) {
    let mut first: HashMap<String, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        first.entry(group_name(&row.job.name).to_owned()).or_insert(index);
    }
    rows.sort_by_key(|row| first.get(group_name(&row.job.name)).copied().unwrap_or_default());
    let sizes = rows
        .iter()
        .fold(HashMap::<String, (usize, StatusSet)>::new(), |mut sizes, row| {
            let (count, set) = sizes.entry(group_name(&row.job.name).to_owned()).or_default();
            *count += 1;
            set.add(row.job.composite_input());
            sizes
        });
    let mut before = None;
    for row in rows {
        let name = group_name(&row.job.name).to_owned();
        let Some((count, set)) = sizes.get(&name).filter(|(count, _)| *count > 1) else {
            continue;
        };
        row.in_group = true;
        if before.as_ref() != Some(&name) {
            row.begins = Some((name.clone(), *count, set.status().unwrap_or(row.job.status)));
        }
        before = Some(name);
    }
}

fn job_row(visit: &Visit, overview: &Overview, job: &Job) -> JobRow {
    let path = &overview.access.project.full_path;
    let downstream = overview.downstream.iter().find(|(by, _)| *by == Some(job.id));
    let href = match downstream {
        Some((
            _,
            Linked {
                pipeline,
                project: Some(project),
            },
        )) if job.is_bridge => {
            format!("/{project}/-/pipelines/{}", pipeline.id)
        }
        _ => format!("/{path}/-/jobs/{}", job.id),
    };
    let may = overview.access.allows(&visit.caller, Ability::UpdatePipeline);
    JobRow {
        href,
        seconds: job.duration_seconds(visit.app.clock.now()),
        may_cancel: may && job.status.is_cancelable() && !matches!(job.status, Status::Manual),
        may_retry: may && may_retry(job),
        may_play: may && job.status.is_blocked(),
        begins: None,
        in_group: false,
        job: job.clone(),
    }
}

/// Whether a job has ended in a way after which it may run again.
pub(super) const fn may_retry(job: &Job) -> bool {
    matches!(job.status, Status::Success | Status::Failed | Status::Canceled) && !job.retried
}

fn column(stage: &StageRows) -> Column {
    let node = |row: &JobRow| Node {
        name: row.job.name.clone(),
        status: row.job.status,
        allow_failure: row.job.allow_failure,
        href: row.href.clone(),
        needs: row
            .job
            .needs
            .as_ref()
            .map(|needs| needs.iter().map(|need| need.name.clone()).collect()),
    };
    Column {
        name: stage.name.clone(),
        status: stage.status,
        jobs: stage.jobs.iter().map(node).collect(),
    }
}

fn failures(visit: &Visit, overview: &Overview) -> Vec<Failure> {
    let t = visit.language();
    let failed = overview
        .jobs
        .iter()
        .filter(|job| job.status == Status::Failed && !job.allow_failure);
    let failure = |job: &Job| {
        let tail = overview.tails.iter().find(|(id, _)| *id == job.id);
        Failure {
            name: job.name.clone(),
            stage: job.stage.clone(),
            href: format!("/{}/-/jobs/{}", overview.access.project.full_path, job.id),
            reason: job.failure_reason.map(|reason| t.failure(reason)).unwrap_or_default(),
            tail: tail
                .map(|(_, bytes)| ::pages::log::last_lines(bytes, TAIL_LINES))
                .unwrap_or_default(),
        }
    };
    failed.take(10).map(failure).collect()
}

fn link_view(overview: &Overview, link: &Linked, job: Option<JobId>) -> LinkView {
    LinkView {
        is_child: link.pipeline.project_id == overview.pipeline.project_id,
        pipeline: link.pipeline.clone(),
        project: link.project.clone(),
        job: job
            .and_then(|id| overview.jobs.iter().find(|one| one.id == id))
            .map(|job| job.name.clone()),
    }
}

/// What was given, with values only when they are asked for.
pub(super) fn given(visit: &Visit, given: Given, href: &str) -> GivenView {
    let revealed = given.may_read && visit.is_ticked("reveal");
    let inputs = given.inputs.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let inputs: serde_json::Map<String, serde_json::Value> = inputs.unwrap_or_default();
    let shown = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let (payload, variables): (Vec<_>, Vec<_>) = given
        .variables
        .into_iter()
        .partition(|(key, value)| key == PAYLOAD_VARIABLE && value.as_deref().is_some_and(|text| json(text).is_some()));
    let payload = payload.into_iter().next_back().and_then(|(_, value)| value);
    GivenView {
        payload: payload.map(|text| json(&text).filter(|_| revealed)),
        variables: variables
            .into_iter()
            .map(|(key, value)| (key, value.filter(|_| revealed)))
            .collect(),
        inputs: inputs.into_iter().map(|(name, value)| (name, shown(value))).collect(),
        may_read: given.may_read,
        revealed,
        reveal_href: if revealed {
            format!("{href}#variables")
        } else {
            format!("{href}?reveal=true#variables")
        },
    }
}

/// The JSON of a text, laid out for people.
fn json(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let is_payload = value.is_object() || value.is_array();
    is_payload.then(|| serde_json::to_string_pretty(&value).ok()).flatten()
}

fn href(visit: &Visit, id: PipelineId) -> String {
    format!("/{}/-/pipelines/{id}", visit.text("project"))
}

async fn cancel(visit: Arc<Visit>) -> PageResult {
    let id = PipelineId(visit.id()?);
    actions::cancel(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    Ok(visit.done(&href(&visit, id), Done::PipelineCanceled))
}

async fn retry(visit: Arc<Visit>) -> PageResult {
    let id = PipelineId(visit.id()?);
    actions::retry(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    Ok(visit.done(&href(&visit, id), Done::PipelineRetried))
}

async fn delete(visit: Arc<Visit>) -> PageResult {
    let id = PipelineId(visit.id()?);
    actions::delete(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    Ok(visit.done(
        &format!("/{}/-/pipelines", visit.text("project")),
        Done::PipelineDeleted,
    ))
}
