//! Entries → jobs with final names: `parallel` is expanded, `needs` and `dependencies` fan out
//! to all instances of a parallel job (ci-yaml.md 8, 9).

use std::collections::HashMap;

use indexmap::IndexMap;
use model::definition::{CrossNeed, Inherit, YamlVariable};

use crate::entry::Finding;
use crate::entry::job::JobEntry;
use crate::entry::needs::{NeedEntry, Needs};
use crate::entry::parallel::{MatrixRow, Parallel};
use crate::entry::variables::RootVariable;

/// Bytes of scripts and variables that all jobs may have together. What a file says once, in `default`, in
/// `variables` or in a parallel job, is repeated in every job: a small file could fill memory and database.
const MAX_BYTES: usize = 128 << 20;

/// A job under its final name.
#[derive(Clone, Debug)]
pub(crate) struct NormalJob {
    /// The job; its name is still that of the file.
    pub(crate) entry: JobEntry,
    /// The final name.
    pub(crate) name: String,
    /// Position and number of instances.
    pub(crate) instance: Option<(u32, u32)>,
}

/// One instance of a parallel job.
struct Instance {
    name: String,
    index: u32,
    total: u32,
    variables: Vec<(String, String)>,
}

/// Expands all jobs; of two with one name the later wins, at the place of the first.
///
/// # Errors
///
/// One finding with all unknown matrix variables.
pub(crate) fn normalize(entries: Vec<JobEntry>) -> Result<IndexMap<String, NormalJob>, Finding> {
    let instances: HashMap<String, Vec<Instance>> = entries
        .iter()
        .filter_map(|entry| Some((entry.name.clone(), instances(&entry.name, entry.parallel.as_ref()?))))
        .collect();
    let mut jobs = IndexMap::new();
    let mut problems: Vec<(String, crate::yaml::Span)> = Vec::new();
    for entry in entries {
        let Some(list) = instances.get(&entry.name) else {
            let name = entry.name.clone();
            let mut job = NormalJob {
                entry,
                name: name.clone(),
                instance: None,
            };
            if !instances.is_empty() {
                finish(&mut job, &[], &instances, &mut problems);
            }
            jobs.insert(name, job);
            continue;
        };
        for instance in list {
            let mut job = NormalJob {
                entry: entry.clone(),
                name: instance.name.clone(),
                instance: Some((instance.index, instance.total)),
            };
            lay_over(&mut job.entry.variables, &instance.variables);
            finish(&mut job, &instance.variables, &instances, &mut problems);
            jobs.insert(instance.name.clone(), job);
        }
    }
    if problems.is_empty() {
        return Ok(jobs);
    }
    let mut texts: Vec<&str> = Vec::new();
    for (text, _) in &problems {
        if !texts.contains(&text.as_str()) {
            texts.push(text);
        }
    }
    Err(Finding::new(texts.join(", "), problems[0].1))
}

/// Adds up what the jobs will take before anything is repeated.
///
/// # Errors
///
/// GitLab's text for YAML that grows too large, at the job with which it does.
pub(crate) fn check_size(entries: &[JobEntry], root: &[RootVariable]) -> Result<(), Finding> {
    let size = |variable: &YamlVariable| variable.key.len() + variable.value.len();
    let root_bytes: usize = root.iter().map(|root| size(&root.variable)).sum();
    let mut total = 0_usize;
    for entry in entries {
        let copies = entry.parallel.as_ref().map_or(1, |parallel| match parallel {
            Parallel::Number(number) => *number as usize,
            Parallel::Matrix(rows) => rows.iter().map(rows_of).sum(),
        });
        let definition = &entry.definition;
        let scripts = [&definition.before_script, &definition.script, &definition.after_script];
        let lines: usize = scripts.iter().flat_map(|script| script.iter()).map(String::len).sum();
        let own: usize = entry.variables.iter().map(size).sum();
        let bytes = root_bytes + own + lines;
        total = total.saturating_add(bytes.saturating_mul(copies));
        if total > MAX_BYTES {
            return Err(Finding::new("The parsed YAML is too big", entry.span));
        }
    }
    Ok(())
}

/// How many jobs a row of a matrix gives.
fn rows_of(row: &MatrixRow) -> usize {
    row.iter()
        .fold(1, |jobs: usize, (_, values)| jobs.saturating_mul(values.len()))
}

fn instances(name: &str, parallel: &Parallel) -> Vec<Instance> {
    match parallel {
        Parallel::Number(total) => (1..=*total)
            .map(|index| Instance {
                name: format!("{name} {index}/{total}"),
                index,
                total: *total,
                variables: Vec::new(),
            })
            .collect(),
        Parallel::Matrix(rows) => {
            let combinations: Vec<Vec<(String, String)>> = rows.iter().flat_map(combinations).collect();
            let total = u32::try_from(combinations.len()).unwrap_or(u32::MAX);
            (1..)
                .zip(combinations)
                .map(|(index, variables)| {
                    let values: Vec<&str> = variables.iter().map(|(_, value)| value.as_str()).collect();
                    Instance {
                        name: format!("{name}: [{}]", values.join(", ")),
                        index,
                        total,
                        variables,
                    }
                })
                .collect()
        }
    }
}

/// All combinations of a row; the last name varies fastest.
fn combinations(row: &MatrixRow) -> Vec<Vec<(String, String)>> {
    let mut all = vec![Vec::new()];
    for (name, values) in row {
        all = all
            .iter()
            .flat_map(|before: &Vec<(String, String)>| {
                values.iter().map(move |value| {
                    let mut one = before.clone();
                    one.push((name.clone(), value.clone()));
                    one
                })
            })
            .collect();
    }
    all
}

fn lay_over(variables: &mut Vec<YamlVariable>, matrix: &[(String, String)]) {
    for (key, value) in matrix {
        let variable = YamlVariable {
            key: key.clone(),
            value: value.clone(),
            raw: false,
        };
        match variables.iter_mut().find(|known| known.key == *key) {
            Some(known) => *known = variable,
            None => variables.push(variable),
        }
    }
}

/// Fills matrix values into `needs` and expands names of parallel jobs.
fn finish(
    job: &mut NormalJob,
    matrix: &[(String, String)],
    instances: &HashMap<String, Vec<Instance>>,
    problems: &mut Vec<(String, crate::yaml::Span)>,
) {
    let file_name = job.entry.name.clone();
    if let Some(needs) = &mut job.entry.needs {
        let before = problems.len();
        let mut filled = needs.clone();
        fill(&mut filled, &file_name, job.entry.span, matrix, problems);
        if problems.len() == before {
            *needs = filled;
        }
        needs.jobs = needs.jobs.iter().flat_map(|need| fan_out(need, instances)).collect();
    }
    if let Some(dependencies) = &mut job.entry.dependencies {
        *dependencies = dependencies
            .iter()
            .flat_map(|(name, span)| match instances.get(name) {
                Some(list) => list.iter().map(|instance| (instance.name.clone(), *span)).collect(),
                None => vec![(name.clone(), *span)],
            })
            .collect();
    }
}

fn fan_out(need: &NeedEntry, all: &HashMap<String, Vec<Instance>>) -> Vec<NeedEntry> {
    let Some(list) = all.get(&need.name) else {
        return vec![need.clone()];
    };
    let chosen = need.parallel.as_ref().map(|parallel| instances(&need.name, parallel));
    let one = |instance: &Instance| NeedEntry {
        name: instance.name.clone(),
        parallel: None,
        ..need.clone()
    };
    chosen.as_ref().unwrap_or(list).iter().map(one).collect()
}

fn fill(
    needs: &mut Needs,
    job: &str,
    span: crate::yaml::Span,
    matrix: &[(String, String)],
    problems: &mut Vec<(String, crate::yaml::Span)>,
) {
    let mut one = |text: &mut String| {
        if text.contains("$[[") {
            *text = fill_text(text, matrix, |name| {
                problems.push((
                    format!("{job} job: '{name}' does not exist in matrix configuration"),
                    span,
                ));
            });
        }
    };
    for need in &mut needs.jobs {
        one(&mut need.name);
        if let Some(Parallel::Matrix(rows)) = &mut need.parallel {
            rows.iter_mut()
                .flatten()
                .flat_map(|(_, values)| values)
                .for_each(&mut one);
        }
    }
    for need in &mut needs.cross {
        match need {
            CrossNeed::Project {
                project, git_ref, job, ..
            } => [project, git_ref, job].into_iter().for_each(&mut one),
            CrossNeed::Pipeline { pipeline, job, .. } => {
                one(pipeline);
                job.iter_mut().for_each(&mut one);
            }
        }
    }
}

/// Replaces `$[[ matrix.NAME ]]`; calls `unknown` for names the job has no value for.
fn fill_text(text: &str, matrix: &[(String, String)], mut unknown: impl FnMut(&str)) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("$[[") {
        let (before, block) = rest.split_at(start);
        out.push_str(before);
        match matrix_name(block) {
            Some((name, length)) => {
                match matrix.iter().rev().find(|(key, _)| key == name) {
                    Some((_, value)) => out.push_str(value),
                    None => {
                        unknown(name);
                        out.push_str(&block[..length]);
                    }
                }
                rest = &block[length..];
            }
            None => {
                out.push_str("$[[");
                rest = &block[3..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The name in a block at the start of the text, and the length of the block.
fn matrix_name(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("$[[")?;
    let name_on = inner.trim_start().strip_prefix("matrix.")?;
    let end = name_on
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
        .unwrap_or(name_on.len());
    let (name, after) = name_on.split_at(end);
    let rest = after.trim_start().strip_prefix("]]")?;
    (!name.is_empty()).then_some((name, text.len() - rest.len()))
}

/// The variables a job sees: the root's it inherits, overridden by its own.
pub(crate) fn visible_variables(root: &[YamlVariable], inherit: &Inherit, own: &[YamlVariable]) -> Vec<YamlVariable> {
    let mut visible: Vec<YamlVariable> = root
        .iter()
        .filter(|variable| inherit.includes(&variable.key))
        .map(|variable| {
            own.iter()
                .find(|mine| mine.key == variable.key)
                .unwrap_or(variable)
                .clone()
        })
        .collect();
    for variable in own {
        if !visible.iter().any(|known| known.key == variable.key) {
            visible.push(variable.clone());
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrix_blocks_are_replaced_and_others_stay() {
        let matrix = [("A".to_owned(), "1".to_owned())];
        let fill = |text: &str| fill_text(text, &matrix, |name| panic!("{name} is unknown"));
        assert_eq!(fill("x $[[ matrix.A ]] y $[[matrix.A]]"), "x 1 y 1");
        assert_eq!(fill("$[[ inputs.a ]] $[[ matrix. ]]"), "$[[ inputs.a ]] $[[ matrix. ]]");
    }

    #[test]
    fn the_last_name_of_a_row_varies_fastest() {
        let row = vec![
            ("A".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
            ("B".to_owned(), vec!["x".to_owned(), "y".to_owned()]),
        ];
        let names: Vec<String> = instances("j", &Parallel::Matrix(vec![row]))
            .into_iter()
            .map(|i| i.name)
            .collect();
        assert_eq!(names, ["j: [1, x]", "j: [1, y]", "j: [2, x]", "j: [2, y]"]);
    }
}
