//! Compiling a configuration of this machine: includes, `exists` and paths come from its folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use app::remote_files::{RemoteFiles, TOTAL_LIMIT};
use app::time::SystemClock;
use compile::facts::{FetchedFile, Unfetched};
use compile::load::Source as SourceText;
use compile::{Answer, Config, Demand, Facts, FileKey, Limits, LoadRequest, Loaded, Step, Variable};
use model::Clock;
use serde_json::Value as Json;

use crate::cli;
use crate::config::allowances;

/// Most paths of the folder that rules look through.
const MAX_PATHS: usize = 200_000;

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// A configuration of this machine.
pub(crate) struct Local {
    folder: PathBuf,
    name: String,
    text: Arc<str>,
    /// Changed files, if the user named any.
    pub(crate) changed: Vec<String>,
    facts: Facts,
    /// Where remote includes come from; `None` = they are not fetched.
    remote: Option<RemoteFiles>,
}

impl Local {
    /// Reads the root file; the repository is the nearest folder above it with a `.git`, or its own folder.
    pub(crate) fn open(file: &Path, remote: &cli::RemoteIncludes) -> anyhow::Result<Local> {
        let policy = outbound::Policy {
            allow: allowances(&remote.outbound_allow)?,
            only_allowed: false,
        };
        let hosts = (!remote.offline).then(|| RemoteFiles::new(outbound::Client::new(policy)));
        let text = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let file = fs::canonicalize(file)?;
        let own = file.parent().context("a file without a folder")?;
        let folder = own
            .ancestors()
            .find(|folder| folder.join(".git").exists())
            .unwrap_or(own)
            .to_owned();
        let name = file
            .strip_prefix(&folder)
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        Ok(Local {
            folder,
            name,
            text: Arc::from(text),
            changed: Vec::new(),
            facts: Facts::default(),
            remote: hosts,
        })
    }

    /// Returns the name of the root file inside its repository.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Compiles the configuration.
    pub(crate) fn load(&mut self, inputs: &[(String, Json)], variables: &[Variable]) -> anyhow::Result<Loaded> {
        let limits = Limits::default();
        loop {
            let request = LoadRequest {
                file_name: &self.name,
                text: Arc::clone(&self.text),
                file_project: None,
                file_sha: None,
                inputs,
                variables,
                project_path: "local/project",
                sha: "0000000000000000000000000000000000000000",
                server_fqdn: "localhost",
                limits: &limits,
            };
            match compile::load(&request, &self.facts) {
                Step::Done(loaded) => return Ok(loaded),
                Step::Needs(demands) => self.answer(demands)?,
            }
        }
    }

    /// Runs a step of a compiled configuration, answering what it asks for.
    pub(crate) fn run<T>(&mut self, config: &Config, step: impl Fn(&Config, &Facts) -> Step<T>) -> anyhow::Result<T> {
        loop {
            match step(config, &self.facts) {
                Step::Done(result) => return Ok(result),
                Step::Needs(demands) => self.answer(demands)?,
            }
        }
    }

    fn answer(&mut self, demands: Vec<Demand>) -> anyhow::Result<()> {
        if demands.is_empty() {
            bail!("the compiler asked for nothing");
        }
        for demand in demands {
            let answer = match &demand {
                Demand::File(FileKey::Project {
                    project: None,
                    git_ref: None,
                    path,
                    ..
                }) => self.file(path),
                Demand::File(FileKey::Template { name }) => match compile::templates::find(name) {
                    Some(text) => text_of(text.to_owned()),
                    None => Answer::Missing,
                },
                // There is no parent pipeline here.
                Demand::File(FileKey::Artifact { .. }) => Answer::Denied,
                Demand::File(key @ FileKey::Remote { .. }) => self.fetched(key)?,
                Demand::File(_) => Answer::Failed(
                    "only files of this folder, remote files and templates are read without a server".to_owned(),
                ),
                Demand::Paths {
                    project: None,
                    git_ref: None,
                    ..
                } => Answer::Paths(Arc::new(self.paths()?)),
                Demand::Paths { .. } => Answer::Denied,
                Demand::Changes { .. } if self.changed.is_empty() => Answer::ChangesUnknown,
                Demand::Changes { .. } => Answer::Paths(Arc::new(self.changed.clone())),
            };
            self.facts.insert(demand, answer);
        }
        Ok(())
    }

    /// A file of another host.
    fn fetched(&self, key: &FileKey) -> anyhow::Result<Answer> {
        let Some(files) = &self.remote else {
            return Ok(Answer::Unfetched(Unfetched::Reason("of `--offline`".to_owned())));
        };
        Ok(crate::runtime()?.block_on(async {
            let until = tokio::time::Instant::now() + TOTAL_LIMIT;
            files.get(key, SystemClock.now(), until).await
        }))
    }

    fn file(&self, path: &str) -> Answer {
        let joined = self.folder.join(path);
        // A link out of the folder, or `..`, is not part of the repository.
        let Ok(resolved) = fs::canonicalize(&joined) else {
            return Answer::Missing;
        };
        if !resolved.starts_with(&self.folder) || !resolved.is_file() {
            return Answer::Missing;
        }
        match fs::metadata(&resolved).map(|data| data.len()) {
            Ok(length) if length <= MAX_FILE_BYTES => {}
            _ => return Answer::Failed("The provided YAML is too big".to_owned()),
        }
        fs::read_to_string(&resolved).map_or(Answer::Missing, text_of)
    }

    fn paths(&self) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut open = vec![self.folder.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot list `{}`", folder.display()))? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    if entry.file_name() != ".git" {
                        open.push(entry.path());
                    }
                } else if let Ok(path) = entry.path().strip_prefix(&self.folder) {
                    found.push(path.to_string_lossy().into_owned());
                }
                if found.len() > MAX_PATHS {
                    bail!("more than {MAX_PATHS} files below `{}`", self.folder.display());
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

fn text_of(text: String) -> Answer {
    Answer::File(FetchedFile {
        text: Arc::from(text),
        project: None,
        sha: None,
        component: None,
    })
}

/// Prints a diagnostic with its place on standard error, in colors on a terminal.
pub(crate) fn tell(diagnostic: &compile::Diagnostic, sources: &[SourceText]) {
    let text = if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        compile::render_colored(diagnostic, sources)
    } else {
        compile::render(diagnostic, sources)
    };
    eprintln!("{text}");
}
