//! Pictures of the main pages, for README. `cargo xtask pictures` keeps them; otherwise they only have to be possible.

use std::path::PathBuf;

use serde_json::json;
use testkit::{Browser, BrowserOptions, Form, Project, TempDir, TestServer, eventually};

use crate::{server, sign_in};

/// Variable that names the folder in which pictures are kept.
const FOLDER: &str = "TRIPLINE_PICTURES";

/// A shop with stages, needs, a matrix, a failure and something to be started by hand.
const CONFIG: &str = r#"spec:
  inputs:
    environment:
      description: Where the release goes
      options: [staging, production]
      default: staging
    version:
      description: The version to release
      regex: ^\d+\.\d+\.\d+$
      default: 2.4.0
---
stages: [build, test, package, deploy]
workflow:
  name: Release $[[ inputs.version ]] to $[[ inputs.environment ]]
compile: {stage: build, script: ["echo compiling the shop"]}
assets: {stage: build, script: ["echo bundling styles"]}
unit: {stage: test, needs: [compile], parallel: 4, script: ["echo unit tests"]}
browser tests: {stage: test, needs: [compile, assets], script: ["echo opening the shop"]}
payments:
  stage: test
  needs: [compile]
  allow_failure: true
  script:
    - printf '\033[36mRunning 3 tests against the sandbox\033[0m\n'
    - printf '\033[32m✓\033[0m card is charged once\n\033[32m✓\033[0m refund is booked\n'
    - printf '\033[31m✗\033[0m voucher of another shop is refused\n'
    - "echo '  expected 422, got 200' >&2"
    - exit 1
container: {stage: package, needs: [unit, browser tests], script: ["echo packing the image"]}
release:
  stage: deploy
  needs: [container]
  script: ["echo releasing"]
  when: manual
"#;

struct Studio {
    server: TestServer,
    project: Project,
    pipeline: i64,
    payments: i64,
}

impl Studio {
    fn new() -> Studio {
        let server = server(2);
        let api = server.api();
        let group = api
            .post("/groups", &json!({"name": "Acme", "path": "acme"}))
            .expect(201)
            .json();
        let body =
            json!({"name": "Webshop", "namespace_id": group["id"], "description": "The shop, its API and its workers"});
        let project = api.post("/projects", &body).expect(201).json();
        let path = project["path_with_namespace"].as_str().expect("a path").to_owned();
        let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": CONFIG});
        let commit = json!({"branch": "main", "commit_message": "Charge vouchers once", "actions": [action]});
        api.post(&format!("/projects/{}/repository/commits", project["id"]), &commit)
            .expect(201);
        let project = api.existing_project(&path);
        let made = project
            .request("POST", "/triggers")
            .json(&json!({"description": "Warehouse"}))
            .send();
        let token = made.expect(201).json()["token"].as_str().expect("a token").to_owned();
        let mut last = json!(null);
        for target in ["staging", "production", "staging"] {
            let form = Form::of([
                ("ref", "main"),
                ("inputs[environment]", target),
                ("variables[ORDER]", "8841"),
            ]);
            last = project.triggered(&token, form);
        }
        _ = project.finished(&last);
        let jobs = project.jobs(&last);
        let payments = jobs
            .iter()
            .find(|job| job["name"] == "payments")
            .expect("it is in the file");
        Studio {
            pipeline: last["id"].as_i64().expect("an id"),
            payments: payments["id"].as_i64().expect("an id"),
            server,
            project,
        }
    }

    fn browser(&self, options: &BrowserOptions) -> Browser {
        let browser = Browser::start(&self.server.url(), options);
        sign_in(&browser, "root", self.server.root_password());
        browser
    }
}

#[test]
fn pictures_of_the_main_pages_can_be_taken() {
    let temporary = TempDir::new();
    let folder = std::env::var_os(FOLDER).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("the folder of the pictures can be made");
    let studio = Studio::new();
    let light = studio.browser(&BrowserOptions::default());
    let dark = studio.browser(&BrowserOptions {
        dark: true,
        ..BrowserOptions::default()
    });
    let phone = studio.browser(&BrowserOptions {
        size: (390, 844),
        language: "ja",
        ..BrowserOptions::default()
    });
    let path = &studio.project.path;
    for (browser, page, name) in [
        (
            &light,
            format!("/{path}/-/pipelines/{}", studio.pipeline),
            "pipeline.png",
        ),
        (&dark, format!("/{path}/-/jobs/{}", studio.payments), "job.png"),
        (&light, format!("/{path}/-/pipelines"), "pipelines.png"),
        (&light, format!("/{path}/-/pipelines/new"), "run.png"),
        (&light, format!("/{path}/-/settings/ci_cd"), "tokens.png"),
        (&phone, format!("/{path}/-/pipelines/{}", studio.pipeline), "phone.png"),
    ] {
        browser.open(&page);
        let file = folder.join(name);
        browser.screenshot(&file);
        let size = eventually("the picture", || std::fs::metadata(&file).ok()).len();
        assert!(size > 10_000, "{name} has {size} bytes");
    }
}
