//! Lists of commits and of folders.

use git::{Action, EntryKind, History};
use model::Sha;

use crate::fixture::Fixture;

#[test]
fn history_is_listed_newest_first() {
    let fixture = Fixture::new();
    let one = fixture.commit("main", &[("a", "1"), ("b/c", "1")], "one");
    let two = fixture.apply("main", &[Action::update("a", "2")], "two").unwrap();
    let three = fixture.apply("main", &[Action::update("b/c", "2")], "three").unwrap();
    let list = |wanted: History<'_>| fixture.repo.history(&wanted).unwrap();
    let all = || History::of(&three);
    assert_eq!(list(all()), [three.clone(), two.clone(), one.clone()]);
    assert_eq!(
        list(History {
            skip: 1,
            max: 1,
            ..all()
        }),
        std::slice::from_ref(&two)
    );
    for (path, expected) in [
        ("a", vec![&two, &one]),
        ("b", vec![&three, &one]),
        ("b/c", vec![&three, &one]),
        ("missing", vec![]),
    ] {
        let found = list(History {
            path: Some(path),
            ..all()
        });
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{path}");
    }
    assert_eq!(fixture.repo.last_change(&three, "a").unwrap(), Some(two));
    assert_eq!(list(History::of(&Sha::zero())), []);
}

#[test]
fn history_is_cut_by_time() {
    let fixture = Fixture::new();
    let one = fixture.commit("main", &[("a", "1")], "one");
    let time = fixture.repo.commit(&one).unwrap().unwrap().committer.time.seconds;
    for (since, until, expected) in [
        (None, None, 1),
        (Some(time), Some(time), 1),
        (Some(time + 1), None, 0),
        (None, Some(time - 1), 0),
    ] {
        let wanted = History {
            since,
            until,
            ..History::of(&one)
        };
        assert_eq!(
            fixture.repo.history(&wanted).unwrap().len(),
            expected,
            "{since:?} {until:?}"
        );
    }
}

#[test]
fn folders_are_listed_before_files() {
    let fixture = Fixture::new();
    let commit = fixture.commit("main", &[("a", "1"), ("z/b", "1"), ("z/y/c", "1")], "one");
    let list = |path: &str, recursive, max| {
        let found = fixture.repo.entries(&commit, path, recursive, max).unwrap();
        found.map(|found| {
            found
                .iter()
                .map(|entry| entry.path.clone())
                .collect::<Vec<_>>()
                .join(" ")
        })
    };
    assert_eq!(list("", false, 10).as_deref(), Some("z a"));
    assert_eq!(list("", true, 10).as_deref(), Some("z z/y z/y/c z/b a"));
    assert_eq!(list("z", false, 10).as_deref(), Some("z/y z/b"));
    assert_eq!(list("", true, 2).as_deref(), Some("z z/y"));
    assert_eq!(list("a", false, 10), None);
    assert_eq!(list("missing", false, 10), None);
    let root = fixture.repo.entries(&commit, "", false, 10).unwrap().unwrap();
    assert_eq!((root[0].kind, root[0].mode.as_str()), (EntryKind::Folder, "040000"));
    assert_eq!((root[1].kind, root[1].mode.as_str()), (EntryKind::File, "100644"));
}
