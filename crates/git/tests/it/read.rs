//! Commits, files, lists, comparisons.

use git::{Error, Location, Repositories};
use model::{ProjectId, Sha};

use crate::fixture::{Fixture, Folder, git, sha};

const LIMIT: u64 = 1 << 20;

#[test]
fn a_file_is_read_at_a_commit() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a/b.txt", "one"), ("run.sh", "x")], "first");
    let second = fixture
        .apply("main", &[git::Action::update("a/b.txt", "two")], "second")
        .unwrap();
    for (commit, path, expected) in [
        (&first, "a/b.txt", Some("one")),
        (&second, "a/b.txt", Some("two")),
        (&first, "a", None),
        (&first, "a/b.txt/c", None),
        (&first, "missing", None),
        (&first, "", None),
        (&first, "/a/b.txt", None),
        (&first, "../a/b.txt", None),
        (&first, "a//b.txt", None),
    ] {
        let file = fixture.repo.file(commit, path, LIMIT).unwrap();
        let text = file.map(|file| String::from_utf8(file.content).unwrap());
        assert_eq!(text.as_deref(), expected, "{path}");
    }
    assert!(
        fixture
            .repo
            .file(&sha(&"1".repeat(40)), "a/b.txt", LIMIT)
            .unwrap()
            .is_none()
    );
    assert!(
        fixture
            .repo
            .file(&sha(&"1".repeat(64)), "a/b.txt", LIMIT)
            .unwrap()
            .is_none()
    );
}

#[test]
fn equal_content_has_equal_blob_ids() {
    let fixture = Fixture::new();
    let commit = fixture.commit("main", &[("a", "same"), ("b", "same"), ("c", "other")], "x");
    let id = |path| fixture.repo.blob_id(&commit, path).unwrap();
    assert_eq!(id("a"), id("b"));
    assert_ne!(id("a"), id("c"));
    assert_eq!(id("d"), None);
    assert_eq!(id("a").unwrap().to_string(), fixture.git(&["rev-parse", "main:a"]));
    assert_eq!(fixture.repo.blob(id("a").unwrap(), "a", LIMIT).unwrap(), b"same");
}

#[test]
fn a_file_over_the_limit_is_refused_before_it_is_read() {
    let fixture = Fixture::new();
    let commit = fixture.commit("main", &[("big", &"x".repeat(1001))], "x");
    assert!(fixture.repo.file(&commit, "big", 1001).unwrap().is_some());
    let refused = fixture.repo.file(&commit, "big", 1000);
    assert!(matches!(
        refused,
        Err(Error::TooLarge {
            size: 1001,
            limit: 1000,
            ..
        })
    ));
}

#[test]
fn a_commit_tells_its_people_dates_and_trailers() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let message = "Title here\n\nBody.\n\nSigned-off-by: Bob <bob@example.com>\nChangelog: added\n";
    let second = fixture.commit("main", &[("b", "2")], message);
    let commit = fixture.repo.commit(&second).unwrap().unwrap();
    assert_eq!(commit.sha, second);
    assert_eq!(commit.parents, [first]);
    assert_eq!(commit.author, crate::fixture::signature(1_700_000_000));
    assert_eq!((commit.full_title(), commit.message.as_str()), ("Title here", message));
    let trailers = [("Signed-off-by", "Bob <bob@example.com>"), ("Changelog", "added")];
    assert_eq!(commit.trailers, trailers.map(|(k, v)| (k.to_owned(), v.to_owned())));
    assert_eq!(fixture.repo.commit(&sha(&"2".repeat(40))).unwrap(), None);
    let tree = sha(&fixture.git(&["rev-parse", "main^{tree}"]));
    assert_eq!(fixture.repo.commit(&tree).unwrap(), None);
}

#[test]
fn paths_are_sorted_bytewise_and_bounded() {
    let fixture = Fixture::new();
    let files = ["a/b", "a-b", "a.b", "a0", "B", "é", "a/c/d"];
    let commit = fixture.commit("main", &files.map(|path| (path, path)), "x");
    let all = fixture.repo.paths(&commit, 100).unwrap().unwrap();
    let mut sorted = files.map(str::to_owned);
    sorted.sort();
    assert_eq!((all.paths.as_slice(), all.truncated), (sorted.as_slice(), false));
    let some = fixture.repo.paths(&commit, 3).unwrap().unwrap();
    assert_eq!((some.paths.as_slice(), some.truncated), (&sorted[..3], true));
    assert!(!fixture.repo.paths(&commit, files.len()).unwrap().unwrap().truncated);
}

#[test]
fn changed_paths_are_those_of_git_diff() {
    let fixture = Fixture::new();
    let work = fixture.folder.0.join("work");
    git(
        &fixture.folder.0,
        &["clone", "-q", fixture.repo.git_dir().to_str().unwrap(), "work"],
    );
    let shell = |script: &str| {
        let done = std::process::Command::new("sh")
            .arg("-ec")
            .arg(script)
            .current_dir(&work)
            .status()
            .unwrap();
        assert!(done.success());
        git(&work, &["add", "-A"]);
        git(&work, &["commit", "-qm", "x", "--allow-empty"]);
        git(&work, &["push", "-q", "origin", "HEAD:main"]);
        sha(&git(&work, &["rev-parse", "HEAD"]))
    };
    let first = shell("mkdir -p a/b c; echo 1 > a/b/x; echo 2 > a/y; echo 3 > c/z; echo 4 > top; echo 5 > turns");
    let second = shell(
        "echo changed > a/y; rm c/z; echo n > new; chmod +x top; rm turns; mkdir turns; echo 6 > turns/in; git mv a/b a/moved",
    );
    let third = shell("true");
    for (old, new) in [
        (&first, &second),
        (&second, &first),
        (&second, &third),
        (&first, &third),
    ] {
        let expected = git(
            &work,
            &["diff", "--name-only", "--no-renames", old.as_str(), new.as_str()],
        );
        let changed = fixture.repo.changed_paths(old, new, 100).unwrap().unwrap();
        assert_eq!(changed.paths.join("\n"), expected);
    }
    let from_nothing = fixture.repo.changed_paths(&Sha::zero(), &first, 100).unwrap();
    assert_eq!(from_nothing, fixture.repo.paths(&first, 100).unwrap());
    assert!(
        fixture
            .repo
            .changed_paths(&first, &second, 2)
            .unwrap()
            .unwrap()
            .truncated
    );
    assert_eq!(
        fixture.repo.changed_paths(&sha(&"3".repeat(40)), &first, 9).unwrap(),
        None
    );
}

#[test]
fn merge_bases_and_ancestors_follow_the_history() {
    let fixture = Fixture::new();
    let root = fixture.commit("main", &[("a", "1")], "root");
    fixture.repo.create_branch("side", &root).unwrap();
    let main = fixture.commit("main", &[("b", "1")], "main");
    let side = fixture.commit("side", &[("c", "1")], "side");
    let lone = fixture.commit("orphan", &[("d", "1")], "lone");
    let repo = &fixture.repo;
    assert_eq!(repo.merge_base(&main, &side).unwrap().as_ref(), Some(&root));
    assert_eq!(repo.merge_base(&main, &main).unwrap().as_ref(), Some(&main));
    assert_eq!(repo.merge_base(&main, &lone).unwrap(), None);
    assert_eq!(repo.merge_base(&main, &sha(&"4".repeat(40))).unwrap(), None);
    for (ancestor, descendant, expected) in [
        (&root, &main, true),
        (&main, &root, false),
        (&main, &main, true),
        (&main, &side, false),
    ] {
        assert_eq!(repo.is_ancestor(ancestor, descendant).unwrap(), expected);
    }
    assert_eq!(
        repo.commits_between(&root, &main, 10).unwrap(),
        std::slice::from_ref(&main)
    );
    assert_eq!(repo.commits_between(&Sha::zero(), &main, 10).unwrap(), [main, root]);
}

#[test]
fn objects_and_refs_written_by_other_processes_are_seen() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    assert!(fixture.repo.commit(&first).unwrap().is_some());
    git(
        &fixture.folder.0,
        &["clone", "-q", fixture.repo.git_dir().to_str().unwrap(), "work"],
    );
    let work = fixture.folder.0.join("work");
    git(&work, &["commit", "-q", "--allow-empty", "-m", "other"]);
    git(&work, &["push", "-q", "origin", "HEAD:main", "HEAD:other"]);
    let other = sha(&git(&work, &["rev-parse", "HEAD"]));
    assert_eq!(fixture.repo.branch("other").unwrap().unwrap().target, other);
    assert_eq!(fixture.repo.commit(&other).unwrap().unwrap().full_title(), "other");
    fixture.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(fixture.repo.branch("main").unwrap().unwrap().target, other);
    assert!(fixture.repo.file(&first, "a", LIMIT).unwrap().is_some());
}

#[test]
fn an_attached_repository_is_read_and_never_written() {
    let fixture = Fixture::new();
    let folder = Folder::new();
    git(&folder.0, &["init", "-q", "-b", "trunk", "theirs"]);
    let theirs = folder.0.join("theirs");
    std::fs::write(theirs.join("a"), "1").unwrap();
    git(&theirs, &["add", "a"]);
    git(&theirs, &["commit", "-qm", "x"]);
    let path = fixture.repositories.attach(&theirs).unwrap();
    let repo = fixture.repositories.open(Location::Attached(path)).unwrap();
    let head = repo.branch("trunk").unwrap().unwrap().target;
    assert_eq!(repo.default_branch().unwrap().as_deref(), Some("trunk"));
    assert!(repo.file(&head, "a", LIMIT).unwrap().is_some());
    assert!(matches!(repo.create_branch("x", &head), Err(Error::ReadOnly { .. })));
    assert!(matches!(repo.delete_branch("trunk"), Err(Error::ReadOnly { .. })));
    assert!(matches!(repo.create_tag("x", &head, None), Err(Error::ReadOnly { .. })));
    assert!(!repo.create_pipeline_ref(model::PipelineId(1), &head).unwrap());
    for bad in ["theirs", "/does/not/exist", folder.0.to_str().unwrap()] {
        let refused = fixture.repositories.attach(bad.as_ref());
        assert!(matches!(refused, Err(Error::NoRepository { .. })), "{bad}");
    }
}

#[test]
fn repositories_come_and_go() {
    let folder = Folder::new();
    let repositories = Repositories::new(folder.0.join("r")).unwrap();
    let id = ProjectId(0x1234);
    assert!(matches!(
        repositories.open(Location::Own(id)),
        Err(Error::NoRepository { .. })
    ));
    let repo = repositories.create(id, "main").unwrap();
    assert!(repo.git_dir().ends_with("34/12/4660.git"));
    assert_eq!(repo.default_branch().unwrap().as_deref(), Some("main"));
    assert_eq!(repo.branches(None).unwrap(), []);
    assert!(repositories.create(id, "main").is_err());
    assert!(repositories.create(ProjectId(2), "-x").is_err());
    assert_eq!(repositories.open_count(), 1);
    assert!(repositories.delete(id).unwrap());
    assert!(!repositories.delete(id).unwrap());
    assert!(matches!(
        repositories.open(Location::Own(id)),
        Err(Error::NoRepository { .. })
    ));
    let left: Vec<_> = std::fs::read_dir(repositories.root())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| !name.to_str().unwrap().starts_with(".tmp-")),
        "{left:?}"
    );
}

#[test]
fn many_open_repositories_are_bounded() {
    let folder = Folder::new();
    let repositories = Repositories::new(folder.0.join("r")).unwrap();
    for number in 1..300 {
        repositories.create(ProjectId(number), "main").unwrap();
    }
    assert!(repositories.open_count() <= 256);
    assert!(repositories.open(Location::Own(ProjectId(1))).is_ok());
}
