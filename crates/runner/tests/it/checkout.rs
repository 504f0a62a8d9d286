//! Checkouts over HTTP.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fake::{Fake, git_info, job, set, step};
use wire::runner::{Hook, Job};

/// A bare repository with one commit after the other.
struct Repository {
    url: String,
    bare: PathBuf,
    work: PathBuf,
}

impl Repository {
    fn new(fake: &Fake, name: &str) -> Repository {
        let repository = Repository {
            url: format!("{}/team/{name}.git", fake.url()),
            bare: fake.folder.join(format!("served/team/{name}.git")),
            work: fake.folder.join(format!("work/{name}")),
        };
        std::fs::create_dir_all(&repository.bare).unwrap();
        git(&repository.bare, &["init", "-q", "--bare", "-b", "main", "."]);
        std::fs::create_dir_all(&repository.work).unwrap();
        git(&repository.work, &["init", "-q", "-b", "main", "."]);
        git(
            &repository.work,
            &["remote", "add", "origin", repository.bare.to_str().unwrap()],
        );
        repository
    }

    /// Commits a file and returns the commit.
    fn commit(&self, name: &str, content: &str) -> String {
        std::fs::write(self.work.join(name), content).unwrap();
        git(&self.work, &["add", "."]);
        git(&self.work, &["commit", "-q", "-m", content]);
        git(&self.work, &["push", "-q", "origin", "main"]);
        git(&self.work, &["rev-parse", "HEAD"])
    }

    fn job(&self, sha: &str, script: &[&str]) -> Job {
        let mut job = job(script);
        job.git_info = Some(git_info(&self.url, sha));
        job
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn start() -> (Fake, Repository) {
    let fake = Fake::start().await;
    let repository = Repository::new(&fake, "demo");
    (fake, repository)
}

#[tokio::test]
async fn the_wanted_commit_is_checked_out_and_the_folder_is_reused() {
    let (fake, repository) = start().await;
    let first = repository.commit("file", "one");
    let second = repository.commit("file", "two");
    let ended = fake
        .run(repository.job(&first, &["cat file; echo", "git rev-parse HEAD", "touch left-over"]))
        .await;
    ended
        .succeeded()
        .says("\none\n")
        .says(&format!("\n{first}\n"))
        .says("Fetching changes with git depth set to 20...");
    ended.says(&format!(
        "Checking out {} as detached HEAD (ref is main)...",
        &first[..8]
    ));
    let ended = fake
        .run(repository.job(&second, &["cat file; echo", "ls -A; git status --porcelain"]))
        .await;
    ended
        .succeeded()
        .says("\ntwo\n")
        .says("Commit is already there")
        .says("Removing left-over")
        .hides("\nleft-over\n");
}

#[tokio::test]
async fn a_new_commit_is_fetched_into_the_old_folder() {
    let (fake, repository) = start().await;
    let first = repository.commit("file", "one");
    fake.run(repository.job(&first, &["echo changed > file", "touch .git/index.lock"]))
        .await
        .succeeded();
    let second = repository.commit("file", "two");
    let ended = fake
        .run(repository.job(&second, &["cat file; echo", "git log --oneline origin/main | wc -l"]))
        .await;
    ended
        .succeeded()
        .says("\ntwo\n")
        .says("Reinitialized existing Git repository")
        .says("\n2\n");
}

#[tokio::test]
async fn what_a_job_plants_in_the_repository_does_not_run() {
    let (fake, repository) = start().await;
    let first = repository.commit("file", "one");
    let plant = [
        "mkdir -p .git/hooks",
        "printf '#!/bin/sh\\necho HOOKED\\n' > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout",
        "git config core.fsmonitor 'echo MONITORED >&2'",
        "git config alias.checkout '!echo ALIASED'",
    ];
    fake.run(repository.job(&first, &plant)).await.succeeded();
    let second = repository.commit("file", "two");
    let ended = fake.run(repository.job(&second, &["git config --local --list"])).await;
    ended
        .succeeded()
        .hides("\nHOOKED")
        .hides("MONITORED")
        .hides("alias.checkout");
}

#[tokio::test]
async fn jobs_of_protected_refs_share_no_repository_with_others() {
    let (fake, repository) = start().await;
    let commit = repository.commit("deploy.sh", "echo as committed");
    let plant = [
        "echo 'echo PLANTED' > planted",
        "git replace -f HEAD:deploy.sh $(git hash-object -w planted)",
        "cp planted deploy.sh; git update-index --skip-worktree deploy.sh",
    ];
    fake.run(repository.job(&commit, &plant)).await.succeeded();
    let mut job = repository.job(&commit, &["sh deploy.sh"]);
    set(&mut job, "CI_COMMIT_REF_PROTECTED", "false");
    job.git_info.as_mut().unwrap().protected = Some(true);
    fake.run(job)
        .await
        .succeeded()
        .says("\nas committed\n")
        .hides("\nPLANTED");
}

#[tokio::test]
async fn objects_are_not_replaced_by_an_earlier_job() {
    let (fake, repository) = start().await;
    let commit = repository.commit("file", "as committed");
    let plant = [
        "echo PLANTED > planted",
        "git replace -f HEAD:file $(git hash-object -w planted)",
        "rm file",
    ];
    fake.run(repository.job(&commit, &plant)).await.succeeded();
    let ended = fake.run(repository.job(&commit, &["cat file; echo"])).await;
    ended.succeeded().says("\nas committed\n").hides("\nPLANTED");
}

#[tokio::test]
async fn strategies_decide_what_is_there() {
    let (fake, repository) = start().await;
    let sha = repository.commit("file", "one");
    fake.run(repository.job(&sha, &["touch left-over"])).await.succeeded();
    for (strategy, script) in [
        ("none", "test -e left-over && test -e file"),
        ("clone", "test ! -e left-over && test -e file"),
        ("empty", "test ! -e file && test -z \"$(ls -A)\" && touch dirt"),
        ("empty", "test ! -e dirt"),
    ] {
        let mut job = repository.job(&sha, &[script]);
        set(&mut job, "GIT_STRATEGY", strategy);
        fake.run(job).await.succeeded();
    }
    let mut unknown = repository.job(&sha, &["true"]);
    set(&mut unknown, "GIT_STRATEGY", "pull");
    fake.run(unknown)
        .await
        .failed("runner_configuration_error", None)
        .says("unknown GIT_STRATEGY `pull`");
}

#[tokio::test]
async fn checkout_and_clean_can_be_told_otherwise() {
    let (fake, repository) = start().await;
    let first = repository.commit("file", "one");
    fake.run(repository.job(&first, &["touch left-over"])).await.succeeded();
    let second = repository.commit("file", "two");
    let mut no_checkout = repository.job(&second, &["cat file; echo"]);
    set(&mut no_checkout, "GIT_CHECKOUT", "false");
    fake.run(no_checkout)
        .await
        .succeeded()
        .says("\none\n")
        .says("Skipping Git checkout");
    let mut no_clean = repository.job(&second, &["cat file; echo", "ls left-over"]);
    set(&mut no_clean, "GIT_CLEAN_FLAGS", "none");
    fake.run(no_clean)
        .await
        .succeeded()
        .says("\ntwo\n")
        .says("\nleft-over\n");
}

#[tokio::test]
async fn a_commit_that_is_not_there_fails_the_job() {
    let (fake, repository) = start().await;
    repository.commit("file", "one");
    let missing = "0123456789012345678901234567890123456789";
    let mut job = repository.job(missing, &["echo never"]);
    set(&mut job, "GET_SOURCES_ATTEMPTS", "2");
    job.steps.push(step("after_script", &["echo neither"]));
    let ended = fake.run(job).await;
    ended
        .failed("script_failure", Some(128))
        .hides("$ echo")
        .says("trying again");
}

#[tokio::test]
async fn full_history_is_fetched_at_depth_0() {
    let (fake, repository) = start().await;
    repository.commit("file", "one");
    let second = repository.commit("file", "two");
    let count = ["git rev-list --count HEAD"];
    let mut shallow = repository.job(&second, &count);
    shallow.git_info.as_mut().unwrap().depth = 1;
    fake.run(shallow).await.succeeded().says("\n1\n");
    let mut full = repository.job(&second, &count);
    full.git_info.as_mut().unwrap().depth = 0;
    fake.run(full).await.succeeded().says("\n2\n");
}

#[tokio::test]
async fn submodules_come_along_when_asked_for() {
    let (fake, repository) = start().await;
    let inner = Repository::new(&fake, "inner");
    inner.commit("inner-file", "inner");
    let inner_folder = inner.bare.to_str().unwrap();
    git(
        &repository.work,
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            inner_folder,
            "sub",
        ],
    );
    git(
        &repository.work,
        &["config", "-f", ".gitmodules", "submodule.sub.url", "../inner.git"],
    );
    let sha = repository.commit("file", "with submodule");
    let mut with = repository.job(&sha, &["cat sub/inner-file; echo"]);
    set(&mut with, "GIT_SUBMODULE_STRATEGY", "recursive");
    fake.run(with).await.succeeded().says("\ninner\n");
    let mut without = repository.job(&sha, &["ls sub | wc -l"]);
    set(&mut without, "GIT_STRATEGY", "clone");
    fake.run(without)
        .await
        .succeeded()
        .says("\n0\n")
        .says("Skipping Git submodules setup");
}

#[tokio::test]
async fn hooks_run_around_the_checkout() {
    let (fake, repository) = start().await;
    let sha = repository.commit("file", "one");
    let mut job = repository.job(&sha, &["true"]);
    job.hooks = vec![
        Hook {
            name: "pre_get_sources_script".into(),
            script: vec!["echo before; ls -A | wc -l".into()],
        },
        Hook {
            name: "post_get_sources_script".into(),
            script: vec!["echo after; cat file; echo".into()],
        },
    ];
    fake.run(job)
        .await
        .succeeded()
        .says("\nbefore\n0\n")
        .says("\nafter\none\n");
}

#[tokio::test]
async fn the_token_is_nowhere_in_the_folder_and_git_works_in_scripts() {
    let (fake, repository) = start().await;
    let sha = repository.commit("file", "one");
    let ended = fake
        .run(repository.job(
            &sha,
            &[
                "grep -r ${CI_JOB_TOKEN} .git && echo FOUND || echo clean",
                "git remote get-url origin",
                "git fetch -q origin main && git log --format=%s origin/main",
                "env | grep -c GIT_CONFIG || true",
            ],
        ))
        .await;
    ended
        .succeeded()
        .says("\nclean\n")
        .says(&format!("\n{}\n", repository.url))
        .says("\none\n")
        .says("\n0\n");
}
