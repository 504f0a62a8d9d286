//! `cargo xtask gitlab-runner PROGRAM`: holds a real GitLab Runner, built by whoever runs this, to what the stories
//! hold the embedded runner to.

use std::path::Path;

use testkit::{
    COMBINED_STATUSES, Database, GitlabRunner, Project, ServerOptions, TempDir, TestServer, combined, eventually,
};

use crate::{Result, process};

/// Runs everything; `--slow` adds what takes ten minutes.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some((binary, rest)) = arguments.split_first() else {
        return Err("expected the path of a gitlab-runner, and perhaps --slow".to_owned());
    };
    let binary = &std::path::absolute(binary).map_err(|error| error.to_string())?;
    let mut server = TestServer::start(ServerOptions {
        binary: process::build_server()?,
        database: Database::Sqlite,
        runner_concurrency: 0,
    });
    compare(binary, &server)?;
    killed(binary, &server)?;
    twenty_at_once(binary, &server)?;
    cache_and_retry(binary, &server)?;
    restarted(binary, &mut server)?;
    job_timeout(binary, &server)?;
    if rest.iter().any(|word| word == "--slow") {
        slow_timeouts(binary, &server)?;
    }
    Ok(())
}

/// The pipeline with everything in it has the statuses that it has under the embedded runner.
fn compare(binary: &Path, server: &TestServer) -> Result<()> {
    let _runner = GitlabRunner::start(binary, server, &server.api(), &[])?;
    let seen = combined(&server.api());
    if seen != COMBINED_STATUSES {
        return Err(format!("expected {COMBINED_STATUSES:#?}, got {seen:#?}"));
    }
    println!("gitlab-runner: the pipeline with everything in it has the same statuses");
    Ok(())
}

/// A runner that is killed leaves its job running; what it had said is kept, and the next start takes further jobs.
fn killed(binary: &Path, server: &TestServer) -> Result<()> {
    let mut runner = GitlabRunner::start(binary, server, &server.api(), &[])?;
    let project = pushed(server, "job: {script: [echo begun, sleep 300]}\n");
    let pipeline = project.get("/pipelines")[0].clone();
    // The runner sends its log every few seconds.
    eventually("the job's first line", || {
        project
            .jobs(&pipeline)
            .first()
            .filter(|job| job["status"] == "running")?;
        // Each line begins with a time; the command itself is shown before it runs.
        let is_output = |line: &str| line.ends_with("begun") && !line.contains("echo");
        project.log(&pipeline, "job").lines().any(is_output).then_some(())
    });
    runner.kill();
    expect(&project, "running", "")?;
    runner.restart();
    let job = project.jobs(&pipeline)[0]["id"].clone();
    for path in [format!("/jobs/{job}/cancel"), format!("/jobs/{job}/cancel?force=true")] {
        drop(project.request("POST", &path).send().expect(201));
    }
    expect(&project, "canceled", "")?;
    let other = pushed(server, "job: {script: [echo more]}\n");
    ended(&other);
    expect(&other, "success", "")?;
    println!("gitlab-runner: killed in mid-job, its job could be canceled and the runner took further ones");
    Ok(())
}

/// Twenty jobs run at the same time: each waits for all others.
fn twenty_at_once(binary: &Path, server: &TestServer) -> Result<()> {
    let _runner = GitlabRunner::start(binary, server, &server.api(), &[])?;
    let folder = TempDir::new();
    let together = folder.path().display();
    let config = format!(
        "many:\n  parallel: 20\n  script:\n    - touch {together}/$CI_JOB_ID\n    - while [ $(ls {together} | wc -l) -lt 20 ]; do sleep 0.2; done\n    - echo all are there\n"
    );
    let project = pushed(server, &config);
    ended(&project);
    let jobs = project.jobs(&project.get("/pipelines")[0]);
    let good = jobs.iter().filter(|job| job["status"] == "success").count();
    if good != 20 {
        return Err(format!(
            "expected 20 jobs that ended well, got {good} of {}",
            jobs.len()
        ));
    }
    println!("gitlab-runner: twenty jobs ran at the same time");
    Ok(())
}

/// A cache is there for the next job, artifacts too, and a job that fails is tried again.
fn cache_and_retry(binary: &Path, server: &TestServer) -> Result<()> {
    let _runner = GitlabRunner::start(binary, server, &server.api(), &[])?;
    let folder = TempDir::new();
    let once = folder.path().join("once").display().to_string();
    let config = format!(
        "stages: [one, two]\n\
         first:\n  stage: one\n  retry: 1\n  cache: {{key: k, paths: [cached/]}}\n  artifacts: {{paths: [made]}}\n  script:\n    \
         - mkdir -p cached && echo from the cache > cached/file && echo from the job > made\n    \
         - if [ ! -e {once} ]; then touch {once}; exit 1; fi\n\
         second:\n  stage: two\n  cache: {{key: k, paths: [cached/], policy: pull}}\n  script: [cat cached/file made]\n"
    );
    let project = pushed(server, &config);
    ended(&project);
    let pipeline = project.get("/pipelines")[0].clone();
    let log = project.log(&pipeline, "second");
    let attempts = project.get(&format!("/pipelines/{}/jobs?include_retried=true", pipeline["id"]));
    let statuses: Vec<_> = attempts
        .as_array()
        .into_iter()
        .flatten()
        .map(|job| job["status"].clone())
        .collect();
    if pipeline["status"] != "success" || statuses.len() != 3 {
        return Err(format!("expected success after a retry, got {statuses:?}:\n{log}"));
    }
    for text in ["from the cache", "from the job"] {
        if !log.contains(text) {
            return Err(format!("expected `{text}` in the log:\n{log}"));
        }
    }
    println!("gitlab-runner: cache and artifacts reached the next job, a failed one was tried again");
    Ok(())
}

/// The server is killed in the middle of a job and comes back: the job goes on, and its log is whole.
fn restarted(binary: &Path, server: &mut TestServer) -> Result<()> {
    let _runner = GitlabRunner::start(binary, server, &server.api(), &[])?;
    let folder = TempDir::new();
    let end = folder.path().join("end");
    let config = format!(
        "job:\n  script:\n    - for n in $(seq 200); do echo line $n of it; done\n    - while [ ! -e {} ]; do sleep 0.2; done\n    - echo and the last\n",
        end.display()
    );
    let project = pushed(server, &config);
    let pipeline = project.get("/pipelines")[0].clone();
    eventually("the first lines", || {
        project
            .jobs(&pipeline)
            .first()
            .filter(|job| job["status"] == "running")?;
        project.log(&pipeline, "job").contains("line 200 of it").then_some(())
    });
    server.restart();
    std::fs::write(&end, "").map_err(|error| error.to_string())?;
    ended(&project);
    expect(&project, "success", "")?;
    let log = project.log(&pipeline, "job");
    for n in 1..=200 {
        let line = format!("line {n} of it");
        let seen = log.lines().filter(|seen| seen.ends_with(&line)).count();
        if seen != 1 {
            return Err(format!("`{line}` is {seen} times in the log"));
        }
    }
    println!("gitlab-runner: a killed server came back in mid-job, the job went on and its log was whole");
    Ok(())
}

/// The job's own time, which the runner obeys.
fn job_timeout(binary: &Path, server: &TestServer) -> Result<()> {
    let _runner = GitlabRunner::start(binary, server, &server.api(), &[])?;
    let project = pushed(server, "job: {script: [sleep 300], timeout: 3 seconds}\n");
    ended(&project);
    expect(&project, "failed", "job_execution_timeout")?;
    println!("gitlab-runner: a job ended after its own timeout");
    Ok(())
}

/// The project's time and the runner's, which are ten minutes at least.
fn slow_timeouts(binary: &Path, server: &TestServer) -> Result<()> {
    const CONFIG: &str = "job: {script: [sleep 900]}\n";
    let _plain = GitlabRunner::start(
        binary,
        server,
        &server.api(),
        &[("tag_list", "plain"), ("run_untagged", "true")],
    )?;
    let short = GitlabRunner::start(
        binary,
        server,
        &server.api(),
        &[
            ("tag_list", "short"),
            ("run_untagged", "false"),
            ("maximum_timeout", "600"),
        ],
    )?;
    let of_runner = pushed(server, "job: {script: [sleep 900], tags: [short]}\n");
    let of_project = server.api().empty_project(&[(".gitlab-ci.yml", CONFIG)]);
    let update = of_project
        .request("PUT", "")
        .json(&serde_json::json!({ "build_timeout": 600 }));
    drop(update.send().expect(200));
    of_project.push("main");
    for project in [&of_runner, &of_project] {
        while project.get("/pipelines")[0]["status"] != "failed" {
            std::thread::sleep(std::time::Duration::from_secs(5));
        }
        expect(project, "failed", "job_execution_timeout")?;
        let took = project.get("/jobs")[0]["duration"].as_f64().unwrap_or_default();
        if !(595.0..660.0).contains(&took) {
            return Err(format!(
                "a job of 600 s ended after {took} s; the runner:\n{}",
                short.log()
            ));
        }
    }
    println!("gitlab-runner: the timeouts of a project and of a runner ended their jobs");
    Ok(())
}

fn pushed(server: &TestServer, config: &str) -> Project {
    server.api().project(&[(".gitlab-ci.yml", config)])
}

fn ended(project: &Project) {
    let _ended = project.finished(&project.get("/pipelines")[0]);
}

fn expect(project: &Project, status: &str, reason: &str) -> Result<()> {
    let job = project.get("/jobs")[0].clone();
    let seen = (
        job["status"].as_str(),
        job["failure_reason"].as_str().unwrap_or_default(),
    );
    if seen == (Some(status), reason) {
        Ok(())
    } else {
        Err(format!("expected {status} {reason}, got {seen:?}"))
    }
}
