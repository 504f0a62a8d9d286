//! Names: resolving, listing, creating, hostile ones.

use git::refs::{Annotation, Resolution};
use git::{Error, Resolved};
use model::{GitRef, PipelineId, Sha};

use crate::fixture::{Fixture, sha, signature};

fn annotation() -> Annotation {
    Annotation {
        message: "Release\n\nNotes".into(),
        tagger: signature(1_700_000_001),
    }
}

/// `main` and tag `v1` (annotated), branch and tag `both`, branch `a/b`; packed when asked.
fn sample(packed: bool) -> (Fixture, Sha) {
    let fixture = Fixture::new();
    let head = fixture.commit("main", &[("a", "1")], "first");
    fixture.repo.create_branch("both", &head).unwrap();
    fixture.repo.create_branch("a/b", &head).unwrap();
    fixture.repo.create_tag("both", &head, None).unwrap();
    fixture.repo.create_tag("v1", &head, Some(&annotation())).unwrap();
    if packed {
        fixture.git(&["pack-refs", "--all"]);
    }
    (fixture, head)
}

#[test]
fn names_resolve_by_gitlabs_rules() {
    for packed in [false, true] {
        let (fixture, head) = sample(packed);
        for (name, expected) in [
            ("main", Some(GitRef::branch("main"))),
            ("a/b", Some(GitRef::branch("a/b"))),
            ("v1", Some(GitRef::tag("v1"))),
            ("refs/heads/both", Some(GitRef::branch("both"))),
            ("refs/tags/both", Some(GitRef::tag("both"))),
            ("refs/heads/v1", None),
            ("refs/tags/main", None),
            ("heads/main", None),
            ("refs/pipelines/1", None),
            ("refs", None),
            ("a", None),
            ("main/x", None),
            ("", None),
            ("HEAD", None),
            (head.as_str(), None),
            (&head.as_str()[..8], None),
            ("--upload-pack=touch /tmp/x", None),
            ("../../../config", None),
            ("..", None),
            ("main\n", None),
            ("main\0", None),
            ("\u{7f}", None),
            (&"x".repeat(5000), None),
        ] {
            let resolution = fixture.repo.resolve(name).unwrap();
            let found = match resolution {
                Resolution::Found(Resolved { git_ref, sha, .. }) => {
                    assert_eq!(sha, head);
                    Some(git_ref)
                }
                _ => None,
            };
            assert_eq!(found, expected, "{name:?} packed: {packed}");
        }
        assert_eq!(fixture.repo.resolve("both").unwrap(), Resolution::Ambiguous);
    }
}

#[test]
fn a_ref_that_leads_to_no_commit_is_not_found() {
    let (fixture, _) = sample(false);
    fixture.git(&[
        "update-ref",
        "refs/tags/tree",
        &fixture.git(&["rev-parse", "main^{tree}"]),
    ]);
    fixture.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    fixture.git(&["symbolic-ref", "refs/heads/dangling", "refs/heads/nowhere"]);
    assert_eq!(fixture.repo.resolve("tree").unwrap(), Resolution::NotFound);
    assert_eq!(fixture.repo.resolve("dangling").unwrap(), Resolution::NotFound);
    assert!(matches!(fixture.repo.resolve("alias").unwrap(), Resolution::Found(_)));
}

#[test]
fn revisions_take_more_than_names() {
    let (fixture, first) = sample(false);
    let second = fixture.commit("main", &[("b", "2")], "second");
    for (text, expected) in [
        ("main", Some(&second)),
        ("HEAD", Some(&second)),
        ("v1", Some(&first)),
        ("both", Some(&first)),
        ("refs/tags/v1", Some(&first)),
        (second.as_str(), Some(&second)),
        (&second.as_str()[..7], Some(&second)),
        ("main~1", Some(&first)),
        ("main^", Some(&first)),
        ("HEAD~1^0", Some(&first)),
        ("main~2", None),
        ("main~", Some(&first)),
        ("main:a", None),
        (":/first", None),
        ("main^{/first}", None),
        ("main@{1}", None),
        ("@", None),
        ("a..main", None),
        ("--all", None),
        ("", None),
        ("^main", None),
        (&"1".repeat(40), None),
        (&"1".repeat(64), None),
    ] {
        assert_eq!(fixture.repo.revision(text).unwrap().as_ref(), expected, "{text:?}");
    }
}

#[test]
fn lists_are_sorted_and_searched() {
    for packed in [false, true] {
        let (fixture, head) = sample(packed);
        let names = |list: Vec<git::RefEntry>| list.into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        assert_eq!(names(fixture.repo.branches(None).unwrap()), ["a/b", "both", "main"]);
        assert_eq!(names(fixture.repo.branches(Some("^b")).unwrap()), ["both"]);
        assert_eq!(names(fixture.repo.tags(None).unwrap()), ["both", "v1"]);
        let v1 = fixture.repo.tag("v1").unwrap().unwrap();
        assert_eq!(v1.sha, head);
        assert_eq!(v1.target.as_str(), fixture.git(&["rev-parse", "refs/tags/v1"]));
        assert_eq!(
            (v1.message.as_deref(), v1.tagger),
            (Some("Release\n\nNotes"), Some(signature(1_700_000_001)))
        );
        let light = fixture.repo.tag("both").unwrap().unwrap();
        assert_eq!((light.target, light.message), (head, None));
        assert_eq!(fixture.repo.tag("v2").unwrap(), None);
    }
}

#[test]
fn branches_and_tags_are_created_once_and_deleted() {
    for packed in [false, true] {
        let (fixture, head) = sample(packed);
        let repo = &fixture.repo;
        assert!(matches!(
            repo.create_branch("main", &head),
            Err(Error::RefExists { .. })
        ));
        assert!(matches!(
            repo.create_tag("v1", &head, Some(&annotation())),
            Err(Error::RefExists { .. })
        ));
        for conflict in ["main/below", "a"] {
            assert!(
                matches!(repo.create_branch(conflict, &head), Err(Error::RefExists { .. })),
                "{conflict}"
            );
        }
        for bad in ["-x", "a..b", "", "a b", "x.lock", head.as_str()] {
            assert!(
                matches!(repo.create_branch(bad, &head), Err(Error::InvalidRefName { .. })),
                "{bad}"
            );
        }
        for missing in [
            sha(&"1".repeat(40)),
            Sha::zero(),
            sha(&fixture.git(&["rev-parse", "main^{tree}"])),
        ] {
            assert!(matches!(
                repo.create_branch("new", &missing),
                Err(Error::NoObject { .. })
            ));
        }
        assert!(repo.delete_branch("a/b").unwrap());
        assert!(!repo.delete_branch("a/b").unwrap());
        assert!(!repo.delete_branch("../../config").unwrap());
        assert!(repo.delete_tag("v1").unwrap());
        assert_eq!(
            fixture.git(&["for-each-ref", "--format=%(refname)"]),
            "refs/heads/both\nrefs/heads/main\nrefs/tags/both"
        );
        assert_eq!(fixture.git(&["fsck", "--strict", "--no-dangling"]), "");
    }
}

#[test]
fn a_ref_moves_only_from_where_it_is_expected() {
    let (fixture, first) = sample(false);
    let second = fixture.commit("main", &[("b", "2")], "second");
    let repo = &fixture.repo;
    repo.update_ref("refs/heads/a/b", Some(&first), &second).unwrap();
    let refused = repo.update_ref("refs/heads/a/b", Some(&first), &second).unwrap_err();
    assert!(
        matches!(&refused, Error::RefMoved { actual: Some(actual), .. } if *actual == second),
        "{refused}"
    );
    assert!(matches!(
        repo.delete_ref("refs/heads/a/b", Some(&first)),
        Err(Error::RefMoved { .. })
    ));
    let refused = repo.update_ref("refs/heads/gone", Some(&first), &second);
    assert!(matches!(refused, Err(Error::RefMoved { actual: None, .. })));
}

#[test]
fn a_pipeline_ref_keeps_its_commit() {
    let (fixture, head) = sample(false);
    let id = PipelineId(7);
    assert!(fixture.repo.create_pipeline_ref(id, &head).unwrap());
    assert!(fixture.repo.create_pipeline_ref(id, &head).unwrap());
    assert_eq!(fixture.repo.ref_target("refs/pipelines/7").unwrap(), Some(head));
    assert!(fixture.repo.delete_pipeline_ref(id).unwrap());
    assert!(!fixture.repo.delete_pipeline_ref(id).unwrap());
}

#[test]
fn the_default_branch_need_not_exist() {
    let (fixture, _) = sample(false);
    fixture.repo.set_default_branch("develop").unwrap();
    assert_eq!(fixture.repo.default_branch().unwrap().as_deref(), Some("develop"));
    assert_eq!(fixture.git(&["symbolic-ref", "HEAD"]), "refs/heads/develop");
    assert!(fixture.repo.set_default_branch("../x").is_err());
}

#[test]
fn a_ref_may_have_any_name_that_git_allows() {
    let fixture = Fixture::new();
    fixture.commit("main", &[("a", "1")], "first");
    let head = fixture.repo.ref_target("refs/heads/main").unwrap().unwrap();
    for name in [
        "\"'><img/src=x/onerror=alert(1)><script>alert(1)</script>",
        "a'b",
        "a\"b",
        "a<b>",
        "a|b",
        "a(1)",
        "a$b`c`",
        "a;b&c",
        "\u{202e}x",
        "a!b#c%d",
        "aux",
        "x/con.y",
        "nul",
    ] {
        fixture
            .repo
            .create_branch(name, &head)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(
            fixture.repo.ref_target(&format!("refs/heads/{name}")).unwrap(),
            Some(head.clone()),
            "{name}"
        );
    }
}
