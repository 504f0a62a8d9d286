//! The trigger call: somebody holds a token, and a pipeline runs.
//!
//! The order of decisions is rest-api.md 1.3. The token alone decides who calls; a caller without a
//! valid one learns nothing, not even whether the project exists.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::definition::GivenVariable;
use model::{
    AccessLevel, Job, Project, ProjectId, Reason, Sha, Source, Timestamp, TriggerToken, User, UserId, VariableKind,
};
use serde_json::Value as Json;
use store::{StoreError, Tx, ops};

use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::Created;
use crate::pipelines::chain::{self, Chain};
use crate::pipelines::compiled::Reveal;
use crate::pipelines::create;
use crate::pipelines::dry_run::{self, DryRun};
use crate::pipelines::idempotency::{Key, Once};
use crate::pipelines::request::{NewPipeline, Provenance, Skip, Upstream};
use crate::triggers::known::Known;
use crate::triggers::limits::Limits;
use crate::triggers::log::{Note, Record};
use crate::triggers::stranger;
use crate::triggers::uses::Rate;
use crate::{App, keys, throttle};

/// Name of the variable that holds the call itself.
pub const PAYLOAD_VARIABLE: &str = "TRIGGER_PAYLOAD";

/// How long before its end a token is said to end soon (GitLab's time for tokens).
pub(super) const ENDS_SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// A trigger call whose parameters have the right types.
#[derive(Clone, Debug)]
pub struct TriggerCall {
    /// The project; `None` when the text cannot name one.
    pub project: Option<ProjectKey>,
    /// Trigger token or job token.
    pub token: String,
    /// Branch, tag or full name.
    pub ref_text: String,
    /// Variables in the order given.
    pub variables: Vec<(String, String)>,
    /// Inputs: JSON values, or texts where the caller could only send text.
    pub inputs: Vec<(String, Json)>,
    /// The call's parameters as JSON, without the token: becomes `TRIGGER_PAYLOAD`.
    pub payload: String,
    /// Whether jobs find it.
    pub pass_payload: bool,
    /// What the caller calls this call.
    pub keys: Vec<Key>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// Which pipelines led to it, as the caller says; of a job token we know ourselves.
    pub chain: Chain,
}

/// A pipeline that a call started.
#[derive(Debug)]
pub struct Triggered {
    /// The pipeline.
    pub created: Created,
    /// What the caller should know of its token.
    pub notes: Notes,
}

/// What the caller should know of its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// How often it may be used, where that is limited.
    pub rate: Option<Rate>,
    /// When it ends, if that is soon.
    pub ends_at: Option<Timestamp>,
}

/// Starts a pipeline.
///
/// # Errors
///
/// 404 for an unknown project or token or one that do not belong together, 401 for the token of a
/// job that does not run, what the token's limits say, otherwise what [`create::create`] says.
pub async fn run(app: &App, call: TriggerCall) -> Result<Triggered> {
    let token = Token::parse(app, &call.token);
    run_with(app, call, token).await
}

/// Starts a pipeline with a token that is known already; that of the call does not count.
pub(crate) async fn run_with(app: &App, call: TriggerCall, token: Token) -> Result<Triggered> {
    let known = known_or_noted(app, &call, token).await?;
    let note = Noting::new(app, &call, &known);
    let created = async {
        let (request, notes) = checked(app, call, &known, Some(Arc::clone(&note.record))).await?;
        let created = create::create(app, request, &known.context).await?;
        Ok(Triggered { created, notes })
    };
    match created.await {
        Ok(triggered) if triggered.created.replayed => {
            app.trigger_log
                .push(note.note(app).replayed(&triggered.created.pipeline));
            Ok(triggered)
        }
        Ok(triggered) => Ok(triggered),
        Err(error) => {
            // A pipeline that was kept has its entry already.
            if !matches!(error, Error::PipelineNotCreated { kept: true, .. }) {
                app.trigger_log.push(note.note(app).refused(&error));
            }
            Err(error)
        }
    }
}

/// Says what [`run`] would start; stores nothing, not even that the token was used. Limits count it as a use.
///
/// Values of the project's own variables are not told: whoever holds a token may use them, not read them.
///
/// # Errors
///
/// The same.
pub async fn dry_run(app: &App, call: TriggerCall) -> Result<(DryRun, Notes)> {
    let token = Token::parse(app, &call.token);
    let known = known_or_noted(app, &call, token).await?;
    let note = Noting::new(app, &call, &known);
    let done = async {
        let (request, notes) = checked(app, call, &known, None).await?;
        let dry_run = dry_run::dry_run(app, request, &known.context, Reveal::CALLER).await?;
        Ok((dry_run, notes))
    };
    let done = done.await;
    let note = note.note(app);
    app.trigger_log.push(match &done {
        Ok(_) => note,
        Err(error) => note.refused(error),
    });
    done
}

/// Writes down a call that is refused before anybody looks at what it wants.
pub async fn refused_early(app: &App, call: &TriggerCall, reason: Reason, status: i32) {
    let token = Token::parse(app, &call.token);
    if let Ok(known) = known_or_noted(app, call, token).await {
        let note = Noting::new(app, call, &known).note(app);
        app.trigger_log.push(note.because(reason, status));
    }
}

/// What is written down of a call whatever comes of it.
struct Noting {
    project: ProjectId,
    user: UserId,
    ref_text: String,
    record: Arc<Record>,
}

impl Noting {
    fn new(app: &App, call: &TriggerCall, known: &Known) -> Noting {
        Noting {
            project: known.project.id,
            user: known.holder.user.id,
            ref_text: call.ref_text.clone(),
            record: Arc::new(Record::new(app, call, known)),
        }
    }

    fn note(self, app: &App) -> Note {
        Note::new(app, self.project, Some(self.user), &self.ref_text, self.record)
    }
}

/// Finds out what a token stands for; writes down who has none.
async fn known_or_noted(app: &App, call: &TriggerCall, token: Token) -> Result<Arc<Known>> {
    let found = match call.project.clone() {
        Some(key) => known(app, key, token.clone()).await,
        None => Err(Error::NotFoundPlain),
    };
    if matches!(found, Err(Error::NotFoundPlain | Error::UnauthorizedMessage(_))) {
        stranger::note(app, call, token).await;
        throttle::anonymous_call(app, call.address)?;
    }
    found
}

async fn checked(
    app: &App,
    mut call: TriggerCall,
    known: &Known,
    record: Option<Arc<Record>>,
) -> Result<(NewPipeline, Notes)> {
    let address = call.address;
    if let Via::Job(job) = &known.holder.via {
        let (this, pipeline) = (app.clone(), job.pipeline_id);
        let through = move |tx: &mut dyn Tx| chain::through_id(&this.keys, tx, pipeline);
        call.chain = app.store.read(through).await?;
    }
    let mut request = request(app, call, &known.holder, &known.project);
    let rate = match &known.limits {
        None => None,
        Some(limits) => limits.apply(app, &mut request, address).await?,
    };
    let ends_at = known.holder.ends_soon(app.clock.now());
    request.provenance.record = record;
    Ok((request, Notes { rate, ends_at }))
}

/// Finds out what a token stands for, or remembers it.
async fn known(app: &App, key: ProjectKey, token: Token) -> Result<Arc<Known>> {
    let now = app.clock.now();
    // Asked before reading: a change in between makes what is read old at once.
    let remembered = match (&token, app.store.settings_version()) {
        (Token::Trigger(digest), Some(version)) => Some((*digest, key.clone(), version)),
        _ => None,
    };
    if let Some((digest, key, version)) = &remembered
        && let Some(known) = app.known_tokens.get(digest, key, *version, now)
    {
        return Ok(known);
    }
    let app_in_read = app.clone();
    let known = app
        .store
        .read(move |tx| {
            let project = lookup::find(tx, &key)?.ok_or(Error::NotFoundPlain)?;
            let holder = holder(&app_in_read, tx, &token, &project)?;
            let context = create::context(tx, &project)?;
            let limits = match &holder.via {
                Via::Trigger(token) => Limits::of(&app_in_read, token)?,
                Via::Job(_) => None,
            };
            Ok::<_, Error>(Known {
                holder,
                project,
                context,
                limits,
            })
        })
        .await?;
    let known = Arc::new(known);
    if let Some((digest, key, version)) = remembered {
        app.known_tokens.insert(digest, key, version, now, &known);
    }
    Ok(known)
}

/// A token as far as it can be told without the database.
#[derive(Clone)]
pub enum Token {
    /// Perhaps a trigger token: its digest.
    Trigger([u8; 32]),
    /// Looks like a job token.
    Job(String),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    pub(crate) fn parse(app: &App, text: &str) -> Token {
        if text.starts_with(keys::JOB_TOKEN_PREFIX) {
            return Token::Job(text.to_owned());
        }
        Token::Trigger(app.keys.digest(text))
    }
}

/// Whoever holds the token, and what it borrows.
#[derive(Debug)]
pub(crate) struct Holder {
    /// As whom.
    pub(crate) user: User,
    /// The user's role in the project.
    pub(crate) role: AccessLevel,
    /// By which token.
    pub(crate) via: Via,
}

impl Holder {
    /// Whose idempotency keys a call may meet: those of the token, or of all jobs of the user.
    fn actor(&self) -> String {
        match &self.via {
            Via::Trigger(token) => format!("trigger {}", token.id),
            Via::Job(_) => format!("job of {}", self.user.id),
        }
    }

    /// Whether the token's time is over.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }

    /// Refuses an address that the token may not be used from.
    ///
    /// # Errors
    ///
    /// 403 with a reason; or what is wrong with the server.
    pub(crate) fn check_address(&self, app: &App, address: Option<IpAddr>) -> Result<()> {
        let Via::Trigger(token) = &self.via else { return Ok(()) };
        match Limits::of(app, token)? {
            Some(limits) => limits.check_address(address),
            None => Ok(()),
        }
    }

    /// When the token's time will be over, if that is soon.
    fn ends_soon(&self, now: Timestamp) -> Option<Timestamp> {
        self.ends_at().filter(|end| *end <= now + ENDS_SOON)
    }

    fn ends_at(&self) -> Option<Timestamp> {
        match &self.via {
            Via::Trigger(token) => token.expires_at,
            Via::Job(_) => None,
        }
    }
}

/// The token itself.
#[derive(Debug)]
pub(crate) enum Via {
    Trigger(Box<TriggerToken>),
    Job(Box<Job>),
}

/// Rows 5 and 6.
pub(crate) fn holder(app: &App, tx: &mut dyn Tx, token: &Token, project: &Project) -> Result<Holder> {
    match token {
        Token::Trigger(digest) => {
            let trigger = by_digest(tx, digest)?
                .filter(|trigger| trigger.project_id == project.id)
                .filter(|trigger| trigger.expires_at.is_none_or(|expiry| app.clock.now() < expiry))
                .ok_or(Error::NotFoundPlain)?;
            let user = ops::users::get(tx, trigger.owner_id)?.ok_or(Error::NotFoundPlain)?;
            let role = lookup::role(app, tx, &user, project)?;
            Ok(Holder {
                user,
                role,
                via: Via::Trigger(Box::new(trigger)),
            })
        }
        Token::Job(text) => {
            let job = lookup::job_of_token(app, tx, text)?.ok_or(Error::NotFoundPlain)?;
            if !job.status.is_executing() {
                return Err(Error::UnauthorizedMessage("Job is not running".to_owned()));
            }
            if job.erased_at.is_some() {
                return Err(Error::UnauthorizedMessage("Job has been erased!".to_owned()));
            }
            let user = match job.user_id {
                Some(id) => ops::users::get(tx, id)?.ok_or(Error::NotFoundPlain)?,
                None => return Err(Error::NotFoundPlain),
            };
            let role = lookup::role(app, tx, &user, project)?;
            if !lookup::job_may_use(tx, &job, &user, project, role)? {
                return Err(Error::NotFoundPlain);
            }
            Ok(Holder {
                user,
                role,
                via: Via::Job(Box::new(job)),
            })
        }
    }
}

/// Finds a trigger token. One that a rotation replaced is the new one with the old one's visible part and end.
fn by_digest(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<Option<TriggerToken>, StoreError> {
    if let Some(token) = ops::trigger_tokens::by_digest(tx, digest)? {
        return Ok(Some(token));
    }
    let found = ops::trigger_tokens::by_previous_digest(tx, digest)?;
    Ok(found.and_then(|token| {
        let previous = token.previous.clone()?;
        let ends = token.expires_at.map_or(previous.until, |end| end.min(previous.until));
        Some(TriggerToken {
            short: previous.short,
            expires_at: Some(ends),
            ..token
        })
    }))
}

fn request(app: &App, call: TriggerCall, holder: &Holder, project: &Project) -> NewPipeline {
    let variable = |key: String, value: String, kind: VariableKind| GivenVariable {
        key,
        value,
        kind,
        raw: false,
    };
    let (source, trigger, upstream) = match &holder.via {
        Via::Trigger(token) => (Source::Trigger, Some((token.id, token.short.clone())), None),
        Via::Job(job) => {
            let upstream = Upstream {
                project: job.project_id,
                pipeline: job.pipeline_id,
                job: job.id,
                is_bridge: false,
            };
            (Source::Pipeline, None, Some(upstream))
        }
    };
    let once = Once::new(&app.keys, || holder.actor(), &call.keys, &call.payload);
    let payload = call
        .pass_payload
        .then(|| variable(PAYLOAD_VARIABLE.to_owned(), call.payload, VariableKind::File));
    NewPipeline {
        // A trigger token borrows all that its owner may do; a job never acts as an administrator.
        is_admin: holder.user.is_admin && trigger.is_some(),
        project: project.clone(),
        user: holder.user.clone(),
        role: holder.role,
        ref_text: call.ref_text,
        sha: None,
        before_sha: Sha::zero(),
        source,
        variables: call
            .variables
            .into_iter()
            .map(|(key, value)| variable(key.trim().to_owned(), value, VariableKind::EnvVar))
            .collect(),
        call_variables: payload.into_iter().collect(),
        inputs: call.inputs,
        keep_failed: true,
        skip: Skip::Never,
        trigger,
        schedule: None,
        upstream,
        provenance: Provenance {
            once,
            chain: call.chain,
            ..Provenance::default()
        },
    }
}
