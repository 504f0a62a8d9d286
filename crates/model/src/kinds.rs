//! The closed sets of words: sources, reasons, roles, kinds.

use crate::words::words;

/// A text is not one of the words of a closed set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a known {kind}")]
pub struct UnknownWord {
    /// Name of the set.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
}

words! {
    /// Why a pipeline exists (`CI_PIPELINE_SOURCE`; rules-and-variables.md 4).
    pub enum Source {
        /// A git push.
        Push = "push",
        /// The web form.
        Web = "web",
        /// The trigger API with a trigger token.
        Trigger = "trigger",
        /// A pipeline schedule.
        Schedule = "schedule",
        /// `POST /projects/:id/pipeline`.
        Api = "api",
        /// An external CI system's statuses.
        External = "external",
        /// Another project's pipeline: a bridge, or the trigger API with a job token.
        Pipeline = "pipeline",
        /// A chat command.
        Chat = "chat",
        /// The web IDE.
        Webide = "webide",
        /// A merge request.
        MergeRequestEvent = "merge_request_event",
        /// A pull request of another host.
        ExternalPullRequestEvent = "external_pull_request_event",
        /// A bridge of the same project: this is a child pipeline.
        ParentPipeline = "parent_pipeline",
        /// GitLab's on-demand scan.
        OndemandDastScan = "ondemand_dast_scan",
        /// GitLab's on-demand scan validation.
        OndemandDastValidation = "ondemand_dast_validation",
        /// GitLab's security policies.
        SecurityOrchestrationPolicy = "security_orchestration_policy",
        /// A push to a container registry.
        ContainerRegistryPush = "container_registry_push",
        /// GitLab's agents.
        DuoWorkflow = "duo_workflow",
        /// GitLab's scheduled policies.
        PipelineExecutionPolicySchedule = "pipeline_execution_policy_schedule",
        /// GitLab's updates of dependencies.
        DependencyManagementSecurityUpdate = "dependency_management_security_update",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// When a job runs, relative to the jobs before it (`when`).
    pub enum When {
        /// All jobs before it passed or may fail.
        OnSuccess = "on_success",
        /// A job before it failed.
        OnFailure = "on_failure",
        /// Whatever became of the jobs before it.
        Always = "always",
        /// A person starts it.
        Manual = "manual",
        /// `start_in` after the jobs before it.
        Delayed = "delayed",
        /// Not at all; only in rules.
        Never = "never",
    }
}

words! {
    /// Why a job failed (status-machine.md 5, runner-protocol.md 4.3).
    pub enum FailureReason {
        /// Not known.
        UnknownFailure = "unknown_failure",
        /// The script ended with a non-zero status.
        ScriptFailure = "script_failure",
        /// The API failed.
        ApiFailure = "api_failure",
        /// Nobody took the job, or its runner fell silent.
        StuckOrTimeoutFailure = "stuck_or_timeout_failure",
        /// The runner could not prepare or run the job.
        RunnerSystemFailure = "runner_system_failure",
        /// An artifact that the job depends on is gone.
        MissingDependencyFailure = "missing_dependency_failure",
        /// The runner lacks a feature that the job needs.
        RunnerUnsupported = "runner_unsupported",
        /// A delayed job could not start in time.
        StaleSchedule = "stale_schedule",
        /// The job ran longer than its timeout.
        JobExecutionTimeout = "job_execution_timeout",
        /// The job is archived.
        ArchivedFailure = "archived_failure",
        /// Preparation did not complete.
        UnmetPrerequisites = "unmet_prerequisites",
        /// The scheduler failed to assign the job.
        SchedulerFailure = "scheduler_failure",
        /// A structural problem of the job's data.
        DataIntegrityFailure = "data_integrity_failure",
        /// The deployment is older than the newest one.
        ForwardDeploymentFailure = "forward_deployment_failure",
        /// The user is blocked.
        UserBlocked = "user_blocked",
        /// The project is deleted.
        ProjectDeleted = "project_deleted",
        /// Compute quota exceeded.
        CiQuotaExceeded = "ci_quota_exceeded",
        /// The bridge would close a loop.
        PipelineLoopDetected = "pipeline_loop_detected",
        /// No runner matches.
        NoMatchingRunner = "no_matching_runner",
        /// The log is larger than allowed.
        TraceSizeExceeded = "trace_size_exceeded",
        /// CI/CD is off for the project.
        BuildsDisabled = "builds_disabled",
        /// The environment could not be made.
        EnvironmentCreationFailure = "environment_creation_failure",
        /// The deployment was rejected.
        DeploymentRejected = "deployment_rejected",
        /// An outdated deployment.
        FailedOutdatedDeploymentJob = "failed_outdated_deployment_job",
        /// The server's own time limit passed.
        JobExecutionServerTimeout = "job_execution_server_timeout",
        /// The environment is protected.
        ProtectedEnvironmentFailure = "protected_environment_failure",
        /// The user may not create the downstream pipeline.
        InsufficientBridgePermissions = "insufficient_bridge_permissions",
        /// The downstream project does not exist for this user.
        DownstreamBridgeProjectNotFound = "downstream_bridge_project_not_found",
        /// The trigger definition is invalid.
        InvalidBridgeTrigger = "invalid_bridge_trigger",
        /// The upstream project does not exist.
        UpstreamBridgeProjectNotFound = "upstream_bridge_project_not_found",
        /// The user may not read the upstream project.
        InsufficientUpstreamPermissions = "insufficient_upstream_permissions",
        /// A child pipeline may not do this.
        BridgePipelineIsChildPipeline = "bridge_pipeline_is_child_pipeline",
        /// The downstream pipeline was not created.
        DownstreamPipelineCreationFailed = "downstream_pipeline_creation_failed",
        /// No provider for the job's secrets.
        SecretsProviderNotFound = "secrets_provider_not_found",
        /// Too many levels of child pipelines.
        ReachedMaxDescendantPipelinesDepth = "reached_max_descendant_pipelines_depth",
        /// The network address is not allowed.
        IpRestrictionFailure = "ip_restriction_failure",
        /// Too many pipelines in one hierarchy.
        ReachedMaxPipelineHierarchySize = "reached_max_pipeline_hierarchy_size",
        /// Too many downstream pipelines in a minute.
        ReachedDownstreamPipelineTriggerRateLimit = "reached_downstream_pipeline_trigger_rate_limit",
        /// GitLab's agent workflows.
        DuoWorkflowNotAllowed = "duo_workflow_not_allowed",
        /// GitLab's job router.
        JobRouterFailure = "job_router_failure",
        /// The job token expired.
        JobTokenExpired = "job_token_expired",
        /// Pending for too long although a runner matches.
        StuckPendingWithMatchingRunners = "stuck_pending_with_matching_runners",
        /// Pending for too long, no runner matches.
        StuckPendingNoMatchingRunners = "stuck_pending_no_matching_runners",
        /// Running without a sign of life.
        NoUpdatesRunning = "no_updates_running",
        /// Canceling without a sign of life.
        NoUpdatesCanceling = "no_updates_canceling",
        /// The server's limit for a running job passed.
        ServerTimeoutRunning = "server_timeout_running",
        /// The server's limit for a canceling job passed.
        ServerTimeoutCanceling = "server_timeout_canceling",
        /// The runner's configuration is wrong.
        RunnerConfigurationError = "runner_configuration_error",
        /// Something that the runner depends on failed.
        RunnerExternalDependencyFailure = "runner_external_dependency_failure",
        /// The runner was stopped.
        RunnerInterrupted = "runner_interrupted",
    }
}

words! {
    /// Why a pipeline failed without any job failing (rest-api.md 2.5).
    pub enum PipelineFailureReason {
        /// Not known.
        UnknownFailure = "unknown_failure",
        /// The configuration is wrong.
        ConfigError = "config_error",
        /// An external service refused it.
        ExternalValidationFailure = "external_validation_failure",
        /// The user is not verified.
        UserNotVerified = "user_not_verified",
        /// Too many jobs.
        SizeLimitExceeded = "size_limit_exceeded",
        /// Too many jobs in active pipelines.
        JobActivityLimitExceeded = "job_activity_limit_exceeded",
        /// Too many deployments.
        DeploymentsLimitExceeded = "deployments_limit_exceeded",
        /// The project is deleted.
        ProjectDeleted = "project_deleted",
        /// No job was left by the rules; leaves no record.
        FilteredByRules = "filtered_by_rules",
        /// `workflow:rules` said no; leaves no record.
        FilteredByWorkflowRules = "filtered_by_workflow_rules",
    }
}

words! {
    /// Whether a variable reaches the job as a value or as the path of a file holding it.
    pub enum VariableKind {
        /// An environment variable.
        EnvVar = "env_var",
        /// A file; the environment variable holds its path.
        File = "file",
    }
}

words! {
    /// Who may see a project.
    pub enum Visibility {
        /// Members only.
        Private = "private",
        /// Everybody who is signed in.
        Internal = "internal",
        /// Everybody.
        Public = "public",
    }
}

words! {
    /// State of a user account.
    pub enum UserState {
        /// May sign in.
        Active = "active",
        /// Blocked by an administrator; tokens do not work.
        Blocked = "blocked",
        /// Deactivated for inactivity.
        Deactivated = "deactivated",
    }
}

words! {
    /// Who may set pipeline variables (`ci_pipeline_variables_minimum_override_role`).
    pub enum OverrideRole {
        /// Developers and up.
        Developer = "developer",
        /// Maintainers and up.
        Maintainer = "maintainer",
        /// Owners.
        Owner = "owner",
        /// Nobody, not even an administrator.
        NoOneAllowed = "no_one_allowed",
    }
}

words! {
    /// Whether a runner serves everybody, a group or single projects.
    pub enum RunnerType {
        /// Every project.
        Instance = "instance_type",
        /// The projects below a group.
        Group = "group_type",
        /// The projects it is assigned to.
        Project = "project_type",
    }
}

words! {
    /// Which refs a runner takes jobs from.
    pub enum RunnerAccess {
        /// All.
        NotProtected = "not_protected",
        /// Protected ones only.
        RefProtected = "ref_protected",
    }
}

words! {
    /// What a newer commit on the same ref does to this pipeline (`workflow:auto_cancel:on_new_commit`).
    pub enum OnNewCommit {
        /// Cancel unless a job that is not interruptible has started.
        Conservative = "conservative",
        /// Cancel the interruptible jobs.
        Interruptible = "interruptible",
        /// Nothing.
        None = "none",
    }
}

words! {
    /// What a failed job does to the others (`workflow:auto_cancel:on_job_failure`).
    pub enum OnJobFailure {
        /// Nothing.
        None = "none",
        /// Cancel all.
        All = "all",
    }
}

words! {
    /// Which waiting job gets a free resource (`process_mode` of a resource group).
    pub enum ProcessMode {
        /// Any.
        Unordered = "unordered",
        /// Lowest pipeline id first.
        OldestFirst = "oldest_first",
        /// Highest pipeline id first.
        NewestFirst = "newest_first",
        /// Highest pipeline id among those that are ready.
        NewestReadyFirst = "newest_ready_first",
    }
}

/// A member's role, ordered by what it may do (rest-api.md 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccessLevel {
    /// Not a member.
    None = 0,
    /// Reads the project; pipelines only if they are public.
    Guest = 10,
    /// As Guest, plans work.
    Planner = 15,
    /// Reads code, pipelines, jobs.
    Reporter = 20,
    /// Runs pipelines, pushes to unprotected branches.
    Developer = 30,
    /// Trigger tokens, variables, hooks, members, settings.
    Maintainer = 40,
    /// Deletes pipelines and the project.
    Owner = 50,
}

impl AccessLevel {
    /// Returns the role of GitLab's number; `None` when there is none.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<AccessLevel> {
        Some(match number {
            0 => AccessLevel::None,
            10 => AccessLevel::Guest,
            15 => AccessLevel::Planner,
            20 => AccessLevel::Reporter,
            30 => AccessLevel::Developer,
            40 => AccessLevel::Maintainer,
            50 => AccessLevel::Owner,
            _ => return None,
        })
    }

    /// Returns GitLab's number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self as i64
    }
}

impl OverrideRole {
    /// Returns the least role that may set pipeline variables; `None` when nobody may.
    #[must_use]
    pub const fn minimum(self) -> Option<AccessLevel> {
        match self {
            OverrideRole::Developer => Some(AccessLevel::Developer),
            OverrideRole::Maintainer => Some(AccessLevel::Maintainer),
            OverrideRole::Owner => Some(AccessLevel::Owner),
            OverrideRole::NoOneAllowed => None,
        }
    }
}

impl FailureReason {
    /// Returns the reason a foreign runner reported, or `UnknownFailure` for a word that is not on the list.
    ///
    /// GitLab stores unknown words as `unknown_failure` (runner-protocol.md 4.3).
    #[must_use]
    pub fn from_runner(text: &str) -> FailureReason {
        text.parse().unwrap_or(FailureReason::UnknownFailure)
    }
}
