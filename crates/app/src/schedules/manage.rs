//! Creating, listing, changing, playing and deleting schedules.

use model::definition::GivenVariable;
use model::schedule::Schedule;
use model::{Pipeline, Project, ScheduleId, Timestamp, User};
use serde_json::{Map, Value as Json};
use store::ops::limits::Limited;
use store::ops::page::{Page, Sort};
use store::{Tx, ops};

use crate::App;
use crate::access::{self, Ability, ProjectAccess};
use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::request::MAX_INPUTS;
use crate::schedules::cron::Cron;
use crate::schedules::{run, variables, zones};

/// Most schedules of one project.
const MAX_SCHEDULES: i64 = 1000;

/// Longest description and ref, in characters (GitLab's columns).
const MAX_TEXT: usize = 255;

/// Time zone unless another one is given.
const DEFAULT_ZONE: &str = "UTC";

/// A schedule with what is shown beside it.
#[derive(Clone, Debug)]
pub struct Details {
    /// The schedule.
    pub schedule: Schedule,
    /// Its project.
    pub project: Project,
    /// Whom its pipelines run as.
    pub owner: Option<User>,
    /// Its newest pipeline.
    pub last_pipeline: Option<Pipeline>,
    /// Its variables; `None` when the caller may not see them.
    pub variables: Option<Vec<GivenVariable>>,
}

/// What a new schedule is to be.
#[derive(Clone, Debug)]
pub struct New {
    /// Free text.
    pub description: String,
    /// Branch or tag, short or full.
    pub ref_text: String,
    /// Cron line.
    pub cron: String,
    /// The rest.
    pub change: Change,
}

/// What is to change; absent parts stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Free text.
    pub description: Option<String>,
    /// Branch or tag, short or full.
    pub ref_text: Option<String>,
    /// Cron line.
    pub cron: Option<String>,
    /// Name of a time zone.
    pub cron_timezone: Option<String>,
    /// Whether it runs.
    pub active: Option<bool>,
    /// Inputs to set; `None` as value removes one.
    pub inputs: Vec<(String, Option<Json>)>,
}

/// Lists a page of a project's schedules and counts all of them.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn list(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    active: Option<bool>,
    page: Page,
) -> Result<(Vec<Details>, i64)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            let id = access.project.id;
            let total = ops::schedules::count(tx, id, active)?;
            let found = ops::schedules::list(tx, id, active, page)?;
            let details = found.into_iter().map(|one| plain(tx, access.project.clone(), one));
            Ok((details.collect::<Result<_>>()?, total))
        })
        .await
}

/// Returns a schedule.
///
/// # Errors
///
/// As [`list`]; `404 Pipeline Schedule Not Found`.
pub async fn get(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId) -> Result<Details> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let (access, schedule) = find(&this, tx, &caller, &key, id)?;
            details(&this, tx, &access, &caller, schedule)
        })
        .await
}

/// Lists a page of a schedule's pipelines and counts all of them.
///
/// # Errors
///
/// As [`get`].
pub async fn pipelines(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: ScheduleId,
    sort: Sort,
    page: Page,
) -> Result<(Project, Vec<Pipeline>, i64)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let (access, schedule) = find(&this, tx, &caller, &key, id)?;
            let found = ops::schedules::pipelines(tx, schedule.id, sort, page)?;
            let total = ops::schedules::count_pipelines(tx, schedule.id)?;
            Ok((access.project, found, total))
        })
        .await
}

/// Creates a schedule that the caller owns.
///
/// # Errors
///
/// As [`list`]; 403 also for a ref that the caller may not run; 400 for a bad ref, cron line or time zone.
pub async fn create(app: &App, caller: Caller, key: ProjectKey, new: New) -> Result<Details> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::CreatePipeline)?;
            let owner = caller.user().ok_or(Error::Unauthorized)?.id;
            ops::limits::lock(tx, Limited::Schedules(access.project.id))?;
            if ops::schedules::count(tx, access.project.id, None)? >= MAX_SCHEDULES {
                let text = format!("Maximum number of pipeline schedules ({MAX_SCHEDULES}) exceeded");
                return Err(Error::invalid("base", text));
            }
            let now = this.clock.now();
            let mut draft = Schedule {
                id: ScheduleId(0),
                project_id: access.project.id,
                owner_id: Some(owner),
                description: new.description.clone(),
                ref_name: full_ref(&this, &access.project, &new.ref_text)?,
                cron: new.cron.clone(),
                cron_timezone: DEFAULT_ZONE.to_owned(),
                active: true,
                next_run_at: None,
                inputs: None,
                created_at: now,
                updated_at: now,
            };
            apply(&this, &access.project, &mut draft, &new.change, now)?;
            may_run(tx, &access, &caller, &draft.ref_name)?;
            let stored = ops::schedules::NewSchedule {
                project_id: draft.project_id,
                owner_id: owner,
                description: &draft.description,
                ref_name: &draft.ref_name,
                cron: &draft.cron,
                cron_timezone: &draft.cron_timezone,
                active: draft.active,
                next_run_at: draft.next_run_at,
                inputs: draft.inputs.as_deref(),
                created_at: now,
            };
            let schedule = ops::schedules::create(tx, &stored)?;
            details(&this, tx, &access, &caller, schedule)
        })
        .await
}

/// Changes a schedule.
///
/// # Errors
///
/// As [`create`]; 403 for anybody but its owner.
pub async fn update(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId, change: Change) -> Result<Details> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let (access, mut schedule) = find(&this, tx, &caller, &key, id)?;
            require_owner(&access, &caller, &schedule)?;
            apply(&this, &access.project, &mut schedule, &change, this.clock.now())?;
            may_run(tx, &access, &caller, &schedule.ref_name)?;
            ops::schedules::save(tx, &schedule)?;
            details(&this, tx, &access, &caller, schedule)
        })
        .await
}

/// Makes the caller the owner; the second value says whether that changed anything.
///
/// # Errors
///
/// As [`get`]; 403 below Maintainer.
pub async fn take_ownership(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId) -> Result<(Details, bool)> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let (access, mut schedule) = find(&this, tx, &caller, &key, id)?;
            access.require(&caller, Ability::AdminProject)?;
            let owner = caller.user().map(|user| user.id);
            let changes = schedule.owner_id != owner;
            if changes {
                schedule.owner_id = owner;
                schedule.updated_at = this.clock.now();
                ops::schedules::save(tx, &schedule)?;
                let event = Event::new(
                    "ci_pipeline_schedule_owner_changed",
                    "Changed the owner of a pipeline schedule",
                )
                .target("Ci::PipelineSchedule", schedule.id, schedule.description.as_str());
                audit::note(&this, tx, &caller, &access.project, event)?;
            }
            Ok((details(&this, tx, &access, &caller, schedule)?, changes))
        })
        .await
}

/// Deletes a schedule.
///
/// # Errors
///
/// As [`get`]; 403 for anybody but its owner and Maintainers.
pub async fn delete(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let (access, schedule) = find(&this, tx, &caller, &key, id)?;
            if !sees_variables(&access, &caller, &schedule) {
                return Err(Error::forbidden());
            }
            ops::schedules::delete(tx, schedule.id)?;
            Ok(())
        })
        .await
}

/// Starts a schedule's pipeline now, as the caller; when it runs next stays as it is.
///
/// # Errors
///
/// As [`get`]; 403 for whom may not run its ref; 500 with GitLab's text when no pipeline could be made.
pub async fn play(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId) -> Result<()> {
    let (this, asked) = (app.clone(), caller.clone());
    let (access, schedule) = app
        .store
        .read(move |tx| {
            let (access, schedule) = find(&this, tx, &asked, &key, id)?;
            access.require(&asked, Ability::CreatePipeline)?;
            may_run(tx, &access, &asked, &schedule.ref_name)?;
            Ok::<_, Error>((access, schedule))
        })
        .await?;
    let user = caller.user().ok_or(Error::Unauthorized)?.clone();
    let runner = run::Runner {
        is_admin: caller.is_admin(),
        role: access.role,
        user,
    };
    match run::create_pipeline(app, access.project, &schedule, runner, None).await {
        Ok(_) => Ok(()),
        Err(Error::Internal(cause)) => Err(Error::Internal(cause)),
        Err(_) => Err(Error::Status {
            status: 500,
            message: "Unable to schedule pipeline run immediately".to_owned(),
        }),
    }
}

/// Finds a schedule of a project whose pipelines the caller may read.
pub(super) fn find(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    key: &ProjectKey,
    id: ScheduleId,
) -> Result<(ProjectAccess, Schedule)> {
    let access = lookup::project_for(app, tx, caller, key, Ability::ReadPipelines)?;
    let schedule = ops::schedules::get(tx, access.project.id, id)?.ok_or(Error::NotFound("Pipeline Schedule"))?;
    Ok((access, schedule))
}

/// Refuses everybody who does not own the schedule or may not create pipelines any more.
pub(super) fn require_owner(access: &ProjectAccess, caller: &Caller, schedule: &Schedule) -> Result<()> {
    access.require(caller, Ability::CreatePipeline)?;
    if owns(caller, schedule) || caller.is_admin() {
        Ok(())
    } else {
        Err(Error::forbidden())
    }
}

pub(super) fn owns(caller: &Caller, schedule: &Schedule) -> bool {
    caller.user().is_some_and(|user| Some(user.id) == schedule.owner_id)
}

pub(super) fn sees_variables(access: &ProjectAccess, caller: &Caller, schedule: &Schedule) -> bool {
    access.allows(caller, Ability::AdminProject)
        || (owns(caller, schedule) && access.allows(caller, Ability::CreatePipeline))
}

pub(super) fn may_run(tx: &mut dyn Tx, access: &ProjectAccess, caller: &Caller, ref_name: &str) -> Result<()> {
    let protected = ops::protected_refs::list(tx, access.project.id)?;
    let (name, is_tag) = short_ref(ref_name);
    if access::may_run_on(&protected, name, is_tag, access.role, caller.is_admin()) {
        Ok(())
    } else {
        Err(Error::forbidden())
    }
}

/// The name of a branch or tag without what its full name begins with, and whether it is a tag.
pub(super) fn short_ref(full: &str) -> (&str, bool) {
    match full.strip_prefix("refs/tags/") {
        Some(tag) => (tag, true),
        None => (full.strip_prefix("refs/heads/").unwrap_or(full), false),
    }
}

fn full_ref(app: &App, project: &Project, text: &str) -> Result<String> {
    let found = match app.repositories.open(project) {
        Ok(repository) => repository.resolve(text)?,
        Err(git::Error::NoRepository { .. }) => git::Resolution::NotFound,
        Err(error) => return Err(error.into()),
    };
    match found {
        git::Resolution::Found(found) if found.git_ref.is_tag => Ok(format!("refs/tags/{}", found.git_ref.name)),
        git::Resolution::Found(found) => Ok(format!("refs/heads/{}", found.git_ref.name)),
        git::Resolution::Ambiguous => Err(Error::invalid("base", "Ref is ambiguous")),
        git::Resolution::NotFound => Err(Error::invalid("base", "Reference not found")),
    }
}

/// Takes over what is to change, checks all of it, and says when it runs next.
fn apply(app: &App, project: &Project, schedule: &mut Schedule, change: &Change, now: Timestamp) -> Result<()> {
    let before = schedule.clone();
    if let Some(text) = &change.ref_text {
        schedule.ref_name = full_ref(app, project, text)?;
    }
    let set = |field: &mut String, text: &Option<String>| {
        if let Some(text) = text {
            field.clone_from(text);
        }
    };
    set(&mut schedule.description, &change.description);
    set(&mut schedule.cron, &change.cron);
    set(&mut schedule.cron_timezone, &change.cron_timezone);
    schedule.active = change.active.unwrap_or(schedule.active);
    if schedule.description.trim().is_empty() {
        return Err(Error::invalid("description", "can't be blank"));
    }
    if schedule.description.chars().count() > MAX_TEXT {
        let text = format!("is too long (maximum is {MAX_TEXT} characters)");
        return Err(Error::invalid("description", text));
    }
    let next = next_run(&schedule.cron, &schedule.cron_timezone, now)?;
    let is_new = schedule.id == ScheduleId(0) || before.cron != schedule.cron;
    if is_new || before.cron_timezone != schedule.cron_timezone || (schedule.active && !before.active) {
        schedule.next_run_at = next;
    }
    schedule.inputs = inputs(schedule.inputs.as_deref(), &change.inputs)?;
    schedule.updated_at = now;
    Ok(())
}

/// Returns when a schedule runs next.
///
/// # Errors
///
/// 400 that names the field that is wrong.
pub(super) fn next_run(cron: &str, zone: &str, now: Timestamp) -> Result<Option<Timestamp>> {
    let mut problems = std::collections::BTreeMap::new();
    let (line, zone) = (Cron::parse(cron), zones::find(zone));
    for (field, is_good) in [("cron", line.is_some()), ("cron_timezone", zone.is_some())] {
        if !is_good {
            problems.insert(field, vec![" is invalid syntax".to_owned()]);
        }
    }
    match (line, zone) {
        (Some(line), Some(zone)) => Ok(line.next(now, &zone)),
        _ => Err(Error::Invalid(problems)),
    }
}

fn inputs(before: Option<&str>, changes: &[(String, Option<Json>)]) -> Result<Option<String>> {
    let mut all: Map<String, Json> = match before {
        Some(text) => serde_json::from_str(text).map_err(Error::internal)?,
        None => Map::new(),
    };
    for (name, value) in changes {
        match value {
            Some(value) => _ = all.insert(name.clone(), value.clone()),
            None => _ = all.remove(name),
        }
    }
    if all.len() > MAX_INPUTS {
        let text = format!("exceed the limit of {MAX_INPUTS}.");
        return Err(Error::invalid("inputs", text));
    }
    Ok((!all.is_empty()).then(|| Json::Object(all).to_string()))
}

fn plain(tx: &mut dyn Tx, project: Project, schedule: Schedule) -> Result<Details> {
    let owner = match schedule.owner_id {
        Some(id) => ops::users::get(tx, id)?,
        None => None,
    };
    Ok(Details {
        schedule,
        project,
        owner,
        last_pipeline: None,
        variables: None,
    })
}

pub(super) fn details(
    app: &App,
    tx: &mut dyn Tx,
    access: &ProjectAccess,
    caller: &Caller,
    schedule: Schedule,
) -> Result<Details> {
    let newest = ops::schedules::pipelines(tx, schedule.id, Sort::Desc, Page::of(1, 1))?;
    let variables = match sees_variables(access, caller, &schedule) {
        true => Some(variables::all(&app.keys, tx, schedule.id)?),
        false => None,
    };
    Ok(Details {
        last_pipeline: newest.into_iter().next(),
        variables,
        ..plain(tx, access.project.clone(), schedule)?
    })
}
