//! Commits, branches, tags, files and what protects them (rest-api.md 17, 22).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Full id.
    pub id: String,
    /// First eight characters.
    pub short_id: String,
    /// As `committed_date`.
    pub created_at: String,
    /// Parents.
    pub parent_ids: Vec<String>,
    /// First line of the message.
    pub title: String,
    /// Message.
    pub message: String,
    /// Who wrote it.
    pub author_name: String,
    /// Their mail address.
    pub author_email: String,
    /// When, with their offset.
    pub authored_date: String,
    /// Who committed it.
    pub committer_name: String,
    /// Their mail address.
    pub committer_email: String,
    /// When, with their offset.
    pub committed_date: String,
    /// Trailers of the message.
    pub trailers: Map<String, Value>,
    /// Trailers, each with all its values.
    pub extended_trailers: Map<String, Value>,
    /// Page.
    pub web_url: String,
}

/// A branch.
#[derive(Clone, Debug, Serialize)]
pub struct Branch {
    /// Name.
    pub name: String,
    /// Newest commit.
    pub commit: Commit,
    /// Whether it is contained in the default branch.
    pub merged: bool,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether Developers may push.
    pub developers_can_push: bool,
    /// Whether Developers may merge.
    pub developers_can_merge: bool,
    /// Whether the caller may push.
    pub can_push: bool,
    /// Whether it is the default branch.
    pub default: bool,
    /// Page.
    pub web_url: String,
}

/// A tag.
#[derive(Clone, Debug, Serialize)]
pub struct Tag {
    /// Name.
    pub name: String,
    /// Message of an annotated tag, otherwise empty.
    pub message: String,
    /// Id of the tag object, or of the commit.
    pub target: String,
    /// Commit.
    pub commit: Commit,
    /// Release; none.
    pub release: Option<TagRelease>,
    /// Whether it is protected.
    pub protected: bool,
    /// When an annotated tag was made.
    pub created_at: Option<String>,
}

/// The release of a tag.
#[derive(Clone, Debug, Serialize)]
pub struct TagRelease {
    /// Name of the tag.
    pub tag_name: String,
    /// Text.
    pub description: String,
}

/// A file at a commit.
#[derive(Clone, Debug, Serialize)]
pub struct File {
    /// Last part of the path.
    pub file_name: String,
    /// Path.
    pub file_path: String,
    /// Bytes.
    pub size: i64,
    /// `base64`.
    pub encoding: &'static str,
    /// Digest of the content.
    pub content_sha256: String,
    /// Ref as asked for.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Id of the content.
    pub blob_id: String,
    /// Commit of the ref.
    pub commit_id: String,
    /// Newest commit that changed the file.
    pub last_commit_id: String,
    /// Whether it is executable.
    pub execute_filemode: bool,
    /// Content.
    pub content: String,
}

/// Answer to a written file.
#[derive(Clone, Debug, Serialize)]
pub struct WrittenFile {
    /// Path.
    pub file_path: String,
    /// Branch.
    pub branch: String,
}

/// An entry of a tree.
#[derive(Clone, Debug, Serialize)]
pub struct TreeEntry {
    /// Id of the object.
    pub id: String,
    /// Last part of the path.
    pub name: String,
    /// `blob`, `tree` or `commit`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Path.
    pub path: String,
    /// Six octal digits.
    pub mode: String,
}

/// A protected branch.
#[derive(Clone, Debug, Serialize)]
pub struct ProtectedBranch {
    /// Id within the project.
    pub id: i64,
    /// Name or pattern.
    pub name: String,
    /// Who may push.
    pub push_access_levels: Vec<ProtectedAccess>,
    /// Who may merge.
    pub merge_access_levels: Vec<ProtectedAccess>,
    /// Whether those who may push may also force.
    pub allow_force_push: bool,
}

/// A protected tag.
#[derive(Clone, Debug, Serialize)]
pub struct ProtectedTag {
    /// Name or pattern.
    pub name: String,
    /// Who may create.
    pub create_access_levels: Vec<ProtectedAccess>,
}

/// A role that protection lets through.
#[derive(Clone, Debug, Serialize)]
pub struct ProtectedAccess {
    /// GitLab's number; 0 = nobody.
    pub access_level: i64,
    /// `Maintainers` …
    pub access_level_description: &'static str,
}
