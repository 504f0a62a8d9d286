//! Trigger tokens in use: what a token stands for is remembered until a setting changes.
//!
//! Whoever triggers often does so with the same token, and the questions that answers (which project, whose
//! token, which role, which variables) cost more than all else that a call reads. Only tokens that were found to
//! be right are here, and only on a database that no other server writes to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Project, Timestamp};

use crate::lookup::ProjectKey;
use crate::pipelines::create::Context;
use crate::triggers::limits::Limits;
use crate::triggers::run::Holder;

/// Tokens remembered at most.
const MAX_TOKENS: usize = 64;

/// CI/CD variables of a project that is remembered at most: a stand-in for the memory that they take.
const MAX_VARIABLES: usize = 200;

/// How long an answer holds in microseconds. Memberships end by themselves, and another process may have written.
const HOLDS: i64 = 1_000_000;

/// What a call needs to know of its token's project.
#[derive(Debug)]
pub(crate) struct Known {
    /// Who holds the token.
    pub(crate) holder: Holder,
    /// The project.
    pub(crate) project: Project,
    /// What a pipeline needs to know of it.
    pub(crate) context: Context,
    /// What the token may be used for; `None` = everything that its owner may do.
    pub(crate) limits: Option<Limits>,
}

/// The tokens that were used lately.
#[derive(Debug, Default)]
pub struct KnownTokens {
    entries: Mutex<HashMap<[u8; 32], Entry>>,
}

#[derive(Debug)]
struct Entry {
    key: ProjectKey,
    /// [`store::Store::settings_version`] before it was read.
    version: u64,
    read_at: Timestamp,
    known: Arc<Known>,
}

impl KnownTokens {
    /// Returns what is known of a token that is used on a project, if that still holds.
    pub(crate) fn get(&self, digest: &[u8; 32], key: &ProjectKey, version: u64, now: Timestamp) -> Option<Arc<Known>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(digest)?;
        let holds = entry.version == version
            && entry.key == *key
            && is_fresh(entry.read_at, now)
            && !entry.known.holder.has_expired(now);
        holds.then(|| Arc::clone(&entry.known))
    }

    /// Remembers what was read after asking for the version.
    pub(crate) fn insert(
        &self,
        digest: [u8; 32],
        key: ProjectKey,
        version: u64,
        read_at: Timestamp,
        known: &Arc<Known>,
    ) {
        if known.context.variables.len() > MAX_VARIABLES {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_TOKENS {
            entries.retain(|_, entry| entry.version == version && is_fresh(entry.read_at, read_at));
        }
        if entries.len() < MAX_TOKENS || entries.contains_key(&digest) {
            let known = Arc::clone(known);
            entries.insert(
                digest,
                Entry {
                    key,
                    version,
                    read_at,
                    known,
                },
            );
        }
    }
}

fn is_fresh(read_at: Timestamp, now: Timestamp) -> bool {
    (0..HOLDS).contains(&(now.0 - read_at.0))
}
