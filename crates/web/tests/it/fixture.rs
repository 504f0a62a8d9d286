//! A server in this process: SQLite, repositories, a user `ada` with a project `ada/tool`.

use std::future::pending;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use app::time::SystemClock;
use app::{App, ExternalUrl, Keys, Parts, Settings, setup};
use model::project::ProjectSettings;
use model::{AccessLevel, JobId, Pipeline, Project, ProtectedRef, RunnerAccess, RunnerType, User, Visibility};
use store::ops;
use testkit::{Repository, TempDir};
use tokio::net::TcpListener;

pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) ada: User,
    pub(crate) project: Project,
    address: String,
    pub(crate) stop: tokio::sync::watch::Sender<bool>,
    dir: TempDir,
}

/// Signs of life come often. Nothing is looked at again by itself: what tests see, a wake-up brought.
const PACE: app::live::Pace = app::live::Pace {
    heartbeat: Duration::from_millis(20),
    look: Duration::from_secs(3600),
    log: Duration::from_secs(3600),
};

/// Token of `ada` with every scope.
pub(crate) const TOKEN: &str = "glpat-ada-all-scopes";

/// A configuration with one job.
pub(crate) const CONFIG: &str = "job: {script: x}";

impl Server {
    pub(crate) async fn start() -> Server {
        Server::start_below("").await
    }

    /// Starts a server whose addresses begin with a path.
    pub(crate) async fn start_below(root: &str) -> Server {
        Server::start_as(|address| format!("http://{address}{root}")).await
    }

    /// Starts a server that is known by an address that follows from the one it listens at.
    pub(crate) async fn start_as(url: impl FnOnce(&str) -> String) -> Server {
        let dir = TempDir::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let url: ExternalUrl = url(&address).parse().unwrap();
        let outbound = outbound::Client::new(outbound::Policy::default());
        let app = App::new(Parts {
            store: store::Store::open(&store::Options::sqlite(dir.path().join("db.sqlite"))).unwrap(),
            repositories: ::git::Repositories::new(dir.path().join("repositories")).unwrap(),
            blobs: blob::Blobs::new(dir.path().join("blobs")).unwrap(),
            keys: Keys::derive(&[7; 32]),
            clock: Arc::new(SystemClock),
            settings: Settings::new(url),
            remote_files: app::remote_files::RemoteFiles::new(outbound.clone()),
            outbound,
            configs: app::pipelines::config::ConfigCache::default(),
            known_tokens: app::triggers::KnownTokens::default(),
            uses: app::triggers::Uses::default(),
            throttle: app::throttle::Throttle::default(),
            trigger_log: app::triggers::log::Queue::default(),
            desk: app::runners::Desk::default(),
            bridges: app::bridges::Queue::default(),
            logs: app::runners::Logs::default(),
            live: app::live::Live::new(PACE),
            lines: app::jobs::log::Lines::default(),
            charts: app::pipelines::chart::Charts::default(),
        });
        // Ends with the test's runtime, as serving does.
        let (stop, stopped) = tokio::sync::watch::channel(false);
        tokio::spawn(app::live::run(app.clone(), stopped));
        tokio::spawn(web::serve(listener, web::router(app.clone()), pending()));
        let ada = user(&app, "ada").await;
        let project = project(&app, &ada, "tool").await;
        token(&app, &ada, TOKEN, &["api"]).await;
        Server {
            app,
            ada,
            project,
            address,
            stop,
            dir,
        }
    }

    /// Where everything lies that the server keeps.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Address of a repository for a user with this password; without any for the empty one.
    pub(crate) fn url(&self, password: &str, path: &str) -> String {
        match password {
            "" => format!("http://{}/{path}", self.address),
            password => format!("http://someone:{password}@{}/{path}", self.address),
        }
    }

    /// Address of `ada/tool` for `ada`.
    pub(crate) fn tool(&self) -> String {
        self.url(TOKEN, "ada/tool.git")
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        user(&self.app, name).await
    }

    /// Makes a member of `ada/tool`, with a token named after the user.
    pub(crate) async fn member(&self, name: &str, level: AccessLevel) -> String {
        let user = self.user(name).await;
        let (project, now) = (self.project.id, self.app.clock.now());
        let member = ops::members::Member {
            user_id: user.id,
            level,
            created_by: None,
            created_at: now,
            expires_at: None,
        };
        let added = move |tx: &mut dyn store::Tx| ops::members::add(tx, ops::members::Place::Project(project), &member);
        self.app.store.write(added).await.unwrap();
        let text = format!("glpat-{name}-all-scopes");
        token(&self.app, &user, &text, &["api"]).await;
        text
    }

    pub(crate) async fn token(&self, user: &User, text: &str, scopes: &[&str]) {
        token(&self.app, user, text, scopes).await;
    }

    /// Begins a session of a user; returns the cookie.
    pub(crate) async fn session(&self, name: &str) -> String {
        let (text, username) = (format!("session-of-{name}"), name.to_owned());
        let (digest, now) = (self.app.keys.digest(&text), self.app.clock.now());
        let begun = move |tx: &mut dyn store::Tx| {
            let user = ops::users::by_username(tx, &username)?.expect("there is such a user");
            let new = ops::sessions::NewSession {
                user_id: user.id,
                digest: &digest,
                address: None,
                user_agent: None,
                created_at: now,
                expires_at: now + app::sessions::IDLE,
            };
            ops::sessions::create(tx, &new)
        };
        self.app.store.write(begun).await.unwrap();
        format!("tripline_session={text}")
    }

    pub(crate) async fn project(&self, owner: &User, name: &str) -> Project {
        project(&self.app, owner, name).await
    }

    /// Changes a project in the database.
    pub(crate) async fn change(&self, id: model::ProjectId, change: impl Fn(&mut Project) + Send + 'static) {
        let changed = move |tx: &mut dyn store::Tx| {
            let mut project = ops::projects::get(tx, id)?.expect("it is there");
            change(&mut project);
            ops::projects::update(tx, &project)
        };
        assert!(self.app.store.write(changed).await.unwrap());
    }

    pub(crate) async fn protect(&self, pattern: &str, is_tag: bool, push_level: Option<AccessLevel>) {
        let pattern = pattern.to_owned();
        let rule = ProtectedRef {
            project_id: self.project.id,
            is_tag,
            pattern,
            push_level,
            merge_level: push_level,
        };
        self.app
            .store
            .write(move |tx| ops::protected_refs::save(tx, &rule))
            .await
            .unwrap();
    }

    /// Returns `source ref before..after status` of every pipeline of `ada/tool`, oldest first.
    pub(crate) async fn pipelines(&self) -> Vec<Pipeline> {
        let id = self.project.id;
        let page = ops::page::Page { limit: 100, offset: 0 };
        let read =
            move |tx: &mut dyn store::Tx| ops::pipelines::list(tx, &ops::pipelines::PipelineFilter::new(id), page);
        let mut list = self.app.store.read(read).await.unwrap();
        list.reverse();
        list
    }

    /// Has a runner take the first job of `ada/tool`; returns its token.
    pub(crate) async fn run_a_job(&self) -> (JobId, String) {
        let pipeline = self.pipelines().await.first().expect("there is a pipeline").id;
        let now = self.app.clock.now();
        let claimed = move |tx: &mut dyn store::Tx| {
            let job = ops::jobs::current(tx, pipeline)?.remove(0);
            let runner = ops::runners::create(
                tx,
                &ops::runners::NewRunner {
                    digest: &[3; 32],
                    runner_type: RunnerType::Instance,
                    description: None,
                    maintenance_note: None,
                    paused: false,
                    locked: false,
                    run_untagged: true,
                    tags: &[],
                    access: RunnerAccess::NotProtected,
                    maximum_timeout_seconds: None,
                    group_id: None,
                    project_ids: &[],
                    creator_id: None,
                    token_expires_at: None,
                    registered_by_token: false,
                    created_at: now,
                },
            )?;
            let claim = ops::queue::Claim {
                runner_id: runner.id,
                runner_manager_id: None,
                acknowledged: false,
                timeout_seconds: 60,
                now,
            };
            ops::queue::claim(tx, job.id, claim)
        };
        let job = self
            .app
            .store
            .write(claimed)
            .await
            .unwrap()
            .expect("the job was pending");
        let acknowledged = app::runners::report::acknowledge(&self.app, job.clone()).await;
        acknowledged.expect("the job is the runner's");
        let hand_out = app::jobs::token::HandOut {
            job: job.id,
            claim: job.claim,
        };
        (job.id, app::jobs::token::make(&self.app.keys, hand_out))
    }
}

async fn user(app: &App, name: &str) -> User {
    let (name, now) = (name.to_owned(), app.clock.now());
    let created = move |tx: &mut dyn store::Tx| {
        let email = format!("{name}@example.com");
        let new = ops::users::NewUser {
            username: &name,
            name: &name,
            email: &email,
            is_admin: false,
            is_bot: false,
            password_hash: None,
            created_at: now,
        };
        ops::users::create(tx, &new)
    };
    app.store.write(created).await.unwrap()
}

async fn token(app: &App, user: &User, text: &str, scopes: &[&str]) {
    let (this, user, text) = (app.clone(), user.clone(), text.to_owned());
    let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let inserted = move |tx: &mut dyn store::Tx| {
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        setup::insert_token(&this, tx, &user, "test", &scopes, &text)
    };
    app.store.write(inserted).await.unwrap();
}

async fn project(app: &App, owner: &User, name: &str) -> Project {
    let (owner, name, now) = (owner.clone(), name.to_owned(), app.clock.now());
    let created = move |tx: &mut dyn store::Tx| {
        let full_path = format!("{}/{name}", owner.username);
        let new = ops::projects::NewProject {
            namespace_id: owner.namespace_id,
            name: &name,
            path: &name,
            full_path: &full_path,
            description: None,
            visibility: Visibility::Private,
            default_branch: None,
            creator_id: Some(owner.id),
            attached_repository: None,
            settings: &ProjectSettings::default(),
            created_at: now,
        };
        ops::projects::create(tx, &new)
    };
    let project = app.store.write(created).await.unwrap();
    app.repositories.create(project.id, "main").unwrap();
    project
}

/// What git said when it failed, or nothing.
pub(crate) fn refused(output: &Output) -> String {
    assert!(
        !output.status.success(),
        "git succeeded: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What git said to the person when it succeeded.
pub(crate) fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// A work tree of a user with a configuration.
pub(crate) fn work_tree() -> Repository {
    Repository::of(&[(".gitlab-ci.yml", CONFIG), ("a", "1")])
}
