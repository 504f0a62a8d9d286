//! Turning what happened into deliveries, and making them.
//!
//! Safe on several servers at once: an event is taken by whoever deletes it, a delivery by whoever claims it, and a
//! claim lapses when its server died. Deliveries of one hook go one after the other, so that it hears of things
//! in their order; a hook that answers slowly holds up no other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compile::regex::Pattern;
use model::{
    BranchFilterStrategy, Hook, HookDelivery, HookDeliveryId, HookEvent, HookId, HookKind, Timestamp,
    project::wildcard_match,
};
use store::ops::hook_deliveries::NewDelivery;
use store::ops::page::Page;
use store::{Wake, ops};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinSet;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::App;
use crate::error::Result;
use crate::hooks::deliver::{self, Attempt};
use crate::hooks::payload::{self, Payload};
use crate::hooks::secrets::Secrets;
use crate::hooks::template;
use crate::pipelines::chain::{self, Chain};

/// Time between two looks when nobody says that there is something.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Time between two looks for deliveries whose time in the log is over.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// How long the log keeps deliveries (GitLab's time).
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long an attempt may take before another server takes it for dead: far more than it may take.
const CLAIM: Duration = Duration::from_secs(60);

/// Events and deliveries looked at in one round.
const BATCH: i64 = 100;

/// Hooks that are told something at the same time.
const AT_ONCE: usize = 20;

/// Pauses before the second attempt and the following ones; then it is given up.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1800),
];

/// First pause of a hook that fails, and the longest.
const FIRST_BACKOFF: Duration = Duration::from_secs(60);
const LONGEST_BACKOFF: Duration = Duration::from_secs(24 * 3600);

/// Delivers until told to stop; attempts under way are ended then.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut wakes = app.store.wakes();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut prune = tokio::time::interval(PRUNE_EVERY);
    let mut work = Work::default();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            () = something_to_do(&mut wakes) => {}
            _ = look.tick() => {}
            _ = prune.tick() => log_error("tidy up", forget(&app).await),
            Some(_) = work.tasks.join_next(), if !work.tasks.is_empty() => {}
        }
        log_error("look for events of", expand(&app).await);
        log_error("look for deliveries of", work.start(&app, &stop).await);
    }
    while work.tasks.join_next().await.is_some() {}
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The value is not kept: its guard must not live across an await.
    let _ = stop.wait_for(|stop| *stop).await.is_ok();
}

async fn something_to_do(wakes: &mut broadcast::Receiver<Wake>) {
    loop {
        match wakes.recv().await {
            Ok(Wake::Hooks | Wake::Everything) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The store has closed; being told to stop comes next.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn log_error(what: &str, done: Result<()>) {
    if let Err(error) = done {
        error!(error = &error as &dyn std::error::Error, "could not {what} webhooks");
    }
}

async fn forget(app: &App) -> Result<()> {
    let before = app.clock.now() - KEPT;
    app.store
        .write(move |tx| ops::hook_deliveries::prune(tx, before))
        .await?;
    Ok(())
}

/// Makes deliveries of all events that there are.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn expand(app: &App) -> Result<()> {
    loop {
        let events = app.store.read(|tx| ops::hook_deliveries::events(tx, BATCH)).await?;
        let is_last = events.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        for event in events {
            expand_one(app, event).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn expand_one(app: &App, event: HookEvent) -> Result<()> {
    let made = match serde_json::from_str(&event.body) {
        Ok(happened) => payload::of(app, event.project_id, happened).await,
        Err(error) => Err(crate::Error::internal(error)),
    };
    // An event that cannot be read must not stop all others for ever.
    let payload = made.unwrap_or_else(|error| {
        error!(error = &error as &dyn std::error::Error, event.id = %event.id, "an event of webhooks is dropped");
        None
    });
    let now = app.clock.now();
    let Some(kind) = HookKind::ALL.into_iter().find(|kind| event.kinds.has(*kind)) else {
        return Ok(());
    };
    let (id, project, payload) = (event.id, event.project_id, payload.map(Arc::new));
    app.store
        .write(move |tx| {
            if !ops::hook_deliveries::take_event(tx, id)? {
                return Ok::<_, store::StoreError>(());
            }
            let Some(payload) = &payload else { return Ok(()) };
            let event_key = Uuid::new_v4().to_string();
            for hook in ops::hooks::list(tx, project, Page::all())? {
                if !wants(&hook, kind, payload, now) {
                    continue;
                }
                store_delivery(tx, &hook, kind, payload, &event_key, now)?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

fn store_delivery(
    tx: &mut dyn store::Tx,
    hook: &Hook,
    kind: HookKind,
    payload: &Payload,
    event_key: &str,
    now: Timestamp,
) -> Result<(), store::StoreError> {
    let request = match body(hook, payload) {
        Ok(request) => request,
        Err(reason) => {
            warn!(hook.id = %hook.id, "webhook {} is not told of an event: {reason}", hook.id);
            return Ok(());
        }
    };
    let new = NewDelivery {
        hook_id: hook.id,
        trigger: kind.trigger(),
        key: &Uuid::new_v4().to_string(),
        event_key,
        request: &request,
        pipeline_id: payload.pipeline,
        created_at: now,
        next_attempt_at: Some(now),
    };
    ops::hook_deliveries::insert(tx, &new)?;
    Ok(())
}

/// Returns what a hook is sent: the payload, or what its template makes of it.
///
/// # Errors
///
/// Why there is nothing to send.
pub fn body(hook: &Hook, payload: &Payload) -> Result<String, String> {
    let text = match hook.settings.template.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => template::render(text, &payload.json)?,
        None => payload.json.to_string(),
    };
    if text.len() > deliver::MAX_REQUEST {
        return Err(format!("the payload has {} bytes", text.len()));
    }
    Ok(text)
}

/// Whether a hook is to be told.
fn wants(hook: &Hook, kind: HookKind, payload: &Payload, now: Timestamp) -> bool {
    hook.kinds.has(kind)
        && hook.is_executable(now)
        && payload.branch.as_deref().is_none_or(|branch| covers(hook, branch))
}

/// Whether pushes to a branch are of interest.
fn covers(hook: &Hook, branch: &str) -> bool {
    let settings = &hook.settings;
    let Some(filter) = settings.branch_filter.as_deref().filter(|filter| !filter.is_empty()) else {
        return true;
    };
    match settings.branch_filter_strategy {
        BranchFilterStrategy::AllBranches => true,
        BranchFilterStrategy::Wildcard => wildcard_match(filter, branch),
        BranchFilterStrategy::Regex => Pattern::new(filter, "").is_ok_and(|pattern| pattern.is_match(branch)),
    }
}

/// The hooks that are being told something by this server.
#[derive(Default)]
struct Work {
    tasks: JoinSet<()>,
    busy: Arc<Mutex<HashSet<HookId>>>,
    places: Option<Arc<Semaphore>>,
}

impl Work {
    /// Begins to make the deliveries that are due, those of one hook one after the other.
    async fn start(&mut self, app: &App, stop: &watch::Receiver<bool>) -> Result<()> {
        let now = app.clock.now();
        let due = app
            .store
            .read(move |tx| ops::hook_deliveries::due(tx, now, BATCH))
            .await?;
        let places = Arc::clone(self.places.get_or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))));
        for hook in due {
            if !lock(&self.busy).insert(hook) {
                continue;
            }
            let (app, stop, busy, places) = (app.clone(), stop.clone(), Arc::clone(&self.busy), Arc::clone(&places));
            self.tasks.spawn(async move {
                // Nobody closes the semaphore.
                let _place = places.acquire_owned().await;
                log_error("deliver to", deliver_all(&app, hook, &stop).await);
                lock(&busy).remove(&hook);
            });
        }
        Ok(())
    }
}

fn lock(busy: &Mutex<HashSet<HookId>>) -> std::sync::MutexGuard<'_, HashSet<HookId>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the deliveries of a hook that are due, until told to stop.
async fn deliver_all(app: &App, hook: HookId, stop: &watch::Receiver<bool>) -> Result<()> {
    while !*stop.borrow() {
        let now = app.clock.now();
        let next = app
            .store
            .read(move |tx| ops::hook_deliveries::next(tx, hook, now))
            .await?;
        let Some(next) = next else { break };
        deliver_one(app, next).await?;
    }
    Ok(())
}

/// Makes one attempt at a delivery that is due, unless somebody else does.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn deliver_one(app: &App, id: HookDeliveryId) -> Result<()> {
    let now = app.clock.now();
    let claimed = app
        .store
        .write(move |tx| ops::hook_deliveries::claim(tx, id, now, now + CLAIM))
        .await?;
    let Some((delivery, hook)) = claimed else { return Ok(()) };
    if !hook.is_executable(now) {
        // It is paused, or switched off: what it was to be told waits, or is not told any more.
        let until = hook.disabled_until.filter(|_| hook.failures < Hook::MAX_FAILURES);
        let postponed = move |tx: &mut dyn store::Tx| ops::hook_deliveries::postpone(tx, id, until);
        return Ok(app.store.write(postponed).await?);
    }
    let secrets = Secrets::open(&app.keys, &hook)?;
    let attempt = deliver::attempt(app, &hook, &secrets, &delivery, &chain_of(app, &delivery).await?).await;
    info!(hook.id = %hook.id, status = attempt.outcome.status, "webhook {} was told of `{}`: {}",
        hook.id, delivery.trigger, attempt.outcome.status);
    note(app, &hook, &delivery, attempt).await
}

/// What leads to whatever the hook starts.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn chain_of(app: &App, delivery: &HookDelivery) -> Result<Chain> {
    let Some(pipeline) = delivery.pipeline_id else {
        return Ok(Chain::default());
    };
    let this = app.clone();
    let through = move |tx: &mut dyn store::Tx| chain::through_id(&this.keys, tx, pipeline);
    Ok(app.store.read(through).await?)
}

/// Writes down how an attempt went, for the log and for the hook.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn note(app: &App, hook: &Hook, delivery: &HookDelivery, attempt: Attempt) -> Result<()> {
    let now = app.clock.now();
    let (project, hook, delivery, attempts) = (hook.project_id, hook.id, delivery.id, delivery.attempts);
    app.store
        .write(move |tx| {
            let Some(known) = ops::hooks::get(tx, project, hook)? else {
                return Ok::<_, store::StoreError>(());
            };
            let (failures, until) = health(&known, &attempt, attempts, now);
            let next = usize::try_from(attempts - 1).ok().and_then(|index| PAUSES.get(index));
            let next = next.filter(|_| !attempt.succeeded() && attempt.may_repeat && failures < Hook::MAX_FAILURES);
            ops::hook_deliveries::finish(tx, delivery, next.map(|pause| now + *pause), &attempt.outcome)?;
            if (failures, until) != (known.failures, known.disabled_until) {
                ops::hooks::note(tx, hook, failures, until)?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

/// Failures in a row, and until when the hook is left alone. Attempts after the first fail with it, not beside it.
fn health(hook: &Hook, attempt: &Attempt, attempts: i64, now: Timestamp) -> (i64, Option<Timestamp>) {
    if attempt.succeeded() {
        return (0, None);
    }
    if attempts > 1 {
        return (hook.failures, hook.disabled_until);
    }
    let failures = (hook.failures + 1).min(Hook::MAX_FAILURES);
    let pauses = failures - Hook::PAUSING_FAILURES;
    if pauses < 0 || failures == Hook::MAX_FAILURES {
        return (failures, None);
    }
    let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(u32::try_from(pauses).unwrap_or(u32::MAX)));
    (failures, Some(now + doubled.min(LONGEST_BACKOFF)))
}
