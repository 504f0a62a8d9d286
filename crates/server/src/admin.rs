//! `tripline admin`: offline administration, on the data itself.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};
use app::{App, setup};
use model::{User, Visibility};
use store::{StoreError, ops};

use crate::cli::{self, AdminCommand};
use crate::config::{self, Config};
use crate::{keyfile, serve};

/// Runs one command.
pub(crate) async fn run(flags: cli::Admin) -> anyhow::Result<ExitCode> {
    let data_dir = std::path::absolute(&flags.data.data_dir)?;
    ensure!(
        data_dir.is_dir(),
        "there is no data folder `{}`; `tripline serve` makes one",
        data_dir.display()
    );
    let database = config::database(flags.data.database_url.as_deref(), &data_dir);
    let key = keyfile::read_or_create(&data_dir, false)?;
    let config = Config {
        data_dir,
        database,
        ..Config::from_flags(cli::Serve::default())?
    };
    let settings = config.settings(([127, 0, 0, 1], 0).into())?;
    let app = serve::open_with(&config, &key, settings)?;
    let done = match flags.command {
        AdminCommand::CreateUser {
            username,
            email,
            name,
            admin,
        } => create_user(&app, username, email, name, admin).await,
        AdminCommand::CreateToken { username, name, scopes } => create_token(&app, username, name, scopes).await,
        AdminCommand::CreateProject { path, attach, owner } => {
            create_project(&app, path, attach.as_deref(), owner).await
        }
        AdminCommand::Check => check(&app).await,
        AdminCommand::Backup { folder } => backup(&app, &config, &folder).await,
    };
    app.store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn create_user(
    app: &App,
    username: String,
    email: Option<String>,
    name: Option<String>,
    is_admin: bool,
) -> anyhow::Result<()> {
    let caller = root(app).await?;
    let account = app::users::NewAccount {
        email: email.unwrap_or_else(|| format!("{username}@localhost")),
        name: name.unwrap_or_else(|| username.clone()),
        username: username.clone(),
        password: None,
        is_admin,
    };
    app::users::create(app, &caller, account).await?;
    create_token(app, username, "admin".to_owned(), "api".to_owned()).await
}

async fn create_token(app: &App, username: String, name: String, scopes: String) -> anyhow::Result<()> {
    let token = app::keys::new_token(app::keys::ACCESS_TOKEN_PREFIX);
    let user = user(app, username).await?;
    let (this, text) = (app.clone(), token.clone());
    app.store
        .write(move |tx| {
            let scopes: Vec<&str> = scopes
                .split(',')
                .map(str::trim)
                .filter(|scope| !scope.is_empty())
                .collect();
            setup::issue_token(&this, tx, &user, &name, &scopes, &text)
        })
        .await?;
    println!("{token}");
    Ok(())
}

async fn create_project(app: &App, path: String, attach: Option<&Path>, owner: String) -> anyhow::Result<()> {
    let attached = match attach {
        Some(folder) => {
            let folder = std::path::absolute(folder)?;
            Some(app.repositories.attach(&folder)?.to_string_lossy().into_owned())
        }
        None => None,
    };
    let owner = user(app, owner).await?;
    let (namespace_path, name) = path.rsplit_once('/').context("expected a full path, `group/project`")?;
    let (namespace_path, name) = (namespace_path.to_owned(), name.to_owned());
    let default_branch = match &attached {
        Some(folder) => app
            .repositories
            .open(git::Location::Attached(folder.into()))?
            .default_branch()?,
        None => None,
    };
    let now = app.clock.now();
    let project = app
        .store
        .write(move |tx| {
            let namespace = match ops::namespaces::by_full_path(tx, &namespace_path)? {
                Some(namespace) => namespace,
                None => group(tx, &namespace_path, &owner, now)?,
            };
            ops::projects::create(
                tx,
                &ops::projects::NewProject {
                    namespace_id: namespace.id,
                    name: &name,
                    path: &name,
                    full_path: &format!("{}/{name}", namespace.full_path),
                    description: None,
                    visibility: Visibility::Private,
                    default_branch: default_branch.as_deref(),
                    creator_id: Some(owner.id),
                    attached_repository: attached.as_deref(),
                    settings: &model::project::ProjectSettings::default(),
                    created_at: now,
                },
            )
        })
        .await?;
    if project.attached_repository.is_none() {
        app.repositories.create(project.id, "main")?;
    }
    println!("project {} is {}", project.id, project.full_path);
    Ok(())
}

/// Creates a top-level group that `owner` owns.
fn group(
    tx: &mut dyn store::Tx,
    path: &str,
    owner: &User,
    now: model::Timestamp,
) -> Result<model::Namespace, StoreError> {
    let namespace = ops::namespaces::create(
        tx,
        &ops::namespaces::NewNamespace {
            parent_id: None,
            user_id: None,
            name: path,
            path,
            full_path: path,
            visibility: Visibility::Private,
            created_at: now,
        },
    )?;
    let member = ops::members::Member {
        user_id: owner.id,
        level: model::AccessLevel::Owner,
        created_by: Some(owner.id),
        created_at: now,
        expires_at: None,
    };
    ops::members::add(tx, ops::members::Place::Group(namespace.id), &member)?;
    Ok(namespace)
}

/// Opens everything there is once; the first problem ends it.
async fn check(app: &App) -> anyhow::Result<()> {
    let admin = user(app, setup::ROOT.to_owned()).await?.id;
    let now = app.clock.now();
    let mut count = 0;
    for number in 1.. {
        let page = app
            .store
            .read(move |tx| {
                let filter = ops::projects::ProjectFilter {
                    sort: app::Sort::Asc,
                    ..ops::projects::ProjectFilter::new(ops::projects::Viewer::Admin(admin), now)
                };
                ops::projects::list(tx, &filter, app::Rows::of(number, 100))
            })
            .await;
        let projects: Vec<model::Project> = page.map_err(|error: StoreError| anyhow::anyhow!(error))?;
        if projects.is_empty() {
            break;
        }
        for project in &projects {
            let repository = app.repositories.open(project);
            let repository = repository.with_context(|| format!("project {}", project.full_path))?;
            repository
                .branches(None)
                .with_context(|| format!("project {}", project.full_path))?;
            let this = app.clone();
            let owned = project.clone();
            let variables = app
                .store
                .read(move |tx| {
                    let context = app::pipelines::create::context(tx, &owned)?;
                    let mut opened = Vec::new();
                    app::project_variables::open_into(&this.keys, &context.variables, true, &mut opened)?;
                    Ok::<_, app::Error>(opened.len())
                })
                .await;
            variables.with_context(|| format!("variables of project {}", project.full_path))?;
            count += 1;
        }
    }
    println!("{count} projects: database, key, repositories and variables are well");
    Ok(())
}

/// Copies the data to a folder. The server should be stopped.
async fn backup(app: &App, config: &Config, folder: &Path) -> anyhow::Result<()> {
    let store::Database::Sqlite(database) = &config.database else {
        bail!(
            "the database is PostgreSQL: back it up with `pg_dump`, and copy the data folder `{}`",
            config.data_dir.display()
        );
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    ensure!(
        fs::read_dir(folder)?.next().is_none(),
        "the folder `{}` is not empty",
        folder.display()
    );
    // As closed as the data folder itself: what lies inside is only as safe as the folder.
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    // Closing moves the log of SQLite into the one file.
    app.store.close().await;
    let copy = folder.join("tripline.db");
    fs::copy(database, &copy).context("cannot copy the database")?;
    fs::set_permissions(copy, Permissions::from_mode(0o600))?;
    let status = Command::new("cp")
        .arg("-a")
        .arg("--")
        .args([
            config.data_dir.join(keyfile::NAME),
            config.data_dir.join("repositories"),
            config.data_dir.join("blobs"),
        ])
        .arg(folder)
        .status()?;
    ensure!(status.success(), "copying ended with {status}");
    println!(
        "backed up to {}; start a server on it with `--data-dir {}`",
        folder.display(),
        folder.display()
    );
    Ok(())
}

async fn user(app: &App, username: String) -> anyhow::Result<User> {
    let name = username.clone();
    let found = app.store.read(move |tx| ops::users::by_username(tx, &name)).await;
    let found = found.map_err(|error: StoreError| anyhow::anyhow!(error))?;
    found.with_context(|| format!("there is no user `{username}`"))
}

async fn root(app: &App) -> anyhow::Result<app::Caller> {
    let user = user(app, setup::ROOT.to_owned()).await?;
    Ok(app::Caller::User(Box::new(app::UserCaller {
        user,
        credential: app::Credential::Session,
        address: None,
    })))
}
