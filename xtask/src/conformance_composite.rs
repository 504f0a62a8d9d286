//! The table of composite statuses: every group of up to three jobs, as a stage and as needs.

use std::path::Path;

use model::{CompositeInput, Status, StatusSet};
use serde_json::Value;

use crate::Result;
use crate::conformance::Tally;

/// Runs `composite-status.jsonl` of the folder.
pub(crate) fn run(folder: &Path) -> Result<Tally> {
    let path = folder.join("composite-status.jsonl");
    if !path.is_file() {
        println!("  composite-status: no such table, left out");
        return Ok(Tally::default());
    }
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut tally = Tally::default();
    for (number, line) in (1..).zip(text.lines()) {
        let row: Value = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        let group = group(&row["jobs"]).map_err(|error| format!("line {number}: {error}"))?;
        let word = |status: Option<Status>| status.map_or(Value::Null, |status| Value::from(status.as_str()));
        let found = [
            word(group.status()),
            word(group.needs_status()),
            group.has_warnings().into(),
        ];
        let expected = ["status", "with_needs", "warnings"].map(|key| row[key].clone());
        if found == expected {
            tally.passed += 1;
        } else {
            tally.failed += 1;
            println!("{}: expected {expected:?}, found {found:?}", row["jobs"]);
        }
    }
    Ok(tally)
}

fn group(jobs: &Value) -> Result<StatusSet> {
    let jobs = jobs.as_array().ok_or("`jobs` is not a list")?;
    jobs.iter()
        .map(|job| {
            let status = job[0]
                .as_str()
                .ok_or("a job without a status")?
                .parse::<Status>()
                .map_err(|e| e.to_string())?;
            let allow_failure = job[1].as_bool().ok_or("a job without `allow_failure`")?;
            Ok(CompositeInput { status, allow_failure })
        })
        .collect()
}
