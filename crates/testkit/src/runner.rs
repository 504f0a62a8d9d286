//! A foreign runner, played by a test: asks for jobs, writes logs, reports results, as GitLab Runner does.
//!
//! It executes nothing. What a job would do, the test says.

use serde_json::{Value, json};

use crate::http::{Client, Response};
use crate::wait::eventually;

/// A registered runner.
#[derive(Clone, Debug)]
pub struct ScriptedRunner {
    client: Client,
    token: String,
}

/// A job that the runner was given.
#[derive(Clone, Debug)]
pub struct RunnerJob {
    client: Client,
    /// What the server sent.
    pub payload: Value,
    written: usize,
}

impl ScriptedRunner {
    pub(crate) fn new(client: Client, token: String) -> ScriptedRunner {
        ScriptedRunner {
            client: client.without_headers(),
            token,
        }
    }

    /// Asks once for a job and returns the answer as it is.
    #[must_use]
    pub fn request(&self) -> Response {
        let body = json!({
            "token": self.token,
            "system_id": "s_testkit00001",
            "info": {
                "name": "gitlab-runner",
                "version": "19.4.0",
                "platform": "linux",
                "architecture": "amd64",
                "executor": "shell",
                "features": {
                    "variables": true, "artifacts": true, "cache": true, "refspecs": true, "masking": true,
                    "trace_checksum": true, "trace_size": true, "cancelable": true, "cancel_gracefully": true,
                    "return_exit_code": true, "two_phase_job_commit": true,
                },
            },
        });
        self.client
            .post("/api/v4/jobs/request")
            .header("RUNNER-TOKEN", &self.token)
            .json(&body)
            .send()
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
        let answer = eventually("a job for the runner", || {
            let answer = self.request();
            (answer.status == 201).then_some(answer)
        });
        RunnerJob {
            client: self.client.clone(),
            payload: answer.json(),
            written: 0,
        }
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

    /// Appends to the log and returns the answer.
    pub fn trace(&mut self, text: &str) -> Response {
        let range = format!("{}-{}", self.written, self.written + text.len().saturating_sub(1));
        let answer = self
            .client
            .request("PATCH", &format!("/api/v4/jobs/{}/trace?debug_trace=false", self.id()))
            .header("JOB-TOKEN", self.token())
            .header("Content-Range", &range)
            .body("text/plain", text)
            .send();
        if answer.status == 202 {
            self.written += text.len();
        }
        answer
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

    /// Sends a state and returns the answer.
    #[must_use]
    pub fn update(&self, body: &Value) -> Response {
        let mut body = body.clone();
        body["token"] = self.payload["token"].clone();
        self.client
            .request("PUT", &format!("/api/v4/jobs/{}", self.id()))
            .header("JOB-TOKEN", self.token())
            .json(&body)
            .send()
    }
}
