//! Deleting a project, step by step.

use model::{Project, ProjectId};
use store::ops;

use crate::App;
use crate::access::Ability;
use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::jobs::files;
use crate::lookup::{self, ProjectKey};

/// Deletes a project with its pipelines, jobs and repository.
///
/// It is archived first, so that nothing new begins; the rest goes on even when the caller does not
/// wait for the end.
///
/// # Errors
///
/// 401, 403 for anybody but an Owner; 404.
pub async fn delete(app: &App, caller: &Caller, key: ProjectKey) -> Result<()> {
    let (this, caller) = (app.clone(), caller.clone());
    let project = app
        .store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::OwnProject)?;
            let project = Project {
                archived: true,
                ..access.project
            };
            ops::projects::update(tx, &project)?;
            let event = Event::new("project_destroyed", "Project destroyed").with("remove", "project");
            audit::note(&this, tx, &caller, &project, event)?;
            Ok::<_, Error>(project)
        })
        .await?;
    let work = tokio::spawn(remove(app.clone(), project.id, project.attached_repository.is_none()));
    work.await.map_err(Error::internal)?
}

/// Removes rows in steps, each with the files of its jobs, then the repository.
async fn remove(app: App, id: ProjectId, owns_repository: bool) -> Result<()> {
    loop {
        let deleted = app.store.write(move |tx| ops::projects::delete_step(tx, id)).await?;
        files::delete(&app, &deleted.jobs, &deleted.artifacts).await;
        if deleted.is_done {
            break;
        }
    }
    if owns_repository {
        let this = app.clone();
        crate::blocking(move || Ok(this.repositories.delete(id).map(drop)?)).await?;
    }
    Ok(())
}
