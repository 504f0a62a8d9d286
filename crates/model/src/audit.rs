//! What people did to the server, to groups, projects and users.

use crate::ids::{NamespaceId, ProjectId, UserId};
use crate::time::Timestamp;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditEntity {
    /// The server.
    Instance,
    /// A user.
    User(UserId),
    /// A group.
    Group(NamespaceId),
    /// A project.
    Project(ProjectId),
}

impl AuditEntity {
    /// GitLab's words for the kinds.
    pub const WORDS: [&'static str; 4] = ["User", "Group", "Project", "Gitlab::Audit::InstanceScope"];

    /// GitLab's word for the kind.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            AuditEntity::User(_) => AuditEntity::WORDS[0],
            AuditEntity::Group(_) => AuditEntity::WORDS[1],
            AuditEntity::Project(_) => AuditEntity::WORDS[2],
            AuditEntity::Instance => AuditEntity::WORDS[3],
        }
    }

    /// Its id; the server's is 1.
    #[must_use]
    pub const fn id(self) -> i64 {
        match self {
            AuditEntity::Instance => 1,
            AuditEntity::User(id) => id.0,
            AuditEntity::Group(id) => id.0,
            AuditEntity::Project(id) => id.0,
        }
    }

    /// The entity of a word and an id; an unknown word is the server's.
    #[must_use]
    pub fn of(word: &str, id: i64) -> AuditEntity {
        match word {
            "User" => AuditEntity::User(UserId(id)),
            "Group" => AuditEntity::Group(NamespaceId(id)),
            "Project" => AuditEntity::Project(ProjectId(id)),
            _ => AuditEntity::Instance,
        }
    }
}

/// Something that somebody did. What it says is what was true then.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEvent {
    /// Its id; 0 before it is stored.
    pub id: i64,
    /// When.
    pub created_at: Timestamp,
    /// Who; `None` for nobody in particular, such as a failed try to sign in.
    pub author_id: Option<UserId>,
    /// Their name.
    pub author_name: String,
    /// Their mail address.
    pub author_email: Option<String>,
    /// About what.
    pub entity: AuditEntity,
    /// Path or name of that.
    pub entity_path: String,
    /// What happened, as a word that never changes.
    pub event_name: String,
    /// The kind of thing that was changed.
    pub target_type: String,
    /// Its id.
    pub target_id: Option<String>,
    /// Its name.
    pub target_details: String,
    /// Where the call came from.
    pub address: Option<String>,
    /// What changed: `custom_message`, or `change`, `from` and `to`, or `add` and `as`, or `remove`.
    pub change: Vec<(String, String)>,
}
