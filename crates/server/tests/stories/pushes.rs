//! Git over HTTP: pushes make pipelines, clones give the files back, strangers get nothing.

use testkit::{Repository, TestServer, eventually};

use crate::story;

const PROJECT: &[(&str, &str)] = &[(".gitlab-ci.yml", "job: {script: \"true\"}\n")];

story!(a_push_makes_branch_and_tag_pipelines, runners: 0);

fn a_push_makes_branch_and_tag_pipelines(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let first = project.repository.sha("main");
    project.repository.commit("second", &[("a.txt", "a\n")]);
    project.push("main");
    project.push("main:refs/tags/v1");
    let pipelines = project.get("/pipelines?sort=asc");
    let pipelines = pipelines.as_array().unwrap();
    let found: Vec<(&str, &str)> = pipelines
        .iter()
        .map(|pipeline| (pipeline["ref"].as_str().unwrap(), pipeline["source"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("main", "push"), ("main", "push"), ("v1", "push")]);
    let before: Vec<String> = pipelines
        .iter()
        .map(|pipeline| {
            project.get(&format!("/pipelines/{}", pipeline["id"]))["before_sha"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let zeros = "0".repeat(40);
    assert_eq!(before, [zeros.clone(), first, zeros]);
}

story!(a_commit_message_or_a_push_option_skips_the_pipeline, runners: 0);

fn a_commit_message_or_a_push_option_skips_the_pipeline(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    project.repository.commit("docs only [skip ci]", &[("a.txt", "a\n")]);
    project.push("main");
    project.repository.commit("quiet", &[("a.txt", "b\n")]);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let pipelines = project.get("/pipelines?sort=asc");
    let statuses: Vec<&str> = pipelines
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["pending", "skipped", "skipped"]);
}

story!(push_options_set_variables, runners: 0);

fn push_options_set_variables(server: &mut TestServer) {
    let project = server.api().empty_project(PROJECT);
    project.repository.git(&[
        "push",
        "--quiet",
        "--push-option=ci.variable=WHO=ada lovelace",
        "origin",
        "main",
    ]);
    let pipeline = eventually("the push pipeline", || project.get("/pipelines").get(0).cloned());
    let variables = project.get(&format!("/pipelines/{}/variables", pipeline["id"]));
    assert_eq!(variables[0]["key"], "WHO");
    assert_eq!(variables[0]["value"], "ada lovelace");
}

story!(a_clone_needs_a_token_and_gives_the_files_back, runners: 0);

fn a_clone_needs_a_token_and_gives_the_files_back(server: &mut TestServer) {
    let project = server
        .api()
        .project(&[(".gitlab-ci.yml", "job: {script: x}\n"), ("src/a.txt", "hello\n")]);
    let there = Repository::of(&[]);
    let host = server.url().trim_start_matches("http://").to_owned();
    let address = |credentials: &str| format!("http://{credentials}{host}/{}.git", project.path);

    for credentials in ["", "root:wrong@", "root:glptt-aaaaaaaaaaaaaaaaaaaa@"] {
        let output = there.try_git(&["clone", "--quiet", &address(credentials), "refused"]);
        assert!(!output.status.success(), "`{credentials}` was let in");
    }
    there.git(&[
        "clone",
        "--quiet",
        &address(&format!("anyone:{}@", server.root_token())),
        "copy",
    ]);
    let text = std::fs::read_to_string(there.path().join("copy/src/a.txt")).unwrap();
    assert_eq!(text, "hello\n");
}

story!(the_message_of_an_annotated_tag_decides_rules, runners: 0);

fn the_message_of_an_annotated_tag_decides_rules(server: &mut TestServer) {
    let ci = "always: {script: \"true\"}\n\
              announced: {script: \"true\", rules: [{if: '$CI_COMMIT_TAG_MESSAGE =~ /announce this/'}]}\n";
    let project = server.api().project(&[(".gitlab-ci.yml", ci)]);
    project.repository.git(&["tag", "v1"]);
    project
        .repository
        .git(&["tag", "--annotate", "--message=announce this", "v2"]);
    for (tag, expected) in [("v1", vec!["always"]), ("v2", vec!["announced", "always"])] {
        project.push(&format!("refs/tags/{tag}"));
        let pipeline = eventually("the tag's pipeline", || {
            project.get(&format!("/pipelines?ref={tag}")).get(0).cloned()
        });
        let jobs = project.get(&format!("/pipelines/{}/jobs", pipeline["id"]));
        let names: Vec<&str> = jobs
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected, "{tag}");
    }
}
