//! An opened store on a fresh database, and the rows that most cases start from.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use model::definition::JobDefinition;
use model::job::PlannedJob;
use model::project::ProjectSettings;
use model::{
    GitRef, OnJobFailure, OnNewCommit, Pipeline, Project, Sha, Source, Status, Timestamp, User, Visibility, When,
};
use store::ops::jobs::NewJob;
use store::ops::pipelines::{Given, NewPipeline};
use store::ops::{definitions, jobs, pipelines, projects, users};
use testkit::TestDatabase;

use store::{Options, Store, StoreError, Tx};

/// Makes a test on each database of every case.
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident($opened:ident) $body:block)+) => {$(
        $(#[$meta])*
        fn $name($opened: &$crate::fixture::Opened) $body

        mod $name {
            #[test]
            fn on_sqlite() {
                super::$name(&$crate::fixture::Opened::sqlite());
            }

            #[test]
            fn on_postgres() {
                super::$name(&$crate::fixture::Opened::postgres());
            }
        }
    )+};
}
pub(crate) use on_both;

/// The moment at which every case happens.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

/// A store on a database of its own, removed at the end.
pub(crate) struct Opened {
    pub(crate) store: Store,
    _place: Place,
}

/// What is removed at the end, after the store is closed.
enum Place {
    Folder(#[expect(dead_code, reason = "held for its Drop")] Folder),
    Database(#[expect(dead_code, reason = "held for its Drop")] TestDatabase),
}

impl Opened {
    /// Opens a fresh SQLite file.
    pub(crate) fn sqlite() -> Opened {
        let folder = Folder::new();
        let mut options = Options::sqlite(folder.0.join("test.db"));
        options.durable = false;
        let store = Store::open(&options).expect("a fresh folder can be written");
        Opened {
            store,
            _place: Place::Folder(folder),
        }
    }

    /// Opens a fresh database on the test server.
    pub(crate) fn postgres() -> Opened {
        let database = TestDatabase::new();
        let options = Options {
            durable: false,
            writers: 2,
            readers: 2,
            ..Options::postgres(database.url())
        };
        let store = Store::open(&options).expect("a fresh database can be opened");
        Opened {
            store,
            _place: Place::Database(database),
        }
    }

    /// Runs a write; panics on error.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        op: impl FnMut(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.write_blocking(op).expect("this write is right")
    }

    /// Runs a read; panics on error.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        op: impl FnMut(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.read_blocking(op).expect("this read is right")
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.store.close_blocking();
    }
}

/// A folder of its own, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "store-it-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temp folder can be written");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn sha(digit: char) -> Sha {
    digit.to_string().repeat(40).parse().expect("40 hex digits")
}

/// Creates a user of that name.
pub(crate) fn user(tx: &mut dyn Tx, username: &str) -> Result<User, StoreError> {
    users::create(
        tx,
        &users::NewUser {
            username,
            name: username,
            email: &format!("{username}@example.test"),
            is_admin: false,
            is_bot: false,
            password_hash: None,
            created_at: NOW,
        },
    )
}

/// Creates a private project in the user's namespace.
pub(crate) fn project(tx: &mut dyn Tx, owner: &User, path: &str) -> Result<Project, StoreError> {
    projects::create(
        tx,
        &projects::NewProject {
            namespace_id: owner.namespace_id,
            name: path,
            path,
            full_path: &format!("{}/{path}", owner.username),
            description: None,
            visibility: Visibility::Private,
            default_branch: Some("main"),
            creator_id: Some(owner.id),
            attached_repository: None,
            settings: &ProjectSettings::default(),
            created_at: NOW,
        },
    )
}

/// Creates a pipeline on `main` as the trigger API does.
pub(crate) fn pipeline(tx: &mut dyn Tx, project: &Project) -> Result<Pipeline, StoreError> {
    pipeline_on(tx, project, &GitRef::branch("main"), &sha('a'), Source::Trigger)
}

/// Creates a pipeline.
pub(crate) fn pipeline_on(
    tx: &mut dyn Tx,
    project: &Project,
    git_ref: &GitRef,
    sha: &Sha,
    source: Source,
) -> Result<Pipeline, StoreError> {
    let zero = Sha::zero();
    let new = NewPipeline {
        source,
        ..new_pipeline(project, git_ref, sha, &zero)
    };
    let given = Given {
        variables: Some(vec![1, 2, 3]),
        inputs: None,
    };
    pipelines::insert(tx, &new, &given)
}

/// A pipeline to be created.
pub(crate) fn new_pipeline<'a>(
    project: &Project,
    git_ref: &'a GitRef,
    sha: &'a Sha,
    before_sha: &'a Sha,
) -> NewPipeline<'a> {
    NewPipeline {
        project_id: project.id,
        iid: None,
        user_id: project.creator_id,
        sha,
        before_sha,
        git_ref,
        protected: true,
        status: Status::Created,
        stages: &[],
        source: Source::Trigger,
        name: None,
        yaml_errors: None,
        failure_reason: None,
        on_new_commit: OnNewCommit::Conservative,
        on_job_failure: OnJobFailure::None,
        trigger_token_id: None,
        schedule_id: None,
        upstream_job_id: None,
        upstream_pipeline_id: None,
        created_at: NOW,
        finished_at: None,
        explanation: None,
    }
}

/// A planned job of that name in the stage `test`.
pub(crate) fn planned(name: &str) -> PlannedJob {
    PlannedJob {
        definition: Arc::new(JobDefinition {
            name: name.to_owned(),
            stage: "test".to_owned(),
            script: vec![format!("echo {name}")],
            ..JobDefinition::default()
        }),
        stage_index: 2,
        when: When::OnSuccess,
        start_in_seconds: None,
        allow_failure: false,
        allow_failure_exit_codes: true,
        needs: None,
        rule_variables: Vec::new(),
        interruptible: None,
        tags: Vec::new(),
        environment: None,
        environment_tier: None,
        environment_auto_stop_in: None,
        resource_group: None,
    }
}

/// Creates jobs of those names with that status.
pub(crate) fn jobs_of(
    tx: &mut dyn Tx,
    pipeline: &Pipeline,
    names: &[&str],
    status: Status,
) -> Result<Vec<model::Job>, StoreError> {
    let plan: Vec<PlannedJob> = names.iter().map(|name| planned(name)).collect();
    let bodies: Vec<String> = plan
        .iter()
        .map(|job| serde_json::to_string(&*job.definition).expect("definitions are JSON"))
        .collect();
    let new: Vec<definitions::NewDefinition<'_>> = bodies
        .iter()
        .map(|body| definitions::NewDefinition {
            digest: digest(body),
            body,
        })
        .collect();
    let ids = definitions::ensure(tx, &new)?;
    let rows: Vec<NewJob<'_>> = plan
        .iter()
        .zip(ids)
        .map(|(planned, id)| NewJob {
            status,
            queued_at: (status == Status::Pending).then_some(NOW),
            ..NewJob::planned(pipeline, planned, id)
        })
        .collect();
    jobs::insert_all(tx, &rows)
}

/// Something like a digest: equal for equal texts.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    let mut digest = [0_u8; 32];
    for (index, byte) in text.bytes().enumerate() {
        let place = &mut digest[index % 32];
        *place = place.wrapping_mul(31).wrapping_add(byte);
    }
    digest
}

/// A runtime for callers that wait at the same time.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made")
}

/// Runs futures at the same time and returns their results in order.
pub(crate) fn at_once<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    runtime().block_on(async {
        let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.expect("no panic outside of the store"));
        }
        results
    })
}
