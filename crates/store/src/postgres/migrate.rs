//! Brings the schema up to date under a lock that all servers on the database share.

use ::postgres::Client;

use super::link::{Target, describe};
use crate::error::StoreError;
use crate::migrate::{self, checksum};

/// Key of the advisory lock: "tripline" in ASCII.
const LOCK: i64 = 0x7472_6970_6c69_6e65;

pub(crate) fn run(client: &mut Client, target: &Target) -> Result<(), StoreError> {
    let failed = |error: ::postgres::Error| StoreError::Open {
        database: target.shown.clone(),
        message: format!("migration failed: {}", describe(&error)),
    };
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .map_err(failed)?;
    client.batch_execute(migrate::TABLE).map_err(failed)?;
    let applied: Vec<(i64, String)> = client
        .query(migrate::APPLIED, &[])
        .map_err(failed)?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    for migration in migrate::missing(&applied, |migration| migration.postgres)? {
        let mut tx = client.transaction().map_err(failed)?;
        tx.batch_execute(migration.postgres).map_err(failed)?;
        tx.execute(
            "INSERT INTO schema_migrations (version, checksum) VALUES ($1, $2)",
            &[&migration.version, &checksum(migration.postgres)],
        )
        .map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    // Closing the connection would release it too; this lets others go on at once.
    client
        .execute("SELECT pg_advisory_unlock($1)", &[&LOCK])
        .map_err(failed)?;
    Ok(())
}
