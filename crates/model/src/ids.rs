//! One newtype for every id, so that two numbers of different meaning never meet.

/// Declares a positive 64-bit id.
macro_rules! id {
    ($($(#[$meta:meta])* $name:ident)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map($name)
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self { $name(number) }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 { id.0 }
        }
    )+};
}

id! {
    /// Server-wide id of a user.
    UserId
    /// Server-wide id of a namespace: a group, or a user's personal namespace.
    NamespaceId
    /// Server-wide id of a project (`CI_PROJECT_ID`).
    ProjectId
    /// Server-wide id of a pipeline (`CI_PIPELINE_ID`).
    PipelineId
    /// Number of a pipeline inside its project, counted from 1 (`CI_PIPELINE_IID`).
    PipelineIid
    /// Server-wide id of a job or bridge (`CI_JOB_ID`). A retry has an id of its own.
    JobId
    /// Id of a stored job definition; many jobs share one.
    DefinitionId
    /// Id of the stored, shared part of an explanation.
    ExplanationId
    /// Id of a trigger token.
    TriggerTokenId
    /// Server-wide id of an entry of a trigger log.
    TriggerLogId
    /// Id of a personal, project or group access token.
    AccessTokenId
    /// A signed-in browser.
    SessionId
    /// Id of a runner (`CI_RUNNER_ID`).
    RunnerId
    /// Id of one process (`system_id`) of a runner.
    RunnerManagerId
    /// Id of a CI/CD variable of an instance, group or project.
    VariableId
    /// Id of a pipeline schedule.
    ScheduleId
    /// Id of a stored artifact file.
    ArtifactId
    /// Id of a project webhook.
    HookId
    /// Id of an event that hooks are to be told of.
    HookEventId
    /// Id of something that a hook is told.
    HookDeliveryId
    /// Id of an inbound hook.
    InboundHookId
    /// Id of something that arrived at an inbound hook.
    InboundDeliveryId
    /// Id of an environment.
    EnvironmentId
    /// Server-wide id of a deployment.
    DeploymentId
    /// Number of a deployment inside its project, counted from 1.
    DeploymentIid
    /// Id of a resource group.
    ResourceGroupId
}
