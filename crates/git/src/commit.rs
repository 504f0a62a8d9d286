//! Commits as pipelines and the API show them.

use gix::bstr::{BStr, ByteSlice};
use model::Sha;

use crate::Error;
use crate::repository::{Repository, find, object_id, sha};

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub sha: Sha,
    /// Its parents; none for a root commit, several for a merge.
    pub parents: Vec<Sha>,
    /// Who wrote the change, and when.
    pub author: Signature,
    /// Who committed it, and when.
    pub committer: Signature,
    /// The whole message; bytes that are not UTF-8 are replaced.
    pub message: String,
    /// `Key: value` lines that end the message, in their order.
    pub trailers: Vec<(String, String)>,
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// When.
    pub time: CommitTime,
}

/// A moment with the offset of the author's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitTime {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// Offset from UTC in seconds, east is positive.
    pub offset_seconds: i32,
}

/// Titles of this many characters or more are cut for display, as GitLab does.
const MAX_TITLE: usize = 100;

impl Commit {
    /// Returns the first line of the message (`CI_COMMIT_TITLE`).
    #[must_use]
    pub fn full_title(&self) -> &str {
        match self.message.split(['\r', '\n']).next().unwrap_or_default() {
            "" => "No commit message",
            line => line,
        }
    }

    /// Returns the first line of the message, cut to about 80 characters at a blank when it is longer than 99.
    #[must_use]
    pub fn title(&self) -> String {
        let title = self.full_title();
        if title.chars().count() < MAX_TITLE {
            return title.to_owned();
        }
        let cut: String = title.chars().take(79).collect();
        // Counting the dots the text has at most 81 characters; it ends before the last blank among them.
        let cut = cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head);
        format!("{cut}...")
    }

    /// Returns the message without its first line (`CI_COMMIT_DESCRIPTION`); all of it when the title is cut.
    #[must_use]
    pub fn description(&self) -> &str {
        if self.full_title().chars().count() >= MAX_TITLE {
            return &self.message;
        }
        self.message
            .split_once('\n')
            .map_or("", |(_, rest)| rest.strip_suffix('\n').unwrap_or(rest))
    }
}

impl Repository {
    /// Returns a commit; `None` when there is no commit of this id.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn commit(&self, id: &Sha) -> Result<Option<Commit>, Error> {
        let Some(id) = object_id(id) else { return Ok(None) };
        self.with(|repo| {
            let Some(object) = find(repo, id, gix::objs::Kind::Commit)? else {
                return Ok(None);
            };
            let commit =
                gix::objs::CommitRef::from_bytes(&object.data, id.kind()).map_err(Error::backend("decode a commit"))?;
            Ok(Some(Commit {
                sha: sha(&id),
                parents: commit.parents().map(|id| sha(&id)).collect(),
                author: signature(commit.author().ok()),
                committer: signature(commit.committer().ok()),
                message: text(commit.message),
                trailers: commit
                    .message_trailers()
                    .map(|t| (text(t.token), text(&t.value)))
                    .collect(),
            }))
        })
    }
}

/// Reads a signature; broken ones (old tools wrote many) become empty texts and the year 1970.
pub(crate) fn signature(signature: Option<gix::actor::SignatureRef<'_>>) -> Signature {
    let signature = signature.unwrap_or_default();
    let time = signature.time().unwrap_or_default();
    Signature {
        name: text(signature.name.trim().as_bstr()),
        email: text(signature.email.trim().as_bstr()),
        time: CommitTime {
            seconds: time.seconds,
            offset_seconds: time.offset,
        },
    }
}

pub(crate) fn text(bytes: &BStr) -> String {
    bytes.to_str_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_message(message: &str) -> Commit {
        let nobody = Signature {
            name: String::new(),
            email: String::new(),
            time: CommitTime {
                seconds: 0,
                offset_seconds: 0,
            },
        };
        Commit {
            sha: Sha::zero(),
            parents: vec![],
            author: nobody.clone(),
            committer: nobody,
            message: message.to_owned(),
            trailers: vec![],
        }
    }

    #[test]
    fn the_title_is_the_first_line_and_the_description_the_rest() {
        for (message, title, description) in [
            ("One", "One", ""),
            ("One\n", "One", ""),
            ("One\n\nTwo\nThree\n", "One", "\nTwo\nThree"),
            ("One\r\nTwo", "One", "Two"),
            ("", "No commit message", ""),
        ] {
            let commit = with_message(message);
            assert_eq!(
                (commit.full_title(), commit.description()),
                (title, description),
                "{message:?}"
            );
        }
    }

    #[test]
    fn a_long_title_is_cut_at_a_blank() {
        let commit = with_message(&"word ".repeat(30));
        assert_eq!(commit.title(), format!("{}...", "word ".repeat(15).trim_end()));
        assert_eq!(commit.description(), commit.message);
        assert_eq!(with_message(&"x".repeat(99)).title().len(), 99);
    }
}
