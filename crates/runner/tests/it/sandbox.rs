//! What a hostile job tries, and does not get.

use std::path::{Path, PathBuf};
use std::process::Command;

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
            // Its own way there, where the folders lie in one that it has for itself.
            "ls -A .. | grep -v '^project-3' && echo LISTED || echo refused 2",
            "ls ../../../../cache && echo LISTED || echo refused 3",
            "cat ../../../.system_id && echo READ || echo refused 4",
            "touch ../planted || true; echo refused 5",
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
    let above = fake.folder.join("builds/abcdefghi/0");
    assert!(above.join("project-99/file").exists() && !above.join("planted").exists());
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

/// What the job shell says of this system, started as it is or by another program.
fn protections(launcher: &[&str]) -> serde_json::Value {
    let shell = [env!("CARGO_BIN_EXE_job-shell"), "protections"];
    let mut words = launcher.iter().chain(&shell);
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Whether jobs can have temporary folders of their own here.
fn has_private_folders() -> bool {
    let has = protections(&[])["folders"] != "None";
    if !has {
        eprintln!("skipped: this system lets the runner mount nothing");
    }
    has
}

/// A runner whose folders lie outside of all temporary ones, as those of a server do.
async fn outside() -> (Fake, PathBuf) {
    static COUNTER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("runner-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let builds = folder.join("builds");
    (Fake::with(move |config| config.builds_dir = builds).await, folder)
}

const PRIVATE: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

#[tokio::test]
async fn each_job_has_temporary_folders_of_its_own() {
    if !has_private_folders() {
        return;
    }
    let (apart, folder) = outside().await;
    for (place, fake) in [("outside", &apart), ("inside", &Fake::start().await)] {
        let name = format!("own-{place}-{}", std::process::id());
        let write: Vec<String> = PRIVATE
            .iter()
            .map(|tmp| format!("echo secret > {tmp}/{name}"))
            .collect();
        let mut lines: Vec<&str> = write.iter().map(String::as_str).collect();
        let seen = format!("cat /tmp/{name} /var/tmp/{name} /dev/shm/{name}");
        lines.extend([
            &*seen,
            "ls -A /tmp /var/tmp /dev/shm",
            "mktemp",
            "mkdir -p /tmp/a/b /var/tmp/c && echo made",
            "echo x > /dev/shm/y",
        ]);
        let first = fake.run(job(&lines)).await;
        first.succeeded().says("\nsecret\nsecret\nsecret\n").says("\nmade\n");
        for tmp in PRIVATE {
            assert!(!Path::new(tmp).join(&name).exists(), "{place}: {tmp} of the machine");
        }
        let second = fake
            .run(job(&[
                "(find /tmp /var/tmp /dev/shm -name 'own-*' 2>/dev/null || true) | wc -l; echo",
                "ls /tmp/a /var/tmp/c || echo gone",
            ]))
            .await;
        second.succeeded().says("\n0\n\n").says("\ngone\n");
    }
    drop(apart);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn what_lies_in_the_temporary_folders_of_the_machine_is_out_of_reach() {
    if !has_private_folders() || !has_landlock() {
        return;
    }
    let planted = new_folder();
    std::fs::write(planted.join("file"), "of the machine").unwrap();
    let path = planted.join("file").display().to_string();
    let runner = std::process::id();
    let fake = Fake::start().await;
    let ended = fake
        .run(job(&[
            &format!("cat {path} && echo READ || echo refused 1"),
            &format!("cat /proc/self/root{path} && echo READ || echo refused 2"),
            &format!("cat /proc/1/root{path} && echo READ || echo refused 3"),
            &format!("cat /proc/{runner}/root{path} && echo READ || echo refused 4"),
            &format!("cat /proc/$PPID/root{path} && echo READ || echo refused 5"),
            &format!("(umount /tmp || umount -l /tmp || true); cat {path} && echo READ || echo refused 6"),
            "mount --bind / /tmp && echo MOUNTED || echo refused 7",
            &format!("nsenter --target {runner} --mount cat {path} && echo READ || echo refused 8"),
            &format!("unshare --user --map-root-user --mount sh -c 'umount -l /tmp; cat {path}' && echo READ || echo refused 9"),
            &format!("ls /proc/$PPID/cwd/tmp /proc/$PPID/fd/* 2>/dev/null | grep {} && echo READ || echo refused 10", planted.file_name().unwrap().to_str().unwrap()),
        ]))
        .await;
    ended
        .succeeded()
        .hides("\nof the machine")
        .hides("\nREAD")
        .hides("\nMOUNTED");
    for number in 1..=10 {
        ended.says(&format!("\nrefused {number}\n"));
    }
    std::fs::remove_dir_all(planted).unwrap();
}

#[tokio::test]
async fn what_is_to_be_shared_stays_shared() {
    let shared = new_folder();
    std::fs::set_permissions(&shared, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let wanted = shared.clone();
    let fake = Fake::with(move |config| config.writable_paths.push(wanted)).await;
    let file = shared.join("file");
    let ended = fake.run(job(&[&format!("echo hello > {}", file.display())])).await;
    ended.succeeded();
    assert_eq!(std::fs::read_to_string(file).unwrap(), "hello\n");
    std::fs::remove_dir_all(shared).unwrap();
}

#[test]
fn somebody_else_than_root_has_them_by_a_user_namespace_or_not_at_all() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let can = Command::new(nobody[0])
        .args(&nobody[1..])
        .args([
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "mount",
            "--bind",
            "/var",
            "/tmp",
        ])
        .output()
        .is_ok_and(|output| output.status.success());
    let found = protections(&nobody);
    assert_eq!(found["folders"], if can { "UserNamespace" } else { "None" }, "{found}");
    assert_ne!(
        protections(&[])["landlock"],
        if has_landlock() { "None" } else { "Full" }
    );
}
