//! Pipelines at certain times: the list, the form, and what is done to one of them.

use std::sync::Arc;

use ::pages::views::{Choice, Problems, SchedulePage, ScheduleRow, ScheduleVariableRow, SchedulesPage};
use ::pages::{Language, Notice, Tab};
use app::access::{Ability, ProjectAccess};
use app::schedules::{self, Change, New, NewVariable, Shown};
use app::{Error, Rows, projects};
use axum::http::StatusCode;
use axum::response::Response;
use model::{ScheduleId, VariableKind};
use serde_json::Map;

use crate::pages::failed::told;
use crate::pages::run;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Schedules on a page.
const PER_PAGE: i64 = 30;

/// Furthest page.
const MOST_PAGES: i64 = 100;

/// Times that are shown ahead.
const AHEAD: usize = 5;

pub(super) fn routes() -> Router {
    let one = "/p/{project}/pipeline_schedules/{id}";
    Router::new()
        .route("/p/{project}/pipeline_schedules", read(list).merge(act(create)))
        .route("/p/{project}/pipeline_schedules/new", read(new))
        .route(&format!("{one}/edit"), read(edit))
        .route(one, act(change))
        .route(&format!("{one}/play"), act(play))
        .route(&format!("{one}/take_ownership"), act(take_ownership))
        .route(&format!("{one}/delete"), act(delete))
        .route(&format!("{one}/variables"), act(add_variable))
        .route(&format!("{one}/variables/remove"), act(remove_variable))
}

async fn list(visit: Arc<Visit>) -> PageResult {
    let t = visit.language();
    let number = visit.text("page").parse().unwrap_or(1).clamp(1, MOST_PAGES);
    let (scope, active) = match visit.text("scope") {
        "active" => ("active", Some(true)),
        "inactive" => ("inactive", Some(false)),
        _ => ("", None),
    };
    let rows = Rows {
        limit: PER_PAGE,
        offset: (number - 1) * PER_PAGE,
    };
    let listed = schedules::list_with_rights(&visit.app, visit.caller.clone(), visit.project(), active, rows).await?;
    let path = listed.access.project.full_path.clone();
    let here = format!("/{path}/-/pipeline_schedules?scope=");
    let page = |number: i64| format!("{here}{scope}&page={number}");
    let choice = |word: &str, label: &str| Choice {
        value: format!("{here}{word}"),
        label: label.to_owned(),
        selected: word == scope,
    };
    let page = SchedulesPage {
        f: visit.project_frame(t.schedules(), &listed.access, Tab::Schedules),
        scopes: vec![
            choice("", t.all()),
            choice("active", t.is_active()),
            choice("inactive", t.is_inactive()),
        ],
        is_all: active.is_none(),
        previous: (number > 1).then(|| page(number - 1)),
        next: (number * PER_PAGE < listed.total).then(|| page(number + 1)),
        rows: listed.rows.into_iter().map(row).collect(),
        path,
    };
    Ok(visit.page(&page))
}

fn row(shown: Shown) -> ScheduleRow {
    let schedule = shown.details.schedule;
    let (ref_name, is_tag) = short_ref(&schedule.ref_name);
    ScheduleRow {
        id: schedule.id.0,
        ref_name: ref_name.to_owned(),
        is_tag,
        description: schedule.description,
        cron: schedule.cron,
        zone: schedule.cron_timezone,
        active: schedule.active,
        next: schedule.next_run_at,
        owner: shown.details.owner.map(|user| user.username),
        last: shown.details.last_pipeline.map(|last| (last.id.0, last.status)),
        may_play: shown.may_play,
        may_change: shown.may_change,
        may_take: shown.may_take,
        may_delete: shown.may_delete,
    }
}

fn short_ref(full: &str) -> (&str, bool) {
    match full.strip_prefix("refs/tags/") {
        Some(tag) => (tag, true),
        None => (full.strip_prefix("refs/heads/").unwrap_or(full), false),
    }
}

async fn new(visit: Arc<Visit>) -> PageResult {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::CreatePipeline).await?;
    let mut page = blank(&visit, &access).await?;
    ahead(&visit, &mut page);
    Ok(visit.page(&page))
}

/// The form with what was sent, or with what is most likely wanted.
async fn blank(visit: &Visit, access: &ProjectAccess) -> app::Result<SchedulePage> {
    let branch = access
        .project
        .default_branch
        .clone()
        .unwrap_or_else(|| "main".to_owned());
    let own_zone = if visit.zone.is_empty() {
        "UTC".to_owned()
    } else {
        visit.zone.clone()
    };
    let mut page = SchedulePage {
        f: visit.project_frame(visit.language().new_schedule(), access, Tab::Schedules),
        path: access.project.full_path.clone(),
        id: None,
        description: visit.text("description").to_owned(),
        ref_name: visit.filled("ref").unwrap_or(branch),
        refs: run::refs(visit).await?,
        cron: visit.filled("cron").unwrap_or_else(|| "0 3 * * *".to_owned()),
        zone: visit.filled("cron_timezone").unwrap_or_else(|| own_zone.clone()),
        zones: vec![own_zone, "UTC".to_owned()],
        active: visit.is_get || visit.is_ticked("active"),
        inputs: Vec::new(),
        next_runs: Vec::new(),
        problems: Problems::default(),
        variables: Vec::new(),
        revealed: false,
    };
    page.inputs = run::input_fields(visit, &page.ref_name, &Map::new()).await?;
    Ok(page)
}

/// The form of a schedule that the reader may change.
async fn form(visit: &Visit) -> app::Result<(ProjectAccess, SchedulePage)> {
    let id = ScheduleId(visit.id()?);
    let (access, shown) = schedules::with_rights(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    if !shown.may_change {
        return Err(Error::Forbidden(None));
    }
    let revealed = visit.is_get && visit.is_ticked("reveal");
    let schedule = shown.details.schedule;
    let mut page = blank(visit, &access).await?;
    let sent = |name: &str, known: String| {
        if visit.is_get {
            known
        } else {
            visit.text(name).trim().to_owned()
        }
    };
    page.f.title = visit.language().edit_schedule().to_owned();
    page.id = Some(id.0);
    page.description = sent("description", schedule.description);
    page.ref_name = sent("ref", short_ref(&schedule.ref_name).0.to_owned());
    page.cron = sent("cron", schedule.cron);
    page.zone = sent("cron_timezone", schedule.cron_timezone);
    page.active = if visit.is_get {
        schedule.active
    } else {
        visit.is_ticked("active")
    };
    let stored = schedule
        .inputs
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    page.inputs = run::input_fields(visit, &page.ref_name, &stored.unwrap_or_default()).await?;
    let variables = shown.details.variables.unwrap_or_default();
    page.variables = variables
        .into_iter()
        .map(|variable| ScheduleVariableRow {
            key: variable.key,
            value: revealed.then_some(variable.value),
            is_file: variable.kind == VariableKind::File,
        })
        .collect();
    page.revealed = revealed;
    ahead(visit, &mut page);
    Ok((access, page))
}

async fn edit(visit: Arc<Visit>) -> PageResult {
    let (_, page) = form(&visit).await?;
    Ok(visit.private_page(&page))
}

/// Says when the line of the form would be due, or what is wrong with it.
fn ahead(visit: &Visit, page: &mut SchedulePage) {
    match schedules::next_runs(&page.cron, &page.zone, visit.app.clock.now(), AHEAD) {
        Ok(runs) => page.next_runs = runs,
        Err(error) => note(visit, page, &error),
    }
}

/// Puts what is wrong next to its field.
fn note(visit: &Visit, page: &mut SchedulePage, error: &Error) {
    let t = visit.language();
    let Error::Invalid(fields) = error else {
        page.f.notices.push(Notice::Problem(told(visit.language(), error)));
        return;
    };
    for (field, texts) in fields {
        match *field {
            "cron" => page.problems.add("cron", t.cron_problem()),
            "cron_timezone" => page.problems.add("cron_timezone", t.zone_unknown()),
            "base" => page.problems.add("ref", said(t, texts)),
            other => page.problems.add(other, said(t, texts)),
        }
    }
    page.f.notices.push(Notice::Problem(t.look_at_fields().to_owned()));
}

fn change_of(page: &SchedulePage) -> Change {
    Change {
        description: Some(page.description.clone()),
        ref_text: Some(page.ref_name.clone()),
        cron: Some(page.cron.clone()),
        cron_timezone: Some(page.zone.clone()),
        active: Some(page.active),
        inputs: run::typed_inputs(&page.inputs)
            .into_iter()
            .map(|(name, value)| (name, Some(value)))
            .collect(),
    }
}

async fn create(visit: Arc<Visit>) -> PageResult {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::CreatePipeline).await?;
    let mut page = blank(&visit, &access).await?;
    ahead(&visit, &mut page);
    if visit.text("do") == "preview" {
        return Ok(visit.page(&page));
    }
    let change = change_of(&page);
    let new = New {
        description: page.description.clone(),
        ref_text: page.ref_name.clone(),
        cron: page.cron.clone(),
        change,
    };
    match schedules::create(&visit.app, visit.caller.clone(), visit.project(), new).await {
        Ok(made) => {
            let to = format!("/{}/-/pipeline_schedules/{}/edit", page.path, made.schedule.id);
            Ok(visit.done(&to, Done::ScheduleCreated))
        }
        Err(error) => refused(&visit, page, error),
    }
}

fn refused(visit: &Visit, mut page: SchedulePage, error: Error) -> app::Result<Response> {
    match error {
        Error::Invalid(_) | Error::BadRequest(_) | Error::Status { .. } => {
            page.f.notices.clear();
            note(visit, &mut page, &error);
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        other => Err(other),
    }
}

async fn change(visit: Arc<Visit>) -> PageResult {
    let (_, page) = form(&visit).await?;
    if visit.text("do") == "preview" {
        return Ok(visit.page(&page));
    }
    let (id, change) = (ScheduleId(visit.id()?), change_of(&page));
    match schedules::update(&visit.app, visit.caller.clone(), visit.project(), id, change).await {
        Ok(_) => Ok(visit.done(&list_href(&visit), Done::Saved)),
        Err(error) => refused(&visit, page, error),
    }
}

fn list_href(visit: &Visit) -> String {
    format!("/{}/-/pipeline_schedules", visit.text("project"))
}

fn edit_href(visit: &Visit, id: ScheduleId) -> String {
    format!("/{}/-/pipeline_schedules/{id}/edit#variables", visit.text("project"))
}

async fn play(visit: Arc<Visit>) -> PageResult {
    let id = ScheduleId(visit.id()?);
    match schedules::play(&visit.app, visit.caller.clone(), visit.project(), id).await {
        Ok(()) => Ok(visit.done(&list_href(&visit), Done::SchedulePlayed)),
        // Nothing is wrong with the server: the configuration gives no pipeline.
        Err(Error::Status { message, .. }) => Err(Error::Status { status: 422, message }),
        Err(error) => Err(error),
    }
}

async fn take_ownership(visit: Arc<Visit>) -> PageResult {
    let id = ScheduleId(visit.id()?);
    schedules::take_ownership(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    Ok(visit.done(&list_href(&visit), Done::ScheduleTaken))
}

async fn delete(visit: Arc<Visit>) -> PageResult {
    let id = ScheduleId(visit.id()?);
    schedules::delete(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    Ok(visit.done(&list_href(&visit), Done::ScheduleDeleted))
}

async fn add_variable(visit: Arc<Visit>) -> PageResult {
    let id = ScheduleId(visit.id()?);
    let new = NewVariable {
        value: Some(visit.text("value").replace("\r\n", "\n")),
        kind: visit.text("variable_type").parse().ok(),
        raw: None,
    };
    let key = visit.text("key").trim().to_owned();
    match schedules::create_variable(&visit.app, visit.caller.clone(), visit.project(), id, key, new).await {
        Ok(_) => Ok(visit.done(&edit_href(&visit, id), Done::VariableAdded)),
        Err(error @ (Error::Invalid(_) | Error::BadRequest(_))) => Err(Error::Status {
            status: 422,
            message: told(visit.language(), &error),
        }),
        Err(error) => Err(error),
    }
}

async fn remove_variable(visit: Arc<Visit>) -> PageResult {
    let id = ScheduleId(visit.id()?);
    let key = visit.text("key").to_owned();
    schedules::delete_variable(&visit.app, visit.caller.clone(), visit.project(), id, key).await?;
    Ok(visit.done(&edit_href(&visit, id), Done::VariableRemoved))
}

/// What is wrong with one field.
fn said(t: Language, texts: &[String]) -> String {
    let texts = texts.iter().map(|text| t.refusal(text));
    texts.collect::<Vec<_>>().join(", ")
}
