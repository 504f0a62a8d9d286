//! Branches, tags and what protects them.

use app::ExternalUrl;
use app::repository::branches::Branch;
use app::repository::tags::Tag;
use model::{AccessLevel, ProtectedRef};
use wire::repository::{Branch as BranchJson, ProtectedAccess, ProtectedBranch, ProtectedTag, Tag as TagJson};

use super::commit::{commit, date};
use crate::page::encoded;

/// A branch of the project with this full path.
#[must_use]
pub fn branch(url: &ExternalUrl, project_path: &str, branch: &Branch) -> BranchJson {
    BranchJson {
        name: branch.name.clone(),
        commit: commit(url, project_path, &branch.commit),
        merged: branch.is_merged,
        protected: branch.is_protected,
        developers_can_push: branch.developers_can_push,
        developers_can_merge: branch.developers_can_merge,
        can_push: branch.can_push,
        default: branch.is_default,
        web_url: format!("{}/{project_path}/-/tree/{}", url.base(), encoded(&branch.name)),
    }
}

/// A tag of the project with this full path.
#[must_use]
pub fn tag(url: &ExternalUrl, project_path: &str, tag: &Tag) -> TagJson {
    TagJson {
        name: tag.tag.name.clone(),
        message: tag.tag.message.clone().unwrap_or_default(),
        target: tag.tag.target.to_string(),
        commit: commit(url, project_path, &tag.commit),
        release: None,
        protected: tag.is_protected,
        created_at: tag.tag.tagger.as_ref().map(date),
    }
}

/// A protected branch; `number` counts within the project.
#[must_use]
pub fn protected_branch(number: i64, rule: &ProtectedRef) -> ProtectedBranch {
    ProtectedBranch {
        id: number,
        name: rule.pattern.clone(),
        push_access_levels: vec![access(rule.push_level)],
        merge_access_levels: vec![access(rule.merge_level)],
        allow_force_push: false,
    }
}

/// A protected tag.
#[must_use]
pub fn protected_tag(rule: &ProtectedRef) -> ProtectedTag {
    ProtectedTag {
        name: rule.pattern.clone(),
        create_access_levels: vec![access(rule.push_level)],
    }
}

fn access(level: Option<AccessLevel>) -> ProtectedAccess {
    ProtectedAccess {
        access_level: level.map_or(0, AccessLevel::number),
        access_level_description: match level {
            None => "No one",
            Some(AccessLevel::Developer) => "Developers + Maintainers",
            Some(AccessLevel::Maintainer) => "Maintainers",
            Some(_) => "Owners",
        },
    }
}
