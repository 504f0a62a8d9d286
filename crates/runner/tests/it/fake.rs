//! A server that hands out one job after the other, writes down what the runner says, and
//! answers as a test wants it.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{patch, post, put};
use runner::{Config, Handle, Runner};
use tokio::sync::Notify;
use wire::runner::{ContentRange, GitInfo, Job, JobFeatures, JobRequest, RunnerJobInfo, Step, UpdateJob, Variable};

/// Nothing in a test takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server with its runner.
pub(crate) struct Fake {
    pub(crate) world: Arc<World>,
    pub(crate) folder: PathBuf,
    url: String,
    runner: Option<Handle>,
}

/// What the server knows.
#[derive(Default)]
pub(crate) struct World {
    state: Mutex<Records>,
    changed: Notify,
}

#[derive(Default)]
pub(crate) struct Records {
    waiting: VecDeque<Job>,
    pub(crate) requests: Vec<JobRequest>,
    pub(crate) updates: Vec<(i64, UpdateJob)>,
    pub(crate) traces: HashMap<i64, Vec<u8>>,
    pub(crate) patches: Vec<(String, usize)>,
    pub(crate) uploads: Vec<(String, Vec<u8>)>,
    pub(crate) archives: HashMap<i64, Vec<u8>>,
    /// `Job-Status` of all further answers.
    pub(crate) job_status: Option<&'static str>,
    /// Answers to the next calls instead of the usual ones.
    pub(crate) request_answers: VecDeque<Answer>,
    pub(crate) patch_answers: VecDeque<Answer>,
    pub(crate) running_answers: VecDeque<Answer>,
    pub(crate) final_answers: VecDeque<Answer>,
    pub(crate) upload_answers: VecDeque<Answer>,
    next_id: i64,
}

/// Status and headers of a scripted answer.
pub(crate) type Answer = (u16, Vec<(&'static str, &'static str)>);

/// How a job ended, as the server saw it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) trace: String,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) exit_code: Option<i64>,
}

impl Fake {
    /// Starts a server, and a runner with one slot and the usual settings.
    pub(crate) async fn start() -> Fake {
        Fake::with(|_| {}).await
    }

    /// Starts a server, and a runner whose settings are changed by `adjust`.
    pub(crate) async fn with(adjust: impl FnOnce(&mut Config)) -> Fake {
        let world = Arc::new(World::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let folder = new_folder();
        let served = routes(Arc::clone(&world)).merge(crate::git_server::routes(folder.join("served")));
        tokio::spawn(async move { axum::serve(listener, served).await.unwrap() });
        let mut config = Config::new(&url, "glrt-t1_abcdefghijkl", &folder);
        config.launcher = vec![env!("CARGO_BIN_EXE_job-shell").into()];
        config.concurrency = 1;
        config.check_interval = Duration::from_millis(5);
        adjust(&mut config);
        let runner = Some(Runner::start(config).unwrap());
        Fake {
            world,
            folder,
            url,
            runner,
        }
    }

    /// Runs a job to its end.
    pub(crate) async fn run(&self, job: Job) -> Ended {
        let id = self.hand_out(job);
        self.ended(id).await
    }

    /// Puts a job into the queue and returns its id.
    pub(crate) fn hand_out(&self, mut job: Job) -> i64 {
        let mut state = self.world.state.lock().unwrap();
        state.next_id += 1;
        job.id = state.next_id;
        let id = job.id;
        state.waiting.push_back(job);
        drop(state);
        self.world.changed.notify_waiters();
        id
    }

    /// Waits for the end of a job.
    pub(crate) async fn ended(&self, id: i64) -> Ended {
        let is_final = move |(updated, update): &&(i64, UpdateJob)| *updated == id && update.state != "running";
        self.until(|state| state.updates.iter().any(|update| is_final(&update)))
            .await;
        let state = self.world.state.lock().unwrap();
        let (_, last) = state.updates.iter().rfind(is_final).unwrap();
        Ended {
            trace: String::from_utf8(state.traces.get(&id).cloned().unwrap_or_default()).unwrap(),
            state: last.state.clone(),
            reason: last.failure_reason.clone(),
            exit_code: last.exit_code,
        }
    }

    /// Waits until the log of a job contains `text`.
    pub(crate) async fn logged(&self, id: i64, text: &str) {
        self.until(|state| {
            state
                .traces
                .get(&id)
                .is_some_and(|trace| String::from_utf8_lossy(trace).contains(text))
        })
        .await;
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, holds: impl Fn(&Records) -> bool) {
        let wait = async {
            loop {
                let changed = self.world.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if holds(&self.world.state.lock().unwrap()) {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let state = self.world.state.lock().unwrap();
            let traces: Vec<_> = state
                .traces
                .values()
                .map(|trace| String::from_utf8_lossy(trace))
                .collect();
            panic!("did not happen; updates: {:?}, traces: {traces:#?}", state.updates);
        }
    }

    /// Changes what the server does next.
    pub(crate) fn script(&self, change: impl FnOnce(&mut Records)) {
        change(&mut self.world.state.lock().unwrap());
        self.world.changed.notify_waiters();
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Records) -> T) -> T {
        look(&self.world.state.lock().unwrap())
    }

    pub(crate) fn runner(&self) -> &Handle {
        self.runner.as_ref().unwrap()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn stop(&mut self, deadline: Duration) {
        self.runner.take().unwrap().stop(deadline).await;
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.runner.take());
        // The runner may be cleaning up after its last job in the same folder.
        for _ in 0..1000 {
            if std::fs::remove_dir_all(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Ended {
    /// Asserts that the log contains `text`.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Ended {
        assert!(self.trace.contains(text), "`{text}` is missing in:\n{}", self.trace);
        self
    }

    /// Asserts that the log does not contain `text`.
    #[track_caller]
    pub(crate) fn hides(&self, text: &str) -> &Ended {
        assert!(!self.trace.contains(text), "`{text}` is in:\n{}", self.trace);
        self
    }

    /// Asserts that the job was good.
    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Ended {
        assert_eq!(
            (self.state.as_str(), self.reason.as_deref(), self.exit_code),
            ("success", None, None),
            "{}",
            self.trace
        );
        self.says("Job succeeded")
    }

    /// Asserts how the job failed.
    #[track_caller]
    pub(crate) fn failed(&self, reason: &str, exit_code: Option<i64>) -> &Ended {
        assert_eq!(
            (self.state.as_str(), self.reason.as_deref()),
            ("failed", Some(reason)),
            "{}",
            self.trace
        );
        assert_eq!(self.exit_code, exit_code, "{}", self.trace);
        self
    }
}

/// Returns a job without a repository that runs `script`.
pub(crate) fn job(script: &[&str]) -> Job {
    let mut job = Job {
        token: "jobtoken-7f3a91".into(),
        allow_git_fetch: true,
        runner_info: RunnerJobInfo {
            timeout: 3600,
            runner_session_url: None,
        },
        features: JobFeatures {
            trace_sections: true,
            failure_reasons: [
                "unknown_failure",
                "job_canceled",
                "runner_interrupted",
                "runner_configuration_error",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..JobFeatures::default()
        },
        steps: vec![step("script", script)],
        ..Job::default()
    };
    job.job_info.name = "unit".into();
    job.job_info.project_id = 3;
    set(&mut job, "CI", "true");
    job.variables.push(Variable {
        masked: true,
        ..variable("CI_JOB_TOKEN", "jobtoken-7f3a91")
    });
    job
}

pub(crate) fn step(name: &str, script: &[&str]) -> Step {
    Step {
        name: name.into(),
        script: script.iter().map(|line| (*line).to_owned()).collect(),
        ..Step::default()
    }
}

pub(crate) fn variable(key: &str, value: &str) -> Variable {
    Variable {
        key: key.into(),
        value: value.into(),
        public: true,
        ..Variable::default()
    }
}

pub(crate) fn set(job: &mut Job, key: &str, value: &str) {
    job.variables.push(variable(key, value));
}

/// Returns what to check out.
pub(crate) fn git_info(repository: &str, sha: &str) -> GitInfo {
    GitInfo {
        repo_url: repository.replace("http://", "http://gitlab-ci-token:jobtoken-7f3a91@"),
        git_ref: "main".into(),
        ref_type: "branch".into(),
        sha: sha.into(),
        refspecs: vec!["+refs/heads/main:refs/remotes/origin/main".into()],
        depth: 20,
        ..GitInfo::default()
    }
}

/// Returns a new folder that users of jobs can pass through.
pub(crate) fn new_folder() -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("tripline-runner-test-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn routes(world: Arc<World>) -> Router {
    Router::new()
        .route("/api/v4/jobs/request", post(request))
        .route("/api/v4/jobs/{id}", put(update))
        .route("/api/v4/jobs/{id}/trace", patch(trace))
        .route("/api/v4/jobs/{id}/artifacts", post(upload).get(download))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(world)
}

/// Holds the request until there is a job: the runner must not be busy meanwhile.
async fn request(State(world): State<Arc<World>>, body: Bytes) -> Response {
    world
        .state
        .lock()
        .unwrap()
        .requests
        .push(serde_json::from_slice(&body).unwrap());
    world.changed.notify_waiters();
    loop {
        let changed = world.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        {
            let mut state = world.state.lock().unwrap();
            if let Some(answer) = state.request_answers.pop_front() {
                return scripted(&answer);
            }
            if let Some(job) = state.waiting.pop_front() {
                return (StatusCode::CREATED, axum::Json(job)).into_response();
            }
        }
        changed.await;
    }
}

async fn update(State(world): State<Arc<World>>, UrlPath(id): UrlPath<i64>, body: Bytes) -> Response {
    let update: UpdateJob = serde_json::from_slice(&body).unwrap();
    let mut state = world.state.lock().unwrap();
    let answers = if update.state == "running" {
        &mut state.running_answers
    } else {
        &mut state.final_answers
    };
    let answer = answers.pop_front();
    let accepted = answer.as_ref().is_none_or(|(status, _)| *status == 200);
    if let Some(log) = update.tripline_log.as_ref().filter(|_| accepted) {
        let trace = state.traces.entry(id).or_default();
        assert!(log.start <= trace.len() as u64, "a gap before the last words");
        trace.truncate(usize::try_from(log.start).unwrap());
        trace.extend_from_slice(log.text.as_bytes());
    }
    if accepted || update.state == "running" {
        state.updates.push((id, update));
    }
    let status = state.job_status;
    drop(state);
    world.changed.notify_waiters();
    answer.map_or_else(
        || (job_status(status), "200").into_response(),
        |answer| scripted(&answer),
    )
}

async fn trace(
    State(world): State<Arc<World>>,
    UrlPath(id): UrlPath<i64>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["JOB-TOKEN"], "jobtoken-7f3a91");
    let range = headers["Content-Range"].to_str().unwrap().to_owned();
    let mut state = world.state.lock().unwrap();
    state.patches.push((range.clone(), body.len()));
    if let Some(answer) = state.patch_answers.pop_front() {
        return scripted(&answer);
    }
    let start = range.parse::<ContentRange>().unwrap().start;
    let status = state.job_status;
    let trace = state.traces.entry(id).or_default();
    let stored = trace.len() as u64;
    let answer = if start == stored {
        trace.extend_from_slice(&body);
        StatusCode::ACCEPTED
    } else {
        StatusCode::RANGE_NOT_SATISFIABLE
    };
    let size = trace.len();
    drop(state);
    world.changed.notify_waiters();
    (answer, job_status(status), [("Range", format!("0-{size}"))], "").into_response()
}

async fn upload(State(world): State<Arc<World>>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let mut state = world.state.lock().unwrap();
    if let Some(answer) = state.upload_answers.pop_front() {
        return scripted(&answer);
    }
    // One part: between the empty line and the closing boundary.
    let start = body.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&body[..start]).into_owned();
    let boundary = head.lines().next().unwrap().len();
    let end = body.len() - (boundary + "\r\n--\r\n".len());
    let file = head
        .split("filename=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    state.uploads.push((
        format!("{file}?{}", query.unwrap_or_default()),
        body[start..end].to_vec(),
    ));
    (StatusCode::CREATED, "{}").into_response()
}

async fn download(State(world): State<Arc<World>>, UrlPath(id): UrlPath<i64>) -> Response {
    match world.state.lock().unwrap().archives.get(&id) {
        Some(archive) => archive.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn job_status(status: Option<&'static str>) -> [(&'static str, &'static str); 1] {
    [("Job-Status", status.unwrap_or("running"))]
}

fn scripted((status, headers): &Answer) -> Response {
    let mut response = StatusCode::from_u16(*status).unwrap().into_response();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}
