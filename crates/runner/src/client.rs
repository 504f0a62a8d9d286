//! The runner's end of the protocol: one method per call, plain answers instead of HTTP.
//!
//! What an answer means for a job is decided elsewhere (`job`, `trace`); this module knows
//! addresses, headers, success codes and retries within one call.

mod http;
mod transfer;

use std::sync::Mutex;
use std::time::Duration;

use hyper::{Method, StatusCode};
use wire::runner::{
    ContentRange, Features, JOB_STATUS_HEADER, JOB_TOKEN_HEADER, Job, JobRequest, LAST_UPDATE_HEADER,
    RUNNER_TOKEN_HEADER, RunnerInfo, StoredRange, TRACE_UPDATE_INTERVAL_HEADER, TRACE_UPDATE_MILLISECONDS_HEADER,
    UpdateJob, VerifyRequest,
};

use http::{Answer, Http};
pub(crate) use http::{CallError, InvalidUrl};
pub(crate) use transfer::Upload;

/// A held request for a job gets no answer for as long as the server likes; this is the most.
const REQUEST_LIMIT: Duration = Duration::from_secs(600);

/// Time for any other call.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// What the embedded runner can do (shell executor).
const FEATURES: [&str; 20] = [
    "variables",
    "shared",
    "artifacts",
    "upload_multiple_artifacts",
    "upload_raw_artifacts",
    "cache",
    "fallback_cache_keys",
    "refspecs",
    "masking",
    "raw_variables",
    "artifacts_exclude",
    "multi_build_steps",
    "return_exit_code",
    "trace_reset",
    "trace_checksum",
    "trace_size",
    "cancelable",
    "cancel_gracefully",
    "two_phase_job_commit",
    "job_inputs",
];

/// A connection pool to one server, with the runner's identity.
pub(crate) struct Client {
    http: Http,
    token: String,
    system_id: String,
    info: RunnerInfo,
    last_update: Mutex<Option<String>>,
}

/// Answer to a request for a job.
pub(crate) enum JobAnswer {
    /// Run this.
    Job(Box<Job>),
    /// There is none; whether the queue has changed since the request, so that asking again at once makes sense.
    None {
        /// The server's queue value differs from the one sent.
        changed: bool,
    },
    /// Another runner was faster.
    Conflict,
    /// The token is not valid.
    Forbidden,
}

/// What every answer about a job says.
#[derive(Clone, Debug)]
pub(crate) struct JobReply {
    /// HTTP status.
    pub(crate) status: u16,
    /// `Job-Status`.
    pub(crate) job_status: Option<String>,
    /// `Range`: bytes of log the server has.
    pub(crate) stored: Option<u64>,
    /// How often the server wants the log.
    pub(crate) interval: Option<Duration>,
}

impl Client {
    /// Returns a client; nothing is sent.
    pub(crate) fn new(url: &str, token: String, system_id: String, shell: &str) -> Result<Client, InvalidUrl> {
        let info = RunnerInfo {
            name: "tripline-runner".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: std::env::consts::OS.to_owned(),
            architecture: match std::env::consts::ARCH {
                "x86_64" => "amd64",
                "aarch64" => "arm64",
                other => other,
            }
            .to_owned(),
            executor: "shell".to_owned(),
            shell: shell.to_owned(),
            features: Features::declaring(&FEATURES),
            ..RunnerInfo::default()
        };
        Ok(Client {
            http: Http::new(url)?,
            token,
            system_id,
            info,
            last_update: Mutex::new(None),
        })
    }

    /// `POST runners/verify`: returns whether the token is valid. `fresh`: this process runs no job yet, so those that
    /// the server thinks it runs are lost.
    pub(crate) async fn verify(&self, fresh: bool) -> Result<bool, CallError> {
        let body = VerifyRequest {
            info: self.info.clone(),
            token: self.token.clone(),
            system_id: self.system_id.clone(),
            tripline_fresh: fresh.then_some(true),
        };
        let headers = [(RUNNER_TOKEN_HEADER, self.token.as_str())];
        let answer = self
            .http
            .json(Method::POST, "runners/verify", &headers, &body, CALL_LIMIT)
            .await?;
        Ok(answer.status != StatusCode::FORBIDDEN)
    }

    /// `POST jobs/request`: waits until the server has a job or gives up holding the request.
    pub(crate) async fn request_job(&self) -> Result<JobAnswer, CallError> {
        let sent = self
            .last_update
            .lock()
            .expect("nothing panics while holding it")
            .clone();
        let body = JobRequest {
            token: self.token.clone(),
            system_id: self.system_id.clone(),
            info: self.info.clone(),
            last_update: sent.clone(),
            session: None,
        };
        let headers = [(RUNNER_TOKEN_HEADER, self.token.as_str())];
        let answer = self
            .http
            .json(Method::POST, "jobs/request", &headers, &body, REQUEST_LIMIT)
            .await?;
        let seen = answer
            .header(LAST_UPDATE_HEADER)
            .filter(|value| !value.is_empty())
            .map(str::to_owned);
        let changed = seen.is_some() && seen != sent;
        if seen.is_some() {
            *self.last_update.lock().expect("nothing panics while holding it") = seen;
        }
        match answer.status.as_u16() {
            201 => Ok(JobAnswer::Job(Box::new(answer.json()?))),
            204 => Ok(JobAnswer::None { changed }),
            403 => Ok(JobAnswer::Forbidden),
            409 => Ok(JobAnswer::Conflict),
            _ => Err(answer.unexpected()),
        }
    }

    /// `PUT jobs/:id`; `update.info` is filled in.
    pub(crate) async fn update_job(&self, id: i64, mut update: UpdateJob) -> Result<JobReply, CallError> {
        update.info = self.info.clone();
        self.http
            .json(Method::PUT, &format!("jobs/{id}"), &[], &update, CALL_LIMIT)
            .await
            .map(|answer| reply(&answer))
    }

    /// `PATCH jobs/:id/trace` with the bytes at `start`.
    pub(crate) async fn patch_trace(
        &self,
        id: i64,
        token: &str,
        start: u64,
        bytes: Vec<u8>,
        debug: bool,
    ) -> Result<JobReply, CallError> {
        let range = ContentRange { start }.header(bytes.len() as u64);
        let headers = [
            (JOB_TOKEN_HEADER, token),
            ("Content-Range", &range),
            ("Content-Type", "text/plain"),
        ];
        let path = format!("jobs/{id}/trace?debug_trace={debug}");
        self.http
            .call(Method::PATCH, &path, &headers, bytes.into(), CALL_LIMIT)
            .await
            .map(|answer| reply(&answer))
    }
}

fn reply(answer: &Answer) -> JobReply {
    let number = |name| {
        answer
            .header(name)
            .and_then(|value| value.trim().parse::<u64>().ok())
            .filter(|value| *value > 0)
    };
    let precise = number(TRACE_UPDATE_MILLISECONDS_HEADER).map(Duration::from_millis);
    JobReply {
        status: answer.status.as_u16(),
        job_status: answer.header(JOB_STATUS_HEADER).map(str::to_owned),
        stored: answer
            .header("Range")
            .and_then(|value| value.parse().ok())
            .map(|range: StoredRange| range.size),
        interval: precise.or_else(|| number(TRACE_UPDATE_INTERVAL_HEADER).map(Duration::from_secs)),
    }
}
