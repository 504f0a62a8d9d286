//! The trigger log: what was called, and calling again (docs/trigger-tokens.md). All of it is Tripline's own.

use app::triggers::log::{self, LogFilter};
use app::triggers::{self, Commit};
use app::{App, Rows};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use model::{TriggerLogId, TriggerTokenId};

use crate::call::Call;
use crate::client_address::ClientAddress;
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{ApiResult, Created};
use crate::routing::{Router, get, post};

/// Most entries of one export: the newest. `until` leads to those before.
pub(crate) const EXPORTED: i64 = 10_000;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/trigger_log", get(list))
        .route("/projects/{id}/trigger_log/export", get(export))
        .route("/projects/{id}/trigger_log/{log_id}/repeat", post(repeat))
        .route("/admin/unknown_trigger_tokens", get(unknown))
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let filter = filter(&mut reader);
    reader.finish()?;
    let (found, total) = log::list(&app, call.caller.clone(), call.project()?, filter, page.of_store()?).await?;
    let shown = found.iter().map(present::trigger_log::entry).collect();
    let url = &app.settings.external_url;
    Ok(page::answer(url, &call.params, page, page.counted(shown, total)))
}

async fn export(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let format = reader.one_of("format", &["csv", "jsonl"]).unwrap_or("jsonl");
    let filter = filter(&mut reader);
    reader.finish()?;
    let rows = Rows {
        limit: EXPORTED,
        offset: 0,
    };
    let (found, _) = log::list(&app, call.caller.clone(), call.project()?, filter, rows).await?;
    Ok(exported(format, &found))
}

/// A file with entries.
pub(crate) fn exported(format: &str, found: &[model::TriggerLogEntry]) -> Response {
    let (text, content_type, name) = match format {
        "csv" => (
            present::trigger_log::csv(found),
            "text/csv; charset=utf-8",
            "attachment; filename=\"trigger-log.csv\"",
        ),
        _ => {
            let lines = found.iter().map(|one| {
                let entry = present::trigger_log::entry(one);
                serde_json::to_string(&entry).expect("entries have text keys and no failing Serialize") + "\n"
            });
            (
                lines.collect(),
                "application/x-ndjson",
                "attachment; filename=\"trigger-log.jsonl\"",
            )
        }
    };
    let mut answer = text.into_response();
    for (header, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, name),
    ] {
        answer.headers_mut().insert(header, HeaderValue::from_static(value));
    }
    answer
}

async fn repeat(
    State(app): State<App>,
    from: ClientAddress,
    call: Call,
) -> ApiResult<Created<wire::pipeline::Pipeline>> {
    call.user()?;
    let id = TriggerLogId(call.id("log_id")?);
    let mut reader = call.reader();
    let commit = reader.one_of("commit", &["same", "newest"]);
    if commit.is_none() && !reader.given("commit") {
        reader.problem("commit", "is missing");
    }
    reader.finish()?;
    let commit = if commit == Some("same") {
        Commit::Same
    } else {
        Commit::Newest
    };
    let created = triggers::repeat(&app, &call.caller, call.project()?, id, commit, from.0).await?;
    Ok(Created(present::pipeline::created(
        &app.settings.external_url,
        &created,
    )))
}

async fn unknown(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let page = call.page()?;
    let (found, total) = log::unknown(&app, &call.caller, page.of_store()?).await?;
    let shown = found.into_iter().map(present::trigger_log::unknown).collect();
    let url = &app.settings.external_url;
    Ok(page::answer(url, &call.params, page, page.counted(shown, total)))
}

fn filter(reader: &mut Reader<'_>) -> LogFilter {
    LogFilter {
        token: reader.int("token_id").map(TriggerTokenId),
        outcome: reader.choice("outcome"),
        reason: reader.choice("reason_code"),
        ref_name: reader.text("ref"),
        address: reader.text("address"),
        since: reader.time("since"),
        until: reader.time("until"),
    }
}
