//! Managing trigger tokens (rest-api.md 1.6, 1.7), with the limits that Tripline adds (docs/trigger-tokens.md).

use std::time::Duration;

use app::App;
use app::triggers::{self, Changes, Limiting, NewTrigger, Rotating, Shown};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use model::{Timestamp, TriggerTokenId};

use crate::call::Call;
use crate::page;
use crate::params::{Reader, Value};
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get, post};

/// Longest time that can be named: a hundred years. Nothing here is older.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

pub(super) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/triggers", get(list).post(create))
        .route(
            "/projects/{id}/triggers/{trigger_id}",
            get(show).put(update).delete(revoke),
        )
        .route("/projects/{id}/triggers/{trigger_id}/rotate", post(rotate))
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = page::Page::read(&mut reader);
    let unused_for = duration(&mut reader, "unused_for");
    reader.finish()?;
    let (caller, project, rows) = (call.caller.clone(), call.project()?, page.of_store()?);
    let (tokens, total) = match unused_for {
        None => triggers::list(&app, caller, project, rows).await?,
        Some(time) => triggers::unused(&app, caller, project, time, rows).await?,
    };
    let shown = tokens.into_iter().map(|token| shown(&app, token)).collect();
    let url = &app.settings.external_url;
    Ok(page::answer(url, &call.params, page, page.counted(shown, total)))
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<wire::token::Trigger>> {
    call.user()?;
    let id = TriggerTokenId(call.id("trigger_id")?);
    let token = triggers::get(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Json(shown(&app, token)))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<wire::token::Trigger>> {
    let mut reader = call.reader();
    let new = NewTrigger {
        description: reader.required_text("description"),
        expires_at: reader.time("expires_at"),
        show_once: reader.boolean("show_once").unwrap_or_default(),
        limiting: limiting(&mut reader),
    };
    reader.finish()?;
    let token = triggers::create(&app, call.caller.clone(), call.project()?, new).await?;
    Ok(Created(shown(&app, token)))
}

/// GitLab clears the description when none is sent; a call that sends only what is ours leaves it alone.
async fn update(State(app): State<App>, call: Call) -> ApiResult<Json<wire::token::Trigger>> {
    let id = TriggerTokenId(call.id("trigger_id")?);
    let mut reader = call.reader();
    let description = reader.text("description");
    let is_ours = OURS.iter().any(|name| reader.given(name));
    let changes = Changes {
        description: (reader.given("description") || !is_ours).then_some(description),
        show_once: reader.boolean("show_once"),
        limiting: limiting(&mut reader),
    };
    reader.finish()?;
    let token = triggers::update(&app, call.caller.clone(), call.project()?, id, changes).await?;
    Ok(Json(shown(&app, token)))
}

async fn rotate(State(app): State<App>, call: Call) -> ApiResult<Created<wire::token::Trigger>> {
    let id = TriggerTokenId(call.id("trigger_id")?);
    let mut reader = call.reader();
    let expires_at = reader.time("expires_at");
    let how = Rotating {
        grace: duration(&mut reader, "grace_period").unwrap_or_default(),
        expires_at: reader.given("expires_at").then_some(expires_at),
    };
    reader.finish()?;
    let token = triggers::rotate(&app, call.caller.clone(), call.project()?, id, how).await?;
    Ok(Created(shown(&app, token)))
}

async fn revoke(State(app): State<App>, headers: HeaderMap, call: Call) -> ApiResult<NoContent> {
    let id = TriggerTokenId(call.id("trigger_id")?);
    let unmodified_since = unmodified_since(&headers);
    triggers::delete(&app, call.caller.clone(), call.project()?, id, unmodified_since).await?;
    Ok(NoContent)
}

fn shown(app: &App, token: Shown) -> wire::token::Trigger {
    present::token::shown(&app.settings.external_url, token, app.clock.now())
}

/// The parameters that GitLab does not have.
const OURS: &[&str] = &[
    "show_once",
    "allowed_refs",
    "allowed_variables",
    "allowed_inputs",
    "fixed_variables",
    "fixed_inputs",
    "allowed_networks",
    "max_uses_per_minute",
];

fn limiting(reader: &mut Reader<'_>) -> Limiting {
    let mut list = |name: &str| {
        if reader.is_blank(name) {
            return Some(None);
        }
        let texts = reader.texts(name);
        reader.given(name).then_some(texts)
    };
    let (refs, variables, inputs, networks) = (
        list("allowed_refs"),
        list("allowed_variables"),
        list("allowed_inputs"),
        list("allowed_networks"),
    );
    let uses = reader.int("max_uses_per_minute");
    Limiting {
        refs,
        variables,
        inputs,
        networks,
        uses_per_minute: reader.given("max_uses_per_minute").then_some(uses),
        fixed_variables: fixed(reader, "fixed_variables", |value| match value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(yes) => Some(yes.to_string()),
            _ => None,
        }),
        fixed_inputs: fixed(reader, "fixed_inputs", |value| match value {
            Value::File(_) => None,
            value => Some(value.to_json()),
        }),
    }
}

/// Reads a hash of fixed values; null, or an empty text from a form, is an empty one.
fn fixed<T>(reader: &mut Reader<'_>, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<(String, T)>> {
    if !reader.given(name) {
        return None;
    }
    if reader.is_blank(name) {
        return Some(Vec::new());
    }
    let hash = reader.hash(name)?;
    let values: Option<Vec<(String, T)>> = hash
        .iter()
        .map(|(key, value)| Some((key.clone(), read(value)?)))
        .collect();
    if values.is_none() {
        reader.problem(name, "is invalid");
    }
    values
}

/// Reads a time span: a number of seconds, or of the unit behind it: `s`, `m`, `h`, `d` or `w`.
pub(super) fn duration(reader: &mut Reader<'_>, name: &str) -> Option<Duration> {
    let text = reader.text(name).filter(|text| !text.is_empty())?;
    let span = span(&text);
    if span.is_none() {
        reader.problem(name, "is invalid");
    }
    span
}

fn span(text: &str) -> Option<Duration> {
    let (digits, unit) = match text.char_indices().next_back()? {
        (_, last) if last.is_ascii_digit() => (text, 1),
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3600),
        (at, 'd') => (&text[..at], 24 * 3600),
        (at, 'w') => (&text[..at], 7 * 24 * 3600),
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit);
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// The moment of `If-Unmodified-Since`; a header that cannot be read does not count.
fn unmodified_since(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::IF_UNMODIFIED_SINCE)?.to_str().ok()?;
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp(at.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_seconds_or_has_a_unit() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("90", Some(90)),
            ("90s", Some(90)),
            ("2m", Some(120)),
            ("1h", Some(3600)),
            ("90d", Some(90 * 86_400)),
            ("2w", Some(14 * 86_400)),
            ("99999999999999999999d", Some(LONGEST.as_secs())),
            ("d", None),
            ("-1d", None),
            ("1.5d", None),
            ("1 d", None),
            ("1y", None),
            ("é", None),
        ] {
            assert_eq!(span(text).map(|span| span.as_secs()), seconds, "{text}");
        }
    }
}
