//! Answers what `compile` asks: files of this and other projects, paths, changes.

use std::sync::Arc;

use compile::facts::{Component, FetchedFile};
use compile::{Answer, Demand, Facts, FileKey};
use model::{PipelineId, Project, Sha, Source};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::App;
use crate::access::Ability;
use crate::caller::{Caller, Credential, UserCaller};
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::artifact_file;
use crate::pipelines::components::{self, Address};
use crate::pipelines::request::NewPipeline;
use crate::remote_files::TOTAL_LIMIT;

/// Largest included file, in bytes (GitLab refuses more than 2 MiB of YAML with its own message).
pub(crate) const MAX_FILE_BYTES: u64 = 4 << 20;

/// Most paths of a repository that rules look through.
const MAX_PATHS: usize = 1_000_000;

/// Looks things up for one compilation, as the user the pipeline runs as.
pub struct Provider<'a> {
    app: &'a App,
    request: &'a NewPipeline,
    sha: &'a Sha,
    facts: Facts,
    /// When remote files must be there; set when the first one is asked for.
    remote_until: Option<Instant>,
}

impl<'a> Provider<'a> {
    /// A provider that knows nothing yet.
    #[must_use]
    pub fn new(app: &'a App, request: &'a NewPipeline, sha: &'a Sha) -> Provider<'a> {
        Provider {
            app,
            request,
            sha,
            facts: Facts::default(),
            remote_until: None,
        }
    }

    /// Returns what is known by now.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Looks up all of these.
    ///
    /// # Errors
    ///
    /// Only what is wrong with the server; what is not there or not allowed is an answer.
    pub async fn fetch(&mut self, demands: Vec<Demand>) -> Result<()> {
        let mut remote = JoinSet::new();
        for demand in demands {
            if let Demand::File(key @ FileKey::Remote { .. }) = demand {
                let until = *self.remote_until.get_or_insert_with(|| Instant::now() + TOTAL_LIMIT);
                let app = self.app.clone();
                remote.spawn(async move {
                    let answer = app.remote_files.get(&key, app.clock.now(), until).await;
                    (Demand::File(key), answer)
                });
                continue;
            }
            let answer = self.answer(&demand).await?;
            self.facts.insert(demand, answer);
        }
        while let Some(fetched) = remote.join_next().await {
            let (demand, answer) = fetched.map_err(Error::internal)?;
            self.facts.insert(demand, answer);
        }
        Ok(())
    }

    async fn answer(&self, demand: &Demand) -> Result<Answer> {
        match demand {
            Demand::File(FileKey::Project {
                project,
                git_ref,
                path,
                public,
            }) => {
                let place = match self.place(project.as_deref(), git_ref.as_deref(), *public).await? {
                    Ok(place) => place,
                    Err(answer) => return Ok(answer),
                };
                self.file(place, path.clone()).await
            }
            Demand::File(FileKey::Template { name }) => Ok(match compile::templates::find(name) {
                Some(text) => Answer::File(FetchedFile {
                    text: Arc::from(text),
                    project: None,
                    sha: None,
                    component: None,
                }),
                None => Answer::Missing,
            }),
            Demand::File(FileKey::Component { address, public }) => self.component(address, *public).await,
            // Remote files are fetched all at once.
            Demand::File(FileKey::Remote { .. }) => Ok(Answer::Missing),
            Demand::File(FileKey::Artifact { job, path }) => match self.parent() {
                Some(parent) => artifact_file::read(self.app, parent, job.clone(), path.clone()).await,
                None => Ok(Answer::Denied),
            },
            Demand::Paths {
                project,
                git_ref,
                public,
            } => match self.place(project.as_deref(), git_ref.as_deref(), *public).await? {
                Ok(place) => self.paths(place).await,
                Err(answer) => Ok(answer),
            },
            Demand::Changes { compare_to } => self.changes(compare_to.clone()).await,
        }
    }

    /// The pipeline whose artifacts this one may include.
    fn parent(&self) -> Option<PipelineId> {
        let is_child = self.request.source == Source::ParentPipeline;
        self.request
            .upstream
            .filter(|_| is_child)
            .map(|upstream| upstream.pipeline)
    }

    /// Finds the project and commit that a file or list of paths is asked from.
    async fn place(
        &self,
        project: Option<&str>,
        git_ref: Option<&str>,
        public: bool,
    ) -> Result<std::result::Result<Place, Answer>> {
        let (project, own) = match project {
            None => (self.request.project.clone(), true),
            Some(path) => match self.other_project(path, public).await? {
                Some(project) => (project, false),
                None => return Ok(Err(Answer::Denied)),
            },
        };
        if own && git_ref.is_none() {
            return Ok(Ok(Place {
                project,
                sha: self.sha.clone(),
                own,
            }));
        }
        let sha = match self.app.repositories.open(&project) {
            Ok(repository) => repository.revision(git_ref.unwrap_or("HEAD"))?,
            Err(git::Error::NoRepository { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(sha.map(|sha| Place { project, sha, own }).ok_or(Answer::NoSuchRef))
    }

    /// Another project, if the user may read its code; or, for what a file from an address asks for, everybody.
    async fn other_project(&self, path: &str, public: bool) -> Result<Option<Project>> {
        let caller = if public {
            Caller::Anonymous
        } else {
            Caller::User(Box::new(UserCaller {
                user: self.request.user.clone(),
                credential: Credential::Session,
                address: None,
            }))
        };
        let key = ProjectKey::Path(path.to_owned());
        let app = self.app.clone();
        let found = self
            .app
            .store
            .read(move |tx| lookup::project_for(&app, tx, &caller, &key, Ability::ReadCode))
            .await;
        match found {
            Ok(access) => Ok(Some(access.project)),
            Err(Error::Internal(cause)) => Err(Error::Internal(cause)),
            Err(_) => Ok(None),
        }
    }

    async fn file(&self, place: Place, path: String) -> Result<Answer> {
        let repository = self.app.repositories.open(&place.project)?;
        crate::blocking(move || {
            let content = match repository.file(&place.sha, &path, MAX_FILE_BYTES) {
                Ok(Some(file)) => file.content,
                Ok(None) | Err(git::Error::InvalidPath { .. }) => return Ok(Answer::Missing),
                Err(git::Error::TooLarge { .. }) => {
                    return Ok(Answer::Failed("The provided YAML is too big".to_owned()));
                }
                Err(error) => return Err(error.into()),
            };
            Ok(Answer::File(FetchedFile {
                text: Arc::from(String::from_utf8_lossy(&content)),
                project: (!place.own).then(|| place.project.full_path.clone()),
                sha: (!place.own).then(|| place.sha.to_string()),
                component: None,
            }))
        })
        .await
    }

    async fn paths(&self, place: Place) -> Result<Answer> {
        let repository = self.app.repositories.open(&place.project)?;
        crate::blocking(move || {
            Ok(match repository.paths(&place.sha, MAX_PATHS)? {
                Some(list) => Answer::Paths(Arc::new(list.paths)),
                None => Answer::NoSuchRef,
            })
        })
        .await
    }

    async fn changes(&self, compare_to: Option<String>) -> Result<Answer> {
        let repository = self.app.repositories.open(&self.request.project)?;
        let (sha, before) = (self.sha.clone(), self.request.before_sha.clone());
        // A child has its parent's commits.
        let is_push = matches!(self.request.source, Source::Push | Source::ParentPipeline)
            && !self.request.ref_text.starts_with("refs/tags/");
        crate::blocking(move || {
            let from = match compare_to {
                Some(name) => match repository.revision(&name)? {
                    Some(target) => repository.merge_base(&target, &sha)?.unwrap_or(target),
                    None => return Ok(Answer::NoSuchRef),
                },
                None if is_push && !before.is_zero() => before,
                None => return Ok(Answer::ChangesUnknown),
            };
            Ok(match repository.changed_paths(&from, &sha, MAX_PATHS)? {
                Some(list) if !list.truncated => Answer::Paths(Arc::new(list.paths)),
                _ => Answer::ChangesUnknown,
            })
        })
        .await
    }

    /// A component of this server, if the user, or everybody, may read its project's code.
    async fn component(&self, address: &str, public: bool) -> Result<Answer> {
        let fqdn = self.app.settings.external_url.fqdn();
        let Some(found) = Address::parse(address, &fqdn) else {
            return Ok(Answer::Missing);
        };
        let Some(project) = self.other_project(&found.project, public).await? else {
            return Ok(Answer::Denied);
        };
        let repository = match self.app.repositories.open(&project) {
            Ok(repository) => repository,
            Err(git::Error::NoRepository { .. }) => return Ok(Answer::Missing),
            Err(error) => return Err(error.into()),
        };
        crate::blocking(move || read_component(&repository, project, found)).await
    }
}

fn read_component(repository: &git::Repository, project: Project, address: Address) -> Result<Answer> {
    let tags = repository.tags(None)?;
    let newest = components::newest(&address.version, tags.iter().map(|tag| tag.name.as_str()));
    let version = newest.unwrap_or(&address.version);
    let Some(sha) = repository.revision(version)? else {
        return Ok(match address.version.as_str() {
            "~latest" => Answer::Failed(format!(
                "Component '{}/{}' - The ~latest version reference needs a tag that is a semantic version",
                address.project, address.name
            )),
            _ => Answer::Missing,
        });
    };
    for path in address.files() {
        let content = match repository.file(&sha, &path, MAX_FILE_BYTES) {
            Ok(Some(file)) => file.content,
            Ok(None) | Err(git::Error::InvalidPath { .. }) => continue,
            Err(git::Error::TooLarge { .. }) => return Ok(Answer::Failed("The provided YAML is too big".to_owned())),
            Err(error) => return Err(error.into()),
        };
        let is_release = components::released(version).is_some() && tags.iter().any(|tag| tag.name == version);
        return Ok(Answer::File(FetchedFile {
            text: Arc::from(String::from_utf8_lossy(&content)),
            project: Some(project.full_path),
            sha: Some(sha.to_string()),
            component: Some(Component {
                version: if is_release { version.to_owned() } else { String::new() },
                sha: sha.to_string(),
                name: address.name,
                reference: address.version,
                path,
            }),
        }));
    }
    Ok(Answer::Missing)
}

/// A commit of a project.
struct Place {
    project: Project,
    sha: Sha,
    own: bool,
}
