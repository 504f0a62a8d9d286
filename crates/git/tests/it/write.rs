//! Commits made without a work tree.

use git::{Action, Error};

use crate::fixture::Fixture;

fn listing(fixture: &Fixture) -> String {
    fixture.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", "main"])
}

#[test]
fn commits_are_sound_and_build_on_each_other() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1"), ("dir/b", "2"), ("dir/c", "3")], "first");
    let actions = [
        Action::update("a", "changed"),
        Action::Delete { path: "dir/b".into() },
        Action::Move {
            previous_path: "dir/c".into(),
            path: "other/c".into(),
            content: None,
        },
        Action::Create {
            path: "run.sh".into(),
            content: b"#!/bin/sh\n".to_vec(),
            executable: true,
        },
        Action::create("dir", "a file where a folder was"),
        Action::Chmod {
            path: "a".into(),
            executable: true,
        },
    ];
    let second = fixture.apply("main", &actions, "second").unwrap();
    assert_eq!(listing(&fixture), "100755 a\n100644 dir\n100644 other/c\n100755 run.sh");
    assert_eq!(fixture.git(&["rev-list", "main"]), format!("{second}\n{first}"));
    assert_eq!(fixture.git(&["show", "main:a"]), "changed");
    assert_eq!(fixture.git(&["fsck", "--strict", "--no-dangling"]), "");
    assert_eq!(
        fixture.git(&["log", "-1", "--format=%an <%ae> %ad", "--date=iso"]),
        "Ann Example <ann@example.com> 2023-11-15 00:13:20 +0200"
    );
}

#[test]
fn an_action_that_does_not_fit_is_refused_and_nothing_moves() {
    let fixture = Fixture::new();
    let head = fixture.commit("main", &[("a", "1"), ("dir/b", "2"), ("dir/deep/c", "2")], "first");
    let create = |path: &str| Action::create(path, "x");
    let delete = |path: &str| Action::Delete { path: path.into() };
    for (actions, expected) in [
        (vec![create("a")], "file `a` already exists"),
        (vec![create("dir")], "file `dir` already exists"),
        (vec![create("a/b")], "file `a` already exists"),
        (vec![delete("dir/b"), create("dir")], "file `dir` already exists"),
        (vec![create("new"), create("new")], "file `new` already exists"),
        (vec![create("new/x"), create("new")], "file `new` already exists"),
        (vec![Action::update("missing", "x")], "file `missing` does not exist"),
        (vec![Action::update("dir", "x")], "file `dir` does not exist"),
        (vec![delete("a"), delete("a")], "file `a` does not exist"),
        (vec![delete("dir/x")], "file `dir/x` does not exist"),
        (vec![create("../x")], "`../x` is not a valid path in a repository"),
        (
            vec![create(".git/config")],
            "`.git/config` is not a valid path in a repository",
        ),
    ] {
        let refused = fixture.apply("main", &actions, "x").unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
    assert_eq!(fixture.repo.branch("main").unwrap().unwrap().target, head);
}

#[test]
fn a_file_may_replace_a_folder_that_is_emptied() {
    let fixture = Fixture::new();
    fixture.commit("main", &[("dir/b", "2"), ("dir/deep/c", "2")], "first");
    let delete = |path: &str| Action::Delete { path: path.into() };
    let actions = [delete("dir/b"), delete("dir/deep/c"), Action::create("dir", "file")];
    fixture.apply("main", &actions, "x").unwrap();
    assert_eq!(listing(&fixture), "100644 dir");
}

#[test]
fn an_emptied_repository_is_still_sound() {
    let fixture = Fixture::new();
    fixture.commit("main", &[("a", "1")], "first");
    fixture
        .apply("main", &[Action::Delete { path: "a".into() }], "x")
        .unwrap();
    assert_eq!(listing(&fixture), "");
    assert_eq!(fixture.git(&["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn a_new_branch_starts_where_it_is_told() {
    let fixture = Fixture::new();
    let head = fixture.commit("main", &[("a", "1")], "first");
    let who = crate::fixture::signature(1);
    let actions = [Action::create("b", "2")];
    let mut new = git::NewCommit {
        branch: "side",
        start: Some(&head),
        actions: &actions,
        author: &who,
        committer: &who,
        message: "x",
    };
    fixture.repo.commit_files(&new).unwrap();
    assert_eq!(fixture.git(&["rev-parse", "side^"]), head.as_str());
    new.branch = "-x";
    assert!(matches!(
        fixture.repo.commit_files(&new),
        Err(Error::InvalidRefName { .. })
    ));
    let missing = crate::fixture::sha(&"5".repeat(40));
    (new.branch, new.start) = ("other", Some(&missing));
    assert!(matches!(fixture.repo.commit_files(&new), Err(Error::NoObject { .. })));
}

#[test]
fn hostile_names_in_signatures_cannot_forge_headers() {
    let fixture = Fixture::new();
    let mut who = crate::fixture::signature(1);
    who.name = "Eve <x> \nparent 1234\0".into();
    let actions = [Action::create("a", "1")];
    let new = git::NewCommit {
        branch: "main",
        start: None,
        actions: &actions,
        author: &who,
        committer: &who,
        message: "m\0m",
    };
    fixture.repo.commit_files(&new).unwrap();
    assert_eq!(fixture.git(&["log", "-1", "--format=%an"]), "Eve x parent 1234");
    assert_eq!(fixture.git(&["fsck", "--strict", "--no-dangling"]), "");
}
