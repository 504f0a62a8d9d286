//! CI/CD variables as settings of a project or group: list, create, change, delete (rest-api.md 10).
//!
//! What a pipeline makes of them is in [`project_variables`](crate::project_variables).

use model::{AccessLevel, VariableKind};
use store::Tx;
use store::ops::limits::{self, Limited};
use store::ops::members::Place;
use store::ops::page::Page;
use store::ops::variables::{self, NewVariable, Variable, VariableOwner};

use crate::App;
use crate::access::Ability;
use crate::audit::{self, Entity, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::groups;
use crate::lookup;
use crate::members::Of;
use crate::project_variables::purpose;

/// Most characters of a key.
const MAX_KEY: usize = 255;

/// Most bytes of a value (GitLab: 10,000 characters).
const MAX_VALUE: usize = 10_000;

/// Most characters of a description.
const MAX_DESCRIPTION: usize = 255;

/// Most variables of one project or group (GitLab: 8,000).
const MAX_VARIABLES: i64 = 8_000;

/// Fewest characters of a value that can be masked.
const MIN_MASKED: usize = 8;

/// A variable with its value; a hidden one shows none.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What was set.
    pub set: NewVariable,
    /// The value.
    pub value: Option<String>,
}

/// What can be set of a variable; on an update `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Value.
    pub value: Option<String>,
    /// Value or file.
    pub kind: Option<VariableKind>,
    /// Only for protected refs.
    pub protected: Option<bool>,
    /// Hidden in logs.
    pub masked: Option<bool>,
    /// Hidden in logs and never shown again; only at creation.
    pub masked_and_hidden: Option<bool>,
    /// Taken literally.
    pub raw: Option<bool>,
    /// The environments it is for.
    pub environment_scope: Option<String>,
    /// Free text.
    pub description: Option<Option<String>>,
}

/// Which variable: its key, and the scope where a key has several.
#[derive(Clone, Debug)]
pub struct Which {
    /// Key.
    pub key: String,
    /// `filter[environment_scope]`.
    pub environment_scope: Option<String>,
}

/// Lists variables by id, one page of them, and their number.
///
/// # Errors
///
/// 404, 401, or 403 for anybody but a Maintainer (Owner of a group).
pub async fn list(app: &App, caller: &Caller, of: Of, page: Page) -> Result<(Vec<Shown>, i64)> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let owner = owner(&this, tx, &caller, &of)?;
            let total = variables::count(tx, owner)?;
            let found = variables::list(tx, owner, page)?;
            let shown: Result<_> = found.into_iter().map(|one| show(&this, owner, one.set)).collect();
            Ok((shown?, total))
        })
        .await
}

/// Returns a variable.
///
/// # Errors
///
/// As [`list`]; `404 Variable Not Found`; 409 when a key has several scopes and none was named.
pub async fn get(app: &App, caller: &Caller, of: Of, which: Which) -> Result<Shown> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let owner = owner(&this, tx, &caller, &of)?;
            let found = find(tx, owner, &which)?;
            show(&this, owner, found.set)
        })
        .await
}

/// Creates a variable.
///
/// # Errors
///
/// As [`list`]; 400 for a bad or taken key and a value that cannot be masked.
pub async fn create(app: &App, caller: &Caller, of: Of, key: String, wanted: Wanted) -> Result<Shown> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let owner = owner(&this, tx, &caller, &of)?;
            check_key(&key)?;
            match owner {
                VariableOwner::Project(id) => limits::lock(tx, Limited::ProjectVariables(id))?,
                VariableOwner::Group(id) => limits::lock(tx, Limited::GroupVariables(id))?,
                VariableOwner::Instance => {}
            }
            if variables::count(tx, owner)? >= MAX_VARIABLES {
                let text = format!("Maximum number of CI variables ({MAX_VARIABLES}) exceeded");
                return Err(Error::invalid("base", text));
            }
            let hidden = wanted.masked_and_hidden.unwrap_or(false);
            let value = wanted.value.clone().unwrap_or_default();
            let set = NewVariable {
                key: key.clone(),
                environment_scope: wanted.environment_scope.clone().unwrap_or_else(|| "*".to_owned()),
                sealed: this.keys.seal(&purpose(owner, &key), value.as_bytes()),
                kind: wanted.kind.unwrap_or(VariableKind::EnvVar),
                protected: wanted.protected.unwrap_or(false),
                masked: hidden || wanted.masked.unwrap_or(false),
                hidden,
                raw: wanted.raw.unwrap_or(false),
                description: wanted.description.clone().flatten(),
            };
            check(&set, &value)?;
            if variables::create(tx, owner, &set)?.is_none() {
                return Err(taken(&key));
            }
            note(&this, tx, &caller, owner, "created", &set)?;
            show(&this, owner, set)
        })
        .await
}

/// Changes a variable; its key stays.
///
/// # Errors
///
/// As [`get`] and [`create`].
pub async fn update(app: &App, caller: &Caller, of: Of, which: Which, wanted: Wanted) -> Result<Shown> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let owner = owner(&this, tx, &caller, &of)?;
            let Variable { id, set } = find(tx, owner, &which)?;
            if wanted.masked_and_hidden == Some(true) && !set.hidden {
                let text = "Only new variables can be set as masked and hidden.";
                return Err(Error::invalid("base", text));
            }
            let value = match &wanted.value {
                Some(value) => value.clone(),
                None => open(&this, owner, &set)?,
            };
            let set = NewVariable {
                environment_scope: wanted.environment_scope.clone().unwrap_or(set.environment_scope),
                sealed: this.keys.seal(&purpose(owner, &set.key), value.as_bytes()),
                kind: wanted.kind.unwrap_or(set.kind),
                protected: wanted.protected.unwrap_or(set.protected),
                masked: set.hidden || wanted.masked.unwrap_or(set.masked),
                hidden: set.hidden,
                raw: wanted.raw.unwrap_or(set.raw),
                description: wanted.description.clone().unwrap_or(set.description),
                key: set.key,
            };
            check(&set, &value)?;
            match variables::update(tx, id, &set) {
                Err(error) if error.is_unique() => Err(taken(&set.key)),
                Err(error) => Err(error.into()),
                Ok(_) => {
                    note(&this, tx, &caller, owner, "updated", &set)?;
                    show(&this, owner, set)
                }
            }
        })
        .await
}

/// Deletes a variable.
///
/// # Errors
///
/// As [`get`].
pub async fn delete(app: &App, caller: &Caller, of: Of, which: Which) -> Result<()> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let owner = owner(&this, tx, &caller, &of)?;
            let found = find(tx, owner, &which)?;
            variables::delete(tx, found.id)?;
            note(&this, tx, &caller, owner, "deleted", &found.set)
        })
        .await
}

/// Writes down what became of a variable: its name, never its value.
fn note(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    owner: VariableOwner,
    what: &str,
    set: &NewVariable,
) -> Result<()> {
    let (place, names) = match owner {
        VariableOwner::Project(id) => (
            Place::Project(id),
            ["ci_variable_created", "ci_variable_updated", "ci_variable_deleted"],
        ),
        VariableOwner::Group(id) => (
            Place::Group(id),
            [
                "ci_group_variable_created",
                "ci_group_variable_updated",
                "ci_group_variable_deleted",
            ],
        ),
        VariableOwner::Instance => return Ok(()),
    };
    let name = names.into_iter().find(|name| name.ends_with(what)).unwrap_or(names[0]);
    let event = Event::new(name, format!("{what} variable {}", set.key))
        .target("Ci::Variable", &set.key, set.key.as_str())
        .with("environment_scope", &set.environment_scope)
        .with("protected", set.protected)
        .with("masked", set.masked);
    let entity = Entity::of_place(tx, place)?;
    Ok(audit::note(app, tx, caller, entity, event)?)
}

fn owner(app: &App, tx: &mut dyn Tx, caller: &Caller, of: &Of) -> Result<VariableOwner> {
    Ok(match of {
        Of::Project(key) => {
            let access = lookup::project_for(app, tx, caller, key, Ability::AdminProject)?;
            VariableOwner::Project(access.project.id)
        }
        Of::Group(key) => {
            let group = groups::require(app, tx, caller, key, AccessLevel::Owner)?;
            VariableOwner::Group(group.id)
        }
    })
}

fn find(tx: &mut dyn Tx, owner: VariableOwner, which: &Which) -> Result<Variable> {
    let mut found = variables::by_key(tx, owner, &which.key)?;
    if let Some(scope) = &which.environment_scope {
        found.retain(|one| one.set.environment_scope == *scope);
    }
    if found.len() > 1 {
        return Err(Error::Status {
            status: 409,
            message: "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'"
                .to_owned(),
        });
    }
    found.pop().ok_or(Error::NotFound("Variable"))
}

fn show(app: &App, owner: VariableOwner, set: NewVariable) -> Result<Shown> {
    let value = match set.hidden {
        true => None,
        false => Some(open(app, owner, &set)?),
    };
    Ok(Shown { set, value })
}

fn open(app: &App, owner: VariableOwner, set: &NewVariable) -> Result<String> {
    let plain = app
        .keys
        .open(&purpose(owner, &set.key), &set.sealed)
        .map_err(Error::internal)?;
    String::from_utf8(plain).map_err(Error::internal)
}

pub(crate) fn check_key(key: &str) -> Result<()> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() {
        return Err(Error::invalid("key", "can't be blank"));
    }
    if key.len() > MAX_KEY {
        return Err(Error::invalid(
            "key",
            format!("is too long (maximum is {MAX_KEY} characters)"),
        ));
    }
    if !key.chars().all(is_good) {
        return Err(Error::invalid("key", "can contain only letters, digits and '_'."));
    }
    Ok(())
}

/// Refuses values that are too long.
pub(crate) fn check_length(value: &str) -> Result<()> {
    if value.len() > MAX_VALUE {
        let text = format!("The value of the provided variable exceeds the {MAX_VALUE} character limit");
        return Err(Error::invalid("value", text));
    }
    Ok(())
}

fn check(set: &NewVariable, value: &str) -> Result<()> {
    check_length(value)?;
    if set.masked && !is_maskable(value, set.raw) {
        return Err(Error::invalid("value", "is invalid"));
    }
    if set
        .description
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_DESCRIPTION)
    {
        let text = format!("is too long (maximum is {MAX_DESCRIPTION} characters)");
        return Err(Error::invalid("description", text));
    }
    let scope = &set.environment_scope;
    let is_good = |c: char| c.is_ascii_alphanumeric() || " -_/${}.*".contains(c);
    if scope.is_empty() || scope.len() > MAX_KEY || !scope.chars().all(is_good) {
        let text = "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', '*' and spaces";
        return Err(Error::invalid("environment_scope", text));
    }
    Ok(())
}

/// Whether every occurrence in a log can be recognised (rules-and-variables.md).
fn is_maskable(value: &str, raw: bool) -> bool {
    let is_good = |c: char| match raw {
        true => !c.is_whitespace(),
        false => c.is_ascii_alphanumeric() || "_+=/@:.~-".contains(c),
    };
    value.chars().count() >= MIN_MASKED && value.chars().all(is_good)
}

fn taken(key: &str) -> Error {
    Error::invalid("key", format!("({key}) has already been taken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_of_environment_variables() {
        for good in ["A", "_a1", "1A", &"a".repeat(255)] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in ["", "A-B", "A B", "É", &"a".repeat(256)] {
            assert!(check_key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_values_that_can_be_recognised_are_masked() {
        for (value, raw, expected) in [
            ("abcdefgh", false, true),
            ("abc+/=@:.~-_1", false, true),
            ("short", false, false),
            ("with space", false, false),
            ("with$dollar", false, false),
            ("with$dollar", true, true),
            ("two\nlines!", true, false),
        ] {
            assert_eq!(is_maskable(value, raw), expected, "{value} {raw}");
        }
    }
}
