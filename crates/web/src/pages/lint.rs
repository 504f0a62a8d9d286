//! The editor that checks a configuration without storing anything.

use std::sync::Arc;

use ::pages::graph::{self, Column, Node};
use ::pages::views::{Choice, LintPage, LintResult, PlannedRow};
use ::pages::{Html, Language, Tab};
use app::access::Ability;
use app::lint::{self, FileKey, Jobs, Lint, Linted, Subject};
use app::repository::files;
use app::{Error, projects};
use model::job::{Need, PlannedJob};
use model::{Source, Status};

use crate::pages::visit::Visit;
use crate::pages::{PageResult, act, read, why};
use crate::routing::Router;

/// Ways of starting a pipeline that can be tried.
const SOURCES: &[Source] = &[
    Source::Push,
    Source::Trigger,
    Source::Schedule,
    Source::Web,
    Source::Api,
    Source::Pipeline,
];

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/ci/lint", read(show).merge(act(check)))
        .route("/p/{project}/ci/editor", read(show))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let mut page = page(&visit).await?;
    page.content = stored(&visit, &page.ref_name).await?;
    Ok(visit.page(&page))
}

async fn page(visit: &Visit) -> app::Result<LintPage> {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::ReadCode).await?;
    let branch = access
        .project
        .default_branch
        .clone()
        .unwrap_or_else(|| "main".to_owned());
    Ok(LintPage {
        f: visit.project_frame(visit.language().lint_title(), &access, Tab::Lint),
        path: access.project.full_path.clone(),
        content: visit.text("content").to_owned(),
        ref_name: visit.filled("ref").unwrap_or(branch),
        sources: SOURCES
            .iter()
            .map(|source| Choice::new(source.as_str(), visit.language().source(*source), visit.text("source")))
            .collect(),
        dry_run: visit.is_get || visit.is_ticked("dry_run"),
        may_check: access.allows(&visit.caller, Ability::CreatePipeline),
        result: None,
    })
}

/// The configuration of a ref; nothing where there is none.
async fn stored(visit: &Visit, ref_name: &str) -> app::Result<String> {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::ReadCode).await?;
    let path = access.project.settings.config_path.clone();
    let path = path.unwrap_or_else(|| app::DEFAULT_CONFIG_PATH.to_owned());
    match files::get(&visit.app, &visit.caller, visit.project(), path, ref_name.to_owned()).await {
        Ok(found) => Ok(String::from_utf8_lossy(&found.file.content).into_owned()),
        Err(Error::Internal(cause)) => Err(Error::Internal(cause)),
        Err(_) => Ok(String::new()),
    }
}

async fn check(visit: Arc<Visit>) -> PageResult {
    let mut page = page(&visit).await?;
    let wanted = Lint {
        subject: Subject::Given(page.content.replace("\r\n", "\n")),
        dry_run: page.dry_run,
        ref_text: Some(page.ref_name.clone()),
        source: visit.text("source").parse().ok(),
        explain: true,
    };
    let linted = lint::lint(&visit.app, visit.caller.clone(), visit.project(), wanted).await?;
    page.result = Some(result(&visit, linted));
    Ok(visit.page(&page))
}

fn result(visit: &Visit, linted: Linted) -> LintResult {
    let include = |file: &lint::Included| match &file.key {
        FileKey::Project { path, .. } => match &file.project {
            Some(project) => format!("{project}: {path}"),
            None => path.clone(),
        },
        FileKey::Remote { url, .. } => url.clone(),
        FileKey::Template { name } => name.clone(),
        FileKey::Artifact { path, .. } => path.clone(),
        FileKey::Component { address, .. } => address.clone(),
    };
    let jobs: Vec<PlannedRow> = match &linted.jobs {
        Jobs::Planned(jobs) => jobs.iter().map(planned).collect(),
        Jobs::All(jobs) => jobs
            .iter()
            .map(|job| PlannedRow {
                name: job.definition.name.clone(),
                stage: job.definition.stage.clone(),
                stage_index: 0,
                when: job.when.to_string(),
                allow_failure: job.allow_failure,
                needs: names(job.needs.as_deref()),
            })
            .collect(),
    };
    LintResult {
        graph: graph(visit.language(), &jobs),
        why: linted.explanation.map(|explanation| why::view(&explanation.to_json())),
        jobs,
        errors: linted.errors,
        warnings: linted.warnings,
        merged: linted.merged_yaml,
        includes: linted.includes.iter().map(include).collect(),
    }
}

/// A job that would be made, as a row.
pub(super) fn planned(job: &PlannedJob) -> PlannedRow {
    PlannedRow {
        name: job.definition.name.clone(),
        stage: job.definition.stage.clone(),
        when: job.when.to_string(),
        allow_failure: job.allow_failure,
        stage_index: job.stage_index,
        needs: names(job.needs.as_deref()),
    }
}

fn names(needs: Option<&[Need]>) -> Option<Vec<String>> {
    needs.map(|needs| needs.iter().map(|need| need.name.clone()).collect())
}

/// The graph of jobs that would be made; each box leads to its line in the table.
pub(super) fn graph(language: Language, jobs: &[PlannedRow]) -> Html {
    let mut rows: Vec<(usize, &PlannedRow)> = jobs.iter().enumerate().collect();
    rows.sort_by_key(|(_, row)| row.stage_index);
    let mut columns: Vec<Column> = Vec::new();
    for (index, row) in rows {
        let at = columns.iter().position(|column| column.name == row.stage);
        let at = at.unwrap_or_else(|| {
            columns.push(Column {
                name: row.stage.clone(),
                status: Status::Created,
                jobs: Vec::new(),
            });
            columns.len() - 1
        });
        columns[at].jobs.push(Node {
            name: row.name.clone(),
            status: match row.when.as_str() {
                "manual" => Status::Manual,
                "delayed" => Status::Scheduled,
                _ => Status::Created,
            },
            allow_failure: row.allow_failure,
            href: format!("#planned-{}", index + 1),
            needs: row.needs.clone(),
        });
    }
    graph::draw(&columns, language)
}
