//! A configuration compiled for one request: the part of the chain that pipelines, dry runs, the
//! lint API and explanations have in common. It decides nothing about who may ask, and stores
//! nothing.

use std::sync::Arc;

use compile::config::{Config, PlanRequest};
use compile::load::{Limits, LoadRequest, Loaded};
use compile::{Diagnostic, Explained, Explanation, Plan, PlanResult, Severity, Step, Variable, VariableOrigin};
use model::definition::GivenVariable;
use model::{GitRef, PipelineFailureReason, PipelineIid, Project, ProjectId, Sha, VariableKind};
use store::ops::pipelines;

use crate::error::{Error, Result};
use crate::pipelines::config::{Form, Revision, include_time};
use crate::pipelines::create::Context;
use crate::pipelines::explanation::keep::{Asked, Why};
use crate::pipelines::facts::Provider;
use crate::pipelines::request::{NewPipeline, Refusal};
use crate::variables::{self, PipelineFacts};
use crate::{App, DEFAULT_CONFIG_PATH, project_variables};

/// Configurations larger than this are compiled off the async threads.
const LARGE_CONFIG_BYTES: usize = 16 << 10;

/// Where a pipeline runs, or would run.
#[derive(Clone, Debug)]
pub struct Place {
    /// Branch or tag.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Sha,
    /// Whether the branch or tag is protected.
    pub protected: bool,
    /// Message of an annotated tag.
    pub tag_message: Option<String>,
    /// The commit's facts, and the configuration.
    pub revision: Arc<Revision>,
}

/// A compiled configuration, and the variables it is used with.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the compiler made of the configuration, also when that is wrong.
    pub form: Arc<Form>,
    /// The pipeline's number, when something looks at it before the pipeline is stored.
    pub(crate) iid: Option<PipelineIid>,
    config_name: String,
    predefined: Arc<[Variable]>,
    overriding: Vec<Variable>,
    is_large: bool,
}

/// What becomes of the number that a pipeline would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// It is this pipeline's, also if the pipeline is refused afterwards.
    Take,
    /// It stays free: nothing is stored.
    Look,
}

/// Whose values an explanation shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reveal {
    /// Values of variables of instance, groups and project that are not masked.
    pub settings: bool,
    /// Values of variables that were given with the call.
    pub given: bool,
}

impl Reveal {
    /// What somebody may see who only holds a token: that may be used, but not read.
    pub const CALLER: Reveal = Reveal {
        settings: false,
        given: true,
    };

    /// Takes the values out of an explanation that are not to be seen.
    pub fn apply(self, explanation: &mut Explanation) {
        explanation.hide(|origin| match origin {
            VariableOrigin::Instance | VariableOrigin::Group | VariableOrigin::Project => !self.settings,
            VariableOrigin::Pipeline | VariableOrigin::Schedule => !self.given,
            _ => false,
        });
    }
}

impl Compiled {
    /// Compiles a text, or takes what is remembered of it.
    pub(crate) async fn new(
        app: &App,
        request: &NewPipeline,
        context: &Context,
        place: &Place,
        text: &Arc<str>,
    ) -> Result<Compiled> {
        let predefined = place.revision.predefined(&facts_of(app, request, context, place));
        let overriding = overriding(app, request, context, place)?;
        let form = match place.revision.form(&request.inputs, &predefined, &overriding) {
            Some(form) => form,
            None => {
                let known = include_time(&predefined, &overriding);
                let loaded = load(app, request, place, text, &known).await?;
                place.revision.remember(loaded, &request.inputs, &known)
            }
        };
        Ok(Compiled {
            form,
            iid: None,
            config_name: config_name(&request.project).to_owned(),
            predefined,
            overriding,
            is_large: text.len() > LARGE_CONFIG_BYTES,
        })
    }

    /// Finds out the pipeline's number, if something looks at it before the pipeline is stored.
    pub(crate) async fn number(&mut self, app: &App, project: ProjectId, numbering: Numbering) -> Result<()> {
        let names_iid = self
            .form
            .loaded
            .config
            .as_ref()
            .is_some_and(|config| config.names_iid());
        self.iid = match numbering {
            _ if !names_iid => None,
            Numbering::Take => Some(app.store.write(move |tx| pipelines::take_iid(tx, project)).await?),
            Numbering::Look => Some(app.store.read(move |tx| pipelines::next_iid(tx, project)).await?),
        };
        Ok(())
    }

    /// Returns what is wrong with the configuration whatever the pipeline, as the lint API lists it.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        let diagnostics = self.form.loaded.diagnostics.iter();
        diagnostics.filter(|found| found.severity == Severity::Error)
    }

    /// Returns what is remarkable about it and stops nothing.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        let diagnostics = self.form.loaded.diagnostics.iter();
        diagnostics.filter(|found| found.severity == Severity::Warning)
    }

    /// Returns the first error as the creation of a pipeline tells it: GitLab reads the main file as
    /// if a local `include` named it, so what is wrong with that file alone has its path in front.
    pub(crate) fn first_error(&self) -> Option<String> {
        let error = self.errors().next()?;
        let (loaded, path) = (&self.form.loaded, &self.config_name);
        let is_blank = |node: &compile::yaml::Node| node.as_mapping().is_some_and(|mapping| mapping.is_empty());
        Some(if loaded.root_unreadable {
            format!("`{path}`: {}", error.message)
        } else if loaded.merged.as_ref().is_some_and(is_blank) {
            format!("Included file `{path}` does not have valid YAML syntax!")
        } else {
            error.message.clone()
        })
    }

    /// Rows 14 to 20: which jobs the pipeline gets, and why.
    pub(crate) async fn plan(
        &self,
        app: &App,
        request: &NewPipeline,
        place: &Place,
    ) -> Result<std::result::Result<PlannedRun, Refusal>> {
        let asked = Asked {
            source: request.source,
            git_ref: &place.git_ref,
            project_path: &request.project.full_path,
            predefined: &self.predefined,
            overriding: &self.overriding,
        };
        // A number is another one each time, and is not among the variables that are compared.
        let known = self
            .iid
            .is_none()
            .then(|| self.form.explanations.find(&asked))
            .flatten();
        if let Some(known) = known {
            let planned = self.ask(app, request, place, Config::plan).await?.answer;
            if let PlanResult::Plan(plan) = planned.result {
                return Ok(check_size(app, &plan).map(|()| PlannedRun {
                    plan,
                    warnings: messages(planned.warnings),
                    why: Why::Known(known),
                }));
            }
            // Remembered are plans only; whatever this is, it is explained below.
        }
        let Answered { answer, facts_asked } = self.ask(app, request, place, Config::explain).await?;
        let Explained {
            planned,
            explanation,
            looked_at,
        } = answer;
        let plan = match refused(planned.result) {
            Ok(plan) => plan,
            Err(refusal) => return Ok(Err(refusal.because(explanation))),
        };
        if let Err(refusal) = check_size(app, &plan).and_then(|()| check_stages(&plan)) {
            return Ok(Err(refusal));
        }
        let why = Why::new(
            &app.keys,
            request.project.id,
            &self.form.explanations,
            &explanation,
            (!facts_asked && self.iid.is_none()).then_some((&asked, looked_at)),
        )?;
        Ok(Ok(PlannedRun {
            plan,
            warnings: messages(planned.warnings),
            why,
        }))
    }

    /// Says for every job of the file why it is in the pipeline or not.
    pub(crate) async fn explain(
        &self,
        app: &App,
        request: &NewPipeline,
        place: &Place,
        reveal: Reveal,
    ) -> Result<Explanation> {
        let mut explanation = self.ask(app, request, place, Config::explain).await?.answer.explanation;
        reveal.apply(&mut explanation);
        Ok(explanation)
    }

    /// Asks the compiler, fetching what it wants to know.
    async fn ask<T>(
        &self,
        app: &App,
        request: &NewPipeline,
        place: &Place,
        question: fn(&Config, &PlanRequest<'_>, &compile::Facts) -> Step<T>,
    ) -> Result<Answered<T>> {
        let config = self.form.loaded.config.as_ref();
        let config = config.ok_or_else(|| Error::internal("no configuration and no error"))?;
        let limits = limits(app);
        let plan_request = PlanRequest {
            source: request.source,
            git_ref: &place.git_ref,
            merge_request: false,
            project_path: &request.project.full_path,
            predefined: &self.predefined,
            overriding: &self.overriding,
            iid: self.iid.map(|iid| iid.0),
            only_job: None,
            limits: &limits,
        };
        let mut provider = Provider::new(app, request, &place.sha);
        let mut facts_asked = false;
        loop {
            let step = if self.is_large {
                tokio::task::block_in_place(|| question(config, &plan_request, provider.facts()))
            } else {
                question(config, &plan_request, provider.facts())
            };
            match step {
                Step::Done(answer) => return Ok(Answered { answer, facts_asked }),
                Step::Needs(demands) => provider.fetch(demands).await?,
            }
            facts_asked = true;
        }
    }
}

/// A plan, and why it is as it is.
pub(crate) struct PlannedRun {
    /// The jobs.
    pub(crate) plan: Plan,
    /// Remarks that stopped nothing.
    pub(crate) warnings: Vec<String>,
    /// Why.
    pub(crate) why: Why,
}

/// What the compiler answered.
struct Answered<T> {
    answer: T,
    /// Whether facts of the repository had a part in it.
    facts_asked: bool,
}

fn messages(warnings: Vec<Diagnostic>) -> Vec<String> {
    warnings.into_iter().map(|warning| warning.message).collect()
}

/// The plan, or why there is none.
fn refused(result: PlanResult) -> std::result::Result<Plan, Refusal> {
    Err(match result {
        PlanResult::Plan(plan) => return Ok(plan),
        PlanResult::FilteredByWorkflowRules => {
            Refusal::not_kept("The pipeline did not run. Review the workflow:rules configuration for the pipeline.")
        }
        PlanResult::Empty => Refusal::not_kept(
            "The resulting pipeline would have been empty. Review the rules configuration for the relevant jobs.",
        ),
        PlanResult::Invalid(found) => {
            let texts: Vec<&str> = found.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
            Refusal::config_error(texts.join("\n"))
        }
    })
}

/// Returns the path of a project's configuration.
pub(crate) fn config_name(project: &Project) -> &str {
    project.settings.config_path.as_deref().unwrap_or(DEFAULT_CONFIG_PATH)
}

fn facts_of<'a>(app: &'a App, request: &'a NewPipeline, context: &'a Context, place: &'a Place) -> PipelineFacts<'a> {
    PipelineFacts {
        settings: &app.settings,
        project: &request.project,
        namespace: &context.namespace,
        git_ref: &place.git_ref,
        protected: place.protected,
        sha: &place.sha,
        before_sha: &request.before_sha,
        commit: &place.revision.commit,
        tag_message: place.tag_message.as_deref(),
        source: request.source,
        iid: None,
        created_at: None,
        name: None,
        trigger_short_token: request.trigger.as_ref().map(|(_, short)| short.as_str()),
        schedule_description: request.schedule.as_ref().map(|one| one.description.as_str()),
        upstream: request
            .upstream
            .filter(|u| u.is_bridge)
            .map(|u| (u.project.0, u.pipeline.0, u.job.0)),
    }
}

/// The variables that are stronger than the configuration's, weakest first.
fn overriding(app: &App, request: &NewPipeline, context: &Context, place: &Place) -> Result<Vec<Variable>> {
    let mut list = Vec::from(variables::of_user(&request.user));
    project_variables::open_into(&app.keys, &context.variables, place.protected, &mut list)?;
    let origin = match request.schedule {
        Some(_) => VariableOrigin::Schedule,
        None => VariableOrigin::Pipeline,
    };
    list.extend(
        request
            .variables
            .iter()
            .chain(&request.call_variables)
            .map(|given| of_given(given, origin)),
    );
    Ok(list)
}

/// A variable given with a call, as the compiler sees it.
#[must_use]
pub fn of_given(given: &GivenVariable, origin: VariableOrigin) -> Variable {
    Variable {
        key: given.key.clone().into(),
        value: given.value.clone(),
        raw: given.raw,
        file: given.kind == VariableKind::File,
        masked: false,
        environment_scope: None,
        origin,
    }
}

/// Compiles the configuration, fetching what it includes.
async fn load(app: &App, request: &NewPipeline, place: &Place, text: &Arc<str>, known: &[Variable]) -> Result<Loaded> {
    let mut provider = Provider::new(app, request, &place.sha);
    let limits = limits(app);
    let fqdn = app.settings.external_url.fqdn();
    let load = LoadRequest {
        file_name: config_name(&request.project),
        text: Arc::clone(text),
        file_project: None,
        file_sha: None,
        inputs: &request.inputs,
        variables: known,
        project_path: &request.project.full_path,
        sha: place.sha.as_str(),
        server_fqdn: &fqdn,
        limits: &limits,
    };
    loop {
        // Files are small as a rule; a large one must not hold up other requests on this thread.
        let step = if load.text.len() > LARGE_CONFIG_BYTES {
            tokio::task::block_in_place(|| compile::load::load(&load, provider.facts()))
        } else {
            compile::load::load(&load, provider.facts())
        };
        match step {
            Step::Done(loaded) => return Ok(loaded),
            Step::Needs(demands) => provider.fetch(demands).await?,
        }
    }
}

/// Row 16.
fn check_size(app: &App, plan: &Plan) -> Result<(), Refusal> {
    let most = app.settings.max_jobs_per_pipeline;
    if most == 0 || plan.jobs.len() <= most {
        return Ok(());
    }
    Err(Refusal {
        message: format!(
            "The number of jobs has exceeded the limit of {most}. Try splitting the configuration with \
             parent-child-pipelines"
        ),
        failure_reason: Some(PipelineFailureReason::SizeLimitExceeded),
        explanation: None,
    })
}

/// Row 21: GitLab's rows of stages have a limit that its reader of configurations does not know.
fn check_stages(plan: &Plan) -> Result<(), Refusal> {
    let too_long = |name: &str| name.chars().count() > compile::LONGEST_STAGE;
    if plan.jobs.iter().any(|job| too_long(&job.definition.stage)) {
        let text = "Failed to persist the pipeline: Validation failed: Stages is invalid";
        return Err(Refusal::not_kept(text));
    }
    Ok(())
}

fn limits(app: &App) -> Limits {
    Limits {
        jobs: app.settings.max_jobs_per_pipeline,
        yaml: compile::yaml::Limits::of_bytes(app.settings.max_yaml_size_bytes),
        ..Limits::default()
    }
}
