//! Our templates: each is a configuration of its own, and works when it is included.

use model::Source;

use crate::support::{Run, World, names};

/// Templates that only say when pipelines run.
const WITHOUT_JOBS: [&str; 2] = [
    "Workflows/Branch-Pipelines.gitlab-ci.yml",
    "Workflows/MergeRequest-Pipelines.gitlab-ci.yml",
];

#[test]
fn each_template_is_accepted_alone_and_included() {
    for name in compile::templates::names() {
        assert!(name.ends_with(compile::templates::SUFFIX), "{name}");
        let text = compile::templates::find(name).expect("its name is listed");
        let job = if WITHOUT_JOBS.contains(&name) {
            "\njob: {script: x}\n"
        } else {
            "\n"
        };
        let alone = World::default().load(&format!("{text}{job}"));
        let included = World::default().load(&format!("include: {{template: {name}}}{job}"));
        for loaded in [&alone, &included] {
            assert!(loaded.diagnostics.is_empty(), "{name}: {:?}", loaded.diagnostics);
        }
        assert_eq!(alone.merged, included.merged, "{name}");
    }
}

#[test]
fn auto_devops_tells_a_project_with_a_cluster_that_it_does_not_deploy() {
    const TEXT: &str = "include: {template: Auto-DevOps.gitlab-ci.yml}\n";
    let has_job = |run: &Run| names(&World::default().plan(TEXT, run)).contains(&"auto-deploy".to_owned());
    let push = || Run::of(Source::Push).given("CI_COMMIT_BRANCH", "main");
    assert!(!has_job(&push()), "GitLab deploys nothing without a cluster either");
    assert!(has_job(&push().given("KUBECONFIG", "x")));
    assert!(!has_job(
        &push().given("KUBECONFIG", "x").given("AUTO_DEPLOY_DISABLED", "1")
    ));
}

#[test]
fn a_name_that_is_not_ours_is_asked_for() {
    assert_eq!(
        World::default().errors("include: {template: Cobol.gitlab-ci.yml}\n"),
        ["Included file `Cobol.gitlab-ci.yml` is empty or does not exist!"]
    );
}
