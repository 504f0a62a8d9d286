//! What a job that went well says about its environment: address, tier, when it stops by itself.
//!
//! These name variables, those of the job's own dotenv report among them, so they are worked out after the
//! transaction in which the job ended; until then the job is noted (`environment_updates`).

use std::borrow::Cow;

use compile::variables::{Definition, Purpose, Undefined, expand, expand_all};
use model::{Environment, Job, JobId, Tier, Timestamp};
use store::{Tx, ops};
use tracing::{error, info};

use super::create::{said, stop_at};
use crate::error::{Error, Result};
use crate::pipelines::create;
use crate::runners::payload::{Gathered, gather};
use crate::runners::variables::of_ended;
use crate::{App, jobs, variables};

/// What a job says about its environment.
#[derive(Clone, Debug, Default)]
struct Said {
    url: Option<String>,
    tier: Option<Tier>,
    auto_stop_in: Option<String>,
}

/// As [`apply`] for the caller who cannot do anything about an error: the sweep tries again.
pub(crate) async fn try_apply(app: &App, id: JobId) {
    if let Err(error) = apply(app, id).await {
        error!(job.id = %id, error = &error as &dyn std::error::Error, "could not write down what job {id} deployed");
    }
}

/// Writes down what a job did to its environment, unless somebody else has.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(crate) async fn apply(app: &App, id: JobId) -> Result<()> {
    let this = app.clone();
    let found = app.store.read(move |tx| read(&this, tx, id)).await?;
    let Some((gathered, earlier)) = found else {
        app.store
            .write(move |tx| ops::environments::take_update(tx, id))
            .await?;
        return Ok(());
    };
    let said = of_job(app, &gathered).await?;
    let earlier = match &earlier {
        Some(earlier) if said.auto_stop_in.is_none() => of_job(app, earlier).await?.auto_stop_in,
        _ => None,
    };
    let (job, now) = (gathered.job.clone(), app.clock.now());
    let starts = gathered.definition.environment.as_ref().is_some_and(|one| one.starts());
    app.store
        .write(move |tx| {
            if ops::environments::take_update(tx, id)? {
                write(tx, &job, &said, earlier.as_deref(), starts, now)?;
            }
            Ok::<_, Error>(())
        })
        .await
}

/// The job, and for one that only uses an environment the job that deployed to it last: that one's time counts anew.
fn read(app: &App, tx: &mut dyn Tx, id: JobId) -> Result<Option<(Gathered, Option<Gathered>)>> {
    let Some(job) = ops::jobs::by_id(tx, id)? else {
        return Ok(None);
    };
    let gathered = with_own_dotenv(app, tx, &job)?;
    let action = gathered
        .definition
        .environment
        .as_ref()
        .map(|one| one.action().to_owned());
    let resets = matches!(action.as_deref(), Some("prepare" | "access"));
    let environment = gathered.environment.as_ref().filter(|_| resets);
    let last = match environment {
        Some(environment) => ops::deployments::last(tx, environment.id)?.and_then(|last| last.job_id),
        None => None,
    };
    let deployed = match last {
        Some(last) => ops::jobs::by_id(tx, last)?,
        None => None,
    };
    let earlier = deployed.map(|job| with_own_dotenv(app, tx, &job)).transpose()?;
    Ok(Some((gathered, earlier)))
}

fn with_own_dotenv(app: &App, tx: &mut dyn Tx, job: &Job) -> Result<Gathered> {
    let mut gathered = gather(app, tx, job)?;
    gathered.dotenv.extend(jobs::given::dotenv(&app.keys, tx, &[job.id])?);
    Ok(gathered)
}

async fn of_job(app: &App, gathered: &Gathered) -> Result<Said> {
    let Some(written) = &gathered.definition.environment else {
        return Ok(Said::default());
    };
    if written.url.is_none() && written.deployment_tier.is_none() && written.auto_stop_in.is_none() {
        return Ok(Said::default());
    }
    let revision = match create::revision(app, &gathered.project, &gathered.pipeline.sha).await {
        Ok(revision) => revision,
        Err(error @ Error::Internal(_)) => return Err(error),
        // The commit is gone.
        Err(_) => return Ok(Said::default()),
    };
    let of_pipeline = variables::of_pipeline(&gathered.pipeline_facts(app, &revision.commit));
    let list = of_ended(&gathered.job_facts(app, &of_pipeline));
    let definitions: Vec<Definition<'_>> = list
        .iter()
        .map(|variable| Definition {
            key: variable.key.as_str().into(),
            value: variable.value.as_str().into(),
            raw: variable.raw,
            file: variable.file,
        })
        .collect();
    let values = expand_all(&definitions, Purpose::Server).unwrap_or(definitions);
    let expanded = |text: &Option<String>| {
        let lookup = |name: &str| {
            let found = values.iter().rev().find(|one| one.key == name)?;
            Some(Cow::Owned(found.value.clone().into_owned()))
        };
        let text = expand(text.as_deref()?, Undefined::Blank, &lookup).into_owned();
        said(Some(&text)).map(str::to_owned)
    };
    Ok(Said {
        url: expanded(&written.url).filter(|url| is_url(url)),
        tier: expanded(&written.deployment_tier).and_then(|tier| tier.parse().ok()),
        auto_stop_in: expanded(&written.auto_stop_in),
    })
}

/// Whether an address may be kept: pages show it as a link.
pub(super) fn is_url(text: &str) -> bool {
    text.chars().count() <= Environment::MAX_TEXT && unsafe_scheme(text).is_none()
}

/// Returns the scheme of an address that runs code where it is opened.
pub(super) fn unsafe_scheme(text: &str) -> Option<&'static str> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let scheme = plain.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase())?;
    ["javascript", "vbscript", "data"]
        .into_iter()
        .find(|one| *one == scheme)
}

fn write(tx: &mut dyn Tx, job: &Job, said: &Said, earlier: Option<&str>, starts: bool, now: Timestamp) -> Result<()> {
    let name = job.environment.as_deref().unwrap_or_default();
    let Some(found) = ops::environments::by_name(tx, job.project_id, name)? else {
        return Ok(());
    };
    let Some(mut environment) = ops::environments::lock(tx, found.id)? else {
        return Ok(());
    };
    let auto_stop_at = said
        .auto_stop_in
        .as_deref()
        .or(earlier)
        .and_then(|words| stop_at(words, now));
    if starts {
        let last = ops::deployments::last(tx, environment.id)?;
        if last.and_then(|last| last.job_id) != Some(job.id) {
            info!(job.id = %job.id, "a later deployment than that of job {} says how environment {name} is", job.id);
            return Ok(());
        }
        environment.auto_stop_at = auto_stop_at;
        environment.external_url = said.url.clone().or(environment.external_url);
        environment.tier = said.tier.unwrap_or(environment.tier);
    } else if auto_stop_at.is_some() {
        environment.auto_stop_at = auto_stop_at;
    }
    environment.updated_at = now;
    ops::environments::save(tx, &environment)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_runs_code_is_not_kept() {
        for (text, expected) in [
            ("https://a.example", None),
            ("a.example/x", None),
            ("JavaScript:alert(1)", Some("javascript")),
            ("java\nscript:alert(1)", Some("javascript")),
            (" data:text/html,x", Some("data")),
            ("vbscript:x", Some("vbscript")),
            ("mailto:a@b", None),
        ] {
            assert_eq!(unsafe_scheme(text), expected, "{text}");
        }
    }
}
