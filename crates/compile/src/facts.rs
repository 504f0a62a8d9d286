//! What `compile` has to be told because it reads nothing itself.

use std::collections::HashMap;
use std::sync::Arc;

/// Either the result, or what must be known before there is one.
#[derive(Clone, Debug)]
pub enum Step<T> {
    /// The result.
    Done(T),
    /// Fetch these, add the answers to [`Facts`] and call again. Never empty.
    Needs(Vec<Demand>),
}

/// A file that a configuration names. Two equal keys are the same bytes within one compilation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKey {
    /// In a project's repository.
    Project {
        /// Full path of the project; `None` = the project of the pipeline.
        project: Option<String>,
        /// Ref or sha; `None` = the pipeline's commit, or the other project's `HEAD`.
        git_ref: Option<String>,
        /// Path in the repository, without a leading slash.
        path: String,
        /// Whether only what everybody may read counts: a file from an address includes it.
        public: bool,
    },
    /// At an address.
    Remote {
        /// `http://` or `https://`.
        url: String,
        /// `integrity`: `sha256-` and base64.
        integrity: Option<String>,
        /// `cache` in seconds.
        cache_seconds: Option<u64>,
    },
    /// A template that does not come with Tripline (ours are found without asking).
    Template {
        /// Name, e.g. `Jobs/Build.gitlab-ci.yml`.
        name: String,
    },
    /// A component (`host/group/project/name@version`), after variable expansion.
    Component {
        /// The address as written.
        address: String,
        /// Whether only what everybody may read counts.
        public: bool,
    },
    /// In the archive of a job of the parent pipeline. Only child pipelines have one: anything but a
    /// file or [`Answer::Failed`] says that there is no parent.
    Artifact {
        /// Name of the job.
        job: String,
        /// Path in the archive, after variable expansion.
        path: String,
    },
}

/// Something to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Demand {
    /// The text of a file.
    File(FileKey),
    /// All paths of a repository at a commit (`include` wildcards, `rules:exists`).
    Paths {
        /// Full path of the project; `None` = the project of the pipeline.
        project: Option<String>,
        /// Ref or sha; `None` = the pipeline's commit, or the other project's `HEAD`.
        git_ref: Option<String>,
        /// Whether only what everybody may read counts.
        public: bool,
    },
    /// The paths changed by the pipeline (`rules:changes`).
    Changes {
        /// `compare_to`, expanded; `None` = the push or merge request itself.
        compare_to: Option<String>,
    },
}

/// The answer to a [`Demand`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// The text of a file, and where it really came from.
    File(FetchedFile),
    /// Paths, sorted bytewise. Shared: a large repository has many.
    Paths(Arc<Vec<String>>),
    /// Not known for this kind of pipeline: `changes` is then true (rules-and-variables.md 2.3).
    ChangesUnknown,
    /// The file does not exist.
    Missing,
    /// The project or address does not exist, or the user may not read it.
    Denied,
    /// The ref does not exist in the project.
    NoSuchRef,
    /// The address gave no file.
    Unfetched(Unfetched),
    /// It could not be fetched; the text is GitLab's message, complete.
    Failed(String),
}

/// Why an address gave no file. Displayed as GitLab goes on after the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfetched {
    /// The host answered with an error.
    Status {
        /// HTTP status, 400 or above.
        code: u16,
        /// How often it was asked.
        attempts: u32,
    },
    /// There was no whole answer in time.
    Timeout {
        /// How often it was asked.
        attempts: u32,
    },
    /// The connection could not be made or broke.
    Socket {
        /// How often it was asked.
        attempts: u32,
    },
    /// What came was not HTTP as it should be.
    Http {
        /// How often it was asked.
        attempts: u32,
    },
    /// It was not asked, or nobody listens; the reason.
    Reason(String),
    /// It has more bytes than any configuration may have.
    TooLarge,
    /// The content has another hash.
    Integrity,
}

/// A file and its origin.
#[derive(Clone, Debug)]
pub struct FetchedFile {
    /// Its text.
    pub text: Arc<str>,
    /// The project it came from, for nested `include:local`; `None` = the pipeline's own.
    pub project: Option<String>,
    /// The commit it came from, likewise.
    pub sha: Option<String>,
    /// For a component: its name, version, sha and reference for the `component` context.
    pub component: Option<Component>,
}

/// What `$[[ component.… ]]` knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// `component.name`.
    pub name: String,
    /// `component.version`.
    pub version: String,
    /// `component.sha`.
    pub sha: String,
    /// `component.reference`.
    pub reference: String,
    /// Path of its file; not for the context.
    pub path: String,
}

/// All answers so far.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    answers: HashMap<Demand, Answer>,
}

impl Facts {
    /// Adds an answer; the last one for a demand holds.
    pub fn insert(&mut self, demand: Demand, answer: Answer) {
        self.answers.insert(demand, answer);
    }

    /// Returns the answer, if there is one yet.
    #[must_use]
    pub fn get(&self, demand: &Demand) -> Option<&Answer> {
        self.answers.get(demand)
    }
}
