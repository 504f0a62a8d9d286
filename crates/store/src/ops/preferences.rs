//! How users like the pages.

use model::UserId;

use crate::error::StoreError;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// What a user has chosen; what is `None` follows the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Code of the language.
    pub language: Option<String>,
    /// Word for the theme.
    pub theme: Option<String>,
    /// Name of the time zone.
    pub time_zone: Option<String>,
}

statements! {
    GET = "SELECT language, theme, time_zone FROM user_preferences WHERE user_id = ?1";
    SAVE = "INSERT INTO user_preferences (user_id, language, theme, time_zone) VALUES (?1, ?2, ?3, ?4) \
            ON CONFLICT (user_id) DO UPDATE SET language = excluded.language, theme = excluded.theme, time_zone = excluded.time_zone";
}

/// Returns what a user has chosen.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, user: UserId) -> Result<Preferences, StoreError> {
    let found = tx.optional(&GET, params![user], |row| {
        Ok(Preferences {
            language: row.read()?,
            theme: row.read()?,
            time_zone: row.read()?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// Keeps what a user has chosen.
///
/// # Errors
///
/// What the database said.
pub fn save(tx: &mut dyn Tx, user: UserId, chosen: &Preferences) -> Result<(), StoreError> {
    let (language, theme, zone) = (
        chosen.language.as_deref(),
        chosen.theme.as_deref(),
        chosen.time_zone.as_deref(),
    );
    tx.execute(&SAVE, params![user, language, theme, zone]).map(drop)
}
