//! For which pipelines the changed paths are known (section 2.3 of GitLab's reference of rules); where they are not,
//! `changes` holds.

use app::pipelines::request::{Provenance, Skip};
use app::pipelines::{NewPipeline, create};
use model::{AccessLevel, PipelineId, Sha, Source};
use store::ops;

use crate::place::Place;

const CONFIG: &str = "
stages: [build, test, deploy]
always: {script: x}
watched: {script: x, rules: [{changes: [watched]}]}
compared: {script: x, rules: [{changes: {paths: [watched], compare_to: base}}]}
child: {trigger: {include: child.yml}, stage: build}
";
const CHILD: &str = "always: {script: x}\nwatched: {script: x, rules: [{changes: [watched]}]}\n";

/// A pipeline on a ref, as if it came from a push of what follows `before`.
async fn start(place: &Place, git_ref: &str, source: Source, before: &Sha) -> PipelineId {
    let id = place.project;
    let (project, user, context) = place
        .app
        .store
        .read(move |tx| {
            let project = ops::projects::get(tx, id)?.unwrap();
            let user = ops::users::by_username(tx, "root")?.unwrap();
            let context = app::pipelines::create::context(tx, &project)?;
            Ok::<_, store::StoreError>((project, user, context))
        })
        .await
        .unwrap();
    let request = NewPipeline {
        project,
        user,
        role: AccessLevel::Owner,
        ref_text: git_ref.to_owned(),
        sha: None,
        before_sha: before.clone(),
        source,
        variables: Vec::new(),
        call_variables: Vec::new(),
        inputs: Vec::new(),
        keep_failed: false,
        skip: Skip::Never,
        trigger: None,
        schedule: None,
        upstream: None,
        provenance: Provenance::default(),
        is_admin: true,
    };
    create(&place.app, request, &context).await.unwrap().pipeline.id
}

async fn jobs(place: &Place, id: PipelineId) -> String {
    let (_, jobs) = place.read(id).await;
    let mut names: Vec<&str> = jobs
        .iter()
        .filter(|job| !job.is_bridge)
        .map(|job| job.name.as_str())
        .collect();
    names.sort_unstable();
    names.join(" ")
}

#[tokio::test]
async fn changed_paths_are_those_of_a_push_and_otherwise_unknown() {
    let place = Place::new(CONFIG).await;
    let repository = place.app.repositories.open(git::Location::Own(place.project)).unwrap();
    let head = || repository.branch("main").unwrap().unwrap().target;
    place.commit_file(place.project, "child.yml", CHILD);
    let first = head();
    place.commit_file(place.project, "watched", "1");
    let second = head();
    repository.create_branch("base", &second).unwrap();
    place.commit_file(place.project, "other", "1");
    repository.create_tag("v1", &head(), None).unwrap();
    let zeros = Sha::zero();
    let (known, unknown) = ("always", "always watched");
    for (git_ref, source, before, expected) in [
        // A push to a branch that was there before: what it brings.
        ("refs/heads/main", Source::Push, &second, known),
        ("refs/heads/main", Source::Push, &first, unknown),
        // A new branch, a tag, also a moved one, and everything that is no push.
        ("refs/heads/main", Source::Push, &zeros, unknown),
        ("refs/tags/v1", Source::Push, &zeros, unknown),
        ("refs/tags/v1", Source::Push, &second, unknown),
        ("main", Source::Api, &zeros, unknown),
        ("main", Source::Web, &zeros, unknown),
        ("main", Source::Trigger, &zeros, unknown),
        ("main", Source::Schedule, &zeros, unknown),
        ("main", Source::Pipeline, &zeros, unknown),
    ] {
        let id = start(&place, git_ref, source, before).await;
        assert_eq!(jobs(&place, id).await, expected, "{git_ref} {source} after {before}");
        // A child goes by what its parent goes by.
        place.start_bridges().await;
        let child = place.downstream(id).await.remove(0);
        assert_eq!(
            jobs(&place, child.id).await,
            expected,
            "child of {git_ref} {source} after {before}"
        );
    }
    // With `compare_to` they are known for each kind: above nothing watched since `base`, now something.
    repository.delete_branch("base").unwrap();
    repository.create_branch("base", &first).unwrap();
    for (git_ref, source) in [
        ("refs/heads/main", Source::Push),
        ("refs/tags/v1", Source::Push),
        ("main", Source::Api),
        ("main", Source::Schedule),
    ] {
        let id = start(&place, git_ref, source, &second).await;
        assert!(jobs(&place, id).await.contains("compared"), "{git_ref} {source}");
    }
    place.close().await;
}
