//! Settings of the whole server that administrators change while it runs (`/application/settings`).

use crate::App;
use crate::audit::{self, Entity, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::runners::registration;

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceSettings {
    /// Whether runners may be made with registration tokens.
    pub allow_runner_registration_token: bool,
}

/// Returns the settings.
///
/// # Errors
///
/// 401 or 403 unless the caller administers the server.
pub async fn get(app: &App, caller: Caller) -> Result<InstanceSettings> {
    app.store
        .read(move |tx| {
            require_admin(&caller)?;
            read(tx)
        })
        .await
}

/// Changes the settings; `None` = as it is.
///
/// # Errors
///
/// As [`get`].
pub async fn update(
    app: &App,
    caller: Caller,
    allow_runner_registration_token: Option<bool>,
) -> Result<InstanceSettings> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            require_admin(&caller)?;
            if let Some(allowed) = allow_runner_registration_token {
                let before = registration::are_allowed(tx)?;
                registration::allow(tx, allowed)?;
                if before != allowed {
                    let event = Event::new("application_setting_updated", "Changed application setting")
                        .with("change", "allow_runner_registration_token")
                        .with("from", before)
                        .with("to", allowed);
                    audit::note(&this, tx, &caller, Entity::server(), event)?;
                }
            }
            read(tx)
        })
        .await
}

fn read(tx: &mut dyn store::Tx) -> Result<InstanceSettings> {
    Ok(InstanceSettings {
        allow_runner_registration_token: registration::are_allowed(tx)?,
    })
}

fn require_admin(caller: &Caller) -> Result<()> {
    match caller.user() {
        None => Err(Error::Unauthorized),
        Some(_) if caller.is_admin() => Ok(()),
        Some(_) => Err(Error::forbidden()),
    }
}
