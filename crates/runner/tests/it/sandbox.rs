//! What a hostile job tries, and does not get.

use crate::fake::{Fake, job, new_folder};

/// Puts a secret where jobs must not look, readable for everybody as far as file modes go.
fn data_folder() -> std::path::PathBuf {
    let folder = new_folder();
    std::fs::write(folder.join("key"), "topsecretkey").unwrap();
    folder
}

/// Whether this kernel can keep jobs from files at all.
fn has_landlock() -> bool {
    use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
    let required = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    required
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .is_ok()
}

#[tokio::test]
async fn the_data_folder_cannot_be_read_or_written() {
    if !has_landlock() {
        eprintln!("skipped: this kernel has no Landlock");
        return;
    }
    let data = data_folder();
    let denied = data.clone();
    let fake = Fake::with(move |config| config.denied_paths.push(denied)).await;
    let data_text = data.display().to_string();
    let ended = fake
        .run(job(&[
            &format!("cat {data_text}/key && echo READ || echo refused 1"),
            &format!("echo x > {data_text}/new && echo WROTE || echo refused 2"),
            &format!("ln {data_text}/key ./key && echo LINKED || echo refused 3"),
            &format!("ln -s {data_text}/key ./link; cat link && echo READ || echo refused 4"),
            &format!("ls {data_text} && echo LISTED || echo refused 5"),
            &format!("cat /proc/self/root{data_text}/key && echo READ || echo refused 6"),
        ]))
        .await;
    ended
        .succeeded()
        .hides("topsecretkey")
        .hides("\nREAD")
        .hides("\nWROTE")
        .hides("\nLINKED")
        .hides("\nLISTED");
    for number in 1..=6 {
        ended.says(&format!("\nrefused {number}\n"));
    }
    assert!(!data.join("new").exists());
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn folders_of_other_jobs_caches_and_the_runners_own_files_are_closed() {
    if !has_landlock() {
        eprintln!("skipped: this kernel has no Landlock");
        return;
    }
    let fake = Fake::with(|config| config.concurrency = 1).await;
    let mut other = job(&["echo private > file"]);
    other.job_info.project_id = 99;
    fake.run(other).await.succeeded();
    let ended = fake
        .run(job(&[
            "cat ../project-99/file && echo READ || echo refused 1",
            "ls .. && echo LISTED || echo refused 2",
            "ls ../../../../cache && echo LISTED || echo refused 3",
            "cat ../../../.system_id && echo READ || echo refused 4",
            "touch ../planted && echo PLANTED || echo refused 5",
            "touch $RUNNER_TEMP_PROJECT_DIR/planted && echo PLANTED || echo refused 6",
        ]))
        .await;
    ended
        .succeeded()
        .hides("\nREAD")
        .hides("\nLISTED")
        .hides("\nPLANTED")
        .hides("private");
    for number in 1..=6 {
        ended.says(&format!("\nrefused {number}\n"));
    }
}

#[tokio::test]
async fn the_runner_and_its_keeper_cannot_be_touched() {
    let fake = Fake::start().await;
    let server = std::process::id();
    let ended = fake
        .run(job(&[
            &format!("kill -0 {server} && echo REACHED || echo refused 1"),
            "kill -0 $PPID && echo REACHED || echo refused 2",
            &format!("cat /proc/{server}/environ > /dev/null && echo REACHED || echo refused 3"),
            "cat /proc/$PPID/mem > /dev/null && echo REACHED || echo refused 4",
            "ls -l /proc/$$/fd | grep -c pipe",
            "ulimit -c",
            "grep -c 'NoNewPrivs:.1' /proc/self/status",
        ]))
        .await;
    ended
        .succeeded()
        .says("\nrefused 3\n")
        .says("\nrefused 4\n")
        .says("\n0\n")
        .says("\n1\n");
    if has_landlock() {
        ended.says("\nrefused 1\n").says("\nrefused 2\n");
    }
}

#[tokio::test]
async fn temporary_files_are_gone_after_the_job() {
    let fake = Fake::start().await;
    let ended = fake
        .run(job(&[
            "echo x > $TMPDIR/file; echo tmp=$TMPDIR",
            "echo home=$HOME; touch $HOME/.profile",
        ]))
        .await;
    ended.succeeded();
    fake.run(job(&["true"])).await.succeeded();
    for name in ["tmp=", "home="] {
        let path = ended.trace.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert!(
            !std::path::Path::new(path).join("file").exists() && !std::path::Path::new(path).join(".profile").exists()
        );
    }
}

#[tokio::test]
async fn started_as_root_jobs_are_somebody_else() {
    let fake = Fake::start().await;
    let ended = fake
        .run(job(&["echo uid=$(id -u) groups=$(id -G | wc -w) user=$USER"]))
        .await;
    ended.succeeded();
    if nix::unistd::geteuid().is_root() {
        ended.hides("uid=0").says(" groups=1 ");
    }
}

#[tokio::test]
async fn files_have_a_largest_size() {
    let fake = Fake::with(|config| config.limits.file_bytes = 1 << 20).await;
    let ended = fake
        .run(job(&[
            "head -c 3000000 /dev/zero > big || echo refused",
            "stat -c %s big",
        ]))
        .await;
    ended.succeeded().says("\n1048576\n");
}
