//! A whole server without HTTP: one project whose configuration the test gives, one runner it plays.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use app::pipelines::{ApiCall, create_by_api};
use app::projects::{self, Changes, NewProject};
use app::runners::registry::{self, About, Draft, Serves};
use app::runners::report::{self, Answer, Report};
use app::runners::request::request;
use app::runners::{Desk, Logs, payload::Payload};
use app::{App, Caller, Credential, Keys, Parts, ProjectKey, Settings, UserCaller};
use model::{Clock, Job, JobId, Pipeline, PipelineId, ProjectId, Runner, RunnerManager, Timestamp};
use store::ops::jobs::{JobFilter, JobOf};
use store::ops::page::Page;
use store::{Options, Store, ops};
use tokio::sync::watch;

/// A clock that stands still until the test moves it.
#[derive(Debug)]
pub(crate) struct StoppedClock(AtomicI64);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The server and its project.
pub(crate) struct Place {
    pub(crate) app: App,
    pub(crate) root: Caller,
    pub(crate) project: ProjectId,
    clock: Arc<StoppedClock>,
    stop: watch::Sender<bool>,
    desk: Option<tokio::task::JoinHandle<()>>,
    _folder: Folder,
}

/// A runner that the test plays.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    pub(crate) runner: Runner,
    pub(crate) manager: RunnerManager,
}

/// Features of a runner that can do everything these tests need.
pub(crate) const FEATURES: [&str; 5] = [
    "two_phase_job_commit",
    "cancel_gracefully",
    "return_exit_code",
    "upload_multiple_artifacts",
    "fallback_cache_keys",
];

impl Place {
    /// Opens a fresh server with one project that has this configuration.
    pub(crate) async fn new(config: &str) -> Place {
        let folder = Folder::new();
        let clock = Arc::new(StoppedClock(AtomicI64::new(1_800_000_000_000_000)));
        let options = Options {
            durable: false,
            ..Options::sqlite(folder.0.join("test.db"))
        };
        let outbound = outbound::Client::new(outbound::Policy {
            allow: vec!["127.0.0.1".parse().unwrap()],
            only_allowed: false,
        });
        let app = App::new(Parts {
            store: Store::open(&options).unwrap(),
            repositories: git::Repositories::new(folder.0.join("repositories")).unwrap(),
            blobs: blob::Blobs::new(folder.0.join("blobs")).unwrap(),
            keys: Keys::derive(&[7; 32]),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            settings: Settings::new("http://ci.example".parse().unwrap()),
            remote_files: app::remote_files::RemoteFiles::new(outbound.clone()),
            outbound,
            configs: app::pipelines::config::ConfigCache::default(),
            known_tokens: app::triggers::KnownTokens::default(),
            uses: app::triggers::Uses::default(),
            throttle: app::throttle::Throttle::default(),
            trigger_log: app::triggers::log::Queue::default(),
            desk: Desk::default(),
            bridges: app::bridges::Queue::default(),
            logs: Logs::default(),
            live: app::live::Live::default(),
            lines: app::jobs::log::Lines::default(),
            charts: app::pipelines::chart::Charts::default(),
        });
        let (token, password) = ("glpat-00000000000000".to_owned(), "password".to_owned());
        app::setup::first_start(&app, Some(token), Some(password))
            .await
            .unwrap();
        let user = app
            .store
            .read(|tx| ops::users::by_username(tx, "root"))
            .await
            .unwrap()
            .unwrap();
        let root = Caller::User(Box::new(UserCaller {
            user,
            credential: Credential::Session,
            address: None,
        }));
        let project = new_project(&app, &root, "demo").await;
        let (stop, stopped) = watch::channel(false);
        let desk = Some(tokio::spawn(app::runners::desk::run(app.clone(), stopped)));
        let place = Place {
            app,
            root,
            project,
            clock,
            stop,
            desk,
            _folder: folder,
        };
        place.commit(config);
        place
    }

    /// Creates another project with a configuration of its own.
    pub(crate) async fn add_project(&self, name: &str, config: &str) -> ProjectId {
        let project = new_project(&self.app, &self.root, name).await;
        self.commit_file(project, ".gitlab-ci.yml", config);
        project
    }

    /// Commits a configuration to the branch `main`.
    pub(crate) fn commit(&self, config: &str) {
        self.commit_file(self.project, ".gitlab-ci.yml", config);
    }

    /// Commits a file to the branch `main` of a project.
    pub(crate) fn commit_file(&self, project: ProjectId, path: &str, text: &str) {
        let repository = self.app.repositories.open(git::Location::Own(project)).unwrap();
        let head = repository.branch("main").unwrap().map(|branch| branch.target);
        let exists = head.is_some_and(|sha| repository.file(&sha, path, 1 << 20).unwrap().is_some());
        let action = if exists {
            git::Action::update(path, text)
        } else {
            git::Action::create(path, text)
        };
        let author = git::Signature {
            name: "Ann".to_owned(),
            email: "ann@example.com".to_owned(),
            time: git::CommitTime {
                seconds: 1_800_000_000,
                offset_seconds: 0,
            },
        };
        let commit = git::NewCommit {
            branch: "main",
            start: None,
            actions: &[action],
            author: &author,
            committer: &author,
            message: "change",
        };
        repository.commit_files(&commit).unwrap();
    }

    pub(crate) fn key(&self) -> ProjectKey {
        ProjectKey::Id(self.project)
    }

    /// Creates a pipeline on `main`.
    pub(crate) async fn pipeline(&self) -> Pipeline {
        let call = ApiCall {
            ref_text: "main".to_owned(),
            variables: Vec::new(),
            inputs: Vec::new(),
            keys: Vec::new(),
            chain: Default::default(),
        };
        create_by_api(&self.app, self.root.clone(), self.key(), call)
            .await
            .unwrap()
            .pipeline
    }

    /// Creates a pipeline on `main` of another project.
    pub(crate) async fn pipeline_of(&self, project: ProjectId) -> PipelineId {
        let call = ApiCall {
            ref_text: "main".to_owned(),
            variables: Vec::new(),
            inputs: Vec::new(),
            keys: Vec::new(),
            chain: Default::default(),
        };
        let key = ProjectKey::Id(project);
        let created = create_by_api(&self.app, self.root.clone(), key, call).await;
        created.unwrap().pipeline.id
    }

    /// Moves the clock.
    pub(crate) fn pass(&self, duration: Duration) {
        let microseconds = i64::try_from(duration.as_micros()).unwrap();
        self.clock.0.fetch_add(microseconds, Ordering::SeqCst);
    }

    /// Returns `pipeline | job=status …` with the newest attempts in the order of their names.
    pub(crate) async fn state(&self, id: PipelineId) -> String {
        let (pipeline, mut jobs) = self.read(id).await;
        jobs.sort_by(|a, b| a.name.cmp(&b.name));
        let jobs: Vec<String> = jobs.iter().map(|job| format!("{}={}", job.name, job.status)).collect();
        format!("{} | {}", pipeline.status, jobs.join(" "))
    }

    /// Changes a project in the database.
    pub(crate) async fn change(&self, id: ProjectId, change: impl Fn(&mut model::Project) + Send + 'static) {
        let changed = self.app.store.write(move |tx| {
            let mut project = ops::projects::get(tx, id)?.unwrap();
            change(&mut project);
            ops::projects::update(tx, &project)
        });
        assert!(changed.await.unwrap());
    }

    /// Starts every bridge that is pending, as the server does beside requests.
    pub(crate) async fn start_bridges(&self) {
        app::bridges::start_all(&self.app).await.unwrap();
    }

    /// Returns the pipelines that a pipeline started, oldest first.
    pub(crate) async fn downstream(&self, id: PipelineId) -> Vec<Pipeline> {
        let found = self.app.store.read(move |tx| ops::pipelines::downstream(tx, id));
        found.await.unwrap()
    }

    /// Creates a pipeline with one bridge, starts that, and returns both pipelines.
    pub(crate) async fn with_downstream(&self) -> (PipelineId, Pipeline) {
        let id = self.pipeline().await.id;
        self.start_bridges().await;
        let mut started = self.downstream(id).await;
        assert_eq!(started.len(), 1, "{}", self.state(id).await);
        (id, started.remove(0))
    }

    pub(crate) async fn read(&self, id: PipelineId) -> (Pipeline, Vec<Job>) {
        self.app
            .store
            .read(move |tx| {
                let pipeline = ops::pipelines::by_id(tx, id)?.unwrap();
                Ok::<_, store::StoreError>((pipeline, ops::jobs::current(tx, id)?))
            })
            .await
            .unwrap()
    }

    /// Returns the newest attempt of a name.
    pub(crate) async fn job(&self, id: PipelineId, name: &str) -> Job {
        let (_, jobs) = self.read(id).await;
        jobs.into_iter()
            .find(|job| job.name == name)
            .unwrap_or_else(|| panic!("no job {name}"))
    }

    /// Returns all attempts of a pipeline's jobs, the oldest first.
    pub(crate) async fn attempts(&self, id: PipelineId) -> Vec<Job> {
        let jobs = self
            .app
            .store
            .read(move |tx| ops::jobs::list(tx, &JobFilter::new(JobOf::Pipeline(id)), Page::all()));
        let mut jobs = jobs.await.unwrap();
        jobs.sort_by_key(|job| job.id);
        jobs
    }

    /// Registers a runner for everything, with these features.
    pub(crate) async fn player_with(&self, features: &[&str], draft: Draft) -> Player {
        let created = registry::create(&self.app, self.root.clone(), Serves::Instance, draft)
            .await
            .unwrap();
        let about = About {
            system_id: "s_test".to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            ..About::default()
        };
        let manager = registry::note_contact(&self.app, &created.0, about).await.unwrap();
        Player {
            runner: created.0,
            manager,
        }
    }

    pub(crate) async fn player(&self) -> Player {
        self.player_with(&FEATURES, Draft::default()).await
    }

    /// Asks once for a job.
    pub(crate) async fn ask(&self, player: &Player) -> Option<Payload> {
        request(&self.app, player.runner.clone(), Some(player.manager.clone()), None)
            .await
            .unwrap()
    }

    /// Takes a job and starts it.
    pub(crate) async fn take(&self, player: &Player) -> Payload {
        let payload = self.ask(player).await.expect("a job for the runner");
        self.report(&payload, "running").await;
        payload
    }

    /// Reports a state; for `failed` a failure of the script with exit code 1.
    pub(crate) async fn report(&self, payload: &Payload, state: &str) -> Answer {
        let reason = (state == "failed").then_some("script_failure");
        let report = Report::of_words(state, reason, reason.map(|_| 1)).unwrap();
        report::report(&self.app, payload.job.id, &payload.token, report, None)
            .await
            .unwrap()
    }

    /// Runs the next job to its end.
    pub(crate) async fn run(&self, player: &Player, state: &str) -> JobId {
        let payload = self.take(player).await;
        self.report(&payload, state).await;
        payload.job.id
    }

    /// Ends everything in order.
    pub(crate) async fn close(mut self) {
        self.stop.send(true).unwrap();
        if let Some(desk) = self.desk.take() {
            desk.await.unwrap();
        }
        self.app.store.close().await;
    }
}

async fn new_project(app: &App, root: &Caller, name: &str) -> ProjectId {
    let new = NewProject {
        name: Some(name.to_owned()),
        path: None,
        namespace_id: None,
        default_branch: None,
        with_readme: false,
        changes: Changes::default(),
    };
    let id = projects::create(app, root, new).await.unwrap().project.id;
    // As a push would do it.
    let set = move |tx: &mut dyn store::Tx| ops::projects::set_default_branch(tx, id, Some("main"));
    assert!(app.store.write(set).await.unwrap());
    id
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tripline-app-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the folder for temporary files does no harm.
        _ = std::fs::remove_dir_all(&self.0);
    }
}
