//! `tripline demo`: a throw-away server with a sample project, one trigger call, its jobs followed live.
//!
//! Everything after the start goes through the API by HTTP, as a user's own calls would.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use hyper::Method;
use serde_json::{Value as Json, json};

use crate::client::{Client, Token};
use crate::config::Config;
use crate::follow::{Ending, follow};
use crate::serve::{Server, stop_signal};
use crate::{cli, logging};

/// The files of the sample project.
const FILES: &[(&str, &str)] = &[
    (".gitlab-ci.yml", include_str!("../demo/.gitlab-ci.yml")),
    ("README.md", include_str!("../demo/README.md")),
    ("src/check.sh", include_str!("../demo/src/check.sh")),
    ("src/greet.sh", include_str!("../demo/src/greet.sh")),
];

/// Runs the demonstration until Ctrl-C, or only until the pipeline has ended.
pub(crate) async fn run(flags: cli::Demo) -> anyhow::Result<ExitCode> {
    logging::start("warn", false)?;
    let folder = Folder::new()?;
    let server = Server::start(config(&flags, &folder.0)?).await?;
    let outcome = tokio::select! {
        outcome = show(&server, flags.once) => outcome,
        stopped = stop_signal() => stopped.map(|()| ExitCode::SUCCESS),
    };
    server.stop().await;
    outcome
}

async fn show(server: &Server, once: bool) -> anyhow::Result<ExitCode> {
    let token = server
        .first_start
        .as_ref()
        .and_then(|made| made.token.clone())
        .context("not a first start")?;
    let client = Client::new(server.url(), Some(Token::Access(token.clone())))?;
    println!("Tripline serves at {}", server.url());
    let project = client
        .json(Method::POST, "/projects", Some(&json!({"name": "demo"})))
        .await?;
    let id = project["id"].as_i64().context("a project without id")?;
    push(&client, id).await?;
    println!(
        "pushed {} files to {}",
        FILES.len(),
        project["web_url"].as_str().unwrap_or_default()
    );
    let body = json!({"description": "demonstration"});
    let trigger = client
        .json(Method::POST, &format!("/projects/{id}/triggers"), Some(&body))
        .await?;
    let trigger = trigger["token"].as_str().context("a trigger without token")?;
    let curl = format!(
        "curl --request POST --form token={trigger} --form ref=main --form 'variables[AUDIENCE]=you' \
         --form 'inputs[greeting]=Konnichiwa' {}/api/v4/projects/{id}/trigger/pipeline",
        server.url()
    );
    println!("\n$ {curl}");
    let call = json!({
        "token": trigger,
        "ref": "main",
        "variables": {"AUDIENCE": "you"},
        "inputs": {"greeting": "Konnichiwa"},
    });
    let holder = Client::new(server.url(), Some(Token::Trigger(trigger.to_owned())))?;
    let pipeline = holder
        .json(Method::POST, &format!("/projects/{id}/trigger/pipeline"), Some(&call))
        .await?;
    let pipeline_id = pipeline["id"].as_i64().context("a pipeline without id")?;
    println!();
    let ending = follow(&holder, id, pipeline_id).await?;
    let password = server.first_start.as_ref().and_then(|made| made.password.as_deref());
    println!(
        "\nIts page:   {}/-/pipelines/{pipeline_id}   (sign in as `{}`, password {})",
        project["web_url"].as_str().unwrap_or_default(),
        app::setup::ROOT,
        password.unwrap_or("as given")
    );
    println!(
        "Its JSON:   curl --header 'PRIVATE-TOKEN: {token}' {}/api/v4/projects/{id}/pipelines/{pipeline_id}",
        server.url()
    );
    println!("Once more:  {curl}");
    if !once {
        println!("\nServing until Ctrl-C; then everything here is gone.");
        stop_signal().await?;
    }
    Ok(if ending == Ending::Success || !once {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Commits the sample files to the branch `main`, without a pipeline for the push.
async fn push(client: &Client, project: i64) -> anyhow::Result<()> {
    let actions: Vec<Json> = FILES
        .iter()
        .map(|(path, content)| json!({"action": "create", "file_path": path, "content": content}))
        .collect();
    let body = json!({"branch": "main", "commit_message": "Greet the world [skip ci]", "actions": actions});
    client
        .json(
            Method::POST,
            &format!("/projects/{project}/repository/commits"),
            Some(&body),
        )
        .await?;
    Ok(())
}

fn config(flags: &cli::Demo, folder: &Path) -> anyhow::Result<Config> {
    let mut config = Config::from_flags(cli::Serve {
        listen: Some(flags.listen.clone()),
        data_dir: Some(folder.join("data")),
        ..cli::Serve::default()
    })?;
    config.durable = false;
    Ok(config)
}

/// A folder that goes with the demonstration.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Folder> {
        let mut random = [0; 8];
        app::keys::random_bytes(&mut random);
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("tripline-demo-{name}"));
        std::fs::create_dir(&path).with_context(|| format!("cannot create the folder `{}`", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("the folder `{}` could not be removed: {error}", self.0.display());
        }
    }
}
