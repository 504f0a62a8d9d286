//! A project's pipelines as people look through them: newest first, by key instead of by page, with the
//! title of the commit and who or what started each.

use std::collections::{HashMap, HashSet};

use model::{
    Pipeline, PipelineId, PipelineIid, Project, Sha, Source, Status, TriggerToken, TriggerTokenId, User, UserId,
};
use store::ops::page::{Page, Sort};
use store::ops::pipelines::PipelineFilter;
use store::{StoreError, Tx, ops};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::Result;
use crate::lookup::{self, ProjectKey};

/// Fewest digits of a commit id that are looked for.
const MIN_SHA: usize = 7;

/// Which pipelines to list.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this status.
    pub status: Option<Status>,
    /// Of this branch or tag.
    pub ref_name: Option<String>,
    /// Started in this way; otherwise child pipelines are left out.
    pub source: Option<Source>,
    /// Of this user.
    pub username: Option<String>,
    /// Started by this trigger token.
    pub token: Option<TriggerTokenId>,
    /// An id, the beginning of a commit id, or a name.
    pub text: Option<String>,
    /// Where to go on.
    pub from: From,
}

/// Where a page of the list begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// At the newest.
    #[default]
    Newest,
    /// Below this number.
    Below(PipelineIid),
    /// Above this number, the nearest ones.
    Above(PipelineIid),
}

/// A part of the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The project and the caller's role in it.
    pub access: ProjectAccess,
    /// Newest first.
    pub rows: Vec<Row>,
    /// Whether there are newer ones.
    pub has_newer: bool,
    /// Whether there are older ones.
    pub has_older: bool,
}

/// A pipeline with what is shown beside it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Whom it runs as.
    pub user: Option<User>,
    /// The trigger token that started it, while it exists.
    pub token: Option<TriggerToken>,
    /// The first line of the commit's message, while the repository has it.
    pub title: Option<String>,
}

/// Lists at most `most` pipelines.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn list(app: &App, caller: Caller, key: ProjectKey, wanted: Wanted, most: i64) -> Result<Listed> {
    let this = app.clone();
    let listed = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            let filter = wanted.filter(&access.project);
            let page = Page {
                limit: most + 1,
                offset: 0,
            };
            let mut found = ops::pipelines::list(tx, &filter, page)?;
            let has_more = found.len() > usize::try_from(most).unwrap_or(usize::MAX);
            found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            let (has_newer, has_older) = match wanted.from {
                From::Newest => (false, has_more),
                From::Below(_) => (true, has_more),
                From::Above(_) => {
                    found.reverse();
                    (has_more, true)
                }
            };
            Ok::<_, crate::Error>(Listed {
                rows: rows(tx, found)?,
                access,
                has_newer,
                has_older,
            })
        })
        .await?;
    with_titles(app, listed).await
}

impl Wanted {
    fn filter(&self, project: &Project) -> PipelineFilter<'_> {
        let mut filter = PipelineFilter {
            status: self.status,
            ref_name: self.ref_name.as_deref(),
            source: self.source,
            username: self.username.as_deref(),
            trigger_token_id: self.token,
            ..PipelineFilter::new(project.id)
        };
        match self.from {
            From::Newest => {}
            From::Below(iid) => filter.iid_before = Some(iid),
            From::Above(iid) => {
                filter.iid_after = Some(iid);
                filter.sort = Sort::Asc;
            }
        }
        let Some(text) = self.text.as_deref() else {
            return filter;
        };
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if let Ok(id) = text.trim_start_matches('#').parse() {
            filter.id = Some(PipelineId(id));
        } else if text.len() >= MIN_SHA && text.len() <= 64 && text.chars().all(is_hex) {
            filter.sha_prefix = Some(text);
        } else {
            filter.name = Some(text);
        }
        filter
    }
}

fn rows(tx: &mut dyn Tx, pipelines: Vec<Pipeline>) -> Result<Vec<Row>, StoreError> {
    let ids: HashSet<UserId> = pipelines.iter().filter_map(|pipeline| pipeline.user_id).collect();
    let ids: Vec<UserId> = ids.into_iter().collect();
    let users: HashMap<UserId, User> = ops::users::get_many(tx, &ids)?
        .into_iter()
        .map(|user| (user.id, user))
        .collect();
    let mut tokens: HashMap<TriggerTokenId, Option<TriggerToken>> = HashMap::new();
    for id in pipelines.iter().filter_map(|pipeline| pipeline.trigger_token_id) {
        if let std::collections::hash_map::Entry::Vacant(free) = tokens.entry(id) {
            free.insert(ops::trigger_tokens::by_id(tx, id)?);
        }
    }
    Ok(pipelines
        .into_iter()
        .map(|pipeline| Row {
            user: pipeline.user_id.and_then(|id| users.get(&id).cloned()),
            token: pipeline
                .trigger_token_id
                .and_then(|id| tokens.get(&id).cloned().flatten()),
            title: None,
            pipeline,
        })
        .collect())
}

async fn with_titles(app: &App, mut listed: Listed) -> Result<Listed> {
    let shas: HashSet<Sha> = listed.rows.iter().map(|row| row.pipeline.sha.clone()).collect();
    let titles = titles(app, &listed.access.project, shas).await?;
    for row in &mut listed.rows {
        row.title = titles.get(&row.pipeline.sha).cloned();
    }
    Ok(listed)
}

/// Returns the titles of those commits that the repository has.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(crate) async fn titles(app: &App, project: &Project, shas: HashSet<Sha>) -> Result<HashMap<Sha, String>> {
    let repository = match app.repositories.open(project) {
        Ok(repository) => repository,
        Err(git::Error::NoRepository { .. }) => return Ok(HashMap::new()),
        Err(error) => return Err(error.into()),
    };
    crate::blocking(move || {
        let mut titles = HashMap::new();
        for sha in shas {
            if let Some(commit) = repository.commit(&sha)? {
                let title = commit.title();
                titles.insert(sha, title);
            }
        }
        Ok(titles)
    })
    .await
}

/// Returns the newest pipeline of each project, in their order. The caller has looked who may see them.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn newest_of_each(app: &App, projects: &[Project]) -> Result<Vec<Option<Pipeline>>> {
    let ids: Vec<_> = projects.iter().map(|project| project.id).collect();
    let found = app.store.read(move |tx| {
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            let page = Page { limit: 1, offset: 0 };
            found.push(ops::pipelines::list(tx, &PipelineFilter::new(*id), page)?.pop());
        }
        Ok::<_, StoreError>(found)
    });
    Ok(found.await?)
}
