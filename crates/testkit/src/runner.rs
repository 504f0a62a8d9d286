//! A foreign runner, played by a test: asks for jobs, writes logs, reports results, as GitLab Runner does.
//!
//! It sends what GitLab Runner 19.4 with the shell executor sends (headers, features, fields, ranges, checksums) and
//! reads answers by its rules; both were watched on the real one. It executes nothing: what a job would do, the
//! test says.

use serde_json::{Value, json};

use crate::encoding::{crc32, encode_segment};
use crate::http::{Client, Request, Response};
use crate::wait::eventually;

/// What the runner calls itself.
const USER_AGENT: &str = "gitlab-runner 19.4.0 (HEAD; go1.26.8; linux/amd64)";

/// Features that GitLab Runner declares with the shell executor and bash on Linux.
const FEATURES: &[&str] = &[
    "variables",
    "shared",
    "session",
    "terminal",
    "native_steps_integration",
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
    "vault_secrets",
    "return_exit_code",
    "trace_reset",
    "trace_checksum",
    "trace_size",
    "cancelable",
    "cancel_gracefully",
    "two_phase_job_commit",
    "job_inputs",
];

/// Features that it knows and does not have there; each is sent as `false`.
const LACKING: &[&str] = &[
    "image",
    "services",
    "proxy",
    "service_variables",
    "service_multiple_aliases",
];

/// Most bytes of a log in one call.
const MAX_PATCH: usize = 1 << 20;

/// Most times that the end of a job is reported before the test fails.
const FINAL_TRIES: usize = 100;

/// A registered runner.
#[derive(Clone, Debug)]
pub struct ScriptedRunner {
    client: Client,
    token: String,
    system_id: String,
}

/// A job that the runner was given.
#[derive(Clone, Debug)]
pub struct RunnerJob {
    client: Client,
    /// What the server sent.
    pub payload: Value,
    log: Vec<u8>,
    /// Bytes of the log that the server has, as far as the runner knows.
    sent: usize,
}

/// A file that a job uploads.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// `archive`, or the type of a report.
    pub kind: &'a str,
    /// `zip`, `gzip`, `raw`.
    pub format: &'a str,
    /// How long to keep it; empty = not said.
    pub expire_in: &'a str,
    /// Name of the file.
    pub filename: &'a str,
    /// Its content.
    pub content: &'a [u8],
}

impl ScriptedRunner {
    pub(crate) fn new(client: &Client, token: String) -> ScriptedRunner {
        ScriptedRunner {
            client: client.without_headers().with_header("User-Agent", USER_AGENT),
            token,
            system_id: "s_testkit00001".to_owned(),
        }
    }

    /// Returns the same runner as another process.
    #[must_use]
    pub fn as_process(&self, system_id: &str) -> ScriptedRunner {
        ScriptedRunner {
            system_id: system_id.to_owned(),
            ..self.clone()
        }
    }

    /// Returns the same process, asking another server on the same data.
    #[must_use]
    pub fn at(&self, server: &Client) -> ScriptedRunner {
        ScriptedRunner {
            client: server.without_headers().with_header("User-Agent", USER_AGENT),
            ..self.clone()
        }
    }

    /// Returns its token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What it says about itself in every call that wants to know.
    fn info(&self) -> Value {
        let with = |names: &[&str], has: bool| {
            names
                .iter()
                .map(|name| ((*name).to_owned(), json!(has)))
                .collect::<Vec<_>>()
        };
        let features: serde_json::Map<String, Value> =
            with(FEATURES, true).into_iter().chain(with(LACKING, false)).collect();
        json!({
            "name": "gitlab-runner",
            "version": "19.4.0",
            "revision": "HEAD",
            "platform": "linux",
            "architecture": "amd64",
            "executor": "shell",
            "shell": "bash",
            "features": features,
            "config": { "gpus": "" },
        })
    }

    /// Introduces the process, as `gitlab-runner register` and `verify` do; returns the answer as it is.
    #[must_use]
    pub fn verify(&self) -> Response {
        let body = json!({ "info": self.info(), "token": self.token, "system_id": self.system_id });
        self.post("/api/v4/runners/verify", &body).send()
    }

    /// Asks once for a job and returns the answer as it is.
    #[must_use]
    pub fn request(&self) -> Response {
        self.ask(None).send()
    }

    /// Asks for a job and says what it last saw, so that the server may hold the request.
    #[must_use]
    pub fn request_held(&self, last_update: &str) -> Response {
        self.ask(Some(last_update)).send()
    }

    fn ask(&self, last_update: Option<&str>) -> Request {
        let mut body = json!({ "info": self.info(), "token": self.token, "system_id": self.system_id });
        if let Some(seen) = last_update {
            body["last_update"] = json!(seen);
        }
        self.post("/api/v4/jobs/request", &body)
    }

    fn post(&self, path: &str, body: &Value) -> Request {
        self.client
            .post(path)
            .header("RUNNER-TOKEN", &self.token)
            .header("Accept", "application/json")
            .header("X-Request-Id", "0123456789abcdef0123456789abcdef")
            .json(body)
    }

    /// Asks until there is a job, accepts it and returns it.
    ///
    /// # Panics
    ///
    /// When there is none within a minute, or when the server takes it back at once.
    #[must_use]
    #[track_caller]
    pub fn take(&self) -> RunnerJob {
        let job = self.hand_out();
        job.accept();
        job
    }

    /// Asks until there is a job and returns it; the server waits for [`RunnerJob::accept`] now.
    ///
    /// # Panics
    ///
    /// When there is none within a minute.
    #[must_use]
    #[track_caller]
    pub fn hand_out(&self) -> RunnerJob {
        eventually("a job for the runner", || self.try_hand_out())
    }

    /// Asks once; `None` when there is no job, or no server.
    #[must_use]
    pub fn try_hand_out(&self) -> Option<RunnerJob> {
        let answer = self.ask(None).try_send().ok().filter(|answer| answer.status == 201)?;
        Some(RunnerJob {
            client: self.client.clone(),
            payload: answer.json(),
            log: Vec::new(),
            sent: 0,
        })
    }
}

impl RunnerJob {
    /// Returns its id.
    ///
    /// # Panics
    ///
    /// When the server sent none.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.payload["id"].as_i64().expect("a job has an id")
    }

    /// Returns its token.
    ///
    /// # Panics
    ///
    /// When the server sent none.
    #[must_use]
    pub fn token(&self) -> &str {
        self.payload["token"].as_str().expect("a job has a token")
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.payload["job_info"]["name"].as_str().unwrap_or_default()
    }

    /// Returns the value of a variable; of several, the last, as the runner does.
    #[must_use]
    pub fn variable(&self, key: &str) -> Option<&str> {
        let variables = self.payload["variables"].as_array()?;
        variables.iter().rev().find(|variable| variable["key"] == key)?["value"].as_str()
    }

    /// Tells the server that the runner has the job.
    #[track_caller]
    pub fn accept(&self) {
        drop(self.update(&json!({ "state": "running", "output": {} })).expect(200));
    }

    /// Tells the server that the job still runs, as after 30 seconds without a word in its log.
    #[must_use]
    pub fn keep_alive(&self) -> Response {
        self.update(&json!({ "state": "running", "output": self.output(), "checksum": self.checksum() }))
    }

    /// Appends to the log and returns the answer; what the server has is read from its answer.
    pub fn trace(&mut self, text: &str) -> Response {
        self.log.extend_from_slice(text.as_bytes());
        self.flush()
    }

    /// Sends what the server does not have yet and follows its answer, as the runner does at each tick.
    pub fn flush(&mut self) -> Response {
        let end = self.next_end();
        let answer = self.patch(self.sent, &self.log[self.sent..end]).send();
        self.follow(&answer, end);
        answer
    }

    /// One call carries at most one mebibyte.
    fn next_end(&self) -> usize {
        (self.sent + MAX_PATCH).min(self.log.len())
    }

    /// As [`flush`](RunnerJob::flush); an error when the server is not there.
    ///
    /// # Errors
    ///
    /// What the connection said.
    pub fn try_flush(&mut self) -> std::io::Result<Response> {
        let end = self.next_end();
        let answer = self.patch(self.sent, &self.log[self.sent..end]).try_send()?;
        self.follow(&answer, end);
        Ok(answer)
    }

    /// 202 moves on, 416 goes to where the server says it is, everything else tries the same bytes again.
    fn follow(&mut self, answer: &Response, end: usize) {
        match answer.status {
            202 => self.sent = end,
            416 => {
                let range = answer.header("Range").unwrap_or_default();
                let stored = range.rsplit('-').next().and_then(|size| size.parse().ok());
                self.sent = stored.unwrap_or(0).min(self.log.len());
            }
            _ => {}
        }
    }

    /// Adds to the log without sending it.
    pub fn write(&mut self, text: &str) {
        self.log.extend_from_slice(text.as_bytes());
    }

    /// Starts a request that sends bytes of the log from `start` on, whatever was sent before.
    pub fn patch(&self, start: usize, bytes: &[u8]) -> Request {
        let end = (start + bytes.len()).saturating_sub(1);
        self.client
            .request("PATCH", &format!("/api/v4/jobs/{}/trace?debug_trace=false", self.id()))
            .header("JOB-TOKEN", self.token())
            .header("Content-Range", &format!("{start}-{end}"))
            .body("text/plain", bytes)
    }

    /// Reports that the script ended well.
    #[track_caller]
    pub fn succeed(&self) {
        drop(self.update(&json!({ "state": "success" })).expect(200));
    }

    /// Reports that the script ended with this exit status.
    #[track_caller]
    pub fn fail(&self, exit_code: i32) {
        let body = json!({ "state": "failed", "failure_reason": "script_failure", "exit_code": exit_code });
        drop(self.update(&body).expect(200));
    }

    /// Ends the job as the runner does: the rest of the log, then the state with the log's checksum, again and again
    /// until an answer ends it. Returns that answer.
    ///
    /// # Panics
    ///
    /// When no answer does.
    #[track_caller]
    pub fn end(&mut self, state: &Value) -> Response {
        for _ in 0..FINAL_TRIES {
            if self.sent < self.log.len() && !matches!(self.flush().status, 202 | 403 | 404) {
                continue;
            }
            let answer = self.final_update(state).send();
            match answer.status {
                200 | 403 | 404 => return answer,
                412 => self.sent = 0,
                _ => {}
            }
        }
        panic!("the server never took the end of job {}", self.id());
    }

    /// Starts the request that reports the end of the job.
    pub fn final_update(&self, state: &Value) -> Request {
        let mut body = state.clone();
        body["checksum"] = json!(self.checksum());
        body["output"] = self.output();
        self.updating(&body)
    }

    fn checksum(&self) -> String {
        format!("crc32:{:08x}", crc32(&self.log))
    }

    fn output(&self) -> Value {
        json!({ "checksum": self.checksum(), "bytesize": self.log.len() })
    }

    /// Sends a state and returns the answer.
    #[must_use]
    pub fn update(&self, body: &Value) -> Response {
        self.updating(body).send()
    }

    fn updating(&self, body: &Value) -> Request {
        let mut body = body.clone();
        body["token"] = self.payload["token"].clone();
        self.client
            .request("PUT", &format!("/api/v4/jobs/{}", self.id()))
            .header("JOB-TOKEN", self.token())
            .header("Accept", "application/json")
            .json(&body)
    }

    /// Uploads a file, as the runner's helper does: what it is in the query, one part, no length of the whole.
    #[must_use]
    pub fn upload(&self, file: Upload<'_>) -> Response {
        let mut query = format!("artifact_format={}&artifact_type={}", file.format, file.kind);
        if !file.expire_in.is_empty() {
            query.push_str(&format!("&expire_in={}", encode_segment(file.expire_in)));
        }
        let boundary = "4f9a3c7d1e";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            file.filename
        )
        .into_bytes();
        body.extend_from_slice(file.content);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        self.client
            .post(&format!("/api/v4/jobs/{}/artifacts?{query}", self.id()))
            .header("JOB-TOKEN", self.token())
            .body(&format!("multipart/form-data; boundary={boundary}"), body)
            .send()
    }

    /// Downloads the archive of a job it depends on, with the id and token of the payload.
    #[must_use]
    pub fn download(&self, dependency: &Value) -> Response {
        let token = dependency["token"].as_str().unwrap_or_default();
        self.client
            .get(&format!(
                "/api/v4/jobs/{}/artifacts?direct_download=true",
                dependency["id"]
            ))
            .header("JOB-TOKEN", token)
            .send()
    }
}
