//! Environments and what was deployed to them.

use std::sync::Arc;

use ::pages::Tab;
use ::pages::views::{DeploymentView, EnvironmentPage, EnvironmentView, EnvironmentsPage};
use app::Rows;
use app::access::{Ability, ProjectAccess};
use app::environments::overview;
use app::environments::read::Deployed;
use app::environments::stop;
use model::{EnvironmentId, EnvironmentState};

use crate::pages::pipeline::may_retry;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Environments and deployments on a page.
const PER_PAGE: i64 = 20;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/environments", read(list))
        .route("/p/{project}/environments/{id}", read(show))
        .route("/p/{project}/environments/{id}/stop", act(stop_one))
}

/// The page that is asked for, counted from 1, and its rows.
fn rows(visit: &Visit) -> (i64, Rows) {
    // Far beyond any list, and far from numbers that do not fit.
    let page: i64 = visit.text("page").parse().unwrap_or(1);
    let page = page.clamp(1, 1_000_000);
    let rows = Rows {
        limit: PER_PAGE,
        offset: (page - 1) * PER_PAGE,
    };
    (page, rows)
}

/// Addresses of the pages before and after.
fn around(page: i64, total: i64, address: &str, query: &str) -> (Option<String>, Option<String>) {
    let link = |page: i64| format!("{address}?{query}page={page}");
    (
        (page > 1).then(|| link(page - 1)),
        (page * PER_PAGE < total).then(|| link(page + 1)),
    )
}

async fn list(visit: Arc<Visit>) -> PageResult {
    let stopped = visit.text("scope") == "stopped";
    let (page, rows) = rows(&visit);
    let listed = overview::list(&visit.app, visit.caller.clone(), visit.project(), stopped, rows).await?;
    let access = &listed.access;
    let path = access.project.full_path.clone();
    let total = if stopped { listed.stopped } else { listed.there };
    let query = if stopped { "scope=stopped&" } else { "" };
    let (previous, next) = around(page, total, &format!("/{path}/-/environments"), query);
    let rows = listed.rows.into_iter().map(|(environment, last)| EnvironmentView {
        may_stop: may_stop(&visit, access, environment.state),
        last: last.map(|last| deployment(&visit, access, last, true)),
        environment,
    });
    Ok(visit.page(&EnvironmentsPage {
        f: visit.project_frame(visit.language().environments(), access, Tab::Environments),
        rows: rows.collect(),
        stopped,
        counts: (listed.there, listed.stopped),
        previous,
        next,
        path,
    }))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let id = EnvironmentId(visit.id()?);
    let (page, rows) = rows(&visit);
    let found = overview::history(&visit.app, visit.caller.clone(), visit.project(), id, rows).await?;
    let access = &found.access;
    let path = access.project.full_path.clone();
    let (previous, next) = around(page, found.total, &format!("/{path}/-/environments/{id}"), "");
    let last = found.last.map(|last| last.id);
    let rows = found.deployments.into_iter().map(|one| {
        let is_last = Some(one.deployment.id) == last;
        deployment(&visit, access, one, is_last)
    });
    Ok(visit.page(&EnvironmentPage {
        rows: rows.collect(),
        f: visit.project_frame(found.environment.name.clone(), access, Tab::Environments),
        may_stop: may_stop(&visit, access, found.environment.state),
        environment: found.environment,
        previous,
        next,
        path,
    }))
}

fn may_stop(visit: &Visit, access: &ProjectAccess, state: EnvironmentState) -> bool {
    state == EnvironmentState::Available && access.allows(&visit.caller, Ability::ChangeEnvironments)
}

fn deployment(visit: &Visit, access: &ProjectAccess, deployed: Deployed, is_last: bool) -> DeploymentView {
    let job = deployed.job.map(|shown| shown.job);
    let may = access.allows(&visit.caller, Ability::UpdatePipeline);
    DeploymentView {
        may_redeploy: may && job.as_ref().is_some_and(may_retry),
        job: job.map(|job| job.name),
        username: deployed.user.map(|user| user.username),
        deployment: deployed.deployment,
        is_last,
    }
}

async fn stop_one(visit: Arc<Visit>) -> PageResult {
    let id = EnvironmentId(visit.id()?);
    stop::stop(&visit.app, visit.caller.clone(), visit.project(), id, false).await?;
    let back = format!("/{}/-/environments/{id}", visit.text("project"));
    Ok(visit.done(&back, Done::EnvironmentStopped))
}
