//! Failed tries to sign in, counted by the keyed digest of whom or where from.

use model::Timestamp;

use crate::error::StoreError;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// How often something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// How often.
    pub count: i64,
    /// When the first of them was.
    pub since: Timestamp,
}

statements! {
    GET = "SELECT failures, since FROM sign_in_failures WHERE digest = ?1";
    ADD = "INSERT INTO sign_in_failures (digest, failures, since) VALUES (?1, 1, ?2) \
           ON CONFLICT (digest) DO UPDATE SET failures = sign_in_failures.failures + 1";
    TAKE_BACK = "UPDATE sign_in_failures SET failures = failures - 1 WHERE digest = ?1 AND failures > 0";
    FORGET = "DELETE FROM sign_in_failures WHERE digest = ?1";
    FORGET_OLD = "DELETE FROM sign_in_failures WHERE since <= ?1";
}

/// Returns the failures; `None` when there are none.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<Option<Failures>, StoreError> {
    tx.optional(&GET, params![digest], |row| {
        Ok(Failures {
            count: row.read()?,
            since: row.read()?,
        })
    })
}

/// Counts one more.
///
/// # Errors
///
/// What the database said.
pub fn add(tx: &mut dyn Tx, digest: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&ADD, params![digest, now])?;
    Ok(())
}

/// Counts one less: what was counted was no failure.
///
/// # Errors
///
/// What the database said.
pub fn take_back(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<(), StoreError> {
    tx.execute(&TAKE_BACK, params![digest])?;
    Ok(())
}

/// Forgets them.
///
/// # Errors
///
/// What the database said.
pub fn forget(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<(), StoreError> {
    tx.execute(&FORGET, params![digest])?;
    Ok(())
}

/// Forgets everything that began by `until`.
///
/// # Errors
///
/// What the database said.
pub fn forget_old(tx: &mut dyn Tx, until: Timestamp) -> Result<(), StoreError> {
    tx.execute(&FORGET_OLD, params![until])?;
    Ok(())
}
