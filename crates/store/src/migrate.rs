//! Brings the schema up to date: forward only, in pairs, each recorded with its checksum.

use crate::error::StoreError;

/// One step of the schema, with its text for both databases.
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            sqlite: include_str!(concat!("../migrations/", $name, ".sqlite.sql")),
            postgres: include_str!(concat!("../migrations/", $name, ".postgres.sql")),
        }
    };
}

/// Every migration, oldest first.
pub(crate) static MIGRATIONS: &[Migration] = &[
    migration!(1, "0001"),
    migration!(2, "0002"),
    migration!(3, "0003"),
    migration!(4, "0004"),
    migration!(5, "0005"),
    migration!(6, "0006"),
    migration!(7, "0007"),
    migration!(8, "0008"),
    migration!(9, "0009"),
    migration!(10, "0010"),
    migration!(11, "0011"),
    migration!(12, "0012"),
    migration!(13, "0013"),
    migration!(14, "0014"),
    migration!(15, "0015"),
    migration!(16, "0016"),
    migration!(17, "0017"),
    migration!(22, "0022"),
];

/// The table of applied migrations; the same text serves both databases.
pub(crate) const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, checksum TEXT NOT NULL)";
pub(crate) const APPLIED: &str = "SELECT version, checksum FROM schema_migrations ORDER BY version";

/// Returns the migrations that are still to be run, given those that were. A version that is passed over may come later:
/// none builds on one with a greater number.
///
/// # Errors
///
/// [`StoreError::NewerSchema`] and [`StoreError::ChangedMigration`].
pub(crate) fn missing(
    applied: &[(i64, String)],
    text: fn(&Migration) -> &'static str,
) -> Result<Vec<&'static Migration>, StoreError> {
    let known = MIGRATIONS.last().map_or(0, |last| last.version);
    for (version, checksum) in applied {
        match MIGRATIONS.iter().find(|migration| migration.version == *version) {
            None => return Err(StoreError::NewerSchema { found: *version, known }),
            Some(migration) if self::checksum(text(migration)) != *checksum => {
                return Err(StoreError::ChangedMigration { version: *version });
            }
            Some(_) => {}
        }
    }
    let is_missing = |migration: &&Migration| applied.iter().all(|(version, _)| *version != migration.version);
    Ok(MIGRATIONS.iter().filter(is_missing).collect())
}

/// Returns the 64-bit FNV-1a hash of a text: it finds accidents, nobody is kept from anything by it.
pub(crate) fn checksum(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_only_grow() {
        assert_eq!(MIGRATIONS[0].version, 1);
        assert!(MIGRATIONS.windows(2).all(|two| two[0].version < two[1].version));
    }

    #[test]
    fn what_was_passed_over_is_still_missing() {
        let applied = |skipped: i64| -> Vec<(i64, String)> {
            let others = MIGRATIONS.iter().filter(|migration| migration.version != skipped);
            others.map(|m| (m.version, checksum(m.sqlite))).collect()
        };
        for skipped in MIGRATIONS {
            let missing = missing(&applied(skipped.version), |m| m.sqlite).expect("all known");
            let versions: Vec<i64> = missing.iter().map(|migration| migration.version).collect();
            assert_eq!(versions, [skipped.version]);
        }
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let mut applied: Vec<(i64, String)> = MIGRATIONS.iter().map(|m| (m.version, checksum(m.sqlite))).collect();
        assert!(missing(&applied, |m| m.sqlite).expect("all known").is_empty());
        applied.push((999, String::new()));
        let error = missing(&applied, |m| m.sqlite)
            .err()
            .expect("999 is not known")
            .to_string();
        assert!(error.contains("schema version 999"), "{error}");
    }

    #[test]
    fn a_changed_migration_is_refused() {
        let applied = [(1, "0".to_owned())];
        assert!(matches!(
            missing(&applied, |m| m.postgres),
            Err(StoreError::ChangedMigration { version: 1 })
        ));
    }
}
