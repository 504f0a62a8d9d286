//! `POST /projects/:id/pipeline` and the form that does the same: somebody asks for a pipeline.

use model::definition::GivenVariable;
use model::{Sha, Source};
use serde_json::{Value as Json, json};

use crate::App;
use crate::access::Ability;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::chain::Chain;
use crate::pipelines::compiled::Reveal;
use crate::pipelines::create::{self, Context, Created};
use crate::pipelines::dry_run::{self, DryRun};
use crate::pipelines::idempotency::{Key, Once};
use crate::pipelines::request::{NewPipeline, Provenance, Skip};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ApiCall {
    /// Branch, tag or full name.
    pub ref_text: String,
    /// Variables in the order given.
    pub variables: Vec<GivenVariable>,
    /// Inputs: JSON values, or texts where the caller could only send text.
    pub inputs: Vec<(String, Json)>,
    /// What the caller calls this call.
    pub keys: Vec<Key>,
    /// Which pipelines led to it, as the caller says.
    pub chain: Chain,
}

/// Creates a pipeline with `source=api`.
///
/// # Errors
///
/// 401, 403 or 404 as project and role say; otherwise what [`create::create`] says, always 400.
pub async fn create_by_api(app: &App, caller: Caller, key: ProjectKey, call: ApiCall) -> Result<Created> {
    let (request, context) = request(app, caller, key, call, Source::Api).await?;
    create::create(app, request, &context).await
}

/// As [`create_by_api`], with `source=web`.
///
/// # Errors
///
/// The same.
pub async fn create_on_page(app: &App, caller: Caller, key: ProjectKey, call: ApiCall) -> Result<Created> {
    let (request, context) = request(app, caller, key, call, Source::Web).await?;
    create::create(app, request, &context).await
}

/// Says what [`create_by_api`] would create.
///
/// # Errors
///
/// The same.
pub async fn dry_run_by_api(app: &App, caller: Caller, key: ProjectKey, call: ApiCall) -> Result<DryRun> {
    dry_run_of(app, caller, key, call, Source::Api).await
}

/// Says what [`create_on_page`] would create.
///
/// # Errors
///
/// The same.
pub async fn dry_run_on_page(app: &App, caller: Caller, key: ProjectKey, call: ApiCall) -> Result<DryRun> {
    dry_run_of(app, caller, key, call, Source::Web).await
}

async fn dry_run_of(app: &App, caller: Caller, key: ProjectKey, call: ApiCall, source: Source) -> Result<DryRun> {
    let (request, context) = request(app, caller, key, call, source).await?;
    let reveal = Reveal {
        settings: request.is_admin || request.role >= Ability::AdminProject.minimum_role(),
        given: true,
    };
    dry_run::dry_run(app, request, &context, reveal).await
}

async fn request(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    call: ApiCall,
    source: Source,
) -> Result<(NewPipeline, Context)> {
    let user = caller.user().ok_or(Error::Unauthorized)?.clone();
    let is_admin = caller.is_admin();
    let this = app.clone();
    let (access, context) = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadProject)?;
            let context = create::context(tx, &access.project)?;
            // An archived project and one without CI/CD have messages of their own in the chain.
            if !access.project.archived {
                access.require(&caller, Ability::CreatePipeline)?;
            }
            Ok::<_, Error>((access, context))
        })
        .await?;
    let actor = || format!("user {}", user.id);
    let once = match call.keys.as_slice() {
        [] => None,
        keys => Once::new(&app.keys, actor, keys, &payload(&call)),
    };
    let request = NewPipeline {
        project: access.project,
        user,
        role: access.role,
        ref_text: call.ref_text,
        sha: None,
        before_sha: Sha::zero(),
        source,
        variables: call.variables,
        call_variables: Vec::new(),
        inputs: call.inputs,
        keep_failed: false,
        skip: Skip::Never,
        trigger: None,
        schedule: None,
        upstream: None,
        is_admin,
        provenance: Provenance {
            once,
            chain: call.chain,
            ..Provenance::default()
        },
    };
    Ok((request, context))
}

/// What was asked for as one text: the same for the same call.
fn payload(call: &ApiCall) -> String {
    let variable = |given: &GivenVariable| json!([given.key, given.value, given.kind.as_str()]);
    let variables: Vec<Json> = call.variables.iter().map(variable).collect();
    json!([call.ref_text, variables, call.inputs]).to_string()
}
