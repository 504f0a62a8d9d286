//! Numbers of things that are limited: whoever counts and adds must not do so beside somebody else.

use model::{NamespaceId, ProjectId, ScheduleId};

use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// Things of which there may be so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Webhooks of a project.
    Hooks(ProjectId),
    /// Inbound webhooks of a project.
    InboundHooks(ProjectId),
    /// Schedules of a project.
    Schedules(ProjectId),
    /// Variables of a schedule.
    ScheduleVariables(ScheduleId),
    /// Variables of a project.
    ProjectVariables(ProjectId),
    /// Variables of a group.
    GroupVariables(NamespaceId),
}

impl Limited {
    /// Kind and id in one number. The lock of migrations has another first byte.
    const fn key(self) -> i64 {
        let (kind, id) = match self {
            Limited::Hooks(id) => (1, id.0),
            Limited::InboundHooks(id) => (2, id.0),
            Limited::Schedules(id) => (3, id.0),
            Limited::ScheduleVariables(id) => (4, id.0),
            Limited::ProjectVariables(id) => (5, id.0),
            Limited::GroupVariables(id) => (6, id.0),
        };
        (kind << 56) | (id & ((1 << 56) - 1))
    }
}

statements! {
    // One transaction writes at a time on SQLite.
    LOCK = both(
        "SELECT ?1",
        "SELECT COUNT(*) FROM (SELECT pg_advisory_xact_lock(?1)) AS locked",
    );
}

/// Waits until nobody else counts these things, and keeps others waiting until the transaction ends.
///
/// # Errors
///
/// What the database said.
pub fn lock(tx: &mut dyn Tx, what: Limited) -> Result<(), StoreError> {
    let _: i64 = tx.one(&LOCK, params![what.key()], column)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_things_have_different_keys() {
        assert_ne!(
            Limited::Hooks(ProjectId(1)).key(),
            Limited::Schedules(ProjectId(1)).key()
        );
        assert_ne!(Limited::Hooks(ProjectId(1)).key(), Limited::Hooks(ProjectId(2)).key());
        assert!(Limited::GroupVariables(NamespaceId(i64::MAX)).key() > 0);
    }
}
