//! Every row of GitLab's rules about which jobs a pipeline gets, with which values: a configuration, how the
//! pipeline is started, and the jobs that it has.
//!
//! The cases are in `reference/`: a line is a configuration (`\n` breaks it), `<` a pipeline, `>` what becomes of
//! it. Expected is what the reference says.

use compile::{PlanResult, Variable, VariableOrigin};
use model::job::PlannedJob;
use model::{GitRef, OnJobFailure, OnNewCommit, Source, When};

use crate::support::{Run, World, variable};

#[test]
fn rules_decide_as_in_the_reference() {
    check(include_str!("reference/rules.txt"));
}

#[test]
fn only_and_except_decide_as_in_the_reference() {
    check(include_str!("reference/only.txt"));
}

#[test]
fn variables_are_chosen_and_expanded_as_in_the_reference() {
    check(include_str!("reference/variables.txt"));
}

fn check(table: &str) {
    let mut wrong = Vec::new();
    let (mut text, mut started, mut count) = ("", "", 0);
    let mut expected: Vec<&str> = Vec::new();
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut verify = |text: &str, started: &str, expected: &mut Vec<&str>| {
        if expected.is_empty() {
            return;
        }
        let found = outcome(text, started);
        if found != *expected {
            wrong.push(format!(
                "{text}\n< {started}\n  found    {found:?}\n  expected {expected:?}"
            ));
        }
        count += 1;
        expected.clear();
    };
    for line in lines {
        if let Some(line) = line.strip_prefix('>') {
            expected.push(line.trim_start());
        } else if let Some(line) = line.strip_prefix('<') {
            verify(text, started, &mut expected);
            started = line.trim();
        } else {
            verify(text, started, &mut expected);
            (text, started) = (line, "");
        }
    }
    verify(text, started, &mut expected);
    assert!(count > 50, "the table was read");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// What becomes of a pipeline: its jobs on one line, or the errors.
fn outcome(text: &str, started: &str) -> Vec<String> {
    let (world, run) = pipeline(started);
    let text = text.replace("\\n", "\n");
    let errors = world.errors(&text);
    if !errors.is_empty() {
        return errors;
    }
    match world.plan(&text, &run) {
        PlanResult::Plan(plan) => {
            let mut words: Vec<String> = plan.name.iter().map(|name| format!("{name:?}")).collect();
            match plan.on_new_commit {
                OnNewCommit::Conservative => {}
                other => words.push(format!("on_new_commit:{}", other.as_str())),
            }
            match plan.on_job_failure {
                OnJobFailure::None => {}
                other => words.push(format!("on_job_failure:{}", other.as_str())),
            }
            words.extend(plan.jobs.iter().map(job));
            vec![words.join(" ")]
        }
        other => crate::support::names(&other),
    }
}

/// Name of a job and what is not as usual about it.
fn job(job: &PlannedJob) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |text: String| parts.push(text);
    if job.when != When::OnSuccess {
        add(job.when.as_str().to_owned());
    }
    if let Some(seconds) = job.start_in_seconds {
        add(format!("{seconds}s"));
    }
    if job.allow_failure {
        add("may-fail".to_owned());
    }
    if job.allow_failure_exit_codes {
        add("exit-codes".to_owned());
    }
    if let Some(needs) = &job.needs {
        let names: Vec<&str> = needs.iter().map(|need| need.name.as_str()).collect();
        add(format!("needs:{}", names.join(",")));
    }
    match job.interruptible {
        Some(true) => add("interruptible".to_owned()),
        Some(false) => add("uninterruptible".to_owned()),
        None => {}
    }
    for variable in &job.rule_variables {
        add(format!("{}={}", variable.key, variable.value));
    }
    for (word, value) in [("in", &job.environment), ("group", &job.resource_group)] {
        if let Some(value) = value {
            add(format!("{word}:{value}"));
        }
    }
    if !job.tags.is_empty() {
        add(format!("tags:{}", job.tags.join(",")));
    }
    match parts.as_slice() {
        [] => job.definition.name.clone(),
        _ => format!("{}({})", job.definition.name, parts.join(" ")),
    }
}

/// Reads how a pipeline is started: a source, `tag=v`, `branch=b`, `iid=1`, `changes=a,b`, `files=a,b`, `job=a`, or
/// variables: `K=v` given with the call, `project:K=v`, `project@scope:K=v` and so on. `_` is a space.
fn pipeline(started: &str) -> (World, Run) {
    let mut world = World::with(&[("included.yml", "included: {script: x}")]);
    let source = started.split(' ').find_map(|word| word.parse::<Source>().ok());
    let mut run = Run::of(source.unwrap_or(Source::Push));
    for word in started.split(' ').filter(|word| !word.is_empty()) {
        let Some((key, value)) = word.split_once('=') else {
            assert!(word.parse::<Source>().is_ok(), "`{word}` says nothing");
            continue;
        };
        let list = || value.split(',').filter(|path| !path.is_empty()).map(str::to_owned);
        match key {
            "tag" => {
                run.git_ref = GitRef::tag(value);
                run.predefined
                    .push(variable(VariableOrigin::Predefined, "CI_COMMIT_TAG", value));
            }
            "iid" => run.iid = Some(value.parse().expect("a number")),
            "branch" => run.git_ref = GitRef::branch(value),
            "changes" => world.changes = Some(list().collect()),
            "files" => list().for_each(|path| world.file(None, None, &path, "")),
            "job" => run.only_job = Some(Box::leak(value.to_owned().into_boxed_str())),
            _ => give(&mut world, &mut run, key, &value.replace('_', " ")),
        }
    }
    run.overriding.sort_by_key(|variable| variable.origin);
    world.variables.extend(run.predefined.iter().cloned());
    (world, run)
}

fn give(world: &mut World, run: &mut Run, key: &str, value: &str) {
    let (level, key) = key.split_once(':').unwrap_or(("pipeline", key));
    let (level, scope) = level
        .split_once('@')
        .map_or((level, None), |(level, scope)| (level, Some(scope)));
    let (level, raw) = level.strip_prefix("raw-").map_or((level, false), |level| (level, true));
    let origin = match level {
        "predefined" => VariableOrigin::Predefined,
        "user" => VariableOrigin::User,
        "instance" => VariableOrigin::Instance,
        "group" => VariableOrigin::Group,
        "project" => VariableOrigin::Project,
        "pipeline" => VariableOrigin::Pipeline,
        "schedule" => VariableOrigin::Schedule,
        other => panic!("`{other}` is no level"),
    };
    let given = Variable {
        key: key.to_owned().into(),
        environment_scope: scope.map(str::to_owned),
        raw,
        ..variable(origin, "", value)
    };
    // While files are read, what is about the user or for some environments is not known yet.
    if origin != VariableOrigin::User && scope.is_none() {
        world.variables.push(given.clone());
    }
    match origin {
        VariableOrigin::Predefined => run.predefined.push(given),
        _ => run.overriding.push(given),
    }
}
