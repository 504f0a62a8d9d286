//! Calls with trigger tokens that nobody made, counted by address.

use model::Timestamp;

use super::page::Page;
use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// Calls from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCalls {
    /// The address, or the network of it.
    pub address: String,
    /// The first one.
    pub first_at: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
    /// How many.
    pub calls: i64,
}

statements! {
    ADD = "INSERT INTO unknown_token_calls (address, first_at, last_at, calls) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (address) DO UPDATE SET last_at = excluded.last_at, calls = unknown_token_calls.calls + excluded.calls";
    LIST = "SELECT address, first_at, last_at, calls FROM unknown_token_calls ORDER BY last_at DESC LIMIT ?1 OFFSET ?2";
    COUNT = "SELECT COUNT(*) FROM unknown_token_calls";
    FORGET_BEFORE = "DELETE FROM unknown_token_calls WHERE last_at < ?1";
    NEWEST_TO_GO = "SELECT last_at FROM unknown_token_calls ORDER BY last_at DESC LIMIT 1 OFFSET ?1";
}

/// Adds calls from an address.
///
/// # Errors
///
/// What the database said.
pub fn add(tx: &mut dyn Tx, new: &UnknownCalls) -> Result<(), StoreError> {
    tx.execute(&ADD, params![&new.address, new.first_at, new.last_at, new.calls])?;
    Ok(())
}

/// Lists addresses, the latest first, and counts them.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, page: Page) -> Result<(Vec<UnknownCalls>, i64), StoreError> {
    let found = tx.all(&LIST, params![page.limit, page.offset], |row| {
        Ok(UnknownCalls {
            address: row.read()?,
            first_at: row.read()?,
            last_at: row.read()?,
            calls: row.read()?,
        })
    })?;
    Ok((found, tx.one(&COUNT, &[], column)?))
}

/// Forgets addresses that were last seen before a moment, and those beyond the latest `kept`.
///
/// # Errors
///
/// What the database said.
pub fn forget(tx: &mut dyn Tx, before: Timestamp, kept: i64) -> Result<u64, StoreError> {
    let beyond: Option<Timestamp> = tx.optional(&NEWEST_TO_GO, params![kept], column)?;
    let before = beyond.map_or(before, |beyond| before.max(Timestamp(beyond.0 + 1)));
    tx.execute(&FORGET_BEFORE, params![before])
}
