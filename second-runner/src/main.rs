//! A runner made with Collabora's crate `gitlab-runner`, for `cargo xtask second-runner`: what it says to the server is
//! the crate's doing, and what jobs do is told by their script lines.
//!
//! `print TEXT…` writes to the log (`$NAME` is a variable of the job), `file PATH TEXT…` makes a file for artifacts,
//! `read JOB PATH` prints a file of the archive of a job it depends on, `wait` waits to be canceled, `fail` fails.

use std::borrow::Cow;
use std::io::Read as _;
use std::time::Duration;

use futures::AsyncRead;
use futures::io::Cursor;
use gitlab_runner::job::Job;
use gitlab_runner::{GitlabLayer, JobHandler, JobResult, Phase, RunnerBuilder, UploadableFile, outputln};
use tracing_subscriber::prelude::*;
use url::Url;

/// Pause between two requests for a job; the crate's own loop waits five seconds.
const PAUSE: Duration = Duration::from_millis(50);

/// A file that a job made.
struct Made {
    path: String,
    content: String,
}

#[async_trait::async_trait]
impl UploadableFile for Made {
    type Data<'a> = Box<dyn AsyncRead + Send + Unpin>;

    fn get_path(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.path)
    }

    async fn get_data(&self) -> Result<Self::Data<'_>, ()> {
        Ok(Box::new(Cursor::new(self.content.clone().into_bytes())))
    }
}

struct Run {
    job: Job,
    made: Vec<(String, String)>,
}

impl Run {
    async fn line(&mut self, line: &str) -> JobResult {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "print" => {
                let expand = |word: &str| match word.strip_prefix('$') {
                    Some(name) => self.job.variable(name).map(|found| found.value().to_owned()).unwrap_or_default(),
                    None => word.to_owned(),
                };
                let text: Vec<String> = rest.split(' ').map(expand).collect();
                outputln!("{}", text.join(" "));
                Ok(())
            }
            "file" => {
                let (path, content) = rest.split_once(' ').ok_or(())?;
                self.made.push((path.to_owned(), content.to_owned()));
                Ok(())
            }
            "read" => self.read(rest).await,
            "wait" => {
                outputln!("waiting");
                std::future::pending().await
            }
            _ => Err(()),
        }
    }

    async fn read(&self, rest: &str) -> JobResult {
        let (name, path) = rest.split_once(' ').ok_or(())?;
        let dependency = self.job.dependencies().find(|job| job.name() == name).ok_or(())?;
        let mut archive = dependency.download().await.map_err(drop)?.ok_or(())?;
        let mut text = String::new();
        archive.file(path).ok_or(())?.read_to_string(&mut text).map_err(drop)?;
        outputln!("{path} of {name}: {text}");
        Ok(())
    }
}

#[async_trait::async_trait]
impl JobHandler<Made> for Run {
    async fn step(&mut self, script: &[String], _phase: Phase) -> JobResult {
        for line in script {
            self.line(line).await?;
        }
        Ok(())
    }

    async fn get_uploadable_files(&mut self) -> Result<Box<dyn Iterator<Item = Made> + Send>, ()> {
        let files = self.made.clone().into_iter();
        Ok(Box::new(files.map(|(path, content)| Made { path, content })))
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(token)) = (arguments.next(), arguments.next()) else {
        eprintln!("expected the address of a server and the token of a runner");
        std::process::exit(2);
    };
    let server = Url::parse(&server).expect("the address of a server");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let (layer, jobs) = GitlabLayer::new();
    tracing_subscriber::registry().with(layer).init();
    let mut runner = RunnerBuilder::new(server, token, folder.path(), jobs).build().await;
    loop {
        runner.wait_for_space(4).await;
        match runner.request_job(|job| async move { Ok(Run { job, made: Vec::new() }) }).await {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                eprintln!("{error:?}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
