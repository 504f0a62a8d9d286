//! Projects, who sees them, their members, protected refs and variables.

use model::project::{ProjectSettings, ProtectedRef};
use model::{AccessLevel, Project, ProjectId, Timestamp, User, VariableKind, Visibility};
use store::StoreError;
use store::Tx;
use store::ops::members::{self, Member, Place};
use store::ops::namespaces::{self, NewNamespace};
use store::ops::page::{Page, Sort};
use store::ops::projects::{self, NewProject, ProjectFilter, ProjectOrder, Viewer};
use store::ops::variables::{self, NewVariable, VariableOwner};
use store::ops::{pipelines, protected_refs, redirect_routes, trigger_tokens};

use crate::fixture::{self, NOW, on_both};

on_both! {
    fn a_project_is_changed_as_a_whole(opened) {
        let mut project = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            fixture::project(tx, &user, "one")
        });
        project.name = "Other".to_owned();
        project.path = "Two".to_owned();
        project.full_path = "ada/Two".to_owned();
        project.description = Some("text".to_owned());
        project.visibility = Visibility::Internal;
        project.default_branch = None;
        project.archived = true;
        project.settings = ProjectSettings { builds_enabled: false, git_depth: 7, ..ProjectSettings::default() };
        let (id, changed) = (project.id, project.clone());
        assert!(opened.write(move |tx| projects::update(tx, &changed)));
        assert_eq!(opened.read(move |tx| projects::get(tx, id)), Some(project));
        assert_eq!(opened.read(|tx| projects::by_full_path(tx, "ada/one")), None);
        assert_eq!(opened.read(|tx| projects::by_full_path(tx, "ADA/two")).map(|project| project.id), Some(id));
    }

    fn a_path_is_taken_by_projects_and_groups_alike(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada"));
        let owner = user.clone();
        opened.write(move |tx| fixture::project(tx, &owner, "x"));
        let result = opened.store.write_blocking(move |tx| fixture::project(tx, &user, "X"));
        assert!(result.is_err_and(|error| error.is_unique()));
        let result = opened.store.write_blocking(|tx| group(tx, None, "ada"));
        assert!(result.is_err_and(|error| error.is_unique()));
        assert!(opened.read(|tx| namespaces::path_taken(tx, "Ada/x")));
        assert!(!opened.read(|tx| namespaces::path_taken(tx, "ada/y")));
    }

    fn a_path_of_before_leads_to_the_project_until_something_new_has_it(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada"));
        let owner = user.clone();
        let id = opened.write(move |tx| fixture::project(tx, &owner, "one")).id;
        opened.write(move |tx| redirect_routes::moved(tx, id, "ada/One", "ada/two"));
        opened.write(move |tx| redirect_routes::moved(tx, id, "ada/two", "ada/three"));
        opened.write(move |tx| redirect_routes::moved(tx, id, "team/x", "ada/three"));
        let found = |path: &'static str| opened.read(move |tx| redirect_routes::find(tx, path));
        assert_eq!((found("ADA/one"), found("ada/two")), (Some(id), Some(id)));
        assert_eq!((found("ada/three"), found("ada")), (None, None));
        opened.write(move |tx| fixture::project(tx, &user, "Two"));
        assert_eq!((found("ada/two"), found("team/x")), (None, Some(id)));
        opened.write(|tx| group(tx, None, "team"));
        assert_eq!(found("team/x"), None);
        opened.write(move |tx| projects::delete_step(tx, id));
        assert_eq!(found("ada/one"), None);
    }

    fn activity_is_noted_once_a_minute(opened) {
        let project = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            fixture::project(tx, &user, "one")
        });
        for (seconds, noted) in [(30, 0), (61, 61), (90, 61)] {
            let after = |seconds: i64| Timestamp(NOW.0 + seconds * 1_000_000);
            opened.write(move |tx| projects::touch(tx, project.id, after(seconds)));
            let read = opened.read(move |tx| projects::get(tx, project.id)).expect("stored");
            assert_eq!(read.last_activity_at, after(noted), "second {seconds}");
        }
    }

    fn roles_are_inherited_from_the_groups_around(opened) {
        let world = opened.write(World::new);
        for (name, user, project, expected) in [
            ("owner of the namespace", &world.ada, &world.own, AccessLevel::Owner),
            ("nobody", &world.bob, &world.own, AccessLevel::None),
            ("member of the outer group", &world.bob, &world.inner, AccessLevel::Developer),
            ("direct beats inherited when higher", &world.cyd, &world.inner, AccessLevel::Maintainer),
            ("expired", &world.dan, &world.inner, AccessLevel::None),
        ] {
            let (user, project) = (user.id, project.id);
            let level = opened.read(move |tx| members::level_in_project(tx, project, user, NOW));
            assert_eq!(level, expected, "{name}");
        }
        let (bob, group) = (world.bob.id, world.inner.namespace_id);
        let level = opened.read(move |tx| members::level_in_group(tx, group, bob, NOW));
        assert_eq!(level, AccessLevel::Developer);
        let project = world.inner.id;
        let all = opened.read(move |tx| members::list_with_inherited(tx, project, Page::all()));
        let levels: Vec<_> = all.iter().map(|member| (member.user_id, member.level)).collect();
        assert_eq!(
            levels,
            [
                (world.bob.id, AccessLevel::Developer),
                (world.cyd.id, AccessLevel::Maintainer),
                (world.dan.id, AccessLevel::Maintainer)
            ]
        );
    }

    fn a_member_is_added_once_changed_and_removed(opened) {
        let (user, project) = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &user, "one")?;
            Ok((fixture::user(tx, "bob")?, project))
        });
        for place in [Place::Project(project.id), Place::Group(project.namespace_id)] {
            let id = user.id;
            let member = member(&user, AccessLevel::Reporter, None);
            let again = member.clone();
            assert!(opened.write(move |tx| members::add(tx, place, &again)));
            let again = member.clone();
            assert!(!opened.write(move |tx| members::add(tx, place, &again)));
            assert_eq!(opened.read(move |tx| members::get(tx, place, id)), Some(member));
            assert!(opened.write(move |tx| members::update(tx, place, id, AccessLevel::Owner, Some(NOW))));
            let listed = opened.read(move |tx| members::list(tx, place, Page::all()));
            assert_eq!((listed.len(), listed[0].level, listed[0].expires_at), (1, AccessLevel::Owner, Some(NOW)));
            assert!(opened.write(move |tx| members::remove(tx, place, id)));
            assert!(!opened.write(move |tx| members::remove(tx, place, id)));
        }
    }

    fn everybody_sees_the_projects_they_may(opened) {
        let world = opened.write(World::new);
        for (viewer, expected) in [
            (Viewer::Anonymous, vec!["public"]),
            (Viewer::User(world.ada.id), vec!["internal", "own", "public"]),
            (Viewer::User(world.bob.id), vec!["inner", "internal", "public"]),
            (Viewer::User(world.dan.id), vec!["internal", "public"]),
            (Viewer::Admin(world.dan.id), vec!["inner", "internal", "own", "public"]),
        ] {
            let filter = ProjectFilter::new(viewer, NOW);
            assert_eq!(list(opened, filter), expected, "{viewer:?}");
        }
    }

    fn projects_are_listed_by_every_filter(opened) {
        let world = opened.write(World::new);
        let archived = Project { archived: true, ..world.own.clone() };
        opened.write(move |tx| projects::update(tx, &archived));
        let ada = || ProjectFilter { ..ProjectFilter::new(Viewer::User(world.ada.id), NOW) };
        let bob = || ProjectFilter { ..ProjectFilter::new(Viewer::User(world.bob.id), NOW) };
        let admin = || ProjectFilter { ..ProjectFilter::new(Viewer::Admin(world.ada.id), NOW) };
        let cases: Vec<(ProjectFilter<'static>, &[&str])> = vec![
            (ProjectFilter { archived: Some(true), ..admin() }, &["own"]),
            (ProjectFilter { visibility: Some(Visibility::Private), ..admin() }, &["inner", "own"]),
            (ProjectFilter { search: Some("INN"), ..admin() }, &["inner"]),
            (ProjectFilter { search: Some("ada/"), ..admin() }, &[]),
            (ProjectFilter { search: Some("ada/"), search_namespaces: true, ..admin() }, &["internal", "own", "public"]),
            (ProjectFilter { owned: true, ..ada() }, &["internal", "own", "public"]),
            (ProjectFilter { owned: true, ..bob() }, &[]),
            (ProjectFilter { membership: true, ..bob() }, &["inner"]),
            (ProjectFilter { membership: true, ..admin() }, &["internal", "own", "public"]),
            (ProjectFilter { membership: true, ..ProjectFilter::new(Viewer::Anonymous, NOW) }, &[]),
            (ProjectFilter { min_access_level: Some(AccessLevel::Developer), ..bob() }, &["inner"]),
            (ProjectFilter { min_access_level: Some(AccessLevel::Maintainer), ..bob() }, &[]),
            (ProjectFilter { namespace_id: Some(world.inner.namespace_id), ..admin() }, &["inner"]),
            (ProjectFilter { in_namespace_of: Some(world.ada.id), ..admin() }, &["internal", "own", "public"]),
            (ProjectFilter { id_after: Some(ProjectId(2)), ..admin() }, &["internal", "public"]),
            (ProjectFilter { id_before: Some(ProjectId(2)), ..admin() }, &["own"]),
            (ProjectFilter { last_activity_after: Some(NOW), ..admin() }, &[]),
            (
                ProjectFilter { last_activity_before: Some(Timestamp(NOW.0 + 1)), ..admin() },
                &["inner", "internal", "own", "public"],
            ),
        ];
        for (filter, expected) in cases {
            let shown = format!("{filter:?}");
            assert_eq!(list(opened, filter), expected, "{shown}");
        }
    }

    fn projects_are_ordered_both_ways(opened) {
        let world = opened.write(World::new);
        for order in [
            ProjectOrder::Id,
            ProjectOrder::Name,
            ProjectOrder::Path,
            ProjectOrder::CreatedAt,
            ProjectOrder::UpdatedAt,
            ProjectOrder::LastActivityAt,
        ] {
            let admin = Viewer::Admin(world.ada.id);
            let ids = |sort| {
                opened.read(move |tx| {
                    let filter = ProjectFilter { order, sort, ..ProjectFilter::new(admin, NOW) };
                    Ok(projects::list(tx, &filter, Page::all())?.into_iter().map(|project| project.id).collect::<Vec<_>>())
                })
            };
            let mut reversed = ids(Sort::Desc);
            reversed.reverse();
            assert_eq!(ids(Sort::Asc), reversed, "{order:?}");
        }
    }

    fn a_project_is_deleted_in_steps_with_all_it_has(opened) {
        let project = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &user, "one")?;
            for _ in 0..120 {
                let pipeline = fixture::pipeline(tx, &project)?;
                fixture::jobs_of(tx, &pipeline, &["a", "b"], model::Status::Success)?;
            }
            trigger_tokens::create(tx, &crate::trigger_tokens::new(&project, &user))?;
            variables::create(tx, VariableOwner::Project(project.id), &variable("KEY", "*"))?;
            members::add(tx, Place::Project(project.id), &member(&user, AccessLevel::Owner, None))?;
            Ok(project)
        });
        let id = project.id;
        let mut steps = 1;
        let mut jobs = 0;
        loop {
            let deleted = opened.write(move |tx| projects::delete_step(tx, id));
            jobs += deleted.jobs.len();
            if deleted.is_done {
                break;
            }
            steps += 1;
        }
        assert_eq!(jobs, 240, "the logs of all jobs are named");
        assert_eq!(steps, 3, "100 pipelines, the rest, the project");
        assert_eq!(opened.read(move |tx| projects::get(tx, id)), None);
        assert_eq!(opened.read(move |tx| variables::count(tx, VariableOwner::Project(id))), 0);
    }

    fn protected_refs_are_saved_once_for_each_pattern(opened) {
        let project = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            fixture::project(tx, &user, "one")
        });
        let id = project.id;
        let protected = move |push_level| ProtectedRef {
            project_id: id,
            is_tag: false,
            pattern: "main".to_owned(),
            push_level,
            merge_level: Some(AccessLevel::Maintainer),
        };
        opened.write(move |tx| protected_refs::save(tx, &protected(Some(AccessLevel::Owner))));
        opened.write(move |tx| protected_refs::save(tx, &protected(None)));
        assert_eq!(opened.read(move |tx| protected_refs::list(tx, id)), [protected(None)]);
        assert!(!opened.write(move |tx| protected_refs::delete(tx, id, true, "main")));
        assert!(opened.write(move |tx| protected_refs::delete(tx, id, false, "main")));
        assert_eq!(opened.read(move |tx| protected_refs::list(tx, id)), []);
    }

    fn a_key_is_taken_once_for_each_scope(opened) {
        let project = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            fixture::project(tx, &user, "one")
        });
        for owner in [
            VariableOwner::Instance,
            VariableOwner::Group(project.namespace_id),
            VariableOwner::Project(project.id),
        ] {
            let id = opened.write(move |tx| variables::create(tx, owner, &variable("KEY", "*"))).expect("free");
            assert_eq!(opened.write(move |tx| variables::create(tx, owner, &variable("KEY", "*"))), None);
            opened.write(move |tx| variables::create(tx, owner, &variable("KEY", "prod/*"))).expect("another scope");
            let changed = NewVariable { protected: true, sealed: vec![9], ..variable("KEY", "staging") };
            let again = changed.clone();
            assert!(opened.write(move |tx| variables::update(tx, id, &again)));
            let found = opened.read(move |tx| variables::by_key(tx, owner, "KEY"));
            assert_eq!(found.iter().map(|v| v.set.environment_scope.as_str()).collect::<Vec<_>>(), ["staging", "prod/*"]);
            assert_eq!(found[0].set, changed);
            let clash = opened.store.write_blocking(move |tx| variables::update(tx, id, &variable("KEY", "prod/*")));
            assert!(clash.is_err_and(|error| error.is_unique()));
            assert!(opened.write(move |tx| variables::delete(tx, id)));
            assert_eq!(opened.read(move |tx| variables::count(tx, owner)), 1);
        }
        let group = project.namespace_id;
        let of_groups = opened.read(move |tx| variables::of_groups(tx, &[group]));
        assert_eq!(of_groups.iter().map(|(id, v)| (*id, v.set.key.as_str())).collect::<Vec<_>>(), [(group, "KEY")]);
        assert_eq!(opened.read(|tx| variables::all_after(tx, model::VariableId(0), 10)).len(), 3);
    }

    fn groups_know_what_is_around_and_inside(opened) {
        let (outer, inner) = opened.write(|tx| {
            let outer = group(tx, None, "outer")?;
            let inner = group(tx, Some(&outer), "inner")?;
            Ok((outer, inner))
        });
        let (outer_id, inner_id) = (outer.id, inner.id);
        assert_eq!(opened.read(move |tx| namespaces::with_ancestors(tx, inner_id)), [inner_id, outer_id]);
        assert_eq!(opened.read(move |tx| namespaces::children(tx, outer_id, Page::all())), std::slice::from_ref(&inner));
        let result = opened.store.write_blocking(move |tx| namespaces::delete(tx, outer_id));
        assert!(matches!(result, Err(StoreError::ForeignKey { .. })), "{result:?}");
        assert!(opened.write(move |tx| namespaces::delete(tx, inner_id)));
    }

    fn a_pipeline_number_is_given_once(opened) {
        let project = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            fixture::project(tx, &user, "one")
        });
        let store = opened.store.clone();
        let mut iids = fixture::at_once((0..50).map(|_| {
            let (store, project) = (store.clone(), project.clone());
            async move { store.write_for(project.id, move |tx| Ok::<_, StoreError>(fixture::pipeline(tx, &project)?.iid.0)).await }
        }))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .expect("all succeed");
        iids.sort_unstable();
        assert_eq!(iids, (1..=50).collect::<Vec<_>>());
        let id = project.id;
        let ids = opened.read(move |tx| {
            let filter = pipelines::PipelineFilter::new(id);
            Ok(pipelines::list(tx, &filter, Page::all())?.into_iter().map(|pipeline| pipeline.id).collect::<Vec<_>>())
        });
        assert!(ids.is_sorted_by(|a, b| a > b), "numbers and ids have the same order");
    }
}

/// Four users and four projects: `own`, `public` and `internal` of ada, and `inner` in a group in a group.
struct World {
    ada: User,
    bob: User,
    cyd: User,
    dan: User,
    own: Project,
    inner: Project,
}

impl World {
    fn new(tx: &mut dyn Tx) -> Result<World, StoreError> {
        let ada = fixture::user(tx, "ada")?;
        let own = fixture::project(tx, &ada, "own")?;
        let bob = fixture::user(tx, "bob")?;
        let cyd = fixture::user(tx, "cyd")?;
        let dan = fixture::user(tx, "dan")?;
        let outer = group(tx, None, "outer")?;
        let group = group(tx, Some(&outer), "group")?;
        let inner = projects::create(
            tx,
            &NewProject {
                namespace_id: group.id,
                name: "inner",
                path: "inner",
                full_path: "outer/group/inner",
                description: None,
                visibility: Visibility::Private,
                default_branch: None,
                creator_id: None,
                attached_repository: None,
                settings: &ProjectSettings::default(),
                created_at: NOW,
            },
        )?;
        for (path, visibility) in [("public", Visibility::Public), ("internal", Visibility::Internal)] {
            let project = fixture::project(tx, &ada, path)?;
            projects::update(tx, &Project { visibility, ..project })?;
        }
        members::add(tx, Place::Group(outer.id), &member(&bob, AccessLevel::Developer, None))?;
        members::add(tx, Place::Group(outer.id), &member(&cyd, AccessLevel::Reporter, None))?;
        members::add(
            tx,
            Place::Project(inner.id),
            &member(&cyd, AccessLevel::Maintainer, None),
        )?;
        members::add(
            tx,
            Place::Group(group.id),
            &member(&dan, AccessLevel::Maintainer, Some(NOW)),
        )?;
        Ok(World {
            ada,
            bob,
            cyd,
            dan,
            own,
            inner,
        })
    }
}

fn group(tx: &mut dyn Tx, parent: Option<&model::Namespace>, path: &str) -> Result<model::Namespace, StoreError> {
    let full_path = parent.map_or(path.to_owned(), |parent| format!("{}/{path}", parent.full_path));
    namespaces::create(
        tx,
        &NewNamespace {
            parent_id: parent.map(|parent| parent.id),
            user_id: None,
            name: path,
            path,
            full_path: &full_path,
            visibility: Visibility::Private,
            created_at: NOW,
        },
    )
}

fn member(user: &User, level: AccessLevel, expires_at: Option<Timestamp>) -> Member {
    Member {
        user_id: user.id,
        level,
        created_by: None,
        created_at: NOW,
        expires_at,
    }
}

fn list(opened: &fixture::Opened, filter: ProjectFilter<'static>) -> Vec<String> {
    opened.read(move |tx| {
        let mut names: Vec<String> = projects::list(tx, &filter, Page::all())?
            .into_iter()
            .map(|project| project.path)
            .collect();
        assert_eq!(projects::count(tx, &filter)?, i64::try_from(names.len()).expect("few"));
        names.sort();
        Ok(names)
    })
}

fn variable(key: &str, environment_scope: &str) -> NewVariable {
    NewVariable {
        key: key.to_owned(),
        environment_scope: environment_scope.to_owned(),
        sealed: vec![1, 2, 3],
        kind: VariableKind::EnvVar,
        protected: false,
        masked: true,
        hidden: false,
        raw: false,
        description: None,
    }
}
