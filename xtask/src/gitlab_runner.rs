//! `cargo xtask gitlab-runner PROGRAM`: holds a real GitLab Runner, built by whoever runs this, to what the stories
//! hold the embedded runner to.

use std::path::Path;

use testkit::{COMBINED_STATUSES, Database, GitlabRunner, Project, ServerOptions, TestServer, combined, eventually};

use crate::{Result, process};

/// Runs everything; `--slow` adds what takes ten minutes.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some((binary, rest)) = arguments.split_first() else {
        return Err("expected the path of a gitlab-runner, and perhaps --slow".to_owned());
    };
    let binary = &std::path::absolute(binary).map_err(|error| error.to_string())?;
    let server = TestServer::start(ServerOptions {
        binary: process::build_server()?,
        database: Database::Sqlite,
        runner_concurrency: 0,
    });
    compare(binary, &server)?;
    killed(binary, &server)?;
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
