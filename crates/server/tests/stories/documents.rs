//! What README says about the program is true of the binary.

use std::path::Path;
use std::process::Command;

use testkit::{TempDir, TestServer};

use crate::story;

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tripline"))
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_command_of_the_readme_exists() {
    let readme = readme();
    let commands = readme
        .lines()
        .filter_map(|line| {
            line.split_once("release -- ")
                .or_else(|| line.split_once("release/tripline "))
        })
        .map(|(_, rest)| rest.split_whitespace().next().unwrap());
    let mut count = 0;
    for command in commands {
        help(&[command]);
        count += 1;
    }
    assert!(count >= 2, "README has no commands any more");
}

#[test]
fn every_command_and_flag_of_the_help_is_in_the_readme() {
    let readme = readme();
    let commands = help(&[]);
    let (_, list) = commands.split_once("Commands:").expect("the help lists commands");
    let names = list.lines().skip(1).take_while(|line| !line.is_empty());
    for name in names.filter_map(|line| line.split_whitespace().next()) {
        assert!(
            readme.contains(&format!("`tripline {name}")),
            "README does not name `tripline {name}`"
        );
    }
    for flag in help(&["serve"])
        .split_whitespace()
        .filter(|word| word.starts_with("--") && *word != "--help")
    {
        assert!(readme.contains(&format!("`{flag}`")), "README does not name `{flag}`");
    }
}

#[test]
fn every_setting_of_the_readme_is_in_the_help_of_serve() {
    let (help, readme) = (help(&["serve"]), readme());
    let rows = readme.lines().filter(|line| line.starts_with("| `--"));
    let mut count = 0;
    for word in rows
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .filter(|word| word.starts_with("--") || word.starts_with("TRIPLINE_"))
    {
        assert!(help.contains(word), "`tripline serve --help` does not name `{word}`");
        count += 1;
    }
    assert!(count >= 8, "README has no table of settings any more");
}

story!(the_quick_start_of_the_readme_can_be_pasted_into_a_shell, runners: 1);

fn the_quick_start_of_the_readme_can_be_pasted_into_a_shell(server: &mut TestServer) {
    let readme = readme();
    let (_, rest) = readme
        .split_once("```sh\napi=")
        .expect("README has the block that starts with `api=`");
    let (block, _) = rest.split_once("```").expect("the block ends");
    let host = server.url().trim_start_matches("http://").to_owned();
    let script = format!("set -euo pipefail\napi={}", block.replace("127.0.0.1:8080", &host));
    let dir = TempDir::new();
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir.path())
        .env("TRIPLINE_ROOT_TOKEN", server.root_token())
        .envs(testkit::git_environment())
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");

    let project = server.api().existing_project("root/hello");
    let pipeline = project.finished(&project.get("/pipelines?source=trigger")[0]);
    let log = project.log(&pipeline, "greet");
    assert!(log.contains("Hello, world"), "{log}");
}
