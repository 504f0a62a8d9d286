//! Variables that a schedule gives to its pipelines.

use model::definition::GivenVariable;
use model::schedule::{Schedule, ScheduleVariable};
use model::{OverrideRole, ScheduleId, VariableKind};
use store::ops::limits::Limited;
use store::{Tx, ops};

use crate::App;
use crate::access::ProjectAccess;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::keys::Keys;
use crate::lookup::ProjectKey;
use crate::schedules::manage;
use crate::variable_settings::{check_key, check_length};

/// Most variables of one schedule.
const MAX_VARIABLES: usize = 200;

/// What can be set of a variable; absent parts stay as they are.
#[derive(Clone, Debug, Default)]
pub struct NewVariable {
    /// Its value.
    pub value: Option<String>,
    /// Value or file.
    pub kind: Option<VariableKind>,
    /// Whether the value is taken literally.
    pub raw: Option<bool>,
}

/// Adds a variable.
///
/// # Errors
///
/// As [`update`](super::update), 403 also for whom the project lets set no pipeline variables; 400 for a bad
/// or taken key.
pub async fn create(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: ScheduleId,
    name: String,
    new: NewVariable,
) -> Result<GivenVariable> {
    change(app, caller, key, id, move |keys, tx, schedule| {
        check_key(&name)?;
        ops::limits::lock(tx, Limited::ScheduleVariables(schedule.id))?;
        if ops::schedules::variables(tx, schedule.id)?.len() >= MAX_VARIABLES {
            let text = format!("Maximum number of pipeline schedule variables ({MAX_VARIABLES}) exceeded");
            return Err(Error::invalid("base", text));
        }
        let variable = GivenVariable {
            key: name.clone(),
            value: new.value.clone().unwrap_or_default(),
            kind: new.kind.unwrap_or(VariableKind::EnvVar),
            raw: new.raw.unwrap_or(false),
        };
        if !ops::schedules::add_variable(tx, schedule.id, &seal(keys, schedule, &variable)?)? {
            return Err(Error::invalid("key", "has already been taken"));
        }
        Ok(variable)
    })
    .await
}

/// Returns a variable.
///
/// # Errors
///
/// As [`create`]; `404 Pipeline Schedule Variable Not Found`.
pub async fn get(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId, name: String) -> Result<GivenVariable> {
    change(app, caller, key, id, move |keys, tx, schedule| {
        find(keys, tx, schedule, &name)
    })
    .await
}

/// Changes a variable.
///
/// # Errors
///
/// As [`get`].
pub async fn update(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: ScheduleId,
    name: String,
    new: NewVariable,
) -> Result<GivenVariable> {
    change(app, caller, key, id, move |keys, tx, schedule| {
        let mut variable = find(keys, tx, schedule, &name)?;
        variable.value = new.value.clone().unwrap_or(variable.value);
        variable.kind = new.kind.unwrap_or(variable.kind);
        variable.raw = new.raw.unwrap_or(variable.raw);
        ops::schedules::save_variable(tx, schedule.id, &seal(keys, schedule, &variable)?)?;
        Ok(variable)
    })
    .await
}

/// Removes a variable and returns it.
///
/// # Errors
///
/// As [`get`].
pub async fn delete(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId, name: String) -> Result<GivenVariable> {
    change(app, caller, key, id, move |keys, tx, schedule| {
        let variable = find(keys, tx, schedule, &name)?;
        ops::schedules::delete_variable(tx, schedule.id, &name)?;
        Ok(variable)
    })
    .await
}

/// Lets somebody who may do something to the variables of a schedule.
async fn change<T, F>(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId, mut action: F) -> Result<T>
where
    F: FnMut(&Keys, &mut dyn Tx, &Schedule) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    let this = app.clone();
    app.store
        .write(move |tx| {
            let (access, schedule) = manage::find(&this, tx, &caller, &key, id)?;
            manage::require_owner(&access, &caller, &schedule)?;
            may_set_variables(&access, &caller)?;
            action(&this.keys, tx, &schedule)
        })
        .await
}

fn may_set_variables(access: &ProjectAccess, caller: &Caller) -> Result<()> {
    let may = match access.project.settings.variables_override_role {
        OverrideRole::NoOneAllowed => false,
        role => caller.is_admin() || role.minimum().is_some_and(|least| access.role >= least),
    };
    if may { Ok(()) } else { Err(Error::forbidden()) }
}

fn find(keys: &Keys, tx: &mut dyn Tx, schedule: &Schedule, name: &str) -> Result<GivenVariable> {
    let all = ops::schedules::variables(tx, schedule.id)?;
    let found = all.into_iter().find(|one| one.variable.key == name);
    open(
        keys,
        schedule.id,
        found.ok_or(Error::NotFound("Pipeline Schedule Variable"))?,
    )
}

fn seal(keys: &Keys, schedule: &Schedule, variable: &GivenVariable) -> Result<ScheduleVariable> {
    check_length(&variable.value)?;
    Ok(ScheduleVariable {
        sealed: keys.seal(&purpose(schedule.id, &variable.key), variable.value.as_bytes()),
        variable: GivenVariable {
            value: String::new(),
            ..variable.clone()
        },
    })
}

/// Opens a stored variable.
///
/// # Errors
///
/// [`Error::Internal`] when it was changed, belongs to another schedule or has another key.
pub(super) fn open(keys: &Keys, id: ScheduleId, stored: ScheduleVariable) -> Result<GivenVariable> {
    let plain = keys
        .open(&purpose(id, &stored.variable.key), &stored.sealed)
        .map_err(Error::internal)?;
    Ok(GivenVariable {
        value: String::from_utf8(plain).map_err(Error::internal)?,
        ..stored.variable
    })
}

/// Returns all variables of a schedule.
///
/// # Errors
///
/// As [`open`], and what the database said.
pub(super) fn all(keys: &Keys, tx: &mut dyn Tx, id: ScheduleId) -> Result<Vec<GivenVariable>> {
    let stored = ops::schedules::variables(tx, id)?;
    stored.into_iter().map(|one| open(keys, id, one)).collect()
}

fn purpose(id: ScheduleId, key: &str) -> String {
    format!("pipeline_schedule_variables.sealed {id} {key}")
}
