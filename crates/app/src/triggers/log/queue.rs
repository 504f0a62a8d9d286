//! Refused calls on their way into the log: single ones up to a number, then counts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{JobId, ProjectId, Reason, Timestamp, TriggerOutcome, TriggerTokenId};
use store::ops::trigger_log::NewEntry;
use store::ops::unknown_tokens::UnknownCalls;
use store::{StoreError, Tx, ops};

use super::Note;
use crate::App;
use crate::error::Result;

/// Refused calls of one token for one reason that are written singly within a [`PERIOD`].
const SINGLE: i64 = 60;

/// Calls that wait to be written singly; further ones are counted.
const WAITING: usize = 1_000;

/// The time in which calls are counted together.
const PERIOD: Duration = Duration::from_secs(60);

/// Addresses with unknown tokens that are told apart; further ones are counted together.
const ADDRESSES: usize = 10_000;

/// What further addresses are called.
const OTHERS: &str = "other addresses";

/// Calls that are not written yet.
#[derive(Debug, Default)]
pub struct Queue {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    single: Vec<Note>,
    groups: HashMap<Group, Counted>,
    unknown: HashMap<String, UnknownCalls>,
}

/// Calls that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Group {
    project: ProjectId,
    token: Option<TriggerTokenId>,
    job: Option<JobId>,
    outcome: TriggerOutcome,
    reason: Option<Reason>,
}

#[derive(Debug)]
struct Counted {
    since: Timestamp,
    single: i64,
    /// The last one that was not written singly, with the number of all of them.
    more: Option<Note>,
}

impl Queue {
    /// Takes a call.
    pub(in crate::triggers) fn push(&self, note: Note) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = &mut *pending;
        let group = Group {
            project: note.project,
            token: note.record.token.as_ref().map(|(id, ..)| *id),
            job: note.record.job,
            outcome: note.outcome,
            reason: note.reason,
        };
        let counted = pending.groups.entry(group).or_insert(Counted {
            since: note.at,
            single: 0,
            more: None,
        });
        if counted.single < SINGLE && pending.single.len() < WAITING {
            counted.single += 1;
            pending.single.push(note);
            return;
        }
        let calls = counted.more.as_ref().map_or(0, |more| more.calls) + note.calls;
        counted.more = Some(Note { calls, ..note });
    }

    /// Counts a call with a token that nobody made.
    pub(in crate::triggers) fn push_unknown(&self, address: Option<IpAddr>, now: Timestamp) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut address = address.map_or_else(|| "unknown".to_owned(), network);
        if pending.unknown.len() >= ADDRESSES && !pending.unknown.contains_key(&address) {
            address = OTHERS.to_owned();
        }
        let calls = pending.unknown.entry(address.clone()).or_insert(UnknownCalls {
            address,
            first_at: now,
            last_at: now,
            calls: 0,
        });
        calls.last_at = now;
        calls.calls += 1;
    }

    /// Takes out what is to be written: counts only when their time is over, or when there is no later.
    fn take(&self, now: Timestamp, all: bool) -> (Vec<Note>, Vec<UnknownCalls>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notes = std::mem::take(&mut pending.single);
        pending.groups.retain(|_, counted| {
            let holds = !all && (counted.since..counted.since + PERIOD).contains(&now);
            if !holds {
                notes.extend(counted.more.take());
            }
            holds
        });
        let unknown = std::mem::take(&mut pending.unknown);
        (notes, unknown.into_values().collect())
    }
}

/// The address of IPv4, the network of 64 bits of IPv6: that is what one customer has.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from_bits(bits))
        }
    }
}

/// Writes what waits. `all`: also counts whose time is not over.
pub(super) async fn flush(app: &App, all: bool) -> Result<()> {
    let (notes, unknown) = app.trigger_log.take(app.clock.now(), all);
    if notes.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    app.store
        .write(move |tx| {
            for note in &notes {
                write(tx, note)?;
            }
            for calls in &unknown {
                ops::unknown_tokens::add(tx, calls)?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(())
}

fn write(tx: &mut dyn Tx, note: &Note) -> Result<(), StoreError> {
    // A project may be deleted while its calls wait.
    if ops::projects::get(tx, note.project)?.is_none() {
        return Ok(());
    }
    let record = &note.record;
    let address = record.address.map(|address| address.to_canonical().to_string());
    let single = note.calls == 1;
    ops::trigger_log::insert(
        tx,
        &NewEntry {
            project_id: note.project,
            created_at: note.at,
            outcome: note.outcome,
            reason: note.reason,
            status: note.status,
            token_id: record.token.as_ref().map(|(id, ..)| *id),
            token_short: record.token.as_ref().map(|(_, short, _)| short.as_str()),
            token_description: record.token.as_ref().and_then(|(.., text)| text.as_deref()),
            job_id: record.job,
            user_id: note.user,
            address: address.as_deref().filter(|_| single),
            ref_name: Some(note.ref_name.as_str()).filter(|_| single),
            is_tag: None,
            sha: None,
            pipeline_id: note.pipeline,
            payload_digest: Some(&record.digest).filter(|_| single),
            repeats: record.repeats,
            calls: note.calls,
        },
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::triggers::log::Record;

    fn note(token: i64, at: i64) -> Note {
        Note {
            project: ProjectId(1),
            user: None,
            at: Timestamp(at * 1_000_000),
            outcome: TriggerOutcome::Refused,
            reason: Some(Reason::RefNotFound),
            status: 400,
            ref_name: "x".to_owned(),
            pipeline: None,
            record: Arc::new(Record {
                token: Some((TriggerTokenId(token), "abcd".to_owned(), None)),
                job: None,
                address: None,
                digest: [0; 32],
                repeats: None,
            }),
            calls: 1,
        }
    }

    fn calls(queue: &Queue, at: i64, all: bool) -> (usize, i64) {
        let (notes, _) = queue.take(Timestamp(at * 1_000_000), all);
        (notes.len(), notes.iter().map(|note| note.calls).sum())
    }

    #[test]
    fn a_flood_becomes_single_entries_and_a_count() {
        let queue = Queue::default();
        for _ in 0..10_000 {
            queue.push(note(1, 0));
        }
        assert_eq!(calls(&queue, 1, false), (60, 60));
        for _ in 0..5 {
            queue.push(note(1, 2));
        }
        assert_eq!(calls(&queue, 3, false), (0, 0), "counted until the minute is over");
        assert_eq!(calls(&queue, 60, false), (1, 9_945));
        queue.push(note(1, 61));
        assert_eq!(calls(&queue, 61, false), (1, 1), "a new minute");
    }

    #[test]
    fn what_waits_is_bounded_and_nothing_is_lost() {
        let queue = Queue::default();
        for token in 0..3_000 {
            queue.push(note(token, 0));
        }
        assert_eq!(queue.pending.lock().unwrap().single.len(), WAITING);
        assert_eq!(calls(&queue, 0, true), (3_000, 3_000));
    }

    #[test]
    fn unknown_tokens_are_counted_by_address() {
        let queue = Queue::default();
        for number in 0..20_000_u32 {
            queue.push_unknown(Some(IpAddr::V4(number.into())), Timestamp(1));
        }
        for address in ["2001:db8::1", "2001:db8::2", "::ffff:0.0.0.1"] {
            queue.push_unknown(Some(address.parse().unwrap()), Timestamp(2));
        }
        let (_, unknown) = queue.take(Timestamp(3), false);
        let count = |address: &str| unknown.iter().find(|one| one.address == address).map(|one| one.calls);
        assert_eq!(unknown.len(), ADDRESSES + 1);
        assert_eq!((count("0.0.0.1"), count(OTHERS)), (Some(2), Some(10_002)));
        assert_eq!(network("2001:db8::1".parse().unwrap()), "2001:db8::/64");
    }
}
