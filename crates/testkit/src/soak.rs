//! Kills server and runner at random moments while jobs run, and then looks at what is left.
//!
//! The jobs write down when they begin and end, so that what the server says can be held against what happened:
//! no job began twice, each that succeeded began and ended once, every pipeline that was answered came to its end.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::Project;
use crate::encoding::Form;
use crate::server::TestServer;
use crate::temp::TempDir;

/// Pipelines that are triggered in each round.
const PIPELINES: usize = 3;

/// Longest time in milliseconds before something is killed.
const LONGEST_WAIT: u64 = 2_000;

/// How long everything may take to come to its end after the last round.
const PATIENCE: Duration = Duration::from_secs(240);

/// Seconds of one call that waits; shorter than the client's patience with a silent server.
const WAIT_SECONDS: u32 = 20;

/// A job that lost its runner gets another attempt, as often as GitLab allows.
const CONFIG: &str = r#"default:
  retry: {max: 2, when: [runner_system_failure, stuck_or_timeout_failure]}
variables: {GIT_STRATEGY: none}
.job: &job
  script: ['echo "$CI_JOB_ID start" >> "$WITNESS"', "echo working", "sleep 0.3", 'echo "$CI_JOB_ID end" >> "$WITNESS"']
build: {<<: *job, stage: build, parallel: 2}
test: {<<: *job, stage: test}
late: {<<: *job, stage: test, needs: ["build 1/2"]}
deploy: {<<: *job, stage: deploy}
"#;

/// What was found when everything had come to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoakFindings {
    /// Pipelines that were answered with 201.
    pub pipelines: usize,
    /// Of them those that succeeded; the others lost a job more often than it may be retried.
    pub succeeded: usize,
    /// Attempts of jobs.
    pub attempts: usize,
    /// Of them those that were lost with a runner.
    pub lost: usize,
    /// Times the server was killed.
    pub server_kills: usize,
    /// Times the runner was killed.
    pub runner_kills: usize,
}

/// Kills `rounds` times; the same `seed` kills in the same order after the same times.
///
/// # Errors
///
/// What is not as it must be, in words.
///
/// # Panics
///
/// When a server that was not killed cannot be reached.
pub fn soak(server: &mut TestServer, rounds: usize, seed: u64) -> Result<SoakFindings, String> {
    let folder = witness_folder()?;
    let witness = folder.path().join("witness");
    let project = server.api().empty_project(&[(".gitlab-ci.yml", CONFIG)]);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let token = project.trigger_token();
    let mut random = Random(seed.max(1));
    let mut runner = RunnerProcess::start(server, &project, folder.path());
    let mut findings = SoakFindings::default();
    let mut pipelines = Vec::new();
    for _ in 0..rounds {
        for _ in 0..PIPELINES {
            pipelines.push(triggered(&project, &token, &witness));
        }
        std::thread::sleep(Duration::from_millis(random.below(LONGEST_WAIT)));
        if random.below(2) == 0 {
            server.restart();
            findings.server_kills += 1;
        } else {
            runner.restart();
            findings.runner_kills += 1;
        }
    }
    // What a killed server was just handing out is taken back at once when its runner starts anew.
    runner.restart();
    findings.pipelines = pipelines.len();
    for pipeline in &pipelines {
        let ended = ended(&project, &token, pipeline)?;
        findings.succeeded += usize::from(ended["status"] == "success");
        check(&project, pipeline, &witness, &mut findings)?;
    }
    Ok(findings)
}

/// A folder that jobs can write to, whoever they run as.
fn witness_folder() -> Result<TempDir, String> {
    let folder = TempDir::new();
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    let witness = folder.path().join("witness");
    std::fs::write(&witness, "")
        .and_then(|()| open(folder.path(), 0o777))
        .and_then(|()| open(&witness, 0o666))
        .map_err(|error| format!("the witness cannot be made: {error}"))?;
    Ok(folder)
}

fn triggered(project: &Project, token: &str, witness: &Path) -> Value {
    let witness = witness.display().to_string();
    project.triggered(token, Form::of([("variables[WITNESS]", witness.as_str())]))
}

/// Waits for the end of a pipeline, with the token that started it: the server answers when it has ended.
fn ended(project: &Project, token: &str, pipeline: &Value) -> Result<Value, String> {
    let deadline = Instant::now() + PATIENCE;
    let path = format!(
        "/trigger/pipelines/{}?token={token}&wait={WAIT_SECONDS}",
        pipeline["id"]
    );
    loop {
        let now = project.request("GET", &path).send().json();
        if matches!(now["status"].as_str(), Some("success" | "failed")) {
            return Ok(now);
        }
        if Instant::now() > deadline {
            let jobs = project.jobs(pipeline);
            let shown: Vec<String> = jobs
                .iter()
                .map(|job| format!("{}={}", job["name"], job["status"]))
                .collect();
            return Err(format!(
                "pipeline {} is stuck in {}: {}",
                pipeline["id"],
                now["status"],
                shown.join(" ")
            ));
        }
    }
}

/// Holds what the server says of a pipeline's jobs against what the jobs wrote down.
fn check(project: &Project, pipeline: &Value, witness: &Path, findings: &mut SoakFindings) -> Result<(), String> {
    let written = std::fs::read_to_string(witness).map_err(|error| error.to_string())?;
    let mut seen: BTreeMap<(i64, &str), usize> = BTreeMap::new();
    for line in written.lines() {
        let (id, what) = line.split_once(' ').ok_or_else(|| format!("a job wrote `{line}`"))?;
        let id = id.parse().map_err(|_| format!("a job wrote `{line}`"))?;
        *seen.entry((id, what)).or_default() += 1;
    }
    let path = format!("/pipelines/{}/jobs?include_retried=true&per_page=100", pipeline["id"]);
    let jobs = project.get(&path);
    for job in jobs.as_array().into_iter().flatten() {
        let id = job["id"].as_i64().unwrap_or_default();
        let count = |what| seen.get(&(id, what)).copied().unwrap_or_default();
        let (started, ended) = (count("start"), count("end"));
        let status = job["status"].as_str().unwrap_or_default();
        findings.attempts += 1;
        findings.lost += usize::from(status == "failed");
        let is_right = match status {
            "success" => (started, ended) == (1, 1),
            "failed" => started <= 1 && job["failure_reason"] == "runner_system_failure",
            "skipped" => (started, ended) == (0, 0),
            _ => false,
        };
        if !is_right {
            return Err(format!(
                "job {id} of pipeline {} is {status} ({}), and began {started} times and ended {ended} times",
                pipeline["id"], job["failure_reason"]
            ));
        }
    }
    Ok(())
}

/// `tripline runner`, which can be killed and comes back as the same runner.
struct RunnerProcess {
    command: Vec<String>,
    child: Child,
    folder: TempDir,
}

impl RunnerProcess {
    fn start(server: &TestServer, project: &Project, witness: &Path) -> RunnerProcess {
        let new = json!({ "runner_type": "project_type", "project_id": project.id });
        let created = project.api.post("/user/runners", &new).expect(201).json();
        let folder = TempDir::new();
        let command = [
            server.binary().display().to_string(),
            "runner".to_owned(),
            format!("--url={}", server.url()),
            format!("--token={}", created["token"].as_str().unwrap_or_default()),
            "--concurrency=4".to_owned(),
            format!("--work-dir={}", folder.path().join("work").display()),
            format!("--writable={}", witness.display()),
        ];
        let child = spawn(&command, folder.path());
        RunnerProcess {
            command: command.to_vec(),
            child,
            folder,
        }
    }

    /// Kills the process, and starts it again.
    fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.command, self.folder.path());
    }

    fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for RunnerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(command: &[String], folder: &Path) -> Child {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .args(command)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", command[0]))
}

/// Numbers that look random and are the same for the same seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
