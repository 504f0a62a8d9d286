//! The runner protocol from the other side: a foreign runner takes jobs, writes logs, reports, is canceled.

use serde_json::{Value, json};
use testkit::{Form, TestServer};

use crate::story;

const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"stages: [build, test]
build: {stage: build, script: ["echo one", "echo two"], before_script: ["echo zero"]}
test: {stage: test, script: "true"}
"#,
)];

story!(a_foreign_runner_takes_the_jobs_in_order_and_ends_the_pipeline, runners: 0);

fn a_foreign_runner_takes_the_jobs_in_order_and_ends_the_pipeline(server: &mut TestServer) {
    let api = server.api();
    let project = api.empty_project(PROJECT);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let runner = api.runner();
    assert_eq!(runner.request().status, 204, "there is nothing to do yet");

    let token = project.trigger_token();
    let pipeline = project.triggered(&token, Form::of([("variables[WHO]", "runner")]));
    let mut job = runner.take();
    assert_eq!(job.name(), "build");
    assert_eq!(
        job.payload["steps"][0]["script"],
        json!(["echo zero", "echo one", "echo two"])
    );
    assert_eq!(job.payload["git_info"]["sha"], project.repository.sha("main"));
    assert_eq!(job.variable("WHO"), Some("runner"));
    assert_eq!(job.variable("CI_PIPELINE_SOURCE"), Some("trigger"));
    assert_eq!(job.variable("CI_JOB_TOKEN"), Some(job.token()));
    assert_eq!(runner.request().status, 204, "the second stage waits for the first");

    assert_eq!(job.trace("first line\n").status, 202);
    assert_eq!(job.trace("second line\n").status, 202);
    assert!(project.log(&pipeline, "build").contains("first line\nsecond line\n"));
    job.succeed();
    let test = runner.take();
    assert_eq!(test.name(), "test");
    test.fail(7);

    let pipeline = project.finished(&pipeline);
    assert_eq!(pipeline["status"], "failed");
    let failed = project.get(&format!("/jobs/{}", test.id()));
    assert_eq!(
        (&failed["status"], &failed["failure_reason"]),
        (&json!("failed"), &json!("script_failure"))
    );
    assert_eq!(
        test.update(&json!({ "state": "success" })).status,
        403,
        "the job is over"
    );
}

story!(a_canceled_job_tells_its_runner_to_stop, runners: 0);

fn a_canceled_job_tells_its_runner_to_stop(server: &mut TestServer) {
    let api = server.api();
    let project = api.project(PROJECT);
    let runner = api.runner();
    let mut job = runner.take();
    let pipeline = project.get("/pipelines")[0].clone();
    project
        .request("POST", &format!("/pipelines/{}/cancel", pipeline["id"]))
        .send()
        .expect(200);
    let answer = job.trace("still here\n");
    let told = answer.header("Job-Status").map(str::to_owned);
    assert!(
        answer.status == 403 || matches!(told.as_deref(), Some("canceled" | "canceling")),
        "status {}, Job-Status {told:?}",
        answer.status
    );
    drop(job.update(&json!({ "state": "failed", "failure_reason": "job_canceled" })));
    assert_eq!(project.finished(&pipeline)["status"], "canceled");
}

story!(a_job_token_clones_and_triggers_and_dies_with_its_job, runners: 0);

fn a_job_token_clones_and_triggers_and_dies_with_its_job(server: &mut TestServer) {
    let api = server.api();
    let project = api.project(PROJECT);
    let runner = api.runner();
    let job = runner.hand_out();
    let address = job.payload["git_info"]["repo_url"].as_str().unwrap().to_owned();
    // A runner may fetch before the server has written down that it took the job.
    project.repository.git(&["ls-remote", &address]);
    job.accept();
    let form = Form::of([("token", job.token()), ("ref", "main")]);
    let downstream = project.trigger().multipart(&form).send().expect(201).json();
    assert_eq!(downstream["source"], "pipeline");

    job.succeed();
    assert!(!project.repository.try_git(&["ls-remote", &address]).status.success());
    let answer = project.trigger().multipart(&form).send();
    assert_eq!(
        (answer.status, answer.json()),
        (401, json!({ "message": "Job is not running" }))
    );
}

story!(a_runner_is_told_the_time_that_counts, runners: 0);

fn a_runner_is_told_the_time_that_counts(server: &mut TestServer) {
    // Seconds of the project, of the job, of the runner; and what the runner is told.
    for (project_seconds, job, runner_seconds, told) in [
        (1800, "", Value::Null, 1800),
        (1800, ", timeout: 20 minutes", Value::Null, 1200),
        (1800, ", timeout: 20 minutes", json!(900), 900),
        (1800, "", json!(900), 900),
        (700, "", json!(900), 700),
        // A job may ask for more than its project gives to others, but not for more than its runner allows.
        (700, ", timeout: 1 hour", Value::Null, 3600),
        (700, ", timeout: 1 hour", json!(900), 900),
    ] {
        let config = format!("job: {{script: x{job}}}\n");
        let project = server.api().empty_project(&[(".gitlab-ci.yml", &config)]);
        let update = project
            .request("PUT", "")
            .json(&json!({ "build_timeout": project_seconds }));
        drop(update.send().expect(200));
        project.push("main");
        let runner = project.runner();
        let listed = project.get("/runners?type=project_type");
        let path = format!("/runners/{}", listed[0]["id"]);
        let limit = project
            .api
            .request("PUT", &path)
            .json(&json!({ "maximum_timeout": runner_seconds }));
        drop(limit.send().expect(200));
        let case = format!("project {project_seconds}{job}, runner {runner_seconds}");
        assert_eq!(runner.take().payload["runner_info"]["timeout"], told, "{case}");
    }
}

story!(a_job_of_the_embedded_runner_ends_with_everything_it_started_when_canceled, runners: 1);

fn a_job_of_the_embedded_runner_ends_with_everything_it_started_when_canceled(server: &mut TestServer) {
    let project = server.api().project(&[(
        ".gitlab-ci.yml",
        "long: {script: [\"sleep 600 & sleep 600 & echo process $!\", \"echo started\", wait]}\n",
    )]);
    let pipeline = project.get("/pipelines")[0].clone();
    let log = testkit::eventually("the job's first lines", || {
        let log = project.log(&pipeline, "long");
        log.lines()
            .any(|line| line.ends_with("started") && !line.contains("echo"))
            .then_some(log)
    });
    let line = log
        .lines()
        .rev()
        .find(|line| line.contains("process ") && !line.contains("$!"))
        .unwrap();
    let process: u32 = line.rsplit(' ').next().unwrap().trim().parse().unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{process}"));
    assert!(process.exists());
    project
        .request("POST", &format!("/pipelines/{}/cancel", pipeline["id"]))
        .send()
        .expect(200);
    testkit::eventually("the background process to be gone", || {
        (!process.exists()).then_some(())
    });
    assert_eq!(project.finished(&pipeline)["status"], "canceled");
}
