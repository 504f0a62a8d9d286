//! A dry run says what the call then does: for every case of the repository's tables and for made-up configurations,
//! for each way of starting a pipeline that has a dry run.

use std::fs;
use std::path::{Path, PathBuf};

use app::pipelines::{ApiCall, Created, DryRun, create_by_api, create_on_page, dry_run_by_api, dry_run_on_page};
use app::triggers::{self, Limiting, NewTrigger, TriggerCall};
use app::{Error, Result};
use model::definition::GivenVariable;
use model::job::{Need, PlannedJob};
use model::{Job, VariableKind};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::Value as Json;

use crate::place::Place;

/// How many configurations are made up.
const MADE_UP: usize = 80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_of_the_reference_are_run_as_the_dry_run_says() {
    let case = |line: &str| format!("b: {{script: x}}\nc: {{script: x}}\na: {{{line}}}\n");
    let mut texts: Vec<String> = lines("crates/compile/tests/it/reference/jobs.txt")
        .map(|line| case(&line))
        .collect();
    for table in ["rules.txt", "only.txt", "variables.txt"] {
        let path = format!("crates/compile/tests/it/reference/{table}");
        texts.extend(lines(&path).map(|line| line.replace("\\n", "\n")));
    }
    let bench = Bench::start().await;
    let kinds = bench.check_all(texts).await;
    assert!(kinds.made > 300 && kinds.refused > 100, "{kinds:?}");
    bench.place.close().await;
}

#[tokio::test]
async fn a_stage_whose_name_cannot_be_stored_is_refused_and_leaves_nothing() {
    let bench = Bench::start().await;
    let config = |length: usize| {
        let stage = "s".repeat(length);
        format!("stages: [{stage}, test]\na: {{script: x}}\nb: {{script: x, stage: {stage}, rules: [{{if: $WHO}}]}}\n")
    };
    bench.commit(&config(256));
    let error = bench.run(Way::Trigger("main")).await.unwrap_err();
    let text = "Failed to persist the pipeline: Validation failed: Stages is invalid";
    assert_eq!(shown_error(&error), (text.to_owned(), Some(false), None));
    let kinds = bench.check_all(vec![config(255), config(256)]).await;
    // Without the job nobody looks at its stage.
    assert_eq!((kinds.made, kinds.refused), (5, 3));
    bench.place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seeds_of_the_fuzzer_are_run_as_the_dry_run_says() {
    let bench = Bench::start().await;
    let mut texts = Vec::new();
    let folder = root().join("fuzz/seeds/configuration");
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut parts = text.split("\n#@ ");
        texts.push(parts.next().unwrap().to_owned());
        for (name, content) in parts.map(|part| part.split_once('\n').unwrap_or((part, ""))) {
            if name.chars().all(|c| c.is_ascii_alphanumeric() || "/.-_".contains(c)) && !name.starts_with('/') {
                bench.place.commit_file(bench.place.project, name, content);
            }
        }
    }
    let kinds = bench.check_all(texts).await;
    assert!(kinds.made > 20 && kinds.refused > 20, "{kinds:?}");
    bench.place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_configurations_are_run_as_the_dry_run_says() {
    let bench = Bench::start().await;
    let config = proptest::test_runner::Config {
        rng_seed: RngSeed::Fixed(7),
        ..Default::default()
    };
    let mut runner = TestRunner::new(config);
    let strategy = configuration();
    let texts = (0..MADE_UP).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    let kinds = bench.check_all(texts.collect()).await;
    assert!(kinds.made > 100 && kinds.refused > 20, "{kinds:?}");
    bench.place.close().await;
}

/// Jobs with conditions, needs and names of all kinds; some refer to each other in ways that cannot work.
fn configuration() -> impl Strategy<Value = String> {
    const WORKFLOW: [&str; 5] = [
        "",
        "workflow: {name: 'n $WHO $CI_PIPELINE_IID'}\n",
        "workflow: {rules: [{if: '$CI_PIPELINE_SOURCE == \"web\"', when: never}, {when: always}]}\n",
        "workflow: {auto_cancel: {on_new_commit: none}, rules: [{if: $WHO, variables: {V: workflow}}, {if: $CI_COMMIT_TAG}]}\n",
        "workflow: {rules: [{changes: [src/*]}]}\n",
    ];
    const CONDITION: [&str; 14] = [
        "",
        ", when: manual",
        ", allow_failure: true",
        ", only: [tags]",
        ", only: [triggers, web]",
        ", except: [api]",
        ", rules: [{if: $WHO, when: manual, allow_failure: true}]",
        ", rules: [{if: '$V =~ /^w/', variables: {R: r}}, {if: $CI_COMMIT_TAG, when: delayed, start_in: 1 hour}]",
        ", rules: [{exists: [.gitlab-ci.yml], needs: [j0]}]",
        ", rules: [{changes: {paths: [x], compare_to: $WHO}}]",
        ", rules: [{if: '$CI_PIPELINE_IID =~ /[02468]$/'}, {when: on_failure}]",
        ", rules: [{when: never}]",
        ", rules: [{if: '$CI_PIPELINE_SOURCE == \"trigger\"', interruptible: true}]",
        ", rules: [{if: '$(', when: never}]",
    ];
    const MORE: [&str; 9] = [
        "",
        ", parallel: 2",
        ", parallel: {matrix: [{A: [x, y], B: z}]}",
        ", environment: 'review/$CI_PIPELINE_IID-$WHO'",
        ", resource_group: '$V', tags: [a, $WHO]",
        ", stage: deploy",
        ", needs: [j1]",
        ", needs: [{job: j0, optional: true}], stage: .post",
        ", stage: nowhere",
    ];
    let job = (
        prop::sample::select(&CONDITION[..]),
        prop::sample::select(&MORE[..8]),
        prop::bool::weighted(0.03),
    );
    let jobs = prop::collection::vec(job, 1..6);
    (prop::sample::select(&WORKFLOW[..]), jobs).prop_map(|(workflow, jobs)| {
        let mut text = format!("{workflow}variables: {{V: root}}\n");
        for (index, (condition, more, broken)) in jobs.iter().enumerate() {
            let more = if *broken { MORE[8] } else { more };
            text += &format!("j{index}: {{script: x{condition}{more}}}\n");
        }
        text
    })
}

/// How many calls made a pipeline.
#[derive(Debug, Default)]
struct Kinds {
    made: usize,
    refused: usize,
}

/// A server, and a token for its project.
struct Bench {
    place: Place,
    token: String,
}

/// Ways of starting a pipeline.
#[derive(Clone, Copy, Debug)]
enum Way {
    Trigger(&'static str),
    Api,
    Web,
}

const WAYS: [Way; 4] = [Way::Trigger("main"), Way::Trigger("v1"), Way::Api, Way::Web];

impl Bench {
    async fn start() -> Bench {
        let place = Place::new("a: {script: x}\n").await;
        place.commit_file(place.project, "included.yml", "included: {script: x}\n");
        let new = NewTrigger {
            description: "t".to_owned(),
            expires_at: None,
            show_once: false,
            limiting: Limiting::default(),
        };
        let made = triggers::create(&place.app, place.root.clone(), place.key(), new).await;
        Bench {
            token: made.unwrap().text,
            place,
        }
    }

    /// Commits one text after the other and starts it in each way.
    async fn check_all(&self, texts: Vec<String>) -> Kinds {
        let mut kinds = Kinds::default();
        for text in texts {
            self.commit(&text);
            for way in WAYS {
                let planned = self.dry_run(way).await;
                let done = self.run(way).await;
                match (planned, done) {
                    (Ok(planned), Ok(created)) => {
                        self.check_made(&text, way, planned, created).await;
                        kinds.made += 1;
                    }
                    (Err(planned), Err(refused)) => {
                        assert_eq!(shown_error(&planned), shown_error(&refused), "{way:?}\n{text}");
                        kinds.refused += 1;
                    }
                    (planned, done) => panic!("{way:?}\n{text}\nplanned {planned:?}\nbut {done:?}"),
                }
            }
        }
        kinds
    }

    /// As the configuration of `main` and of the tag `v1`.
    fn commit(&self, text: &str) {
        self.place.commit(text);
        let repository = self
            .place
            .app
            .repositories
            .open(git::Location::Own(self.place.project))
            .unwrap();
        let head = repository.branch("main").unwrap().unwrap().target;
        if repository.tag("v1").unwrap().is_some() {
            repository.delete_tag("v1").unwrap();
        }
        repository.create_tag("v1", &head, None).unwrap();
    }

    async fn check_made(&self, text: &str, way: Way, planned: DryRun, created: Created) {
        let (_, mut jobs) = self.place.read(created.pipeline.id).await;
        jobs.sort_by_key(|job| job.id);
        let expected: Vec<String> = planned.jobs.iter().map(shown_planned).collect();
        let found: Vec<String> = jobs.iter().map(shown).collect();
        assert_eq!(found, expected, "{way:?}\n{text}");
        let of_plan = (planned.name, planned.warnings, planned.place.sha, planned.place.git_ref);
        let pipeline = created.pipeline;
        let of_pipeline = (pipeline.name, created.warnings, pipeline.sha, pipeline.git_ref);
        assert_eq!(of_pipeline, of_plan, "{way:?}\n{text}");
    }

    fn trigger_call(&self, git_ref: &str) -> TriggerCall {
        TriggerCall {
            project: Some(self.place.key()),
            token: self.token.clone(),
            ref_text: git_ref.to_owned(),
            variables: vec![("WHO".to_owned(), "me".to_owned())],
            inputs: Vec::new(),
            payload: "{}".to_owned(),
            pass_payload: true,
            keys: Vec::new(),
            chain: Default::default(),
            address: None,
        }
    }

    fn api_call(&self, way: Way) -> ApiCall {
        let who = GivenVariable {
            key: "WHO".to_owned(),
            value: "you".to_owned(),
            kind: VariableKind::EnvVar,
            raw: false,
        };
        ApiCall {
            ref_text: "main".to_owned(),
            variables: if matches!(way, Way::Web) { Vec::new() } else { vec![who] },
            inputs: Vec::new(),
            keys: Vec::new(),
            chain: Default::default(),
        }
    }

    async fn dry_run(&self, way: Way) -> Result<DryRun> {
        let Place { app, root, .. } = &self.place;
        let key = self.place.key();
        match way {
            Way::Trigger(git_ref) => triggers::dry_run(app, self.trigger_call(git_ref))
                .await
                .map(|told| told.0),
            Way::Api => dry_run_by_api(app, root.clone(), key, self.api_call(way)).await,
            Way::Web => dry_run_on_page(app, root.clone(), key, self.api_call(way)).await,
        }
    }

    async fn run(&self, way: Way) -> Result<Created> {
        let Place { app, root, .. } = &self.place;
        let key = self.place.key();
        match way {
            Way::Trigger(git_ref) => triggers::run(app, self.trigger_call(git_ref))
                .await
                .map(|done| done.created),
            Way::Api => create_by_api(app, root.clone(), key, self.api_call(way)).await,
            Way::Web => create_on_page(app, root.clone(), key, self.api_call(way)).await,
        }
    }
}

/// Everything about a job that the dry run decides.
fn shown_planned(job: &PlannedJob) -> String {
    let definition = &job.definition;
    format!(
        "{} {} {} {:?} {:?} {} {} {:?} {:?} {:?} {:?} {:?} {:?} {}",
        definition.name,
        definition.stage,
        job.stage_index,
        job.when,
        job.start_in_seconds,
        job.allow_failure,
        job.allow_failure_exit_codes,
        needs(job.needs.as_ref()),
        job.rule_variables,
        job.tags,
        job.environment,
        job.resource_group,
        job.interruptible,
        definition.is_bridge(),
    )
}

fn shown(job: &Job) -> String {
    format!(
        "{} {} {} {:?} {:?} {} {} {:?} {:?} {:?} {:?} {:?} {:?} {}",
        job.name,
        job.stage,
        job.stage_index,
        job.when,
        job.start_in_seconds,
        job.allow_failure,
        job.allow_failure_exit_codes,
        needs(job.needs.as_ref()),
        job.rule_variables,
        job.tags,
        job.environment,
        job.resource_group,
        job.interruptible,
        job.is_bridge,
    )
}

fn needs(needs: Option<&Vec<Need>>) -> Option<Vec<(&str, bool, bool)>> {
    let shown = needs?
        .iter()
        .map(|need| (need.name.as_str(), need.artifacts, need.optional));
    Some(shown.collect())
}

/// Status and words of a refusal, and what explains it.
fn shown_error(error: &Error) -> (String, Option<bool>, Option<Json>) {
    match error {
        Error::PipelineNotCreated {
            message,
            kept,
            explanation,
        } => {
            let explanation = explanation.as_ref().map(|explanation| explanation.to_json());
            (message.clone(), Some(*kept), explanation)
        }
        other => (format!("{other:?}"), None, None),
    }
}

/// The configurations of a table: what neither is expected nor starts a pipeline nor is a remark.
fn lines(path: &str) -> impl Iterator<Item = String> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let is_case = |line: &&str| !line.is_empty() && !line.starts_with(['#', '!', '?', '<', '>', '«']);
    let cases: Vec<String> = text
        .lines()
        .filter(is_case)
        .filter(|line| !line.contains('«'))
        .map(str::to_owned)
        .collect();
    cases.into_iter()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
