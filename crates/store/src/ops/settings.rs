//! Settings of the whole server: one text per key.

use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    GET = "SELECT value FROM settings WHERE key = ?1";
    SET = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    SET_NEW = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING";
    DELETE = "DELETE FROM settings WHERE key = ?1";
}

/// Returns the setting.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, key: &str) -> Result<Option<String>, StoreError> {
    tx.optional(&GET, params![key], column)
}

/// Sets the setting.
///
/// # Errors
///
/// What the database said.
pub fn set(tx: &mut dyn Tx, key: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(&SET, params![key, value])?;
    Ok(())
}

/// Sets the setting unless it is set; `false` when it was. Decides which of several servers goes first.
///
/// # Errors
///
/// What the database said.
pub fn set_new(tx: &mut dyn Tx, key: &str, value: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&SET_NEW, params![key, value])? > 0)
}

/// Removes the setting.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, key: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![key])? > 0)
}
