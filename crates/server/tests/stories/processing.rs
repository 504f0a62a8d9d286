//! Pipeline processing as a user and a runner see it: after each event every status is what it must be.
//!
//! The rules themselves are shown in `schedule`; here it is that server, store and runner API come to the same.

use serde_json::{Value, json};
use testkit::{TestServer, follow_case};

use crate::story;

story!(every_event_leads_to_the_right_statuses, runners: 0);

fn every_event_leads_to_the_right_statuses(server: &mut TestServer) {
    for (name, config, case) in cases() {
        let project = server.api().project(&[(".gitlab-ci.yml", config)]);
        if let Err(difference) = follow_case(&project, &case) {
            panic!("{name}: {difference}");
        }
    }
}

/// Statuses in short: `pipeline | job=status …`.
fn expect(text: &str) -> Value {
    let (pipeline, jobs) = text.split_once(" | ").expect("a pipeline and its jobs");
    let jobs: serde_json::Map<String, Value> = jobs
        .split(' ')
        .map(|job| job.split_once('=').expect("a job and its status"))
        .map(|(name, status)| (name.to_owned(), json!(status)))
        .collect();
    json!({ "pipeline": pipeline, "jobs": jobs })
}

/// A case from its first statuses and its events: `event job …`, then what follows.
fn case(init: &str, transitions: &[(&str, &str)]) -> Value {
    let transitions: Vec<Value> = transitions
        .iter()
        .map(|(event, expected)| {
            let mut words = event.split(' ');
            let event = words.next().unwrap_or_default();
            json!({ "event": event, "jobs": words.collect::<Vec<_>>(), "expect": expect(expected) })
        })
        .collect();
    json!({ "init": { "expect": expect(init) }, "transitions": transitions })
}

fn cases() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "stages follow each other, a failure starts what waits for one",
            "stages: [build, test, clean]\na: {stage: build, script: x}\nb: {stage: build, script: x}\nc: {stage: test, script: x}\n\
             d: {stage: clean, script: x, when: on_failure}\ne: {stage: clean, script: x, when: always}\n",
            case(
                "pending | a=pending b=pending c=created d=created e=created",
                &[
                    ("run b", "running | a=pending b=running c=created d=created e=created"),
                    (
                        "success a",
                        "running | a=success b=running c=created d=created e=created",
                    ),
                    ("drop b", "running | a=success b=failed c=skipped d=pending e=pending"),
                    (
                        "success d e",
                        "failed | a=success b=failed c=skipped d=success e=success",
                    ),
                    ("retry b", "running | a=success b=pending c=created d=success e=success"),
                    (
                        "success b",
                        "running | a=success b=success c=pending d=success e=success",
                    ),
                    (
                        "success c",
                        "success | a=success b=success c=success d=success e=success",
                    ),
                ],
            ),
        ),
        (
            "needs do not wait for a stage",
            "stages: [build, test]\na: {stage: build, script: x}\nb: {stage: build, script: x}\nc: {stage: test, script: x, needs: [a]}\n\
             d: {stage: test, script: x, needs: []}\n",
            case(
                "pending | a=pending b=pending c=created d=pending",
                &[
                    ("success a", "running | a=success b=pending c=pending d=pending"),
                    ("success c d", "running | a=success b=pending c=success d=success"),
                    ("cancel b", "canceled | a=success b=canceled c=success d=success"),
                ],
            ),
        ),
        (
            "a manual job holds the pipeline only when it must be played",
            "stages: [build, gate, deploy]\na: {stage: build, script: x}\noptional: {stage: build, script: x, when: manual}\n\
             gate: {stage: gate, script: x, when: manual, allow_failure: false}\nd: {stage: deploy, script: x}\n",
            case(
                "pending | a=pending optional=manual gate=created d=created",
                &[
                    ("success a", "manual | a=success optional=manual gate=manual d=created"),
                    (
                        "play gate",
                        "running | a=success optional=manual gate=pending d=created",
                    ),
                    (
                        "success gate",
                        "running | a=success optional=manual gate=success d=pending",
                    ),
                    (
                        "success d",
                        "success | a=success optional=manual gate=success d=success",
                    ),
                    (
                        "play optional",
                        "running | a=success optional=pending gate=success d=success",
                    ),
                    (
                        "drop optional",
                        "success | a=success optional=failed gate=success d=success",
                    ),
                ],
            ),
        ),
        (
            "a retried pipeline takes up what did not succeed",
            "stages: [test, deploy]\na: {stage: test, script: x}\nb: {stage: test, script: x}\nc: {stage: deploy, script: x}\n",
            case(
                "pending | a=pending b=pending c=created",
                &[
                    ("success a", "running | a=success b=pending c=created"),
                    ("drop b", "failed | a=success b=failed c=skipped"),
                    ("retry", "running | a=success b=pending c=created"),
                    ("success b", "running | a=success b=success c=pending"),
                    ("cancel", "canceled | a=success b=success c=canceled"),
                ],
            ),
        ),
    ]
}
