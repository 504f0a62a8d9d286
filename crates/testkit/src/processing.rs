//! Pipeline processing over HTTP: a case says which statuses jobs and pipeline have after each event, a scripted
//! runner and a user make the events happen.
//!
//! The runner takes jobs without acknowledging them, so that they stay pending until the case says otherwise.
//! Statuses of stages are no part of the API and are not compared.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::Project;
use crate::runner::{RunnerJob, ScriptedRunner};
use crate::wait::eventually;

/// Follows a case: `{"init": {"expect": …}, "transitions": [{"event", "jobs"?, "expect"}]}`; an `expect` has `pipeline`
/// and `jobs`. The project is one whose configuration is the case's, just pushed.
///
/// # Errors
///
/// The first difference, with the number of its transition.
pub fn follow_case(project: &Project, case: &Value) -> Result<(), String> {
    let pipeline = eventually("the push's pipeline", || project.get("/pipelines").get(0).cloned());
    let mut player = Player {
        project,
        pipeline,
        runner: project.runner(),
        held: BTreeMap::new(),
    };
    player
        .compare(&case["init"]["expect"])
        .map_err(|difference| format!("init: {difference}"))?;
    for (index, transition) in list(&case["transitions"]).iter().enumerate() {
        player
            .apply(transition)
            .and_then(|()| player.compare(&transition["expect"]))
            .map_err(|difference| format!("transition {index}: {difference}"))?;
    }
    Ok(())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

struct Player<'a> {
    project: &'a Project,
    pipeline: Value,
    runner: ScriptedRunner,
    /// Jobs that the runner was given and has not ended, by id.
    held: BTreeMap<i64, RunnerJob>,
}

impl Player<'_> {
    fn apply(&mut self, transition: &Value) -> Result<(), String> {
        let event = transition["event"].as_str().unwrap_or_default();
        let jobs = list(&transition["jobs"]);
        if jobs.is_empty() {
            let path = format!("/pipelines/{}/{event}", self.pipeline["id"]);
            return self.post(&path);
        }
        for name in jobs {
            let name = name.as_str().unwrap_or_default();
            let id = self.current(name)?;
            match event {
                "run" => self.report(id, name, &json!({ "state": "running" }))?,
                "success" => self.report(id, name, &json!({ "state": "success" }))?,
                "drop" => self.report(
                    id,
                    name,
                    &json!({ "state": "failed", "failure_reason": "script_failure" }),
                )?,
                "play" | "retry" | "cancel" => self.post(&format!("/jobs/{id}/{event}"))?,
                other => return Err(format!("the event `{other}` is not known")),
            }
        }
        Ok(())
    }

    /// Has the runner report about a job, which it takes first if it does not have it yet.
    fn report(&mut self, id: i64, name: &str, state: &Value) -> Result<(), String> {
        while !self.held.contains_key(&id) {
            let job = self
                .runner
                .try_hand_out()
                .ok_or_else(|| format!("the runner is not given `{name}`"))?;
            self.held.insert(job.id(), job);
        }
        let answer = self.held[&id].update(state);
        match answer.status {
            200 => Ok(()),
            status => Err(format!("`{name}`: {state} is answered with {status} {}", answer.text())),
        }
    }

    fn post(&self, path: &str) -> Result<(), String> {
        let answer = self.project.request("POST", path).send();
        match answer.status {
            200 | 201 => Ok(()),
            status => Err(format!("POST {path} is answered with {status} {}", answer.text())),
        }
    }

    /// The id of the newest attempt of a job.
    fn current(&self, name: &str) -> Result<i64, String> {
        let jobs = self.project.jobs(&self.pipeline);
        let found = jobs.iter().find(|job| job["name"] == name);
        found
            .and_then(|job| job["id"].as_i64())
            .ok_or_else(|| format!("there is no job `{name}`"))
    }

    fn compare(&self, expected: &Value) -> Result<(), String> {
        let pipeline = self.project.get(&format!("/pipelines/{}", self.pipeline["id"]));
        if pipeline["status"] != expected["pipeline"] {
            return Err(format!(
                "pipeline: expected {}, found {}",
                expected["pipeline"], pipeline["status"]
            ));
        }
        let jobs = self.project.jobs(&self.pipeline);
        let found: serde_json::Map<String, Value> = jobs
            .iter()
            .map(|job| {
                (
                    job["name"].as_str().unwrap_or_default().to_owned(),
                    job["status"].clone(),
                )
            })
            .collect();
        if Value::Object(found.clone()) == expected["jobs"] {
            Ok(())
        } else {
            Err(format!(
                "jobs: expected {}, found {}",
                expected["jobs"],
                Value::Object(found)
            ))
        }
    }
}
