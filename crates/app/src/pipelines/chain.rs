//! The chain of triggers: which pipelines led to a pipeline, across projects and servers.
//!
//! Each pipeline that another one led to keeps the chain. Bridges and job tokens tell by themselves where they come
//! from. Everything else carries it: webhooks that we send have it in a header, jobs have it in a variable and send it
//! with their calls. A chain that is too long starts nothing, so a loop ends however many servers it runs through.
//!
//! A link names server, project and pipeline, and has a code over itself and all links before it, made with the
//! server's key: so we know our own links again and tell nobody of projects by links that somebody made up. A link
//! counts whatever its code says. Leaving links out is as good as leaving the whole chain out, which nobody can
//! prevent; it gains nothing that a call without a chain would not have.

use std::fmt;

use model::{Pipeline, PipelineId, ProjectId, Source};
use serde_json::{Value as Json, json};
use store::{StoreError, Tx, ops};
use subtle::ConstantTimeEq as _;

use crate::App;
use crate::access::Ability;
use crate::caller::{Caller, Credential, UserCaller};
use crate::error::{Error, Reasoned, Result};
use crate::keys::Keys;
use crate::lookup::{self, ProjectKey};
use crate::pipelines::request::NewPipeline;

/// Header of calls and webhooks.
pub const HEADER: &str = "X-Tripline-Trigger-Chain";

/// Variable of jobs that holds what their calls should send.
pub const VARIABLE: &str = "TRIPLINE_TRIGGER_CHAIN";

/// Longest header in bytes that is read.
const MAX_BYTES: usize = 8 << 10;

/// Longest link in bytes.
const MAX_LINK: usize = 128;

/// Which pipelines led to one, the first of all first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain(Vec<String>);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl Chain {
    /// Reads a header; one that is empty is no chain.
    ///
    /// # Errors
    ///
    /// 400 for what no server of ours has written.
    pub fn parse(text: &[u8]) -> Result<Chain> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let link = |part: &[u8]| {
            let part = part.trim_ascii();
            let is_link = part.len() <= MAX_LINK && part.iter().all(plain);
            is_link.then(|| String::from_utf8_lossy(part).into_owned())
        };
        let links: Option<Vec<String>> = text.split(|byte| *byte == b',').map(link).collect();
        match links {
            Some(mut links) if text.len() <= MAX_BYTES => {
                links.retain(|link| !link.is_empty());
                Ok(Chain(links))
            }
            _ => Err(Reasoned::bad_request(
                format!("{HEADER} is invalid: expected what ${VARIABLE} or a webhook of Tripline has"),
                "trigger_chain_invalid",
                "pass the value on as it is",
            )),
        }
    }

    /// Whether nothing led to it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The chain of what a pipeline leads to.
    fn after(mut self, keys: &Keys, pipeline: &Pipeline) -> Chain {
        let name = name(keys, pipeline.project_id, pipeline.id);
        let code = code(keys, &self.0, &name);
        self.0.push(format!("{name}.{code}"));
        self
    }

    /// Returns project and pipeline of a link that we made.
    fn own(&self, keys: &Keys, index: usize) -> Option<(ProjectId, PipelineId)> {
        let (before, link) = (&self.0[..index], &self.0[index]);
        let (name, code) = link.rsplit_once('.')?;
        if !bool::from(self::code(keys, before, name).as_bytes().ct_eq(code.as_bytes())) {
            return None;
        }
        let mut parts = name.split('.').skip(1);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// Server, project and pipeline.
fn name(keys: &Keys, project: ProjectId, pipeline: PipelineId) -> String {
    let server = short(&keys.digest_of("trigger chain server", &[]));
    format!("{server}.{project}.{pipeline}")
}

/// The code over a link and all before it.
fn code(keys: &Keys, before: &[String], name: &str) -> String {
    short(&keys.digest_of("trigger chain", &[before.join(",").as_bytes(), name.as_bytes()]))
}

/// 64 bits in hexadecimal.
fn short(digest: &[u8; 32]) -> String {
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns what led to a pipeline.
///
/// # Errors
///
/// What the database said.
fn before(tx: &mut dyn Tx, pipeline: &Pipeline) -> Result<Chain, StoreError> {
    // Nothing that can be told leads to pushes, schedules and people.
    let may_have = !matches!(pipeline.source, Source::Push | Source::Schedule | Source::Web);
    let links = if may_have {
        ops::trigger_chains::get(tx, pipeline.id)?
    } else {
        None
    };
    let links = links.unwrap_or_default();
    let parts = links.split(',').filter(|link| !link.is_empty());
    Ok(Chain(parts.map(str::to_owned).collect()))
}

/// Returns the chain of what a pipeline leads to: what led to it, and itself.
///
/// # Errors
///
/// What the database said.
pub(crate) fn through(keys: &Keys, tx: &mut dyn Tx, pipeline: &Pipeline) -> Result<Chain, StoreError> {
    Ok(before(tx, pipeline)?.after(keys, pipeline))
}

/// As [`through`], for a pipeline that may be gone.
///
/// # Errors
///
/// What the database said.
pub(crate) fn through_id(keys: &Keys, tx: &mut dyn Tx, pipeline: PipelineId) -> Result<Chain, StoreError> {
    match ops::pipelines::by_id(tx, pipeline)? {
        Some(pipeline) => through(keys, tx, &pipeline),
        None => Ok(Chain::default()),
    }
}

/// Refuses a pipeline whose chain is too long.
///
/// # Errors
///
/// 400 with the chain: projects that the caller cannot see, and other servers, are not named.
pub(crate) async fn check(app: &App, request: &NewPipeline) -> Result<()> {
    let chain = &request.provenance.chain;
    let most = app.settings.max_trigger_chain;
    if chain.0.len() < most {
        return Ok(());
    }
    Err(Error::Reasoned(Box::new(Reasoned {
        status: 400,
        message: format!(
            "{} pipelines led to this one, and at most {} may: it looks like a loop of triggers",
            chain.0.len(),
            most.saturating_sub(1)
        ),
        reason: "trigger_chain_too_long",
        remedy: "look in trigger_chain for what starts what, and let one of them start nothing more, for example by a \
                 rule; or let the administrator raise max_trigger_chain",
        more: vec![("trigger_chain", shown(app, request).await?)],
    })))
}

/// A link of a chain, as somebody may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// A pipeline of a project with this path.
    Known(String, PipelineId),
    /// A pipeline of a project that the caller may not see.
    Hidden,
    /// A pipeline of another server.
    Elsewhere,
}

/// Returns what led to a pipeline, as the caller may see it: the first of all first.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(crate) fn led_to(app: &App, tx: &mut dyn Tx, caller: &Caller, pipeline: &Pipeline) -> Result<Vec<Link>> {
    let chain = before(tx, pipeline)?;
    links(app, tx, caller, &chain)
}

fn links(app: &App, tx: &mut dyn Tx, caller: &Caller, chain: &Chain) -> Result<Vec<Link>> {
    let mut links = Vec::with_capacity(chain.0.len());
    for index in 0..chain.0.len() {
        let Some((project, pipeline)) = chain.own(&app.keys, index) else {
            links.push(Link::Elsewhere);
            continue;
        };
        let key = ProjectKey::Id(project);
        links.push(
            match lookup::project_for(app, tx, caller, &key, Ability::ReadPipelines) {
                Ok(access) => Link::Known(access.project.full_path, pipeline),
                Err(error @ Error::Internal(_)) => return Err(error),
                Err(_) => Link::Hidden,
            },
        );
    }
    Ok(links)
}

/// The chain as the caller may see it.
async fn shown(app: &App, request: &NewPipeline) -> Result<Json> {
    let (this, chain) = (app.clone(), request.provenance.chain.clone());
    let caller = Caller::User(Box::new(UserCaller {
        user: model::User {
            is_admin: request.is_admin,
            ..request.user.clone()
        },
        credential: Credential::Session,
        address: None,
    }));
    app.store
        .read(move |tx| {
            let link = |link: Link| match link {
                Link::Known(project, pipeline) => json!({"project": project, "pipeline_id": pipeline.0}),
                Link::Hidden => {
                    json!({"project": null, "pipeline_id": null, "hidden": "a project that you cannot see"})
                }
                Link::Elsewhere => json!({"project": null, "pipeline_id": null, "hidden": "another server"}),
            };
            let links = links(&this, tx, &caller, &chain)?;
            Ok(links.into_iter().map(link).collect())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(chain: &Chain, keys: &Keys, project: i64, pipeline: i64) -> Chain {
        let name = name(keys, ProjectId(project), PipelineId(pipeline));
        let mut links = chain.0.clone();
        links.push(format!("{name}.{}", code(keys, &chain.0, &name)));
        Chain(links)
    }

    #[test]
    fn links_of_other_servers_count_and_ours_are_known_again() {
        let (a, b) = (Keys::derive(&[1; 32]), Keys::derive(&[2; 32]));
        let chain = after(&after(&after(&Chain::default(), &a, 1, 10), &b, 5, 50), &a, 2, 11);
        let read = Chain::parse(chain.to_string().as_bytes()).unwrap();
        assert_eq!(read, chain);
        let known = |keys: &Keys, chain: &Chain| {
            let own = |index| {
                chain
                    .own(keys, index)
                    .map(|(project, pipeline)| (project.0, pipeline.0))
            };
            (0..chain.0.len()).map(own).collect::<Vec<_>>()
        };
        assert_eq!(known(&a, &read), [Some((1, 10)), None, Some((2, 11))]);
        assert_eq!(known(&b, &read), [None, Some((5, 50)), None]);
        // Whoever changes what is before a link makes it a stranger's; it still counts.
        let shorter = Chain(read.0[1..].to_vec());
        assert_eq!(known(&a, &shorter), [None, None]);
        let forged = Chain(vec![read.0[0].replace(".10.", ".12.")]);
        assert_eq!(known(&a, &forged), [None]);
    }

    #[test]
    fn what_nobody_wrote_is_refused() {
        for text in [&b""[..], b" ", b",", b" , ,"] {
            assert!(Chain::parse(text).unwrap().is_empty());
        }
        assert_eq!(Chain::parse(b"a.1.2.x, b").unwrap().0, ["a.1.2.x", "b"]);
        let long = "a,".repeat(5_000);
        for bad in [
            &b"a b"[..],
            b"a/b",
            b"\xff",
            "é".as_bytes(),
            &[b'a'; 129],
            long.as_bytes(),
        ] {
            assert!(Chain::parse(bad).is_err());
        }
    }
}
