//! Which groups somebody sees.

use model::{AccessLevel, NamespaceId, Visibility};
use store::ops::members::{self, Member, Place};
use store::ops::namespaces::{self, NamespaceFilter, NewNamespace};
use store::ops::page::Page;
use store::ops::projects::Viewer;
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, on_both};

fn group(
    tx: &mut dyn Tx,
    path: &str,
    parent_id: Option<NamespaceId>,
    visibility: Visibility,
) -> Result<NamespaceId, StoreError> {
    let new = NewNamespace {
        parent_id,
        user_id: None,
        name: path,
        path: path.rsplit('/').next().unwrap_or(path),
        full_path: path,
        visibility,
        created_at: NOW,
    };
    Ok(namespaces::create(tx, &new)?.id)
}

fn paths(tx: &mut dyn Tx, filter: &NamespaceFilter<'_>) -> Result<String, StoreError> {
    let listed = namespaces::list(tx, filter, Page::all())?;
    assert_eq!(
        namespaces::count(tx, filter)?,
        i64::try_from(listed.len()).expect("a few")
    );
    Ok(listed
        .iter()
        .map(|one| one.full_path.as_str())
        .collect::<Vec<_>>()
        .join(" "))
}

on_both! {
    fn groups_are_listed_by_what_the_viewer_may_see(opened) {
        opened.write(|tx| {
            let (ann, bob) = (fixture::user(tx, "ann")?, fixture::user(tx, "bob")?);
            group(tx, "open", None, Visibility::Public)?;
            group(tx, "inner", None, Visibility::Internal)?;
            let secret = group(tx, "secret", None, Visibility::Private)?;
            group(tx, "secret/sub", Some(secret), Visibility::Private)?;
            let member = Member {
                user_id: ann.id,
                level: AccessLevel::Developer,
                created_by: None,
                created_at: NOW,
                expires_at: None,
            };
            members::add(tx, Place::Group(secret), &member)?;

            let all = |viewer| NamespaceFilter::new(viewer, NOW);
            assert_eq!(paths(tx, &all(Viewer::Anonymous))?, "open");
            assert_eq!(paths(tx, &all(Viewer::User(bob.id)))?, "inner open");
            assert_eq!(paths(tx, &all(Viewer::User(ann.id)))?, "inner open secret secret/sub");
            assert_eq!(paths(tx, &all(Viewer::Admin(bob.id)))?, "inner open secret secret/sub");

            let personal = NamespaceFilter { personal: true, ..all(Viewer::User(ann.id)) };
            assert_eq!(paths(tx, &personal)?, "ann inner open secret secret/sub");
            let mine = NamespaceFilter { min_access_level: Some(AccessLevel::Developer), ..all(Viewer::User(ann.id)) };
            assert_eq!(paths(tx, &mine)?, "secret secret/sub");
            let top = NamespaceFilter { top_level: true, search: Some("SEC"), ..all(Viewer::User(ann.id)) };
            assert_eq!(paths(tx, &top)?, "secret");
            let inside = NamespaceFilter { parent_id: Some(secret), ..all(Viewer::User(ann.id)) };
            assert_eq!(paths(tx, &inside)?, "secret/sub");
            Ok(())
        });
    }
}
