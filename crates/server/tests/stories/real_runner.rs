//! What GitLab Runner 19.4 (shell executor) does in the life of a job, told by a scripted runner that does the same:
//! every request, header and rule here was watched on the real one, with the traps that others fell into.

use serde_json::{Value, json};
use testkit::{Form, Project, ScriptedRunner, TestServer, Upload, gzip};

use crate::story;

const CONFIG: &str = r#"stages: [build, test]
build:
  stage: build
  before_script: [echo before]
  script: [make]
  after_script: [echo after]
  coverage: '/covered (\d+)%/'
  artifacts: {paths: [out/], expire_in: 1 week, reports: {dotenv: build.env, junit: junit.xml}}
  cache: {key: k, paths: [cached/], fallback_keys: [old]}
  timeout: 20 minutes
test: {stage: test, script: [check], needs: [build]}
release: {stage: test, script: [pack], needs: [], release: {tag_name: v1, description: first}}
"#;

/// An empty zip archive.
const ARCHIVE: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn pushed(server: &TestServer, config: &str) -> (Project, ScriptedRunner) {
    let project = server.api().project(&[(".gitlab-ci.yml", config)]);
    let runner = project.runner();
    (project, runner)
}

/// Finds a job by name among those the runner is given.
fn named<'a>(jobs: &'a mut [testkit::RunnerJob], name: &str) -> &'a mut testkit::RunnerJob {
    jobs.iter_mut()
        .find(|job| job.name() == name)
        .expect("the runner was given it")
}

story!(a_job_lives_as_under_the_real_runner, runners: 0);

fn a_job_lives_as_under_the_real_runner(server: &mut TestServer) {
    let (project, runner) = pushed(server, CONFIG);
    let verified = runner.verify().expect(200).json();
    assert!(verified["id"].as_i64().unwrap() > 0, "the real one takes no 0");
    assert_eq!(
        (&verified["token"], &verified["token_expires_at"]),
        (&json!(runner.token()), &Value::Null)
    );

    let mut jobs = vec![runner.hand_out(), runner.hand_out()];
    let none = runner.request();
    assert_eq!(none.status, 204);
    assert!(
        none.header("X-GitLab-Last-Update")
            .is_some_and(|value| !value.is_empty())
    );
    let release = named(&mut jobs, "release");
    let steps: Vec<_> = release.payload["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].clone())
        .collect();
    assert_eq!(steps, ["script", "release"]);

    let build = named(&mut jobs, "build");
    payload_is_what_the_runner_decodes(&build.payload);
    // The hand-out is acknowledged before anything else; until then it is still pending.
    let status = |project: &Project, id: i64| project.get(&format!("/jobs/{id}"))["status"].clone();
    assert_eq!(status(&project, build.id()), "pending");
    let accepted = build.update(&json!({ "state": "running", "output": {} }));
    assert_eq!((accepted.status, accepted.header("Job-Status")), (200, Some("running")));
    assert_eq!(status(&project, build.id()), "running");

    log_arrives_once(build);
    let uploaded = |file: Upload<'_>| build.upload(file).status;
    let archive = Upload {
        kind: "archive",
        format: "zip",
        expire_in: "1 week",
        filename: "artifacts.zip",
        content: ARCHIVE,
    };
    assert_eq!(uploaded(archive), 201);
    assert_eq!(uploaded(archive), 201, "the answer was lost, the file comes again");
    assert_eq!(
        uploaded(Upload {
            content: b"PK other",
            ..archive
        }),
        400
    );
    let dotenv = gzip(b"VERSION=1.2.3\n");
    let report = Upload {
        kind: "dotenv",
        format: "gzip",
        expire_in: "",
        filename: ".env.gz",
        content: &dotenv,
    };
    assert_eq!(uploaded(report), 201);
    let junit = gzip(b"<testsuite/>");
    assert_eq!(
        uploaded(Upload {
            kind: "junit",
            filename: "junit.xml.gz",
            content: &junit,
            ..report
        }),
        201
    );

    build.write("covered 77%\n");
    let ended = build.end(&json!({ "state": "success" }));
    assert_eq!((ended.status, ended.header("Job-Status")), (200, Some("success")));
    let again = build.final_update(&json!({ "state": "success" })).send();
    assert_eq!(
        (again.status, again.header("Job-Status")),
        (403, Some("success")),
        "the answer was lost, it is sent again"
    );
    let shown = project.get(&format!("/jobs/{}", build.id()));
    assert_eq!(
        (&shown["coverage"], &shown["artifacts_file"]["filename"]),
        (&json!(77.0), &json!("artifacts.zip"))
    );

    let test = runner.take();
    assert_eq!((test.name(), test.variable("VERSION")), ("test", Some("1.2.3")));
    let dependency = &test.payload["dependencies"][0];
    assert_eq!(
        (&dependency["name"], &dependency["artifacts_file"]["filename"]),
        (&json!("build"), &json!("artifacts.zip"))
    );
    assert_eq!(test.download(dependency).expect(200).body, ARCHIVE);
    test.succeed();
    assert_eq!(
        test.download(dependency).status,
        403,
        "a token is good as long as its job runs"
    );
}

/// What the real runner's decoder insists on (a job that it cannot decode is lost without a word).
fn payload_is_what_the_runner_decodes(payload: &Value) {
    assert!(payload.get("run").is_none(), "`run: null` loses the job");
    assert_eq!(payload["steps"][0]["script"], json!(["echo before", "make"]));
    assert_eq!(payload["steps"][1]["name"], "after_script");
    assert!(payload["git_info"]["sha"].as_str().unwrap().len() >= 8);
    assert_eq!(payload["git_info"]["depth"], 20);
    assert_eq!(payload["runner_info"]["timeout"], 1200);
    assert!(payload["job_info"]["project_jobs_running_on_instance_runners_count"].is_string());
    for variable in payload["variables"].as_array().unwrap() {
        assert!(
            variable["key"].is_string() && variable["value"].is_string(),
            "{variable}"
        );
    }
    let token = payload["variables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|v| v["key"] == "CI_JOB_TOKEN")
        .unwrap();
    assert_eq!(token["masked"], true);
    assert_eq!(payload["cache"][0]["fallback_keys"], json!(["old-protected"]));
    let kinds: Vec<_> = payload["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["artifact_type"].clone())
        .collect();
    assert_eq!(kinds, ["archive", "dotenv", "junit"]);
    assert_eq!(payload["features"]["trace_sections"], true);
}

/// Ranges, repeated and missing pieces.
fn log_arrives_once(job: &mut testkit::RunnerJob) {
    let first = job.trace("2026-01-01T00:00:00.000000Z 00O one\n");
    assert_eq!(
        (first.status, first.header("Range"), first.header("Job-Status")),
        (202, Some("0-36"), Some("running"))
    );
    let interval: u32 = first.header("X-GitLab-Trace-Update-Interval").unwrap().parse().unwrap();
    assert!(interval > 0, "whole seconds");
    // The answer was lost: the same bytes again, and then bytes that overlap what is there.
    assert_eq!(
        job.patch(0, b"2026-01-01T00:00:00.000000Z 00O one\n")
            .send()
            .header("Range"),
        Some("0-36")
    );
    // A gap: the server says from where to send, and the runner does.
    let gap = job.patch(100, b"lost").send();
    assert_eq!((gap.status, gap.header("Range")), (416, Some("0-36")));
    assert_eq!(job.trace("two\n").header("Range"), Some("0-40"));
    let headless = job.patch(0, b"x").send_without("Content-Range");
    assert_eq!(headless.status, 400);
}

story!(a_cancel_reaches_a_silent_job_and_its_end_counts_as_canceled, runners: 0);

fn a_cancel_reaches_a_silent_job_and_its_end_counts_as_canceled(server: &mut TestServer) {
    let (project, runner) = pushed(server, "job: {script: [sleep 600], after_script: [echo after]}\n");
    let mut job = runner.take();
    let canceled = project.request("POST", &format!("/jobs/{}/cancel", job.id())).send();
    assert_eq!(canceled.expect(201).json()["status"], "canceling");
    let told = job.keep_alive();
    assert_eq!((told.status, told.header("Job-Status")), (200, Some("canceling")));
    // after_script runs, its log and files still come in.
    let answer = job.trace("after\n");
    assert_eq!((answer.status, answer.header("Job-Status")), (202, Some("canceling")));
    let file = Upload {
        kind: "archive",
        format: "zip",
        expire_in: "",
        filename: "a.zip",
        content: ARCHIVE,
    };
    assert_eq!(job.upload(file).status, 201);
    let ended = job.end(&json!({ "state": "failed", "failure_reason": "job_canceled" }));
    assert_eq!((ended.status, ended.header("Job-Status")), (200, Some("canceled")));

    // By force: nothing more is taken, and the runner is told so with every answer.
    let (project, runner) = pushed(server, "job: {script: [sleep 600]}\n");
    let mut job = runner.take();
    let id = job.id();
    let cancel = |query: &str| {
        project
            .request("POST", &format!("/jobs/{id}/cancel{query}"))
            .send()
            .expect(201)
            .json()
    };
    assert_eq!(cancel("")["status"], "canceling");
    assert_eq!(cancel("?force=true")["status"], "canceled");
    let answer = job.trace("more\n");
    assert_eq!((answer.status, answer.header("Job-Status")), (403, Some("canceled")));
    assert_eq!(job.end(&json!({ "state": "failed" })).status, 403);
}

story!(a_job_that_fails_is_retried_as_written_and_no_attempt_stays_running, runners: 0);

fn a_job_that_fails_is_retried_as_written_and_no_attempt_stays_running(server: &mut TestServer) {
    let config = "job: {script: x, retry: {max: 2, exit_codes: [7]}, allow_failure: {exit_codes: [3]}}\n";
    let (project, runner) = pushed(server, config);
    let pipeline = project.get("/pipelines")[0].clone();
    for exit_code in [7, 7, 3] {
        let mut job = runner.take();
        let failed = json!({ "state": "failed", "failure_reason": "script_failure", "exit_code": exit_code });
        assert_eq!(job.end(&failed).status, 200);
    }
    assert_eq!(
        project.finished(&pipeline)["status"],
        "success",
        "the last failure is allowed"
    );
    let attempts = project.get(&format!("/pipelines/{}/jobs?include_retried=true", pipeline["id"]));
    for attempt in attempts.as_array().unwrap() {
        assert_eq!(
            (&attempt["status"], &attempt["failure_reason"]),
            (&json!("failed"), &json!("script_failure"))
        );
        assert!(attempt["finished_at"].is_string(), "{attempt}");
    }
    assert_eq!(attempts.as_array().unwrap().len(), 3);
}

story!(twenty_slots_of_one_runner_get_twenty_jobs_once_each, runners: 0);

fn twenty_slots_of_one_runner_get_twenty_jobs_once_each(server: &mut TestServer) {
    let (project, runner) = pushed(server, "many: {script: x, parallel: 20}\n");
    let pipeline = project.get("/pipelines")[0].clone();
    let slots: Vec<_> = (0..20)
        .map(|slot| {
            let runner = runner.as_process(&format!("s_testkit000{slot:02}"));
            std::thread::spawn(move || {
                let mut job = runner.take();
                job.write("done\n");
                assert_eq!(job.end(&json!({ "state": "success" })).status, 200);
                job.id()
            })
        })
        .collect();
    let mut ids: Vec<i64> = slots.into_iter().map(|slot| slot.join().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    assert_eq!(project.finished(&pipeline)["status"], "success");
}

story!(a_held_request_is_answered_with_the_job_that_comes, runners: 0);

fn a_held_request_is_answered_with_the_job_that_comes(server: &mut TestServer) {
    let project = server.api().empty_project(&[(".gitlab-ci.yml", "job: {script: x}\n")]);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let (runner, token) = (project.runner(), project.trigger_token());
    let seen = runner.request().header("X-GitLab-Last-Update").unwrap().to_owned();
    let waiting = {
        let runner = runner.clone();
        std::thread::spawn(move || runner.request_held(&seen))
    };
    let pipeline = project.triggered(&token, Form::default());
    let answer = waiting.join().unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["job_info"]["pipeline_id"], pipeline["id"]);
}

story!(a_log_that_the_server_forgot_in_a_crash_is_sent_again, runners: 0);

fn a_log_that_the_server_forgot_in_a_crash_is_sent_again(server: &mut TestServer) {
    let (project, runner) = pushed(server, "job: {script: x}\n");
    let pipeline = project.get("/pipelines")[0].clone();
    let mut job = runner.take();
    let mut expected = String::new();
    for round in 0..4 {
        for line in 0..50 {
            let text = format!("round {round} line {line}\n");
            job.write(&text);
            expected.push_str(&text);
            assert_eq!(job.flush().status, 202);
        }
        server.restart();
    }
    assert_eq!(job.end(&json!({ "state": "success" })).status, 200);
    assert_eq!(project.log(&pipeline, "job"), expected);
}
