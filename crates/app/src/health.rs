//! Whether the server can work, and how much there is to do.

use model::Status;
use store::ops;

use crate::App;
use crate::error::Result;

/// Numbers that a monitoring system watches.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Unfinished jobs by status.
    pub jobs: Vec<(Status, i64)>,
}

/// Returns once the database has answered.
///
/// # Errors
///
/// What the database said.
pub async fn check(app: &App) -> Result<()> {
    app.store.read(|tx| ops::settings::get(tx, "health").map(drop)).await?;
    Ok(())
}

/// Returns the current figures.
///
/// # Errors
///
/// What the database said.
pub async fn figures(app: &App) -> Result<Figures> {
    let jobs = app.store.read(ops::queue::count_by_status).await?;
    Ok(Figures { jobs })
}
