//! The runner protocol: what runners and server say to each other below `/api/v4`.
//!
//! Both sides use these types: the server reads requests and writes answers, the embedded
//! runner the other way round. Reading is tolerant (`null` is a type's zero value, unknown keys
//! are ignored, forms may carry numbers and booleans as text), writing is exact, because the
//! public runner loses a job without a word when its JSON has one field of the wrong type.
//! Nothing here knows HTTP; header names stand here because they are words of the protocol.

mod identity;
mod job;
mod lenient;
mod resources;
mod state;
mod trace;

pub use identity::{
    Features, JobRequest, KNOWN_FEATURES, LEGACY_SYSTEM_ID, RegisterRequest, RegistrationDetails, RunnerConfig,
    RunnerInfo, Session, TokenDetails, TokenRequest, UnregisterRequest, VerifyRequest,
};
pub use job::{GitInfo, Hook, Input, InputValue, Job, JobFeatures, JobInfo, RunnerJobInfo, Step, Variable};
pub use resources::{
    Artifact, ArtifactsFile, Cache, Credential, Dependency, DockerOptions, ExecutorOptions, Image, KubernetesOptions,
    Port,
};
pub use state::{ArtifactParameters, JobState, LastWords, TraceOutput, UpdateJob};
pub use trace::{ContentRange, StoredRange};

/// Header with the runner's token; the body repeats it.
pub const RUNNER_TOKEN_HEADER: &str = "RUNNER-TOKEN";
/// Header with the job's token.
pub const JOB_TOKEN_HEADER: &str = "JOB-TOKEN";
/// Answer header with the job's status; only `canceling`, `canceled` and `failed` mean anything to a runner.
pub const JOB_STATUS_HEADER: &str = "Job-Status";
/// Answer header with the queue value a runner sends back as `last_update`.
pub const LAST_UPDATE_HEADER: &str = "X-GitLab-Last-Update";
/// Answer header with the seconds between two log patches.
pub const TRACE_UPDATE_INTERVAL_HEADER: &str = "X-GitLab-Trace-Update-Interval";
/// Header that names one request in both logs.
pub const REQUEST_ID_HEADER: &str = "X-Request-Id";
/// Answer header (not GitLab's) with the milliseconds between two log patches while somebody watches;
/// only the embedded runner reads it.
pub const TRACE_UPDATE_MILLISECONDS_HEADER: &str = "X-Tripline-Trace-Update-Ms";
