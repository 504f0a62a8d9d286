//! CI/CD variables of instance, groups and project, as a pipeline sees them.

use compile::{Variable, VariableOrigin};
use model::{Namespace, Project, VariableKind};
use store::ops::page::Page;
use store::ops::variables::{self, VariableOwner};
use store::{StoreError, Tx};

use crate::error::{Error, Result};
use crate::keys::Keys;

/// A stored variable and whose it is.
pub type Owned = (VariableOwner, variables::Variable);

/// Returns what the value of a variable is sealed for: it opens nowhere else.
#[must_use]
pub fn purpose(owner: VariableOwner, key: &str) -> String {
    match owner {
        VariableOwner::Instance => format!("variables.sealed instance {key}"),
        VariableOwner::Group(id) => format!("variables.sealed group {id} {key}"),
        VariableOwner::Project(id) => format!("variables.sealed project {id} {key}"),
    }
}

/// Reads the variables that reach a project, weakest first: instance, groups from the outermost, project.
///
/// # Errors
///
/// What the database said.
pub fn of(tx: &mut dyn Tx, project: &Project, namespace: &Namespace) -> Result<Vec<Owned>, StoreError> {
    let mut found = Vec::new();
    let of_owner = |tx: &mut dyn Tx, owner, found: &mut Vec<Owned>| -> Result<(), StoreError> {
        let listed = variables::list(tx, owner, Page::all())?;
        found.extend(listed.into_iter().map(|variable| (owner, variable)));
        Ok(())
    };
    of_owner(tx, VariableOwner::Instance, &mut found)?;
    if namespace.user_id.is_none() {
        let mut groups = store::ops::namespaces::with_ancestors(tx, namespace.id)?;
        groups.reverse();
        let mut listed = variables::of_groups(tx, &groups)?;
        // The closest group wins whatever the scopes; inside a group the most exact scope does.
        listed.sort_by_key(|(id, one)| {
            let depth = groups.iter().position(|group| group == id);
            (depth, exactness(&one.set.environment_scope))
        });
        found.extend(
            listed
                .into_iter()
                .map(|(id, variable)| (VariableOwner::Group(id), variable)),
        );
    }
    of_owner(tx, VariableOwner::Project(project.id), &mut found)?;
    Ok(found)
}

/// How exact an environment scope is: all, a pattern, one environment.
fn exactness(scope: &str) -> usize {
    match scope {
        "*" => 0,
        pattern if pattern.contains('*') => pattern.len(),
        _ => usize::MAX,
    }
}

/// Opens variables for a pipeline and appends them in the order given, weakest first.
///
/// Protected ones only reach pipelines of protected refs.
///
/// # Errors
///
/// [`Error::Internal`] when a value was changed or sealed with another key.
pub fn open_into(keys: &Keys, sealed: &[Owned], protected_ref: bool, list: &mut Vec<Variable>) -> Result<()> {
    for (owner, variable) in sealed {
        let set = &variable.set;
        if set.protected && !protected_ref {
            continue;
        }
        let plain = keys
            .open(&purpose(*owner, &set.key), &set.sealed)
            .map_err(Error::internal)?;
        list.push(Variable {
            key: set.key.clone().into(),
            value: String::from_utf8(plain).map_err(Error::internal)?,
            raw: set.raw,
            file: set.kind == VariableKind::File,
            masked: set.masked,
            environment_scope: (set.environment_scope != "*").then(|| set.environment_scope.clone()),
            origin: match owner {
                VariableOwner::Instance => VariableOrigin::Instance,
                VariableOwner::Group(_) => VariableOrigin::Group,
                VariableOwner::Project(_) => VariableOrigin::Project,
            },
        });
    }
    Ok(())
}
