//! Reading and planning configurations of growing size, beside reading their YAML alone.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use compile::facts::FetchedFile;
use compile::{
    Answer, Config, Demand, Facts, FileKey, Limits, LoadRequest, PlanRequest, PlanResult, Step, Variable,
    VariableOrigin, load, yaml,
};

/// Prints a line per size, and one per file of a folder of repositories when there is one.
pub(crate) fn run(folder: Option<&Path>) -> anyhow::Result<()> {
    println!(
        "{:>32} {:>8} {:>10} {:>9} {:>10} {:>10} {:>12}",
        "configuration", "jobs", "YAML", "YAML MB/s", "read", "plan", "plan per job"
    );
    for jobs in [3, 10, 100, 1000, 5000] {
        line(&format!("{jobs} rules, extends, needs, matrix"), &synthetic(jobs), None)?;
    }
    for name in folder.into_iter().flat_map(largest) {
        let root = folder.unwrap_or(Path::new(".")).join(&name);
        let text = std::fs::read_to_string(root.join(".gitlab-ci.yml")).with_context(|| name.clone())?;
        line(&name, &text, Some(&root))?;
    }
    crate::hostile::run();
    println!(
        "peak memory: {}",
        peak_memory().unwrap_or_else(|| "not known".to_owned())
    );
    Ok(())
}

fn line(name: &str, text: &str, root: Option<&Path>) -> anyhow::Result<()> {
    let text: Arc<str> = text.into();
    let parse = median(9, || yaml::documents::load(&text, 0, &limits().yaml).is_ok());
    let mut facts = Facts::default();
    let Some(config) = read(&text, root, &mut facts)? else {
        println!("{name:>32} needs files that are not at hand");
        return Ok(());
    };
    let reading = median(5, || read(&text, root, &mut facts.clone()).is_ok());
    let predefined = predefined();
    let mut planned = 0;
    let planning = median(9, || planned = plan(&config, &predefined));
    let throughput = text.len() as f64 / 1e6 / parse.as_secs_f64();
    let each = planning / u32::try_from(planned.max(1)).unwrap_or(u32::MAX);
    println!(
        "{name:>32} {planned:>8} {parse:>10.1?} {throughput:>9.1} {reading:>10.1?} {planning:>10.1?} {each:>12.1?}"
    );
    Ok(())
}

/// GitLab's limits, but for a size that allows 5,000 jobs in one file.
fn limits() -> Limits {
    Limits {
        yaml: yaml::Limits::of_bytes(16 << 20),
        ..Limits::default()
    }
}

fn read(text: &Arc<str>, root: Option<&Path>, facts: &mut Facts) -> anyhow::Result<Option<Arc<Config>>> {
    let limits = limits();
    let request = LoadRequest {
        file_name: ".gitlab-ci.yml",
        text: Arc::clone(text),
        file_project: None,
        file_sha: None,
        inputs: &[],
        variables: &[],
        project_path: "group/project",
        sha: "0",
        server_fqdn: "",
        limits: &limits,
    };
    for _ in 0..100 {
        match load(&request, facts) {
            Step::Done(loaded) => return Ok(loaded.config),
            Step::Needs(demands) => {
                for demand in demands {
                    let answer = answer(&demand, root);
                    facts.insert(demand, answer);
                }
            }
        }
    }
    bail!("still asks for files after 100 rounds")
}

fn answer(demand: &Demand, root: Option<&Path>) -> Answer {
    match (demand, root) {
        (
            Demand::File(FileKey::Project {
                project: None, path, ..
            }),
            Some(root),
        ) => std::fs::read_to_string(root.join(path)).map_or(Answer::Missing, |text| {
            Answer::File(FetchedFile {
                text: text.into(),
                project: None,
                sha: None,
                component: None,
            })
        }),
        (Demand::Paths { .. }, _) => Answer::Paths(Arc::default()),
        (Demand::Changes { .. }, _) => Answer::ChangesUnknown,
        (Demand::File(_), _) => Answer::Missing,
    }
}

fn plan(config: &Config, predefined: &[Variable]) -> usize {
    let limits = limits();
    let git_ref = model::GitRef::branch("main");
    let request = PlanRequest {
        source: model::Source::Trigger,
        git_ref: &git_ref,
        merge_request: false,
        project_path: "group/project",
        predefined,
        overriding: &[],
        iid: Some(1),
        only_job: None,
        limits: &limits,
    };
    let mut facts = Facts::default();
    loop {
        match config.plan(&request, &facts) {
            Step::Done(planned) => {
                return match planned.result {
                    PlanResult::Plan(plan) => plan.jobs.len(),
                    _ => 0,
                };
            }
            Step::Needs(demands) => {
                for demand in demands {
                    let answer = answer(&demand, None);
                    facts.insert(demand, answer);
                }
            }
        }
    }
}

/// As many variables as a server predefines.
fn predefined() -> Vec<Variable> {
    let fillers = (0..80).map(|at| (format!("CI_FILLER_{at}"), "value"));
    let named = [
        ("CI_PIPELINE_SOURCE", "trigger"),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_DEFAULT_BRANCH", "main"),
    ];
    fillers
        .chain(named.into_iter().map(|(key, value)| (key.to_owned(), value)))
        .map(|(key, value)| Variable {
            key: key.into(),
            value: value.to_owned(),
            raw: false,
            file: false,
            masked: false,
            environment_scope: None,
            origin: VariableOrigin::Predefined,
        })
        .collect()
}

/// Jobs in three stages: each extends a base, has two rules, every fifth a need, every tenth a matrix.
pub(crate) fn synthetic(jobs: usize) -> String {
    let mut text = "stages: [build, test, deploy]\nvariables: {A: alpha, B: beta}\n\
                    .base: {image: ruby, before_script: [prepare], variables: {C: gamma}}\n"
        .to_owned();
    for job in 0..jobs {
        let stage = ["build", "test", "deploy"][job * 3 / jobs];
        text.push_str(&format!(
            "job{job}:\n  extends: .base\n  stage: {stage}\n  script: [echo {job}]\n  rules:\n    - if: $CI_COMMIT_TAG\n      \
             when: never\n    - if: $CI_PIPELINE_SOURCE == \"trigger\" && $A =~ /^al/\n      variables: {{R: rho}}\n"
        ));
        if job % 10 == 9 {
            text.push_str("  parallel: {matrix: [{M: [one, two]}]}\n");
        } else if job % 5 == 4 {
            text.push_str(&format!("  needs: [job{}]\n", job - 1));
        }
    }
    text
}

/// The five folders with the largest root files.
fn largest(folder: &Path) -> Vec<String> {
    let mut sizes: Vec<(u64, String)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let size = std::fs::metadata(entry.path().join(".gitlab-ci.yml")).ok()?.len();
            Some((size, entry.file_name().to_string_lossy().into_owned()))
        })
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.into_iter().take(5).map(|(_, name)| name).collect()
}

fn median<T>(runs: usize, mut work: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[runs / 2]
}

/// The most memory this process ever held, as the kernel says it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .map(|value| value.trim().to_owned())
}
