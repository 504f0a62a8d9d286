//! Administration of the server: health, users, runners.

use std::sync::Arc;

use ::pages::Notice;
use ::pages::html::url_value;
use ::pages::moment::bytes;
use ::pages::views::{AdminPage, QueuePage, StoragePage, StorageRow, TriedUser, UsersPage};
use app::administration::{self, Taken};
use app::users::{self, NewAccount, Wanted};
use app::{Error, Rows, access_tokens, health};
use axum::http::StatusCode;
use model::{JobId, UserId};

use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Users on a page.
const PER_PAGE: i64 = 50;

/// Projects on a page whose files are counted.
const MEASURED: i64 = 10;

/// Furthest page of the list of users.
const MOST_PAGES: i64 = 1_000;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/r/admin", read(show))
        .route("/r/admin/queue", read(queue))
        .route("/r/admin/storage", read(storage))
        .route("/r/admin/users", read(list).merge(act(create)))
        .route("/r/admin/users/{id}/block", act(block))
}

/// Others than administrators find nothing here.
fn require(visit: &Visit) -> app::Result<()> {
    match access_tokens::require_admin(&visit.caller) {
        Ok(_) => Ok(()),
        Err(Error::Forbidden(_)) => Err(Error::NotFoundPlain),
        Err(error) => Err(error),
    }
}

async fn show(visit: Arc<Visit>) -> PageResult {
    require(&visit)?;
    let page = AdminPage {
        f: visit.frame(visit.language().administration()),
        is_ready: health::check(&visit.app).await.is_ok(),
        version: visit.app.settings.version.revision.clone(),
        jobs: health::figures(&visit.app).await?.jobs,
    };
    Ok(visit.page(&page))
}

async fn queue(visit: Arc<Visit>) -> PageResult {
    require(&visit)?;
    let after = JobId(visit.text("after").parse().unwrap_or(0));
    let (found, has_more) = administration::queue(&visit.app, &visit.caller, after, PER_PAGE).await?;
    let next = found.last().filter(|_| has_more).map(|last| last.job.id);
    let page = QueuePage {
        f: visit.frame(visit.language().queue()),
        next: next.map(|id| format!("/admin/queue?after={id}")),
        previous: (after.0 > 0).then(|| "/admin/queue".to_owned()),
        rows: found
            .into_iter()
            .map(|waiting| (waiting.project.full_path, waiting.job))
            .collect(),
    };
    Ok(visit.page(&page))
}

async fn storage(visit: Arc<Visit>) -> PageResult {
    require(&visit)?;
    let number = visit.text("page").parse().unwrap_or(1).clamp(1, MOST_PAGES);
    let rows = Rows {
        limit: MEASURED + 1,
        offset: (number - 1) * MEASURED,
    };
    let mut found = administration::storage(&visit.app, &visit.caller, rows).await?;
    let most = usize::try_from(MEASURED).unwrap_or(usize::MAX);
    let has_more = found.len() > most;
    found.truncate(most);
    let row = |taken: Taken| StorageRow {
        path: taken.project.full_path,
        total: bytes(taken.repository + taken.artifacts + taken.logs),
        repository: bytes(taken.repository),
        artifacts: bytes(taken.artifacts),
        logs: bytes(taken.logs),
        has_more_logs: taken.has_more_logs,
    };
    let page = |number: i64| format!("/admin/storage?page={number}");
    let page = StoragePage {
        f: visit.frame(visit.language().storage()),
        rows: found.into_iter().map(row).collect(),
        most_logs: administration::MOST_LOGS,
        previous: (number > 1).then(|| page(number - 1)),
        next: has_more.then(|| page(number + 1)),
    };
    Ok(visit.page(&page))
}

async fn list(visit: Arc<Visit>) -> PageResult {
    require(&visit)?;
    Ok(visit.page(&users_page(&visit).await?))
}

async fn users_page(visit: &Visit) -> app::Result<UsersPage> {
    let number = visit.text("page").parse().unwrap_or(1).clamp(1, MOST_PAGES);
    let search = visit.filled("search");
    let wanted = Wanted {
        username: None,
        search: search.clone(),
    };
    let rows = Rows {
        limit: PER_PAGE + 1,
        offset: (number - 1) * PER_PAGE,
    };
    let (mut found, _) = users::list(&visit.app, &visit.caller, wanted, rows).await?;
    let most = usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    let has_more = found.len() > most;
    found.truncate(most);
    let page = |number: i64| {
        let search = search.as_deref().map(url_value).unwrap_or_default();
        format!("/admin/users?search={search}&page={number}")
    };
    Ok(UsersPage {
        f: visit.frame(visit.language().users()),
        previous: (number > 1).then(|| page(number - 1)),
        next: has_more.then(|| page(number + 1)),
        search: search.clone().unwrap_or_default(),
        rows: found,
        tried: TriedUser::default(),
    })
}

async fn create(visit: Arc<Visit>) -> PageResult {
    require(&visit)?;
    let text = |name: &str| visit.text(name).trim().to_owned();
    let new = NewAccount {
        username: text("username"),
        name: text("name"),
        email: text("email"),
        password: Some(visit.text("password").to_owned()),
        is_admin: visit.is_ticked("admin"),
    };
    let tried = TriedUser {
        username: new.username.clone(),
        name: new.name.clone(),
        email: new.email.clone(),
    };
    match users::create(&visit.app, &visit.caller, new).await {
        Ok(_) => Ok(visit.done("/admin/users", Done::Saved)),
        Err(error @ (Error::Invalid(_) | Error::Status { .. } | Error::BadRequest(_))) => {
            let mut page = users_page(&visit).await?;
            page.tried = tried;
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

async fn block(visit: Arc<Visit>) -> PageResult {
    require(&visit)?;
    let blocked = visit.is_ticked("blocked");
    users::set_blocked(&visit.app, &visit.caller, UserId(visit.id()?), blocked).await?;
    let done = if blocked {
        Done::UserBlocked
    } else {
        Done::UserUnblocked
    };
    Ok(visit.done("/admin/users", done))
}
