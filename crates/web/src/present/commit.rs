//! Commits.

use app::{Commit, ExternalUrl, Signature};
use serde_json::{Map, Value};
use wire::OffsetTime;
use wire::repository::Commit as CommitJson;

/// A commit of the project with this full path.
#[must_use]
pub fn commit(url: &ExternalUrl, project_path: &str, commit: &Commit) -> CommitJson {
    let mut trailers = Map::new();
    let mut extended = Map::new();
    for (key, value) in &commit.trailers {
        trailers.insert(key.clone(), value.as_str().into());
        let all = extended.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(all) = all {
            all.push(value.as_str().into());
        }
    }
    CommitJson {
        id: commit.sha.to_string(),
        short_id: commit.sha.short().to_owned(),
        created_at: date(&commit.committer),
        parent_ids: commit.parents.iter().map(ToString::to_string).collect(),
        title: commit.title(),
        message: commit.message.clone(),
        author_name: commit.author.name.clone(),
        author_email: commit.author.email.clone(),
        authored_date: date(&commit.author),
        committer_name: commit.committer.name.clone(),
        committer_email: commit.committer.email.clone(),
        committed_date: date(&commit.committer),
        trailers,
        extended_trailers: extended,
        web_url: format!("{}/{project_path}/-/commit/{}", url.base(), commit.sha),
    }
}

/// The moment of a signature with its own offset.
#[must_use]
pub fn date(signature: &Signature) -> String {
    let time = OffsetTime {
        seconds: signature.time.seconds,
        offset_seconds: signature.time.offset_seconds,
    };
    time.to_string()
}
