//! Entries of the trigger log, as JSON and as lines of a table.

use std::fmt::Write as _;

use app::triggers::log::UnknownCalls;
use model::TriggerLogEntry;
use wire::trigger_log::{TriggerLogEntry as EntryJson, UnknownTokenCalls};

use super::time;

/// An entry.
#[must_use]
pub fn entry(entry: &TriggerLogEntry) -> EntryJson {
    EntryJson {
        id: entry.id.0,
        created_at: time(entry.created_at),
        outcome: entry.outcome.as_str(),
        reason_code: entry.reason.map(|reason| reason.as_str()),
        status: entry.status,
        token_id: entry.token_id.map(|id| id.0),
        token: entry.token_short.clone(),
        token_description: entry.token_description.clone(),
        job_id: entry.job_id.map(|id| id.0),
        user_id: entry.user_id.map(|id| id.0),
        address: entry.address.clone(),
        git_ref: entry.ref_name.clone(),
        tag: entry.is_tag,
        sha: entry.sha.as_ref().map(ToString::to_string),
        pipeline_id: entry.pipeline_id.map(|id| id.0),
        payload_digest: entry.payload_digest.as_ref().map(hex),
        repeats: entry.repeats.map(|id| id.0),
        calls: entry.calls,
    }
}

/// Calls from one address.
#[must_use]
pub fn unknown(calls: UnknownCalls) -> UnknownTokenCalls {
    UnknownTokenCalls {
        address: calls.address,
        first_at: time(calls.first_at),
        last_at: time(calls.last_at),
        calls: calls.calls,
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a text does not fail");
        text
    })
}

/// Names of the columns of a table.
const COLUMNS: &str = "id,created_at,outcome,reason_code,status,token_id,token,token_description,job_id,user_id,address,ref,tag,\
sha,pipeline_id,payload_digest,repeats,calls";

/// Entries as comma-separated values (RFC 4180).
#[must_use]
pub fn csv(entries: &[TriggerLogEntry]) -> String {
    let mut text = format!("{COLUMNS}\r\n");
    for one in entries {
        let one = entry(one);
        let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        let cells = [
            one.id.to_string(),
            one.created_at.to_string(),
            one.outcome.to_owned(),
            one.reason_code.unwrap_or_default().to_owned(),
            one.status.to_string(),
            number(one.token_id),
            one.token.unwrap_or_default(),
            one.token_description.unwrap_or_default(),
            number(one.job_id),
            number(one.user_id),
            one.address.unwrap_or_default(),
            one.git_ref.unwrap_or_default(),
            one.tag.map(|tag| tag.to_string()).unwrap_or_default(),
            one.sha.unwrap_or_default(),
            number(one.pipeline_id),
            one.payload_digest.unwrap_or_default(),
            number(one.repeats),
            one.calls.to_string(),
        ];
        let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell of a table. One that a spreadsheet would take for a formula gets an apostrophe in front.
fn cell(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if guarded.contains([',', '"', '\r', '\n', ';', '\'']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_stays_one_cell() {
        for (text, expected) in [
            ("plain", "plain"),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("+49", "\"'+49\""),
            ("\t=1", "\"'\t=1\""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text}");
        }
    }
}
