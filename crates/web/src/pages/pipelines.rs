//! The pipelines of a project, newest first.

use std::sync::Arc;

use ::pages::Tab;
use ::pages::html::url_value;
use ::pages::views::{Bar, Choice, Month, PipelineFilters, PipelineRow, PipelinesPage, TokenView};
use app::access::Ability;
use app::pipelines::chart::{self, Chart};
use app::pipelines::listing::{self, From, Listed, Row, Wanted};
use app::{Rows, triggers};
use model::{PipelineIid, Project, Source, Status, TriggerTokenId};

use crate::pages::visit::Visit;
use crate::pages::{PageResult, read};
use crate::routing::Router;

/// Pipelines on a page.
const PER_PAGE: i64 = 30;

/// Trigger tokens to choose from.
const MOST_TOKENS: i64 = 100;

/// Ways of starting a pipeline that are worth a choice.
const SOURCES: &[Source] = &[
    Source::Push,
    Source::Trigger,
    Source::Web,
    Source::Api,
    Source::Schedule,
    Source::Pipeline,
    Source::ParentPipeline,
];

pub(super) fn routes() -> Router {
    Router::new().route("/p/{project}/pipelines", read(list))
}

async fn list(visit: Arc<Visit>) -> PageResult {
    let wanted = wanted(&visit);
    let listed = listing::list(
        &visit.app,
        visit.caller.clone(),
        visit.project(),
        wanted.clone(),
        PER_PAGE,
    )
    .await?;
    let filters = filters(&visit, &wanted, &listed).await?;
    let month = if filters.any || wanted.from != From::Newest || listed.rows.is_empty() {
        None
    } else {
        Some(month(&visit, &*chart::chart(&visit.app, &listed.access).await?))
    };
    let path = listed.access.project.full_path.clone();
    let link = |name: &str, row: Option<&Row>| {
        let iid = row?.pipeline.iid;
        Some(format!("/{path}/-/pipelines?{}{name}={iid}", query(&visit)))
    };
    let page = PipelinesPage {
        f: visit.project_frame(visit.language().pipelines(), &listed.access, Tab::Pipelines),
        newer: listed.has_newer.then(|| link("above", listed.rows.first())).flatten(),
        older: listed.has_older.then(|| link("below", listed.rows.last())).flatten(),
        rows: rows(&listed.access.project, listed.rows),
        path,
        filters,
        month,
    };
    Ok(visit.page(&page))
}

fn wanted(visit: &Visit) -> Wanted {
    let iid = |name: &str| visit.text(name).parse().ok().map(PipelineIid);
    Wanted {
        status: visit.text("status").parse().ok(),
        ref_name: visit.filled("ref"),
        source: visit.text("source").parse().ok(),
        username: visit.filled("username"),
        token: visit.text("token").parse().ok().map(TriggerTokenId),
        text: visit.filled("search"),
        from: match (iid("below"), iid("above")) {
            (Some(iid), _) => From::Below(iid),
            (None, Some(iid)) => From::Above(iid),
            (None, None) => From::Newest,
        },
    }
}

/// The filters of this page as the beginning of a query.
fn query(visit: &Visit) -> String {
    ["status", "source", "token", "ref", "username", "search"]
        .iter()
        .filter_map(|name| Some(format!("{name}={}&", url_value(&visit.filled(name)?))))
        .collect()
}

async fn filters(visit: &Visit, wanted: &Wanted, listed: &Listed) -> app::Result<PipelineFilters> {
    let t = visit.language();
    let all = |chosen: &str| Choice::new("", t.any(), chosen);
    let status = wanted.status.map_or("", Status::as_str);
    let source = wanted.source.map_or("", Source::as_str);
    let statuses = Status::ALL
        .iter()
        .map(|one| Choice::new(one.as_str(), t.status(*one), status));
    let sources = SOURCES
        .iter()
        .map(|one| Choice::new(one.as_str(), t.source(*one), source));
    Ok(PipelineFilters {
        statuses: std::iter::once(all(status)).chain(statuses).collect(),
        sources: std::iter::once(all(source)).chain(sources).collect(),
        tokens: tokens(visit, wanted, listed).await?,
        ref_name: wanted.ref_name.clone().unwrap_or_default(),
        username: wanted.username.clone().unwrap_or_default(),
        text: wanted.text.clone().unwrap_or_default(),
        any: !query(visit).is_empty(),
    })
}

/// The trigger tokens, for those who may see them.
async fn tokens(visit: &Visit, wanted: &Wanted, listed: &Listed) -> app::Result<Vec<Choice>> {
    if !listed.access.allows(&visit.caller, Ability::ManageTriggers) {
        return Ok(Vec::new());
    }
    let rows = Rows {
        limit: MOST_TOKENS,
        offset: 0,
    };
    let (found, _) = triggers::list(&visit.app, visit.caller.clone(), visit.project(), rows).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let chosen = wanted.token.map(|id| id.to_string()).unwrap_or_default();
    let mut choices = vec![Choice::new("", visit.language().any(), &chosen)];
    choices.extend(found.into_iter().map(|shown| {
        let token = shown.token;
        let label = format!("{}… {}", token.short, token.description.unwrap_or_default());
        Choice::new(token.id.to_string(), label, &chosen)
    }));
    Ok(choices)
}

fn month(visit: &Visit, chart: &Chart) -> Month {
    const DAY: i64 = 86_400_000_000;
    let reading = visit.reading();
    let bar = |day: &chart::Day| Bar {
        day: reading.date(model::Timestamp(day.day * DAY)),
        total: day.total,
        success: day.success,
        failed: day.failed,
    };
    Month {
        bars: chart.days.iter().map(bar).collect(),
        total: chart.total(),
        rate: chart.success_rate(),
        duration: chart.duration,
        queued: chart.queued,
    }
}

/// Pipelines as rows of a table.
pub(super) fn rows(project: &Project, rows: Vec<Row>) -> Vec<PipelineRow> {
    let row = |row: Row| PipelineRow {
        project: project.full_path.clone(),
        token: row
            .pipeline
            .trigger_token_id
            .map(|_| TokenView::new(row.token.as_ref())),
        username: row.user.map(|user| user.username),
        title: row.title,
        pipeline: row.pipeline,
    };
    rows.into_iter().map(row).collect()
}
