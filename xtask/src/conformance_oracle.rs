//! The tables of `oracle/`: one row, one question to a public function of `compile`.
//!
//! A row that differs is a failure unless its id stands in [`DIFFERENCES`] with a reason; an id there
//! that agrees again is a failure too, so that the list only shrinks.

mod front;
mod lint;
pub(crate) mod real_world;

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::Result;
use crate::conformance::Tally;

/// Compares one row; the error says what was expected and what came.
type Check = fn(&Json) -> Result<()>;

/// Table and its check. Tables without a check are named too, so that nothing is left out silently.
const TABLES: &[(&str, Check)] = &[
    ("yaml-scalars", front::yaml_scalar),
    ("expressions", front::expression),
    ("globs", front::glob),
    ("exists", front::exists),
    ("durations", front::duration),
    ("inputs", front::inputs),
    ("lint", lint::row),
];

/// Rows on which we differ on purpose: id and reason.
const DIFFERENCES: &[(&str, &str)] = &[];

/// Runs every table that is there.
pub(crate) fn run(folder: &Path, verbose: bool) -> Result<Tally> {
    let mut total = Tally::default();
    for (table, check) in TABLES {
        let path = folder.join(format!("{table}.jsonl"));
        if !path.is_file() {
            println!("  {table}: no such table, left out");
            continue;
        }
        let tally = run_table(&path, check, verbose)?;
        println!("  {table} {}/{}", tally.passed, tally.passed + tally.failed);
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    let path = folder.join("real-world.jsonl");
    if path.is_file() {
        let files = folder.join("..");
        let tally = run_table(&path, &|row| real_world::row(&files, row), verbose)?;
        println!("  real-world {}/{}", tally.passed, tally.passed + tally.failed);
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    Ok(total)
}

fn run_table(path: &Path, check: &dyn Fn(&Json) -> Result<()>, verbose: bool) -> Result<Tally> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let mut tally = Tally::default();
    for (number, line) in text.lines().enumerate() {
        let row: Json =
            serde_json::from_str(line).map_err(|error| format!("`{}` line {}: {error}", path.display(), number + 1))?;
        let id = row["id"].as_str().or_else(|| row["file"].as_str()).unwrap_or_default();
        let reason = DIFFERENCES
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, reason)| *reason);
        match (check(&row), reason) {
            (Ok(()), None) => tally.passed += 1,
            (Err(_), Some(reason)) => {
                tally.passed += 1;
                if verbose {
                    println!("    {id} differs: {reason}");
                }
            }
            (Ok(()), Some(_)) => {
                tally.failed += 1;
                println!("    {id} agrees now: take it out of the list of differences");
            }
            (Err(difference), None) => {
                tally.failed += 1;
                println!("    {id} {difference}");
                if verbose {
                    println!("      {line}");
                }
            }
        }
    }
    Ok(tally)
}
