//! The trigger log of a project: who called, what came of it, and calling again.

use std::sync::Arc;

use ::pages::html::url_value;
use ::pages::views::{CallFilters, CallRow, ChainLink, Choice, Part, TriggerLogPage};
use ::pages::{Notice, Tab};
use app::access::Ability;
use app::pipelines::chain::Link;
use app::triggers::log::{self, LogFilter, Shown};
use app::triggers::{self, Commit};
use app::{Error, Rows};
use axum::http::StatusCode;
use model::{Reason, Timestamp, TriggerLogId, TriggerOutcome, TriggerTokenId};

use crate::api::trigger_log::{EXPORTED, exported};
use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Calls on a page.
const PER_PAGE: i64 = 30;

/// Furthest page.
const MOST_PAGES: i64 = 3_334;

/// Trigger tokens to choose from.
const MOST_TOKENS: i64 = 500;

/// The fields of the filter.
const FIELDS: [&str; 7] = ["token", "outcome", "reason", "ref", "address", "since", "until"];

pub(super) fn routes() -> Router {
    let log = "/p/{project}/settings/ci_cd/trigger_log";
    Router::new()
        .route(log, read(list))
        .route(&format!("{log}/export"), read(export))
        .route(&format!("{log}/{{id}}/repeat"), act(repeat))
}

async fn list(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&page(&visit, None).await?))
}

async fn page(visit: &Visit, problem: Option<String>) -> app::Result<TriggerLogPage> {
    let (filter, not_understood) = filter(visit);
    let number = visit.text("page").parse().unwrap_or(1).clamp(1, MOST_PAGES);
    let rows = Rows {
        limit: PER_PAGE + 1,
        offset: (number - 1) * PER_PAGE,
    };
    let mut listed = log::overview(&visit.app, visit.caller.clone(), visit.project(), filter.clone(), rows).await?;
    let shown = usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    let has_more = listed.rows.len() > shown;
    listed.rows.truncate(shown);
    let path = listed.access.project.full_path.clone();
    let filters = filters(visit, &filter).await?;
    let page = |number: i64| format!("/{path}/-/settings/ci_cd/trigger_log?{}page={number}", filters.query);
    let mut page = TriggerLogPage {
        f: visit.project_frame(visit.language().trigger_log(), &listed.access, Tab::Settings),
        part: Part::TriggerLog,
        rows: listed.rows.into_iter().map(row).collect(),
        may_repeat: listed.access.allows(&visit.caller, Ability::CreatePipeline),
        previous: (number > 1).then(|| page(number - 1)),
        next: (has_more && number < MOST_PAGES).then(|| page(number + 1)),
        path,
        filters,
    };
    let problems = not_understood.map(str::to_owned).into_iter().chain(problem);
    page.f.notices.extend(problems.map(Notice::Problem));
    Ok(page)
}

fn row(shown: Shown) -> CallRow {
    let link = |link: Link| match link {
        Link::Known(project, pipeline) => ChainLink::Known(project, pipeline.0),
        Link::Hidden => ChainLink::Hidden,
        Link::Elsewhere => ChainLink::Elsewhere,
    };
    CallRow {
        entry: shown.entry,
        username: shown.username,
        pipeline: shown.pipeline,
        chain: shown.chain.into_iter().map(link).collect(),
    }
}

/// What is wanted, and what is to be said of that which was not understood.
fn filter(visit: &Visit) -> (LogFilter, Option<&'static str>) {
    let t = visit.language();
    let mut problem = None;
    let mut time = |name: &str| {
        let text = visit.filled(name)?;
        let at = moment(visit, &text);
        if at.is_none() {
            problem = Some(t.filter_bad_time());
        }
        at
    };
    let (since, until) = (time("since"), time("until"));
    let filter = LogFilter {
        token: visit.text("token").parse().ok().map(TriggerTokenId),
        outcome: visit.text("outcome").parse().ok(),
        reason: visit.text("reason").parse().ok(),
        ref_name: visit.filled("ref"),
        address: visit.filled("address"),
        since,
        until,
    };
    let is_lost = |name: &str, is_there: bool| visit.filled(name).is_some() && !is_there;
    if is_lost("token", filter.token.is_some())
        || is_lost("outcome", filter.outcome.is_some())
        || is_lost("reason", filter.reason.is_some())
    {
        problem = problem.or(Some(t.filter_bad_choice()));
    }
    (filter, problem)
}

/// Reads a moment in the reader's zone, as browsers send it.
fn moment(visit: &Visit, text: &str) -> Option<Timestamp> {
    let at: jiff::civil::DateTime = text.parse().ok()?;
    let at = at.to_zoned(visit.reading().zone).ok()?;
    Some(Timestamp(at.timestamp().as_microsecond()))
}

async fn filters(visit: &Visit, wanted: &LogFilter) -> app::Result<CallFilters> {
    let t = visit.language();
    let all = |chosen: &str| std::iter::once(Choice::new("", t.any(), chosen));
    let rows = Rows {
        limit: MOST_TOKENS,
        offset: 0,
    };
    let (found, _) = triggers::list(&visit.app, visit.caller.clone(), visit.project(), rows).await?;
    let token = wanted.token.map(|id| id.to_string()).unwrap_or_default();
    let outcome = wanted.outcome.map_or("", TriggerOutcome::as_str);
    let reason = wanted.reason.map_or("", Reason::as_str);
    let mut tokens: Vec<Choice> = all(&token).collect();
    tokens.extend(found.into_iter().map(|shown| {
        let one = shown.token;
        let label = format!("{}… {}", one.short, one.description.unwrap_or_default());
        Choice::new(one.id.to_string(), label, &token)
    }));
    if !token.is_empty() && !tokens.iter().any(|choice| choice.selected) {
        // Its calls outlive a token.
        tokens.push(Choice::new(token.clone(), t.trigger_token_gone(), &token));
    }
    let field = |name: &str| Some(format!("{name}={}&", url_value(&visit.filled(name)?)));
    let query: String = FIELDS.iter().filter_map(|name| field(name)).collect();
    Ok(CallFilters {
        tokens,
        outcomes: all(outcome)
            .chain(
                TriggerOutcome::ALL
                    .iter()
                    .map(|one| Choice::new(one.as_str(), t.outcome(one), outcome)),
            )
            .collect(),
        reasons: all(reason)
            .chain(
                Reason::ALL
                    .iter()
                    .map(|one| Choice::new(one.as_str(), t.reason(one), reason)),
            )
            .collect(),
        ref_name: wanted.ref_name.clone().unwrap_or_default(),
        address: wanted.address.clone().unwrap_or_default(),
        since: visit.text("since").to_owned(),
        until: visit.text("until").to_owned(),
        any: !query.is_empty(),
        query,
    })
}

async fn export(visit: Arc<Visit>) -> PageResult {
    let (filter, _) = filter(&visit);
    let rows = Rows {
        limit: EXPORTED,
        offset: 0,
    };
    let (found, _) = log::list(&visit.app, visit.caller.clone(), visit.project(), filter, rows).await?;
    Ok(exported(visit.text("format"), &found))
}

async fn repeat(visit: Arc<Visit>) -> PageResult {
    let id = TriggerLogId(visit.id()?);
    let commit = match visit.text("commit") {
        "same" => Commit::Same,
        "newest" => Commit::Newest,
        _ => return Err(Error::parameter("commit does not have a valid value")),
    };
    let address = visit.address.as_deref().and_then(|address| address.parse().ok());
    let made = triggers::repeat(&visit.app, &visit.caller, visit.project(), id, commit, address).await;
    match made {
        Ok(created) => {
            let to = format!("/{}/-/pipelines/{}", visit.text("project"), created.pipeline.id);
            Ok(visit.done(&to, Done::CallRepeated))
        }
        Err(
            error @ (Error::PipelineNotCreated { .. }
            | Error::Reasoned(_)
            | Error::Status { .. }
            | Error::BadRequest(_)
            | Error::Refused(_)),
        ) => {
            let page = page(&visit, Some(told(visit.language(), &error))).await?;
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}
