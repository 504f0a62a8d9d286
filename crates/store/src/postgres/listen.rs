//! The listener thread: hears the wake-ups that other servers on the database send.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::postgres::fallible_iterator::FallibleIterator as _;
use ::postgres::{Client, Error};

use super::link::{Role, Target, describe};
use crate::wake::{self, Wake};

/// Name of the notification channel; a database holds one Tripline.
pub(crate) const CHANNEL: &str = "tripline";

/// Longest time until the thread notices that it is to end, should the message that says so be lost.
const LOOK: Duration = Duration::from_secs(5);

/// Pause before a broken connection is made anew; meanwhile polls find what there is to do.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn connect(target: &Target) -> Result<Client, Error> {
    let mut client = target.connect(Role::Plain)?;
    client.batch_execute(&format!("LISTEN {CHANNEL}"))?;
    Ok(client)
}

/// Runs until the store closes.
pub(crate) fn run(first: Client, target: &Target, origin: u64, sender: &wake::Sender, closing: &AtomicBool) {
    let mut client = Some(first);
    while !closing.load(Ordering::Acquire) {
        let Some(connected) = &mut client else {
            std::thread::sleep(PAUSE);
            client = connect(target).ok();
            if client.is_some() {
                // What was sent meanwhile is lost.
                let _ = sender.send(Wake::Everything);
            }
            continue;
        };
        if let Err(error) = listen(connected, origin, sender) {
            if !closing.load(Ordering::Acquire) {
                tracing::warn!(error = describe(&error), "lost the connection that hears other servers");
            }
            client = None;
        } else if connected.is_closed() {
            client = None;
        }
    }
}

/// Passes on what arrives until there is silence for a while.
fn listen(client: &mut Client, origin: u64, sender: &wake::Sender) -> Result<(), Error> {
    let mut notifications = client.notifications();
    let mut arriving = notifications.timeout_iter(LOOK);
    while let Some(notification) = arriving.next()? {
        let Some(mut wakes) = wake::decode(origin, notification.payload()) else {
            return Ok(());
        };
        wake::send(sender, &mut wakes);
    }
    Ok(())
}
