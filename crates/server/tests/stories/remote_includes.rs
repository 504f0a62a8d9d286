//! `include:remote`: the server asks another host for a part of the configuration, and only where it may.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Form, Project, Site, TempDir, TestServer};

use crate::story;

/// `printf 'pinned: {script: x}\n' | openssl dgst -sha256 -binary | base64`
const HASH: &str = "sha256-N391QxZK8qD84EUVP7yuCn1rI25HHkYLjVDfWCzioxs=";

/// A host with files, and with ways out of it.
fn site() -> Site {
    let number = AtomicUsize::new(0);
    Site::start(move |request| match request.split(' ').nth(1).unwrap_or_default() {
        "/plain.yml" => Site::ok("plain: {script: x}\n"),
        "/pinned.yml" => Site::ok("pinned: {script: x}\n"),
        "/moved.yml" => Site::redirect(302, "/plain.yml"),
        "/counting.yml" => Site::ok(&format!(
            "number {}: {{script: x}}\n",
            number.fetch_add(1, Ordering::SeqCst)
        )),
        "/broken.yml" => Site::ok("a: [\n"),
        "/comment.yml" => Site::ok("# nothing\n"),
        "/empty.yml" => Site::ok(""),
        "/local.yml" => Site::ok("include: /own.yml\nx: {script: x}\n"),
        "/out.yml" => Site::redirect(302, "http://127.0.0.2:1/latest/meta-data.yml"),
        _ => Site::status("404 Not Found", ""),
    })
}

#[track_caller]
fn lint(project: &Project, content: &str) -> Value {
    let answer = project.request("POST", "/ci/lint").json(&json!({ "content": content }));
    answer.send().expect(200).json()
}

story!(a_pipeline_gets_the_jobs_of_remote_files, runners: 0);

fn a_pipeline_gets_the_jobs_of_remote_files(server: &mut TestServer) {
    let site = site();
    let config = format!(
        "include:\n  - {}\n  - {{remote: '{}', integrity: '{HASH}'}}\n  - {{remote: '{}', cache: 1h}}\nown: {{script: x}}\n",
        site.url("/moved.yml"),
        site.url("/pinned.yml"),
        site.url("/counting.yml"),
    );
    let project = server.api().project(&[(".gitlab-ci.yml", &config)]);
    let token = project.trigger_token();
    for _ in 0..2 {
        let pipeline = project.triggered(&token, Form::of([]));
        assert_eq!(project.job_names(&pipeline), ["plain", "pinned", "number 0", "own"]);
    }
    let asked = |path: &str| site.asked().iter().filter(|request| request.contains(path)).count();
    // The push, and two calls.
    assert_eq!(
        (
            asked("GET /moved.yml"),
            asked("GET /pinned.yml"),
            asked("GET /counting.yml")
        ),
        (3, 1, 1)
    );
}

story!(a_remote_file_that_cannot_be_had_is_named_in_gitlabs_words, runners: 0);

fn a_remote_file_that_cannot_be_had_is_named_in_gitlabs_words(server: &mut TestServer) {
    let site = site();
    let project = server.api().project(&[
        (".gitlab-ci.yml", "own: {script: x}\n"),
        ("own.yml", "secret: {script: x}\n"),
    ]);
    let url = |path: &str| site.url(path);
    for (include, expected) in [
        (
            url("/gone.yml"),
            format!(
                "Remote file `{}` could not be fetched after 1 attempt because of HTTP code `404` error!",
                url("/gone.yml")
            ),
        ),
        (
            format!("{{remote: '{}', integrity: '{HASH}'}}", url("/plain.yml")),
            format!("Remote file `{}` failed integrity check!", url("/plain.yml")),
        ),
        (
            url("/comment.yml"),
            format!("Included file `{}` does not have valid YAML syntax!", url("/comment.yml")),
        ),
        (
            url("/empty.yml"),
            format!("Included file `{}` is empty or does not exist!", url("/empty.yml")),
        ),
        (
            url("/x.yml?ref=main"),
            format!("Included file `{}` does not have YAML extension!", url("/x.yml?ref=main")),
        ),
        (
            url("/local.yml"),
            "Local file `own.yml` does not have project!".to_owned(),
        ),
        (
            url("/out.yml"),
            "Remote file could not be fetched because URL is blocked: Requests to loopback addresses are not allowed!"
                .to_owned(),
        ),
        (
            "http://169.254.169.254/latest/meta-data.yml".to_owned(),
            "Remote file could not be fetched because URL is blocked: Requests to the link local network are not allowed!"
                .to_owned(),
        ),
        (
            "http://[::1]/x.yml".to_owned(),
            "Remote file could not be fetched because URL is blocked: Requests to localhost are not allowed!".to_owned(),
        ),
    ] {
        let linted = lint(&project, &format!("include: {}\n", json_or_text(&include)));
        assert_eq!(linted["errors"], json!([expected]), "{include}");
    }
    let linted = lint(&project, &format!("include: '{}'\n", url("/broken.yml")));
    let error = linted["errors"][0].as_str().unwrap().to_owned();
    assert!(error.starts_with(&format!("`{}`: ", url("/broken.yml"))), "{error}");
}

/// Addresses in quotes, maps as they are.
fn json_or_text(include: &str) -> String {
    if include.starts_with('{') {
        include.to_owned()
    } else {
        format!("'{include}'")
    }
}

story!(a_remote_file_reads_nothing_that_not_everybody_may_read, runners: 0);

fn a_remote_file_reads_nothing_that_not_everybody_may_read(server: &mut TestServer) {
    let project = server.api().project(&[
        (".gitlab-ci.yml", "own: {script: x}\n"),
        ("own.yml", "from_own: {script: x}\n"),
    ]);
    let path = project.path.clone();
    let site = Site::start(move |_| {
        Site::ok(&format!(
            "include: {{project: {path}, file: own.yml}}\nx: {{script: x}}\n"
        ))
    });
    let content = format!("include: '{}'\n", site.url("/x.yml"));
    let linted = lint(&project, &content);
    assert_eq!(
        linted["errors"],
        json!([format!(
            "Project `{}` not found or access denied! Make sure any includes in the pipeline configuration are \
             correctly defined.",
            project.path
        )])
    );
    project
        .request("PUT", "")
        .json(&json!({ "visibility": "public" }))
        .send()
        .expect(200);
    assert_eq!(lint(&project, &content)["errors"], json!([]));
}

#[test]
fn lint_and_explain_fetch_remote_files_unless_told_otherwise() {
    let site = site();
    let dir = TempDir::new();
    let file = dir.path().join("ci.yml");
    std::fs::write(&file, format!("include: '{}'\n", site.url("/plain.yml"))).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command.arg(arguments[0]).arg(&file).args(&arguments[1..]);
        let output = command.env_remove("TRIPLINE_OUTBOUND_ALLOW").output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    for command in ["lint", "explain"] {
        let (valid, text) = run(&[command, "--outbound-allow", "127.0.0.1"]);
        assert!(valid, "{text}");
        let (valid, text) = run(&[command]);
        assert!(
            !valid && text.contains("Requests to localhost are not allowed"),
            "{text}"
        );
        let (valid, text) = run(&[command, "--offline", "--outbound-allow", "127.0.0.1"]);
        assert!(
            !valid && text.contains("could not be fetched because of `--offline`"),
            "{text}"
        );
    }
    assert_eq!(site.asked().len(), 2);
}
