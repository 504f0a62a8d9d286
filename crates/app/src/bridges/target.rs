//! What a bridge starts: which project and ref, and the reasons why it may not (status-machine 9, in GitLab's order).

use std::sync::Arc;

use model::definition::TriggerInclude;
use model::{AccessLevel, FailureReason, GitRef, Project, Sha, Source, User};
use schedule::bridge::{MAX_FAMILY, is_loop, is_too_deep};
use serde_json::{Map, Value as Json, json};

use crate::App;
use crate::access::{self, Ability, ProjectAccess};
use crate::bridges::origin::Origin;
use crate::bridges::variables::{Reach, Variables};
use crate::caller::{Caller, Credential, UserCaller};
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::create::{self, Context};
use crate::pipelines::request::{NewPipeline, Provenance, Skip, Upstream};

/// A pipeline to create.
pub(super) struct Target {
    pub(super) request: NewPipeline,
    pub(super) context: Context,
    /// The configuration of a child pipeline; otherwise the project's own counts.
    pub(super) config: Option<Arc<str>>,
}

/// Decides what a bridge starts.
///
/// # Errors
///
/// The outer error is one of the server; the inner one is why the bridge fails.
pub(super) async fn decide(app: &App, origin: &Origin) -> Result<std::result::Result<Target, FailureReason>> {
    let variables = Variables::of(app, origin);
    let child = origin.trigger.project.is_none();
    let (user, own_role) = match &origin.user {
        Some((user, role)) => (user.clone(), *role),
        None => return Ok(Err(FailureReason::DownstreamBridgeProjectNotFound)),
    };
    let path = match &origin.trigger.project {
        Some(path) => variables.expand_name(path),
        None => origin.gathered.project.full_path.clone(),
    };
    let Some((access, context)) = project(app, user.clone(), path).await? else {
        return Ok(Err(FailureReason::DownstreamBridgeProjectNotFound));
    };
    if !child && access.project.id == origin.gathered.project.id {
        return Ok(Err(FailureReason::InvalidBridgeTrigger));
    }
    if child && is_too_deep(&origin.ancestors) {
        return Ok(Err(FailureReason::ReachedMaxDescendantPipelinesDepth));
    }
    if usize::try_from(origin.family).unwrap_or(usize::MAX) >= MAX_FAMILY {
        return Ok(Err(FailureReason::ReachedMaxPipelineHierarchySize));
    }
    let git_ref = if child {
        Some(origin.gathered.pipeline.git_ref.clone())
    } else {
        let branch = origin
            .trigger
            .branch
            .as_deref()
            .map(|branch| variables.expand_name(branch));
        branch
            .or_else(|| access.project.default_branch.clone())
            .map(GitRef::branch)
    };
    let Some(git_ref) = git_ref.filter(|git_ref| may_start(origin, &user, own_role, &access, &context, git_ref)) else {
        return Ok(Err(FailureReason::InsufficientBridgePermissions));
    };
    if !child && is_loop(&origin.ancestors) {
        return Ok(Err(FailureReason::PipelineLoopDetected));
    }
    let reach = Reach::between(origin, &access.project);
    let variables = variables.passed(app, origin, reach)?;
    let whole = Whole {
        user,
        access,
        git_ref,
        variables,
    };
    Ok(Ok(Target {
        config: child.then(|| config(&origin.trigger.includes)),
        request: if child {
            whole.child(origin)
        } else {
            whole.of_other_project(origin)
        },
        context,
    }))
}

/// The project to start in, if the user may know of it.
async fn project(app: &App, user: User, path: String) -> Result<Option<(ProjectAccess, Context)>> {
    let this = app.clone();
    let caller = Caller::User(Box::new(UserCaller {
        user,
        credential: Credential::Session,
        address: None,
    }));
    app.store
        .read(move |tx| {
            match lookup::project_for(
                &this,
                tx,
                &caller,
                &ProjectKey::Path(path.clone()),
                Ability::ReadProject,
            ) {
                Ok(access) => {
                    let context = create::context(tx, &access.project)?;
                    Ok(Some((access, context)))
                }
                Err(error @ Error::Internal(_)) => Err(error),
                Err(_) => Ok(None),
            }
        })
        .await
}

/// Whether the user may go on with the bridge's pipeline, and create one on the downstream ref.
fn may_start(
    origin: &Origin,
    user: &User,
    own_role: AccessLevel,
    access: &ProjectAccess,
    context: &Context,
    git_ref: &GitRef,
) -> bool {
    let caller = Caller::User(Box::new(UserCaller {
        user: user.clone(),
        credential: Credential::Session,
        address: None,
    }));
    access::allows(&origin.gathered.project, own_role, &caller, Ability::UpdatePipeline)
        && user.is_active()
        && access.allows(&caller, Ability::CreatePipeline)
        && access::may_run_on(
            &context.protected,
            &git_ref.name,
            git_ref.is_tag,
            access.role,
            caller.is_admin(),
        )
}

/// The configuration of a child pipeline: it includes what the bridge names. JSON is YAML.
fn config(includes: &[TriggerInclude]) -> Arc<str> {
    let entry = |include: &TriggerInclude| match include {
        TriggerInclude::Entry(text) => serde_json::from_str(text).unwrap_or_default(),
        TriggerInclude::Artifact { artifact, job, inputs } => {
            let mut entry = json!({ "artifact": artifact, "job": job });
            if let Some(inputs) = inputs {
                entry["inputs"] = serde_json::from_str(inputs).unwrap_or_default();
            }
            entry
        }
    };
    let includes: Vec<Json> = includes.iter().map(entry).collect();
    json!({ "include": includes }).to_string().into()
}

/// Everything a request is made of.
struct Whole {
    user: User,
    access: ProjectAccess,
    git_ref: GitRef,
    variables: Vec<model::definition::GivenVariable>,
}

impl Whole {
    /// The same commit; the variables need no role, as the project is the same.
    fn child(self, origin: &Origin) -> NewPipeline {
        let parent = &origin.gathered.pipeline;
        NewPipeline {
            ref_text: self.git_ref.full_name(),
            sha: Some(parent.sha.clone()),
            before_sha: parent.before_sha.clone(),
            source: Source::ParentPipeline,
            variables: Vec::new(),
            call_variables: self.variables,
            ..basic(origin, self.user, self.access.role, self.access.project)
        }
    }

    /// The newest commit of a branch of another project.
    fn of_other_project(self, origin: &Origin) -> NewPipeline {
        let inputs = origin
            .trigger
            .inputs
            .as_deref()
            .map(serde_json::from_str::<Map<String, Json>>);
        let inputs = inputs.and_then(std::result::Result::ok).unwrap_or_default();
        NewPipeline {
            ref_text: self.git_ref.name,
            variables: self.variables,
            inputs: inputs.into_iter().collect(),
            ..basic(origin, self.user, self.access.role, self.access.project)
        }
    }
}

/// What both kinds have in common.
fn basic(origin: &Origin, user: User, role: AccessLevel, project: Project) -> NewPipeline {
    let bridge = origin.job();
    NewPipeline {
        is_admin: user.is_admin,
        project,
        user,
        role,
        ref_text: String::new(),
        sha: None,
        before_sha: Sha::zero(),
        source: Source::Pipeline,
        variables: Vec::new(),
        call_variables: Vec::new(),
        inputs: Vec::new(),
        keep_failed: true,
        skip: Skip::Never,
        trigger: None,
        schedule: None,
        provenance: Provenance {
            chain: origin.gathered.chain.clone(),
            ..Provenance::default()
        },
        upstream: Some(Upstream {
            project: bridge.project_id,
            pipeline: bridge.pipeline_id,
            job: bridge.id,
            is_bridge: true,
        }),
    }
}
