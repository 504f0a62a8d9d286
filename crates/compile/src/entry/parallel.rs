//! `parallel`: a number, or a matrix.

use crate::yaml::{Node, Value};

use super::checks::{Checked, Checks, flatten};

const MOST: usize = 200;

/// How often a job runs side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parallel {
    /// So many times.
    Number(u32),
    /// Once per combination of each row; a row maps names to values.
    Matrix(Vec<MatrixRow>),
}

/// Names and their values, in the order of the file.
pub(crate) type MatrixRow = Vec<(String, Vec<String>)>;

/// `parallel`; bridges may only use a matrix.
pub(crate) fn parallel(node: &Node, at: &str, number_allowed: bool) -> Checked<Parallel> {
    match &node.value {
        Value::Integer(_) | Value::BigInt(_) | Value::Float(_) => {
            let mut checks = Checks::new(node, at);
            checks.integer_between("config", node, 1, MOST as i64);
            if !number_allowed {
                checks.config("cannot use \"parallel: <number>\".");
            }
            let number = node.as_integer().and_then(|number| u32::try_from(number).ok());
            checks.done(number.map(Parallel::Number))
        }
        Value::Mapping(_) => {
            let mut checks = Checks::new(node, at);
            checks.allowed_keys(&["matrix"]);
            checks.required_keys(&["matrix"]);
            let mut rows = Vec::new();
            if checks.ok()
                && let Some(written) = node.get_some("matrix")
            {
                rows = matrix(written, &format!("{at}:matrix"))
                    .take(&mut checks.found)
                    .unwrap_or_default();
            }
            checks.done(Some(Parallel::Matrix(rows)))
        }
        _ => Checked::wrong(format!("{at} should be an integer or a hash"), node.span),
    }
}

fn matrix(node: &Node, at: &str) -> Checked<Vec<MatrixRow>> {
    let mut checks = Checks::new(node, at);
    let items = node.as_sequence().filter(|items| items.iter().all(Node::is_mapping));
    let Some(items) = items else {
        checks.config("should be an array of hashes");
        return checks.done(None);
    };
    let rows: Vec<MatrixRow> = items.iter().map(row).collect();
    let jobs = |row: &MatrixRow| {
        row.iter()
            .fold(1_usize, |product, (_, values)| product.saturating_mul(values.len()))
    };
    if rows.iter().map(jobs).fold(0_usize, usize::saturating_add) > MOST {
        checks.config("generates too many jobs (maximum is 200)");
    }
    let place = format!("{at}:variables");
    for item in items {
        let mut inner = Checks::new(item, &place);
        let mapping = item.as_mapping();
        let plain = |node: &Node| node.as_text().is_some() || node.is_integer();
        let fits = mapping
            .into_iter()
            .flat_map(|mapping| mapping.iter())
            .all(|(key, entry)| {
                (key.is_text() || key.to_string().parse::<i64>().is_ok())
                    && match entry.value.as_sequence() {
                        Some(values) => values.iter().all(plain),
                        None => plain(&entry.value),
                    }
            });
        if !fits {
            inner.config("should be a hash of key value pairs, value can be an array");
        }
        if mapping.is_none_or(|mapping| mapping.is_empty()) {
            inner.config("requires at least 1 items");
        }
        checks.found.extend(inner.found);
    }
    checks.done(Some(rows))
}

fn row(node: &Node) -> MatrixRow {
    let Some(mapping) = node.as_mapping() else {
        return Vec::new();
    };
    mapping
        .iter()
        .map(|(key, entry)| {
            let values = match entry.value.as_sequence() {
                Some(_) => flatten(&entry.value).iter().map(Node::to_text).collect(),
                None => vec![entry.value.to_text()],
            };
            (key.to_string(), values)
        })
        .collect()
}
