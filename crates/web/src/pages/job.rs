//! One job with its log, and the jobs of a project.

use std::sync::Arc;

use ::pages::Tab;
use ::pages::log::{Part, render};
use ::pages::moment::bytes;
use ::pages::views::{ArtifactView, Choice, JobEnvironment, JobPage, JobsPage, ListedJob, LogView, TokenView};
use app::Error;
use app::access::Ability;
use app::jobs::artifacts::{self, Which};
use app::jobs::overview::{self, Overview};
use app::jobs::{actions, log, read as reading};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use model::definition::GivenVariable;
use model::{JobId, Status, VariableKind};

use crate::page::encoded;
use crate::pages::pipeline::{given, may_retry};
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, growing_log, read};
use crate::routing::Router;

/// Jobs on a page.
const PER_PAGE: i64 = 30;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/jobs", read(list))
        .route("/p/{project}/jobs/{id}", read(show))
        .route("/p/{project}/jobs/{id}/log", read(growing_log::lines))
        .route("/p/{project}/jobs/{id}/raw", read(raw))
        .route("/p/{project}/jobs/{id}/artifacts/download", read(download))
        .route("/p/{project}/jobs/{id}/cancel", act(cancel))
        .route("/p/{project}/jobs/{id}/retry", act(retry))
        .route("/p/{project}/jobs/{id}/play", act(play))
        .route("/p/{project}/jobs/{id}/erase", act(erase))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    let overview = overview::overview(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    if let Ok(line) = visit.text("line").parse::<u64>() {
        let line = line.max(1);
        let page = line.div_ceil(log::PAGE_LINES);
        let path = &overview.access.project.full_path;
        return Ok(visit.redirect(&format!("/{path}/-/jobs/{id}?page={page}#L{line}")));
    }
    let search = visit.filled("search").unwrap_or_default();
    let found = if search.is_empty() {
        Vec::new()
    } else {
        log::find(&visit.app, id, &search).await?
    };
    let page = log::page(&visit.app, id, visit.text("page").parse().ok()).await?;
    let log = page.map(|page| log_view(&visit, &overview, page));
    let found = found
        .into_iter()
        .map(|found| (found.line, plain(&found.text)))
        .collect();
    let page = job_page(&visit, overview, log, search, found);
    Ok(visit.page_of(page.given.revealed || page.again.is_some(), &page))
}

fn log_view(visit: &Visit, overview: &Overview, page: log::Page) -> LogView {
    let job = &overview.shown.job;
    let path = &overview.access.project.full_path;
    let is_last = page.number == page.pages;
    let part = Part {
        bytes: &page.bytes,
        first_line: page.first_line,
    };
    LogView {
        html: render(part, &visit.reading()),
        first_line: page.first_line,
        last_line: page.last_line,
        lines: page.lines,
        page: page.number,
        pages: page.pages,
        size: bytes(page.size),
        bytes: page.size,
        grows: (is_last && job.status.is_executing()).then(|| format!("/{path}/-/jobs/{}/log", job.id)),
    }
}

fn job_page(
    visit: &Visit,
    overview: Overview,
    log: Option<LogView>,
    search: String,
    found: Vec<(u64, String)>,
) -> JobPage {
    let t = visit.language();
    let now = visit.app.clock.now();
    let shown_artifacts = artifact_views(visit, &overview);
    let Overview {
        access,
        shown,
        token,
        given: was_given,
        played,
        attempts,
        siblings,
        environment,
        may_erase,
    } = overview;
    let reading::Shown {
        job,
        pipeline,
        user,
        commit,
        runner,
        downstream,
        messages,
        ..
    } = shown;
    // There is something to be erased only then.
    let may_keep = shown_artifacts
        .iter()
        .any(|file| file.browse.is_some() && file.expire_at.is_some());
    let may_erase = may_erase && (log.is_some() || !shown_artifacts.is_empty());
    let path = access.project.full_path.clone();
    let may = access.allows(&visit.caller, Ability::UpdatePipeline);
    let href = format!("/{path}/-/jobs/{}", job.id);
    JobPage {
        f: visit.project_frame(format!("{} (#{})", job.name, job.id), &access, Tab::Jobs),
        again: (may && may_retry(&job) && visit.text("with") == "variables").then(|| lines(&played)),
        events: (!job.status.is_completed() && !job.is_bridge).then(|| {
            // Whoever looks at an earlier part of the log is told its end only.
            let after = match &log {
                None => "0".to_owned(),
                Some(log) if log.grows.is_some() => log.last_line.to_string(),
                Some(_) => "end".to_owned(),
            };
            format!("{href}/log?after={after}")
        }),
        seconds: job.duration_seconds(now),
        queued: job.queued_seconds(now),
        failure: job.failure_reason.map(|reason| t.failure(reason)),
        messages,
        title: commit.map(|commit| commit.title()),
        username: user.map(|user| user.username),
        runner: runner.map(|runner| match runner.description {
            Some(description) => format!("#{} {description}", runner.id),
            None => format!("#{}", runner.id),
        }),
        token: pipeline.trigger_token_id.map(|_| TokenView::new(token.as_ref())),
        given: given(visit, was_given, &href),
        artifacts: shown_artifacts,
        environment: environment.map(|found| JobEnvironment {
            id: found.environment.id.0,
            name: found.environment.name,
            status: found.status,
            is_last: found.is_last,
        }),
        downstream: downstream.map(|(project, pipeline)| (project, pipeline.id.to_string())),
        found_more: found.len() >= log::MOST_FOUND,
        may_cancel: may && job.status.is_cancelable() && job.status != Status::Manual,
        may_retry: may && may_retry(&job),
        may_play: may && job.status.is_blocked(),
        may_keep: may && may_keep,
        may_erase,
        attempts,
        siblings,
        log,
        search,
        found,
        pipeline,
        job,
        path,
    }
}

fn artifact_views(visit: &Visit, overview: &Overview) -> Vec<ArtifactView> {
    let now = visit.app.clock.now();
    let href = format!(
        "/{}/-/jobs/{}/artifacts/download",
        overview.access.project.full_path, overview.shown.job.id
    );
    let view = |artifact: &reading::Artifact| {
        let file = &artifact.file;
        let is_there = file.expire_at.is_none_or(|at| now < at);
        ArtifactView {
            kind: file.kind.clone(),
            filename: file.filename.clone(),
            size: bytes(u64::try_from(file.size).unwrap_or(0)),
            expire_at: file.expire_at,
            href: (is_there && file.kind == "archive").then(|| href.clone()),
            browse: (is_there && file.kind == "archive")
                .then(|| href.replace("/artifacts/download", "/artifacts/browse")),
        }
    };
    overview.shown.artifacts.iter().map(view).collect()
}

/// A line of a log without its control sequences.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            chars.next();
            while chars.next_if(|c| !('\u{40}'..='\u{7e}').contains(c)).is_some() {}
            chars.next();
        } else if !c.is_control() || c == '\t' {
            out.push(c);
        }
    }
    out
}

/// The log as it is, as text that no browser takes for anything else.
async fn raw(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    overview::job(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    let reader = visit
        .app
        .blobs
        .traces
        .read(id, 0..u64::MAX)
        .await
        .map_err(Error::internal)?;
    let reader = reader.ok_or(Error::NotFoundPlain)?;
    let mut response = stream(reader);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if visit.is_ticked("download") {
        let name = format!("attachment; filename=\"job-{id}.log\"");
        if let Ok(name) = HeaderValue::try_from(name) {
            headers.insert(header::CONTENT_DISPOSITION, name);
        }
    }
    Ok(response)
}

async fn download(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    let (artifact, reader) =
        artifacts::archive(&visit.app, visit.caller.clone(), visit.project(), Which::Of(id)).await?;
    let mut response = stream(reader);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    let name = format!("attachment; filename*=UTF-8''{}", encoded(&artifact.file.filename));
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn stream(reader: reading::Reader) -> Response {
    let length = reader.range().end - reader.range().start;
    let chunks = futures_util::stream::try_unfold(reader, |mut reader| async move {
        let chunk = reader.next().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(chunk.map(|chunk| (chunk, reader)))
    });
    let mut response = Body::from_stream(chunks).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn back(visit: &Visit, id: JobId) -> String {
    let own = format!("/{}/-/jobs/{id}", visit.text("project"));
    visit.return_to().unwrap_or(own)
}

async fn cancel(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    actions::cancel(&visit.app, visit.caller.clone(), visit.project(), id, false).await?;
    Ok(visit.done(&back(&visit, id), Done::JobCanceled))
}

async fn retry(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    let changed = visit.params.text("variables").map(|text| variables(&visit, text));
    let (caller, project) = (visit.caller.clone(), visit.project());
    let job = actions::retry_with(&visit.app, caller, project, id, changed.transpose()?).await?;
    Ok(visit.done(&back(&visit, job.id), Done::JobRetried))
}

async fn play(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    let variables = variables(&visit, visit.text("variables"))?;
    let job = actions::play(&visit.app, visit.caller.clone(), visit.project(), id, variables).await?;
    Ok(visit.done(&back(&visit, job.id), Done::JobPlayed))
}

async fn erase(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    actions::erase(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    Ok(visit.done(&back(&visit, id), Done::JobErased))
}

/// Variables as lines that [`variables`] reads. A value of several lines cannot be one of them.
fn lines(variables: &[GivenVariable]) -> String {
    let plain = variables.iter().filter(|variable| !variable.value.contains('\n'));
    plain
        .map(|variable| format!("{}={}\n", variable.key, variable.value))
        .collect()
}

/// Reads variables, one a line.
pub(super) fn variables(visit: &Visit, text: &str) -> app::Result<Vec<GivenVariable>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let (key, value) = line.split_once('=').ok_or_else(|| Error::Status {
                status: 422,
                message: visit.language().variable_line_bad(index + 1),
            })?;
            Ok(GivenVariable {
                key: key.trim().to_owned(),
                value: value.trim_end_matches('\r').to_owned(),
                kind: VariableKind::EnvVar,
                raw: false,
            })
        })
        .collect()
}

/// Choices of the list of jobs: a word in the address and the statuses it stands for.
const SCOPES: &[(&str, &[Status])] = &[
    ("", &[]),
    (
        "pending",
        &[
            Status::Created,
            Status::WaitingForResource,
            Status::Preparing,
            Status::Pending,
            Status::Scheduled,
        ],
    ),
    ("running", &[Status::Running, Status::Canceling]),
    ("failed", &[Status::Failed]),
    ("canceled", &[Status::Canceled]),
    ("manual", &[Status::Manual]),
    ("success", &[Status::Success]),
];

async fn list(visit: Arc<Visit>) -> PageResult {
    let t = visit.language();
    let scope = visit.text("scope");
    let (scope, statuses) = SCOPES.iter().find(|(word, _)| *word == scope).unwrap_or(&SCOPES[0]);
    let before = visit.text("before").parse().ok().map(JobId);
    let (access, found, has_more) = overview::list(
        &visit.app,
        visit.caller.clone(),
        visit.project(),
        statuses.to_vec(),
        before,
        PER_PAGE,
    )
    .await?;
    let path = access.project.full_path.clone();
    let now = visit.app.clock.now();
    let choice = |(word, statuses): &(&str, &[Status])| {
        let label = match (*word, statuses.first()) {
            ("", _) | (_, None) => t.all().to_owned(),
            ("pending", _) => t.status(Status::Pending).to_owned(),
            (_, Some(status)) => t.status(*status).to_owned(),
        };
        Choice {
            value: format!("/{path}/-/jobs?scope={word}"),
            label,
            selected: word == scope,
        }
    };
    let older = found.last().filter(|_| has_more).map(|shown| shown.job.id);
    let row = |shown: reading::Shown| ListedJob {
        seconds: shown.job.duration_seconds(now),
        git_ref: shown.pipeline.git_ref,
        title: shown.commit.map(|commit| commit.title()),
        triggered: shown.pipeline.trigger_token_id.is_some(),
        username: shown.user.map(|user| user.username),
        job: shown.job,
    };
    let page = JobsPage {
        f: visit.project_frame(t.jobs(), &access, Tab::Jobs),
        scopes: SCOPES.iter().map(choice).collect(),
        rows: found.into_iter().map(row).collect(),
        older: older.map(|id| format!("/{path}/-/jobs?scope={scope}&before={id}")),
        newest: before.map(|_| format!("/{path}/-/jobs?scope={scope}")),
        path,
    };
    Ok(visit.page(&page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_lines_are_plain_text() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0;m \u{7}x\u{1b}[0K"), "red x");
    }
}
