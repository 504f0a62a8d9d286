//! Who may do what: the one table of permissions, and the one place that asks it.
//!
//! A caller that may not even read a project is told that there is none (404); one that may read
//! it but not do the thing gets 403; an anonymous one gets 401 where a login could help
//! (rest-api.md 4).

pub mod runners;

use model::{AccessLevel, Project, ProtectedRef, Visibility};

use crate::caller::Caller;
use crate::error::{Error, Result};

/// Something that can be done to a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ability {
    /// See that it exists, its name and settings that everybody may see.
    ReadProject,
    /// Read files, commits, branches, tags; clone.
    ReadCode,
    /// List and read pipelines.
    ReadPipelines,
    /// List and read jobs, logs and artifacts.
    ReadJobs,
    /// List and read environments and deployments.
    ReadEnvironments,
    /// Read who belongs to it.
    ReadMembers,
    /// Create a pipeline (the ref has rules of its own: [`may_run_on`]).
    CreatePipeline,
    /// Retry, cancel and play pipelines and jobs.
    UpdatePipeline,
    /// Make, change, stop and delete environments; make and change deployments.
    ChangeEnvironments,
    /// Delete deployments, stop all environments that nobody uses.
    AdminEnvironments,
    /// Cancel a job without waiting for its runner.
    ForceCancelJob,
    /// Erase a job's log and artifacts.
    EraseJob,
    /// Delete pipelines.
    DeletePipeline,
    /// Read pipeline variables of pipelines that others started.
    ReadPipelineVariables,
    /// Push to unprotected branches, create tags, write files.
    PushCode,
    /// See, create and revoke trigger tokens.
    ManageTriggers,
    /// CI/CD variables, runners, hooks, protected refs, job token scope, members, settings.
    AdminProject,
    /// Delete the project, make owners.
    OwnProject,
}

impl Ability {
    /// Every ability, for the test that walks the table.
    pub const ALL: &'static [Ability] = &[
        Ability::ReadProject,
        Ability::ReadCode,
        Ability::ReadPipelines,
        Ability::ReadJobs,
        Ability::ReadEnvironments,
        Ability::ReadMembers,
        Ability::CreatePipeline,
        Ability::UpdatePipeline,
        Ability::ChangeEnvironments,
        Ability::AdminEnvironments,
        Ability::ForceCancelJob,
        Ability::EraseJob,
        Ability::DeletePipeline,
        Ability::ReadPipelineVariables,
        Ability::PushCode,
        Ability::ManageTriggers,
        Ability::AdminProject,
        Ability::OwnProject,
    ];

    /// Returns the least role that has the ability as a member.
    #[must_use]
    pub const fn minimum_role(self) -> AccessLevel {
        match self {
            Ability::ReadProject | Ability::ReadMembers => AccessLevel::Guest,
            Ability::ReadCode | Ability::ReadPipelines | Ability::ReadJobs | Ability::ReadEnvironments => {
                AccessLevel::Reporter
            }
            Ability::CreatePipeline | Ability::UpdatePipeline | Ability::ChangeEnvironments | Ability::PushCode => {
                AccessLevel::Developer
            }
            Ability::AdminEnvironments
            | Ability::ForceCancelJob
            | Ability::EraseJob
            | Ability::ReadPipelineVariables
            | Ability::ManageTriggers
            | Ability::AdminProject => AccessLevel::Maintainer,
            Ability::DeletePipeline | Ability::OwnProject => AccessLevel::Owner,
        }
    }

    /// Whether the ability changes something, so that an archived project refuses it.
    const fn writes(self) -> bool {
        matches!(
            self,
            Ability::CreatePipeline
                | Ability::UpdatePipeline
                | Ability::ChangeEnvironments
                | Ability::AdminEnvironments
                | Ability::ForceCancelJob
                | Ability::EraseJob
                | Ability::DeletePipeline
                | Ability::PushCode
        )
    }
}

/// A project and the caller's role in it.
#[derive(Clone, Debug)]
pub struct ProjectAccess {
    /// The project.
    pub project: Project,
    /// The highest role that membership of project or groups gives; `None` for non-members.
    pub role: AccessLevel,
}

impl ProjectAccess {
    /// Whether the caller has the ability.
    #[must_use]
    pub fn allows(&self, caller: &Caller, ability: Ability) -> bool {
        allows(&self.project, self.role, caller, ability)
    }

    /// Refuses with GitLab's status when the caller does not have the ability.
    ///
    /// # Errors
    ///
    /// 404 when the project is not visible to the caller, 401 when it is but nobody is signed in, otherwise 403.
    pub fn require(&self, caller: &Caller, ability: Ability) -> Result<()> {
        if self.allows(caller, ability) {
            return Ok(());
        }
        if !self.allows(caller, Ability::ReadProject) {
            return Err(Error::NotFound("Project"));
        }
        Err(if caller.is_authenticated() {
            Error::forbidden()
        } else {
            Error::Unauthorized
        })
    }
}

/// Whether a caller with `role` in `project` has the ability.
#[must_use]
pub fn allows(project: &Project, role: AccessLevel, caller: &Caller, ability: Ability) -> bool {
    if project.archived && ability.writes() {
        return false;
    }
    if caller.is_admin() || role >= ability.minimum_role() {
        return true;
    }
    let visible = match project.visibility {
        Visibility::Public => true,
        Visibility::Internal => caller.is_authenticated(),
        Visibility::Private => role >= AccessLevel::Guest,
    };
    if !visible {
        return false;
    }
    match ability {
        Ability::ReadProject => true,
        // Guests of a private project see no code; of a visible one everybody does.
        Ability::ReadCode => project.visibility != Visibility::Private,
        Ability::ReadPipelines | Ability::ReadJobs => project.settings.public_jobs,
        // Guests of a private project see jobs, but not what they deploy to.
        Ability::ReadEnvironments => project.visibility != Visibility::Private && project.settings.public_jobs,
        Ability::ReadMembers => caller.is_authenticated(),
        _ => false,
    }
}

/// Whether a role may write to a ref, as far as protection goes: push to a branch, create a tag.
///
/// Several matching patterns: the most permissive one counts, as GitLab does it. Unprotected refs need Developer.
#[must_use]
pub fn may_push_to(protected: &[ProtectedRef], name: &str, is_tag: bool, role: AccessLevel, is_admin: bool) -> bool {
    allowed_by(protected, name, is_tag, role, is_admin, |rule| rule.push_level)
}

/// Whether a role may run a pipeline on a ref: push to or merge into the branch, create the tag (rest-api.md 2.1, row 5).
#[must_use]
pub fn may_run_on(protected: &[ProtectedRef], name: &str, is_tag: bool, role: AccessLevel, is_admin: bool) -> bool {
    may_push_to(protected, name, is_tag, role, is_admin)
        || (!is_tag && allowed_by(protected, name, is_tag, role, is_admin, |rule| rule.merge_level))
}

/// Whether any pattern covers the ref.
#[must_use]
pub fn is_protected(protected: &[ProtectedRef], name: &str, is_tag: bool) -> bool {
    protected.iter().any(|rule| rule.is_tag == is_tag && rule.covers(name))
}

fn allowed_by(
    protected: &[ProtectedRef],
    name: &str,
    is_tag: bool,
    role: AccessLevel,
    is_admin: bool,
    level: impl Fn(&ProtectedRef) -> Option<AccessLevel>,
) -> bool {
    let mut covering = protected
        .iter()
        .filter(|rule| rule.is_tag == is_tag && rule.covers(name))
        .peekable();
    if covering.peek().is_none() {
        return is_admin || role >= AccessLevel::Developer;
    }
    covering.any(|rule| level(rule).is_some_and(|least| is_admin || role >= least))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ProjectId;

    fn rule(pattern: &str, is_tag: bool, push: Option<AccessLevel>, merge: Option<AccessLevel>) -> ProtectedRef {
        ProtectedRef {
            project_id: ProjectId(1),
            is_tag,
            pattern: pattern.to_owned(),
            push_level: push,
            merge_level: merge,
        }
    }

    #[test]
    fn unprotected_refs_need_a_developer() {
        assert!(may_push_to(&[], "x", false, AccessLevel::Developer, false));
        assert!(!may_push_to(&[], "x", false, AccessLevel::Reporter, false));
    }

    #[test]
    fn a_protected_branch_can_be_run_on_by_those_who_may_merge() {
        use AccessLevel::{Developer, Maintainer};
        let rules = [rule("main", false, Some(Maintainer), Some(Developer))];
        assert!(!may_push_to(&rules, "main", false, Developer, false));
        assert!(may_run_on(&rules, "main", false, Developer, false));
        assert!(may_push_to(&rules, "main", false, Maintainer, false));
        assert!(
            may_push_to(&rules, "main", true, Developer, false),
            "a tag of that name is not covered"
        );
    }

    #[test]
    fn no_one_means_not_even_an_administrator() {
        let rules = [rule("*", false, None, None)];
        assert!(!may_push_to(&rules, "main", false, AccessLevel::Owner, true));
    }

    #[test]
    fn the_most_permissive_pattern_counts() {
        let rules = [
            rule("release/*", false, None, None),
            rule("release/1", false, Some(AccessLevel::Developer), None),
        ];
        assert!(may_push_to(&rules, "release/1", false, AccessLevel::Developer, false));
        assert!(!may_push_to(&rules, "release/2", false, AccessLevel::Owner, false));
    }
}
