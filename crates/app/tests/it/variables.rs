//! Which value of a variable a job gets, and which variables there are when (sections 5 to 8 of GitLab's reference of
//! variables, and its list of predefined ones).

use std::collections::HashMap;
use std::time::Duration;

use app::groups::{self, NewGroup};
use app::jobs::actions;
use app::pipelines::{ApiCall, create_by_api};
use app::project_variables::purpose;
use app::projects::{self, Changes, NewProject};
use app::runners::artifacts::{self, Description};
use app::runners::payload::Payload;
use app::triggers::{self, Limiting, NewTrigger, TriggerCall};
use app::{App, ProjectKey};
use model::definition::GivenVariable;
use model::{AccessLevel, Job, NamespaceId, ProjectId, ProtectedRef, VariableKind, Visibility};
use store::ops::protected_refs;
use store::ops::variables::{self, NewVariable, VariableOwner};

use crate::place::Place;

/// The levels that somebody can set, weakest first.
const LEVELS: [&str; 12] = [
    "root", "workflow", "job", "matrix", "rule", "dotenv", "instance", "outer", "inner", "project", "pipeline",
    "manual",
];

/// `P3: rule` says that what stands between the levels 3 and 4 has the value of the fourth.
const CONFIG: &str = "
variables: {P0: root, CI_JOB_ID: root, CI_JOB_NAME: root, CI_SERVER_NAME: root, CI_PIPELINE_IID: root, CI_RUNNER_ID: root}
workflow: {rules: [{if: $CI, variables: {P0: workflow, P1: workflow}}]}
build: {script: x, stage: build, artifacts: {reports: {dotenv: build.env}}}
a:
  script: x
  variables: {P1: job, P2: job}
  parallel: {matrix: [{P2: matrix, P3: matrix}]}
  environment: {name: review/x, url: 'https://$P9.example.com'}
  rules: [{if: $CI, when: manual, variables: {P3: rule, P4: rule, GITLAB_USER_LOGIN: rule}}]
";

#[tokio::test]
async fn of_two_levels_the_stronger_one_gives_the_value() {
    let place = Place::new("a: {script: x}\n").await;
    let outer = group(&place, "outer", None).await;
    let inner = group(&place, "inner", Some(outer)).await;
    let project = project_in(&place, inner).await;
    place.commit_file(project, ".gitlab-ci.yml", CONFIG);
    for (owner, level) in [
        (VariableOwner::Instance, 6),
        (VariableOwner::Group(outer), 7),
        (VariableOwner::Group(inner), 8),
        (VariableOwner::Project(project), 9),
    ] {
        for (key, value) in neighbors(level) {
            set(&place.app, owner, plain(&key), &value).await;
        }
    }
    let mut given: Vec<GivenVariable> = neighbors(10)
        .into_iter()
        .map(|(key, value)| one(&key, &value))
        .collect();
    given.push(one("CI_ENVIRONMENT_URL", "given"));
    let key = ProjectKey::Id(project);
    let call = ApiCall {
        variables: given,
        ..call()
    };
    let made = create_by_api(&place.app, place.root.clone(), key.clone(), call)
        .await
        .unwrap();
    let player = place.player().await;
    let build = place.take(&player).await;
    let dotenv = format!("P4={0}\nP5={0}\nGITLAB_USER_NAME={0}\n", LEVELS[5]);
    upload_dotenv(&place, &build, &dotenv).await;
    place.report(&build, "success").await;
    let job = place.job(made.pipeline.id, "a: [matrix, matrix]").await;
    let mut manual: Vec<GivenVariable> = neighbors(11)
        .into_iter()
        .map(|(key, value)| one(&key, &value))
        .collect();
    manual.push(one("CI_ENVIRONMENT_SLUG", "manual"));
    actions::play(&place.app, place.root.clone(), key, job.id, manual)
        .await
        .unwrap();
    let payload = place.take(&player).await;
    let values = values(&payload);
    for (index, level) in LEVELS.iter().enumerate().skip(1) {
        let key = format!("P{}", index - 1);
        assert_eq!(values.get(key.as_str()).copied(), Some(*level), "{key}");
    }
    for (key, expected) in [
        // Persisted and predefined ones, and those about the runner, are weaker than the configuration.
        ("CI_JOB_ID", "root"),
        ("CI_JOB_NAME", "root"),
        ("CI_SERVER_NAME", "root"),
        ("CI_PIPELINE_IID", "root"),
        ("CI_RUNNER_ID", "root"),
        // Those about the user are stronger than the configuration and weaker than dotenv.
        ("GITLAB_USER_LOGIN", "root"),
        ("GITLAB_USER_NAME", "dotenv"),
        // Nothing is stronger than those of the environment.
        ("CI_ENVIRONMENT_SLUG", app::environments::slug("review/x").as_str()),
        ("CI_ENVIRONMENT_URL", "https://pipeline.example.com"),
    ] {
        assert_eq!(values.get(key).copied(), Some(expected), "{key}");
    }
    place.close().await;
}

/// What is set on a level: the upper of the pair below it and the lower of the pair above.
fn neighbors(level: usize) -> Vec<(String, String)> {
    [level - 1, level]
        .map(|pair| (format!("P{pair}"), LEVELS[level].to_owned()))
        .to_vec()
}

#[tokio::test]
async fn values_are_expanded_as_far_as_the_server_may_and_only_where_they_are_not_raw() {
    let config = "
variables: {A: 'a $B', B: b, RAW: {value: 'raw $B', expand: false}, OF_RAW: 'x $RAW', OF_FILE: 'x $FILE', UNKNOWN: '$NOWHERE', DOUBLE: '$$B'}
a: {script: x}
";
    let place = Place::new(config).await;
    let owner = VariableOwner::Project(place.project);
    let file = NewVariable {
        kind: VariableKind::File,
        ..plain("FILE")
    };
    set(&place.app, owner, file, "content").await;
    let raw = NewVariable {
        raw: true,
        ..plain("STORED_RAW")
    };
    set(&place.app, owner, raw, "$B").await;
    set(&place.app, owner, plain("STORED"), "$B").await;
    place.pipeline().await;
    let payload = place.take(&place.player().await).await;
    let values = values(&payload);
    for (key, expected) in [
        ("A", "a b"),
        ("RAW", "raw $B"),
        ("OF_RAW", "x $RAW"),
        ("OF_FILE", "x $FILE"),
        ("UNKNOWN", "$NOWHERE"),
        ("DOUBLE", "$$B"),
        ("FILE", "content"),
        ("STORED_RAW", "$B"),
        ("STORED", "b"),
    ] {
        assert_eq!(values.get(key).copied(), Some(expected), "{key}");
    }
    let flags = |key: &str| {
        let found = payload.variables.iter().rfind(|variable| variable.key == key).unwrap();
        (found.file, found.raw, found.public)
    };
    assert_eq!(flags("FILE"), (true, false, false));
    assert_eq!(flags("RAW"), (false, true, true));
    assert_eq!(flags("STORED_RAW"), (false, true, false));
    place.close().await;
}

#[tokio::test]
async fn protected_variables_reach_protected_refs_and_scoped_ones_their_environment() {
    let config = "
a: {script: x, rules: [{if: '$P == \"secret\"'}]}
b: {script: x, environment: prod, rules: [{if: '$S == \"scoped\"'}]}
c: {script: x, rules: [{if: '$S == \"any\"'}]}
";
    let place = Place::new(config).await;
    let owner = VariableOwner::Project(place.project);
    let protected = NewVariable {
        protected: true,
        ..plain("P")
    };
    set(&place.app, owner, protected, "secret").await;
    let scoped = NewVariable {
        environment_scope: "prod".to_owned(),
        ..plain("S")
    };
    set(&place.app, owner, scoped, "scoped").await;
    set(&place.app, owner, plain("S"), "any").await;
    let names = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.name).collect::<Vec<_>>();
    let rule = ProtectedRef {
        project_id: place.project,
        is_tag: false,
        pattern: "main".to_owned(),
        push_level: Some(AccessLevel::Maintainer),
        merge_level: Some(AccessLevel::Maintainer),
    };
    let protect = place.app.store.write(move |tx| protected_refs::save(tx, &rule));
    protect.await.unwrap();
    let protected = place.pipeline().await;
    assert!(protected.protected);
    assert_eq!(names(place.read(protected.id).await.1), ["a", "b", "c"]);
    let repository = place.app.repositories.open(git::Location::Own(place.project)).unwrap();
    let head = repository.branch("main").unwrap().unwrap().target;
    repository.create_branch("dev", &head).unwrap();
    let call = ApiCall {
        ref_text: "dev".to_owned(),
        ..call()
    };
    let made = create_by_api(&place.app, place.root.clone(), place.key(), call)
        .await
        .unwrap();
    assert!(!made.pipeline.protected);
    assert_eq!(names(place.read(made.pipeline.id).await.1), ["b", "c"]);
    place.close().await;
}

/// Whose value a job in `review/x` gets: the closest group's, whatever the scopes, and of one owner the most exact
/// scope's, whichever was stored first. The rules of the job and its runner see the same.
#[tokio::test]
async fn the_closest_group_wins_and_in_it_the_most_exact_scope() {
    let place = Place::new("a: {script: x}\n").await;
    let outer = group(&place, "outer", None).await;
    let inner = group(&place, "inner", Some(outer)).await;
    let project = project_in(&place, inner).await;
    let (outer, inner) = (VariableOwner::Group(outer), VariableOwner::Group(inner));
    for (owner, key, scope, value) in [
        (outer, "NEAR", "review/x", "outer, exact"),
        (inner, "NEAR", "*", "inner, any"),
        (inner, "EXACT", "review/x", "inner, exact"),
        (inner, "EXACT", "review/*", "inner, pattern"),
        (inner, "EXACT", "*", "inner, any"),
        (inner, "PATTERN", "review/*", "inner, pattern"),
        (inner, "PATTERN", "*", "inner, any"),
        (inner, "PATTERN", "review/y", "inner, other"),
        (VariableOwner::Instance, "ALL", "*", "instance"),
        (outer, "ALL", "review/*", "outer, pattern"),
    ] {
        let scoped = NewVariable {
            environment_scope: scope.to_owned(),
            ..plain(key)
        };
        set(&place.app, owner, scoped, value).await;
    }
    let expected = [
        ("NEAR", "inner, any"),
        ("EXACT", "inner, exact"),
        ("PATTERN", "inner, pattern"),
        ("ALL", "outer, pattern"),
    ];
    let all = expected
        .map(|(key, value)| format!("${key} == \"{value}\""))
        .join(" && ");
    let config = format!("a: {{script: x, environment: review/x, rules: [{{if: '{all}'}}]}}\n");
    place.commit_file(project, ".gitlab-ci.yml", &config);
    create_by_api(&place.app, place.root.clone(), ProjectKey::Id(project), call())
        .await
        .expect("the rule holds");
    let player = place.player().await;
    let payload = place.take(&player).await;
    let values = values(&payload);
    for (key, value) in expected {
        assert_eq!(values.get(key).copied(), Some(value), "{key}");
    }
    place.close().await;
}

/// Predefined variables and where they may be named: `i` in rules of includes, `w` of the workflow, `r` of jobs; each
/// is there in the job too, with this value (`*`: any).
const PREDEFINED: &str = "
CI iwr true
GITLAB_CI iwr true
GITLAB_FEATURES iwr
CI_API_V4_URL iwr http://ci.example/api/v4
CI_API_GRAPHQL_URL iwr http://ci.example/api/graphql
CI_SERVER_URL iwr http://ci.example
CI_SERVER_HOST iwr ci.example
CI_SERVER_PORT iwr 80
CI_SERVER_PROTOCOL iwr http
CI_SERVER_FQDN iwr ci.example
CI_SERVER_NAME iwr GitLab
CI_SERVER_SHELL_SSH_HOST iwr ci.example
CI_SERVER_SHELL_SSH_PORT iwr 22
CI_SERVER_VERSION iwr *
CI_SERVER_VERSION_MAJOR iwr *
CI_SERVER_VERSION_MINOR iwr *
CI_SERVER_VERSION_PATCH iwr *
CI_SERVER_REVISION iwr *
CI_TEMPLATE_REGISTRY_HOST iwr registry.gitlab.com
CI_PROJECT_ID iwr 1
CI_PROJECT_NAME iwr demo
CI_PROJECT_TITLE iwr demo
CI_PROJECT_DESCRIPTION iwr
CI_PROJECT_TOPICS iwr
CI_PROJECT_PATH iwr root/demo
CI_PROJECT_PATH_SLUG iwr root-demo
CI_PROJECT_NAMESPACE iwr root
CI_PROJECT_NAMESPACE_SLUG iwr root
CI_PROJECT_NAMESPACE_ID iwr *
CI_PROJECT_ROOT_NAMESPACE iwr root
CI_PROJECT_URL iwr http://ci.example/root/demo
CI_PROJECT_VISIBILITY iwr private
CI_PROJECT_REPOSITORY_LANGUAGES iwr
CI_PROJECT_CLASSIFICATION_LABEL iwr
CI_DEFAULT_BRANCH iwr main
CI_DEFAULT_BRANCH_SLUG iwr main
CI_CONFIG_PATH iwr .gitlab-ci.yml
CI_COMMIT_SHA iwr *
CI_COMMIT_SHORT_SHA iwr *
CI_COMMIT_BEFORE_SHA iwr 0000000000000000000000000000000000000000
CI_COMMIT_REF_NAME iwr main
CI_COMMIT_REF_SLUG iwr main
CI_COMMIT_BRANCH iwr main
CI_COMMIT_MESSAGE iwr change\\n
CI_COMMIT_MESSAGE_IS_TRUNCATED iwr false
CI_COMMIT_TITLE iwr change
CI_COMMIT_DESCRIPTION iwr
CI_COMMIT_REF_PROTECTED iwr false
CI_COMMIT_TIMESTAMP iwr 2027-01-15T08:00:00+00:00
CI_COMMIT_AUTHOR iwr Ann <ann@example.com>
CI_COMMIT_USER_LOGIN iwr
CI_PIPELINE_SOURCE iwr trigger
CI_PIPELINE_TRIGGERED iwr true
CI_TRIGGER_SHORT_TOKEN iwr *
CI_CONFIG_REF_URI iwr ci.example/root/demo//.gitlab-ci.yml@refs/heads/main
TRIGGER_PAYLOAD iwr {}
GIVEN iwr by the call
GITLAB_USER_ID wr *
GITLAB_USER_LOGIN wr root
GITLAB_USER_NAME wr *
GITLAB_USER_EMAIL wr *
CI_NODE_TOTAL wr 1
CI_JOB_NAME r job
CI_JOB_NAME_SLUG r job
CI_JOB_GROUP_NAME r job
CI_JOB_STAGE r test
CI_ENVIRONMENT_NAME r review/x
CI_ENVIRONMENT_ACTION r start
CI_ENVIRONMENT_TIER r staging
CI_ENVIRONMENT_URL r http://x
CI_PIPELINE_IID r 1
CI_ENVIRONMENT_SLUG - *
CI_PIPELINE_NAME - the name
CI_PIPELINE_CREATED_AT - 2027-01-15T08:00:00Z
CI_PIPELINE_ID - 1
CI_PIPELINE_URL - http://ci.example/root/demo/-/pipelines/1
CI_JOB_ID - *
CI_JOB_URL - *
CI_JOB_TOKEN - *
CI_JOB_STARTED_AT - 2027-01-15T08:01:00Z
CI_REPOSITORY_URL - *
CI_RUNNER_ID - 1
CI_RUNNER_DESCRIPTION - *
CI_RUNNER_TAGS - []
";

/// What only other pipelines, jobs or installations have: absent, never empty.
const ABSENT: [&str; 14] = [
    "CI_COMMIT_TAG",
    "CI_COMMIT_TAG_MESSAGE",
    "CI_MERGE_REQUEST_IID",
    "CI_OPEN_MERGE_REQUESTS",
    "CI_PIPELINE_SCHEDULE_DESCRIPTION",
    "CI_UPSTREAM_PIPELINE_ID",
    "CI_JOB_MANUAL",
    "CI_NODE_INDEX",
    "CI_KUBERNETES_ACTIVE",
    "CI_DEPLOY_FREEZE",
    "CI_REGISTRY",
    "CI_PAGES_URL",
    "CI_RELEASE_DESCRIPTION",
    "CI_DEBUG_TRACE",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn predefined_variables_are_there_from_their_phase_on() {
    let rows: Vec<(&str, &str, &str)> = PREDEFINED.lines().filter(|line| !line.is_empty()).map(row).collect();
    let place = Place::new(&phases(&rows)).await;
    place.commit_file(
        place.project,
        "included.yml",
        "spec: {inputs: {name: {}}}\n---\n'i $[[ inputs.name ]]': {script: x}\n",
    );
    let new = NewTrigger {
        description: "t".to_owned(),
        expires_at: None,
        show_once: false,
        limiting: Limiting::default(),
    };
    let trigger = triggers::create(&place.app, place.root.clone(), place.key(), new)
        .await
        .unwrap();
    let call = TriggerCall {
        project: Some(place.key()),
        token: trigger.text,
        ref_text: "main".to_owned(),
        variables: vec![("GIVEN".to_owned(), "by the call".to_owned())],
        inputs: Vec::new(),
        payload: "{}".to_owned(),
        pass_payload: true,
        keys: Vec::new(),
        chain: Default::default(),
        address: None,
    };
    let made = triggers::run(&place.app, call).await.unwrap().created;
    let (_, jobs) = place.read(made.pipeline.id).await;
    let mut found: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    let includes = rows
        .iter()
        .filter(|row| row.1.contains('i'))
        .map(|row| format!("i {}", row.0));
    let rules = rows
        .iter()
        .filter(|row| row.1.contains('r'))
        .map(|row| format!("r {}", row.0));
    let mut expected: Vec<String> = includes.chain(rules).chain(["job".to_owned()]).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);

    place.pass(Duration::from_secs(60));
    let player = place.player().await;
    let payload = loop {
        let payload = place.take(&player).await;
        if payload.job.name == "job" {
            break payload;
        }
    };
    let values = values(&payload);
    for (name, _, value) in rows {
        let found = values.get(name).copied();
        match value {
            "*" => assert!(found.is_some(), "{name}"),
            value => assert_eq!(found, Some(value.replace("\\n", "\n").as_str()), "{name}"),
        }
    }
    for name in ABSENT {
        assert_eq!(values.get(name), None, "{name}");
    }
    place.close().await;
}

fn row(line: &'static str) -> (&'static str, &'static str, &'static str) {
    let (name, rest) = line.split_once(' ').expect("a name");
    let (phases, value) = rest.split_once(' ').unwrap_or((rest, ""));
    (name, phases, value)
}

/// A configuration in which what a rule sees decides about an include, a job or the whole pipeline.
fn phases(rows: &[(&str, &str, &str)]) -> String {
    let mut text = "include:\n".to_owned();
    let absent = ABSENT.map(|name| (name, "", ""));
    let all = || rows.iter().chain(&absent);
    for (name, ..) in all() {
        text += &format!("  - {{local: included.yml, inputs: {{name: {name}}}, rules: [{{if: '${name} != null'}}]}}\n");
    }
    text += "workflow:\n  name: the name\n  rules:\n";
    for (name, phases, _) in all() {
        let wrong = if phases.contains('w') { "==" } else { "!=" };
        text += &format!("    - {{if: '${name} {wrong} null', when: never}}\n");
    }
    text += "    - {when: always}\n";
    let environment = "environment: {name: review/x, deployment_tier: staging, url: 'http://x'}";
    text += &format!("job: {{script: x, {environment}}}\n");
    for (name, ..) in all() {
        text += &format!("r {name}: {{script: x, {environment}, rules: [{{if: '${name} != null'}}]}}\n");
    }
    text
}

fn call() -> ApiCall {
    ApiCall {
        ref_text: "main".to_owned(),
        variables: Vec::new(),
        inputs: Vec::new(),
        keys: Vec::new(),
        chain: Default::default(),
    }
}

fn one(key: &str, value: &str) -> GivenVariable {
    GivenVariable {
        key: key.to_owned(),
        value: value.to_owned(),
        kind: VariableKind::EnvVar,
        raw: false,
    }
}

/// The values that count.
fn values(payload: &Payload) -> HashMap<&str, &str> {
    let pairs = payload
        .variables
        .iter()
        .map(|one| (one.key.as_str(), one.value.as_str()));
    pairs.collect()
}

fn plain(key: &str) -> NewVariable {
    NewVariable {
        key: key.to_owned(),
        environment_scope: "*".to_owned(),
        sealed: Vec::new(),
        kind: VariableKind::EnvVar,
        protected: false,
        masked: false,
        hidden: false,
        raw: false,
        description: None,
    }
}

async fn set(app: &App, owner: VariableOwner, mut new: NewVariable, value: &str) {
    new.sealed = app.keys.seal(&purpose(owner, &new.key), value.as_bytes());
    let stored = app.store.write(move |tx| variables::create(tx, owner, &new));
    assert!(stored.await.unwrap().is_some());
}

async fn group(place: &Place, path: &str, parent_id: Option<NamespaceId>) -> NamespaceId {
    let new = NewGroup {
        name: path.to_owned(),
        path: path.to_owned(),
        parent_id,
        visibility: Visibility::Private,
    };
    groups::create(&place.app, &place.root, new).await.unwrap().namespace.id
}

async fn project_in(place: &Place, namespace: NamespaceId) -> ProjectId {
    let new = NewProject {
        name: Some("demo".to_owned()),
        namespace_id: Some(namespace),
        changes: Changes::default(),
        ..NewProject::default()
    };
    projects::create(&place.app, &place.root, new).await.unwrap().project.id
}

async fn upload_dotenv(place: &Place, payload: &Payload, text: &str) {
    let begun = artifacts::begin(&place.app, payload.job.id, &payload.token)
        .await
        .unwrap();
    let (job, mut upload) = begun.expect("the job runs");
    let file = testkit::gzip(text.as_bytes());
    assert!(artifacts::write(&mut upload, file.into()).await.unwrap());
    let description = Description {
        kind: Some("dotenv".to_owned()),
        format: Some("gzip".to_owned()),
        ..Description::default()
    };
    artifacts::record(&place.app, &job, upload, description).await.unwrap();
}
