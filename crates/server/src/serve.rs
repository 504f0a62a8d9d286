//! `tripline serve`: puts the parts together, serves, and takes them apart in order.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use app::remote_files::RemoteFiles;
use app::time::SystemClock;
use app::{App, Keys, setup};
use runner::JobUser;
use store::{Options, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

use crate::cancels;
use crate::config::Config;
use crate::keyfile;

/// How long jobs of the embedded runner may go on after the server was told to stop.
///
/// Short: a job that is cut off is reported as interrupted and may be retried; a service manager
/// that waits for a long job kills everything instead.
const RUNNER_GRACE: Duration = Duration::from_secs(5);

/// Serves until SIGINT or SIGTERM.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    // Before anything else: a signal that comes while the server starts stops it in order too.
    let mut stop = StopSignal::listen()?;
    let server = Server::start(config).await?;
    if let Some(made) = &server.first_start {
        print_first_start(&server, made);
    }
    info!("serving {} at {}", server.url(), server.address);
    stop.received().await;
    info!("stopping");
    server.stop().await;
    Ok(())
}

/// A server that serves.
pub(crate) struct Server {
    /// What it is made of.
    pub(crate) app: App,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What the first start made, if this is one.
    pub(crate) first_start: Option<setup::FirstStart>,
    stop: watch::Sender<bool>,
    stop_noting: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    sweeping: tokio::task::JoinHandle<()>,
    handing_out: tokio::task::JoinHandle<()>,
    telling_hooks: tokio::task::JoinHandle<()>,
    scheduling: tokio::task::JoinHandle<()>,
    deploying: tokio::task::JoinHandle<()>,
    showing: tokio::task::JoinHandle<()>,
    starting: tokio::task::JoinHandle<()>,
    noting: tokio::task::JoinHandle<()>,
    runner: Option<runner::Handle>,
    telling: Option<tokio::task::JoinHandle<()>>,
}

impl Server {
    /// Opens the data, binds the address and starts everything that runs beside requests.
    pub(crate) async fn start(config: Config) -> anyhow::Result<Server> {
        let listener = TcpListener::bind(&config.listen)
            .await
            .with_context(|| format!("cannot listen on `{}`", config.listen))?;
        let address = listener.local_addr()?;
        let app = open(&config, address)?;
        let first_start = setup::first_start(&app, config.root_token.clone(), config.root_password.clone()).await?;
        let (stop, stopped) = watch::channel(false);
        let router = web::router(app.clone());
        let serving = tokio::spawn(async move {
            let mut stopped = stopped;
            web::serve(listener, router, async move {
                // An error means that the sender is gone: stop too.
                let _ = stopped.wait_for(|stop| *stop).await;
            })
            .await;
        });
        let sweeping = tokio::spawn(app::jobs::sweep::run(app.clone(), stop.subscribe()));
        let telling_hooks = tokio::spawn(app::hooks::dispatch::run(app.clone(), stop.subscribe()));
        let handing_out = tokio::spawn(app::runners::desk::run(app.clone(), stop.subscribe()));
        let scheduling = tokio::spawn(app::schedules::run(app.clone(), stop.subscribe()));
        let deploying = tokio::spawn(app::environments::run(app.clone(), stop.subscribe()));
        let showing = tokio::spawn(app::live::run(app.clone(), stop.subscribe()));
        let starting = tokio::spawn(app::bridges::run(app.clone(), stop.subscribe()));
        // Stops after the calls that it writes down.
        let (stop_noting, noting_stopped) = watch::channel(false);
        let noting = tokio::spawn(app::triggers::log::run(app.clone(), noting_stopped));
        let runner = start_runner(&app, &config, address).await?;
        let telling = runner
            .as_ref()
            .map(|runner| tokio::spawn(cancels::pass_on(app.clone(), runner.nudger(), stop.subscribe())));
        Ok(Server {
            app,
            address,
            first_start,
            stop,
            serving,
            sweeping,
            handing_out,
            telling_hooks,
            scheduling,
            deploying,
            showing,
            starting,
            noting,
            stop_noting,
            runner,
            telling,
        })
    }

    /// Returns the address for clients.
    pub(crate) fn url(&self) -> &str {
        self.app.settings.external_url.base()
    }

    /// Stops: first the runner takes no more jobs and ends those it has, then calls in progress finish,
    /// then the database closes.
    pub(crate) async fn stop(self) {
        if let Some(runner) = self.runner {
            runner.stop(RUNNER_GRACE).await;
        }
        // No receiver means that serving has ended already.
        let _ = self.stop.send(true);
        if let Some(telling) = self.telling {
            // It ends by itself; a panic has been told by the panic itself.
            let _ = telling.await;
        }
        for (task, name) in [
            (self.deploying, "looking after environments"),
            (self.showing, "showing what happens"),
            (self.serving, "serving"),
            (self.handing_out, "handing out jobs"),
            (self.starting, "starting downstream pipelines"),
            (self.scheduling, "starting what is due"),
            (self.sweeping, "sweeping"),
            (self.telling_hooks, "telling webhooks"),
        ] {
            if let Err(error) = task.await {
                tracing::error!(%error, "{name} ended with a panic");
            }
        }
        let _ = self.stop_noting.send(true);
        if let Err(error) = self.noting.await {
            tracing::error!(%error, "writing the trigger log ended with a panic");
        }
        self.app.store.close().await;
    }
}

/// Starts the embedded runner; `None` when none is wanted.
///
/// It talks to this process over HTTP like any other runner, by the address that is listened on.
async fn start_runner(app: &App, config: &Config, address: SocketAddr) -> anyhow::Result<Option<runner::Handle>> {
    if config.runner_concurrency == 0 {
        return Ok(None);
    }
    let token = app::runners::registry::embedded(app).await?;
    let url = format!("http://{}", crate::config::reachable(address));
    let settings = runner::Config {
        concurrency: config.runner_concurrency,
        name: "embedded runner".to_owned(),
        // The external address may lead through a proxy, or nowhere from here.
        clone_url: Some(url.clone()),
        job_user: config.runner_user.clone().map_or(JobUser::Auto, JobUser::Named),
        denied_paths: config.secret_paths(),
        readable_paths: config.runner_readable.clone(),
        writable_paths: config.runner_writable.clone(),
        ..runner::Config::new(url, token, &config.runner_dir)
    };
    Ok(Some(runner::Runner::start(settings)?))
}

/// Opens database, key, repositories and blobs.
fn open(config: &Config, address: SocketAddr) -> anyhow::Result<App> {
    let data_dir = &config.data_dir;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .with_context(|| format!("cannot create the data folder `{}`", data_dir.display()))?;
    let key = keyfile::read_or_create(data_dir, is_new(config, data_dir))?;
    open_with(config, &key, config.settings(address)?)
}

/// Opens everything with a key that is known already.
pub(crate) fn open_with(config: &Config, key: &[u8; 32], settings: app::Settings) -> anyhow::Result<App> {
    let options = Options {
        durable: config.durable,
        ..Options::new(config.database.clone())
    };
    let store = Store::open(&options).with_context(|| format!("cannot open the database `{}`", config.database))?;
    let outbound = outbound::Client::new(config.outbound.clone());
    Ok(App::new(app::Parts {
        store,
        repositories: git::Repositories::new(config.data_dir.join("repositories"))?,
        blobs: blob::Blobs::new(config.data_dir.join("blobs"))?,
        keys: Keys::derive(key),
        clock: Arc::new(SystemClock),
        settings,
        remote_files: RemoteFiles::new(outbound.clone()),
        outbound,
        configs: app::pipelines::config::ConfigCache::default(),
        known_tokens: app::triggers::KnownTokens::default(),
        uses: app::triggers::Uses::default(),
        throttle: app::throttle::Throttle::default(),
        trigger_log: app::triggers::log::Queue::default(),
        desk: app::runners::Desk::default(),
        bridges: app::bridges::Queue::default(),
        logs: app::runners::Logs::default(),
        live: app::live::Live::default(),
        lines: app::jobs::log::Lines::default(),
        charts: app::pipelines::chart::Charts::default(),
    }))
}

/// Whether a key may be made: there is no database yet that another key has sealed.
fn is_new(config: &Config, data_dir: &Path) -> bool {
    match &config.database {
        store::Database::Sqlite(path) => !path.exists(),
        // Several servers share one PostgreSQL; the check of the key against the database follows.
        store::Database::Postgres(_) => !data_dir.join("repositories").exists(),
    }
}

fn print_first_start(server: &Server, made: &setup::FirstStart) {
    println!("Tripline is set up. Address: {}", server.url());
    if made.password.is_none() && made.token.is_none() {
        println!(
            "Sign in as `{}` with the password or the API token that you gave.",
            setup::ROOT
        );
        return;
    }
    println!("User `{}`, shown this once:", setup::ROOT);
    if let Some(password) = &made.password {
        println!("  password   {password}");
    }
    if let Some(token) = &made.token {
        println!("  API token  {token}");
    }
    println!("They are shown this once. Address: {}", server.url());
}

/// SIGINT and SIGTERM, caught from the moment of [`StopSignal::listen`] on.
pub(crate) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// Starts catching the signals; until then they end the process at once.
    pub(crate) fn listen() -> std::io::Result<StopSignal> {
        Ok(StopSignal {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns when one of them has arrived since [`StopSignal::listen`] or the last call.
    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for SIGINT or SIGTERM from now on.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    StopSignal::listen()?.received().await;
    Ok(())
}
