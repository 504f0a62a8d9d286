//! `cargo xtask second-runner`: a runner that others wrote (the crate `gitlab-runner`) works off a pipeline.
//!
//! It is no test among the others, because its HTTP client brings a TLS library in C that takes longer to build than
//! all of ours.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testkit::{Database, Project, ServerOptions, TestServer, eventually};

use crate::Result;
use crate::process::{build_server, cargo, root};

/// Where it is built.
const BUILD: &str = "target/second-runner";

const CONFIG: &str = r#"stages: [build, test]
make:
  stage: build
  before_script: ["print before"]
  script: ["print hello from $CI_JOB_NAME", "file out/result.txt made by the first job", "file other.txt not asked for"]
  after_script: ["print after"]
  artifacts: {paths: [out/]}
masked: {stage: build, script: ["print the secret is $SECRET here"]}
use: {stage: test, needs: [make], script: ["read make out/result.txt"]}
without: {stage: test, needs: [{job: make, artifacts: false}], script: ["read make out/result.txt"], allow_failure: true}
broken: {stage: test, needs: [], script: ["print one", fail, "print never"], allow_failure: true}
canceled: {stage: test, needs: [], script: [wait], allow_failure: true}
"#;

/// The runner as a process, which ends with this one.
struct Runner(Child);

impl Drop for Runner {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(word) = arguments.first() {
        return Err(format!("`{word}` is not known: `second-runner` takes no arguments"));
    }
    let build = root().join(BUILD);
    cargo([
        "build",
        "--quiet",
        "--locked",
        "--manifest-path",
        "second-runner/Cargo.toml",
        "--target-dir",
    ])
    .args([&build])
    .run()?;
    // PostgreSQL too, where one is named as for the tests.
    let has_postgres = std::env::var_os("TRIPLINE_TEST_POSTGRES_URL").is_some();
    for database in [Database::Sqlite]
        .into_iter()
        .chain(has_postgres.then_some(Database::Postgres))
    {
        let server = TestServer::start(ServerOptions {
            binary: build_server()?,
            database,
            runner_concurrency: 0,
        });
        let created = server
            .api()
            .post("/user/runners", &json!({ "runner_type": "instance_type" }));
        let created = created.expect(201).json();
        let token = created["token"].as_str().unwrap_or_default();
        let _runner = Runner(
            Command::new(build.join("debug/second-runner"))
                .args([&server.url(), token])
                .stdin(Stdio::null())
                .spawn()
                .map_err(|error| format!("cannot start the runner: {error}"))?,
        );
        work(&server)?;
        println!("second-runner: the crate `gitlab-runner` worked off the pipeline ({database:?})");
    }
    Ok(())
}

fn work(server: &TestServer) -> Result<()> {
    let project = server.api().empty_project(&[(".gitlab-ci.yml", CONFIG)]);
    let secret = json!({ "key": "SECRET", "value": "correct-horse-battery", "masked": true });
    drop(project.request("POST", "/variables").json(&secret).send().expect(201));
    project.push("main");
    let pipeline = project.get("/pipelines")[0].clone();
    let waiting = eventually("the job that waits", || {
        let jobs = project.jobs(&pipeline);
        let job = jobs
            .iter()
            .find(|job| job["name"] == "canceled" && job["status"] == "running")?;
        project
            .log(&pipeline, "canceled")
            .contains("waiting")
            .then(|| job["id"].clone())
    });
    // The crate takes no notice of `canceling`: it stops when the server says `canceled`.
    for query in ["", "?force=true"] {
        let path = format!("/jobs/{waiting}/cancel{query}");
        drop(project.request("POST", &path).send().expect(201));
    }
    let ended = project.finished(&pipeline);
    expect("the pipeline", &ended["status"], &json!("success"))?;
    let jobs = project.jobs(&pipeline);
    for (name, status) in [
        ("make", "success"),
        ("masked", "success"),
        ("use", "success"),
        ("without", "failed"),
        ("broken", "failed"),
        ("canceled", "canceled"),
    ] {
        let job = jobs.iter().find(|job| job["name"] == name);
        expect(name, job.map_or(&Value::Null, |job| &job["status"]), &json!(status))?;
    }
    logs(&project, &pipeline)?;
    let make = jobs
        .iter()
        .find(|job| job["name"] == "make")
        .map_or(Value::Null, |job| job["id"].clone());
    let file = |path: &str| project.request("GET", &format!("/jobs/{make}/artifacts/{path}")).send();
    expect(
        "a file",
        &json!(file("out/result.txt").expect(200).text()),
        &json!("made by the first job"),
    )?;
    expect(
        "a file that was not asked for",
        &json!(file("other.txt").status),
        &json!(404),
    )
}

fn logs(project: &Project, pipeline: &Value) -> Result<()> {
    for (name, wanted, unwanted) in [
        ("make", "before", "never"),
        ("make", "hello from make", "never"),
        ("make", "after", "never"),
        ("use", "out/result.txt of make: made by the first job", "never"),
        ("masked", "the secret is [MASKED] here", "correct-horse-battery"),
        ("broken", "one", "never"),
    ] {
        let log = project.log(pipeline, name);
        if !log.contains(wanted) || log.contains(unwanted) {
            return Err(format!(
                "expected `{wanted}` and not `{unwanted}` in the log of `{name}`:\n{log}"
            ));
        }
    }
    Ok(())
}

fn expect(what: &str, seen: &Value, expected: &Value) -> Result<()> {
    if seen == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected}, got {seen}"))
    }
}
