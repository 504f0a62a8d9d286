//! Coverage: the number that a job's `coverage` expression finds in its log.

use compile::regex::Pattern;
use model::Job;
use store::{StoreError, Tx, ops};

use crate::App;
use crate::error::{Error, Result};

/// The end of a log in which coverage is looked for, in bytes: reports stand at the end.
const LOOKED_AT: u64 = 8 << 20;

/// Returns a job's `coverage` expression.
///
/// # Errors
///
/// What the database said.
pub fn expression(tx: &mut dyn Tx, job: &Job) -> Result<Option<String>, StoreError> {
    let definition = ops::definitions::get(tx, job.definition_id)?;
    Ok(definition.and_then(|definition| definition.coverage.clone()))
}

/// Finds the coverage in percent in a job's log; `None` when there is none.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn find(app: &App, job: &Job, expression: &str) -> Result<Option<f64>> {
    let Ok(expression) = Pattern::new(expression, "") else {
        return Ok(None);
    };
    let size = app
        .blobs
        .traces
        .size(job.id)
        .await
        .map_err(Error::internal)?
        .unwrap_or(0);
    let range = size.saturating_sub(LOOKED_AT)..size;
    let Some(reader) = app.blobs.traces.read(job.id, range).await.map_err(Error::internal)? else {
        return Ok(None);
    };
    let log = reader.read_all().await.map_err(Error::internal)?;
    crate::blocking(move || Ok(in_log(&expression, &String::from_utf8_lossy(&log)))).await
}

/// The last line that matches, in it the last match, in that the first group, in that the first number.
fn in_log(expression: &Pattern, log: &str) -> Option<f64> {
    log.lines()
        .rev()
        .find_map(|line| expression.last_group(line).and_then(number))
}

fn number(text: &str) -> Option<f64> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let end = text[start..]
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map_or(text.len(), |end| start + end);
    text[start..end]
        .trim_end_matches('.')
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_that_the_expression_finds_is_the_coverage() {
        for (expression, log, expected) in [
            (r"TOTAL.*\s(\d+)%", "TOTAL 10 2 80%\nTOTAL 20 2 90%\nbye", Some(90.0)),
            (r"Coverage: \d+\.\d+", "Coverage: 12.5%", Some(12.5)),
            (r"covered: (\d+\.\d+)", "covered: 1.5 covered: 2.5", Some(2.5)),
            (r"lines: \S+", "lines: none", None),
            (r"x", "nothing", None),
            // RE2, which the jobs' authors write, and the library below do not read these alike.
            (r"\Qtotal (%): \E\d+", "total (%): 70", Some(70.0)),
            (r"lines.{,3}\s(\d+)", "lines.{,3} 12", Some(12.0)),
            (r"(?P<share>\d+)\C%", "55.%", None),
        ] {
            assert_eq!(
                Pattern::new(expression, "")
                    .ok()
                    .and_then(|expression| in_log(&expression, log)),
                expected,
                "{expression}"
            );
        }
    }
}
