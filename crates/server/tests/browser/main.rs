//! The pages in a real browser, on a real server: what people do, one test each.

mod access;
mod chapters;
mod hostile;
mod long_log;
mod looks;
mod pictures;
mod trigger_log;
mod work;

use serde_json::json;
use testkit::{Browser, BrowserOptions, Database, Project, ServerOptions, TestServer};

/// A configuration with inputs, a job that fails and one that asks.
const CONFIG: &str = r#"spec:
  inputs:
    target:
      description: Where to deploy to
      options: [staging, production]
      default: staging
    version:
      description: As in 1.2.3
      regex: ^\d+\.\d+\.\d+$
      default: 1.0.0
---
stages: [build, test, deploy]
compile:
  stage: build
  script: [echo compiling, echo built > built.txt]
  artifacts: {paths: [built.txt]}
unit: {stage: test, parallel: 3, needs: [compile], script: [echo unit]}
lint: {stage: test, needs: [], script: [echo lint], allow_failure: true}
release:
  stage: deploy
  script: ["echo deploying $[[ inputs.version ]] to $[[ inputs.target ]]"]
  when: manual
  environment:
    name: $[[ inputs.target ]]
    url: https://$CI_ENVIRONMENT_SLUG.example.com
    auto_stop_in: 1 week
"#;

/// Starts a server with a runner of its own.
fn server(runner_concurrency: usize) -> TestServer {
    TestServer::start(ServerOptions {
        binary: env!("CARGO_BIN_EXE_tripline").into(),
        database: Database::Sqlite,
        runner_concurrency,
    })
}

/// Starts a browser and signs `root` in.
fn signed_in(server: &TestServer, options: &BrowserOptions) -> Browser {
    let browser = Browser::start(&server.url(), options);
    sign_in(&browser, "root", server.root_password());
    browser
}

fn sign_in(browser: &Browser, login: &str, password: &str) {
    browser.open("/users/sign_in");
    browser.fill("#login", login);
    browser.fill("#password", password);
    browser.click(".door button");
    browser.sees(".me", login);
}

/// Makes a user who belongs to a project and can sign in with the password `a long password`.
fn member(server: &TestServer, project: &Project, name: &str, level: i64) {
    let account = json!({
        "username": name, "name": name, "email": format!("{name}@example.com"), "password": "a long password",
        "skip_confirmation": true,
    });
    let user = server.api().post("/users", &account).expect(201).json();
    let body = json!({"user_id": user["id"], "access_level": level});
    project.request("POST", "/members").json(&body).send().expect(201);
}
