//! Where runners ask for jobs. One task serves all requests of this process, those that are held too.
//!
//! A round looks at the queue once for everybody who waits, so a thousand idle runners and one new
//! job cost one look and one claim. Whether there may be work is remembered from wake-ups, so idle
//! polling costs no database at all; a slow poll behind that makes a lost wake-up harmless. The
//! queue itself is the `jobs` table: what is in memory here may vanish at any time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{Job, ProjectId, Runner, RunnerManagerId, RunnerType, Timestamp};
use schedule::hand_out::{Queued, assign};
use store::ops::queue::{Candidate, Claim, RunnerScope};
use store::{Tx, Wake, ops};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tracing::{error, info};

use crate::App;
use crate::error::Result;
use crate::runners::suitable::{self, ProjectFacts};

/// Requests on their way to the task; further ones wait for a free place.
const INBOX: usize = 1024;

/// Time between two looks at the queue without a wake-up.
const POLL: Duration = Duration::from_secs(5);

/// Most pending jobs looked at in one query.
const PAGE: i64 = 500;

/// Least number of them: most runners fit the first jobs of the queue.
const FIRST_PAGE: i64 = 32;

/// Pages looked at for one round: how far runners see past jobs that none of them fits.
const PAGES: usize = 20;

/// Where runners ask for jobs.
#[derive(Debug)]
pub struct Desk {
    inbox: mpsc::Sender<Ask>,
    outbox: Mutex<Option<mpsc::Receiver<Ask>>>,
}

impl Default for Desk {
    fn default() -> Desk {
        let (inbox, outbox) = mpsc::channel(INBOX);
        Desk {
            inbox,
            outbox: Mutex::new(Some(outbox)),
        }
    }
}

/// A runner that asks for a job.
#[derive(Debug)]
struct Ask {
    runner: Runner,
    manager: Option<RunnerManagerId>,
    hold: bool,
    reply: oneshot::Sender<Option<Job>>,
}

impl Desk {
    /// Asks for a job; without one waits for it up to `hold`. The answer is handed out, not acknowledged.
    ///
    /// There is no job when nobody serves: the server is shutting down.
    pub async fn ask(&self, runner: Runner, manager: Option<RunnerManagerId>, hold: Option<Duration>) -> Option<Job> {
        let (reply, answer) = oneshot::channel();
        let ask = Ask {
            runner,
            manager,
            hold: hold.is_some(),
            reply,
        };
        self.inbox.send(ask).await.ok()?;
        let answer = match hold {
            None => answer.await,
            // A job that is handed out in the very moment is taken back, because nobody listens any more.
            Some(hold) => tokio::time::timeout(hold, answer).await.ok()?,
        };
        answer.ok().flatten()
    }
}

/// Serves requests until told to stop; held ones are then answered with nothing.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let Some(mut asks) = app.desk.outbox.lock().unwrap_or_else(PoisonError::into_inner).take() else {
        error!("jobs are handed out by another task already");
        return;
    };
    let mut wakes = app.store.wakes();
    let mut poll = tokio::time::interval(POLL);
    let mut clerk = Clerk {
        app,
        waiting: Vec::new(),
        may_have_work: true,
    };
    loop {
        let mut new = Vec::new();
        let mut woken = false;
        tokio::select! {
            () = told(&mut stop) => return,
            wake = wakes.recv() => woken = may_mean_work(&wake),
            ask = asks.recv() => match ask {
                Some(ask) => new.push(ask),
                None => return,
            },
            _ = poll.tick() => woken = true,
        }
        // Requests before wake-ups: whoever asked after a job was stored is served with its wake-up known.
        while let Ok(ask) = asks.try_recv() {
            new.push(ask);
        }
        woken |= drain(&mut wakes);
        if woken {
            clerk.may_have_work = true;
            clerk.serve_waiting().await;
        }
        if !new.is_empty() {
            clerk.serve_new(new).await;
        }
    }
}

/// Waits until told to stop; a sender that is gone means the same.
async fn told(stop: &mut watch::Receiver<bool>) {
    _ = stop.wait_for(|stop| *stop).await;
}

const fn may_mean_work(wake: &Result<Wake, broadcast::error::RecvError>) -> bool {
    matches!(wake, Ok(Wake::JobsPending | Wake::Everything) | Err(_))
}

/// Takes all wake-ups there are, for one look answers them all; says whether any may mean work.
fn drain(wakes: &mut broadcast::Receiver<Wake>) -> bool {
    let mut work = false;
    loop {
        match wakes.try_recv() {
            Ok(wake) => work |= may_mean_work(&Ok(wake)),
            Err(broadcast::error::TryRecvError::Lagged(_)) => work = true,
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => return work,
        }
    }
}

/// What the task knows.
struct Clerk {
    app: App,
    /// Held requests, the longest waiting first.
    waiting: Vec<Ask>,
    /// Whether a look at the queue may find something.
    may_have_work: bool,
}

impl Clerk {
    async fn serve_new(&mut self, new: Vec<Ask>) {
        for ask in self.serve(new).await {
            if ask.hold {
                self.waiting.push(ask);
            } else {
                // Somebody who went away does not want the answer.
                _ = ask.reply.send(None);
            }
        }
    }

    async fn serve_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = self.serve(waiting).await;
    }

    /// Gives jobs to those that get one and returns the others, in their order.
    async fn serve(&mut self, mut asks: Vec<Ask>) -> Vec<Ask> {
        asks.retain(|ask| !ask.reply.is_closed());
        if asks.is_empty() || !self.may_have_work {
            return asks;
        }
        let claimed = match self.round(&asks).await {
            Ok(claimed) => claimed,
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "could not hand out jobs");
                return asks;
            }
        };
        let mut left = Vec::new();
        for (ask, job) in asks.into_iter().zip(claimed) {
            match job {
                Some(job) => self.deliver(ask, job).await,
                None => left.push(ask),
            }
        }
        left
    }

    async fn deliver(&self, ask: Ask, job: Job) {
        let Err(Some(job)) = ask.reply.send(Some(job)) else {
            return;
        };
        let now = self.app.clock.now();
        info!(job.id = %job.id, "runner {} went away before it got job {}", ask.runner.id, job.id);
        let released = self
            .app
            .store
            .write(move |tx| ops::queue::release(tx, job.id, job.claim, now))
            .await;
        if let Err(error) = released {
            error!(
                error = &error as &dyn std::error::Error,
                "could not take back job {}", job.id
            );
        }
    }

    /// Looks at the queue and claims; one answer for each request.
    async fn round(&mut self, asks: &[Ask]) -> Result<Vec<Option<Job>>> {
        let now = self.app.clock.now();
        let askers: Vec<Asker> = asks
            .iter()
            .map(|ask| Asker {
                runner: ask.runner.clone(),
                manager: ask.manager,
            })
            .collect();
        let looked = askers.clone();
        let look = self.app.store.read(move |tx| look(tx, &looked)).await?;
        if look == Look::Nothing {
            self.may_have_work = false;
        }
        if look != Look::Work {
            return Ok(vec![None; asks.len()]);
        }
        self.app.store.write(move |tx| claim(tx, &askers, now)).await
    }
}

/// Who asks.
#[derive(Clone, Debug)]
struct Asker {
    runner: Runner,
    manager: Option<RunnerManagerId>,
}

impl Asker {
    fn scope(&self) -> Option<RunnerScope> {
        match self.runner.runner_type {
            RunnerType::Instance => Some(RunnerScope::Instance),
            RunnerType::Group => self.runner.group_id.map(RunnerScope::Group),
            RunnerType::Project => Some(RunnerScope::Projects(self.runner.id)),
        }
    }
}

/// What a look at the queue found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// No pending job at all.
    Nothing,
    /// Pending jobs, none for those who ask.
    NothingForThem,
    /// A job for one of them at least.
    Work,
}

/// Looks without taking anything.
fn look(tx: &mut dyn Tx, askers: &[Asker]) -> Result<Look> {
    if ops::queue::peek(tx, RunnerScope::Instance, model::JobId(0), 1)?.is_empty() {
        return Ok(Look::Nothing);
    }
    for (scope, members) in by_scope(askers) {
        let mut found = false;
        pages(tx, scope, members.len(), ops::queue::peek, |tx, page, projects| {
            let runners: Vec<&Runner> = members.iter().map(|member| &askers[*member].runner).collect();
            let running = running(tx, scope)?;
            found |= !assign(&runners, &queued(page, projects).1, &running).is_empty();
            Ok(found)
        })?;
        if found {
            return Ok(Look::Work);
        }
    }
    Ok(Look::NothingForThem)
}

/// Gives jobs to those who ask; one answer each.
fn claim(tx: &mut dyn Tx, askers: &[Asker], now: Timestamp) -> Result<Vec<Option<Job>>> {
    let mut answers: Vec<Option<Job>> = vec![None; askers.len()];
    for (scope, mut open) in by_scope(askers) {
        pages(tx, scope, open.len(), ops::queue::candidates, |tx, page, projects| {
            let runners: Vec<&Runner> = open.iter().map(|member| &askers[*member].runner).collect();
            let running = running(tx, scope)?;
            let (jobs, queue) = queued(page, projects);
            for (runner, job) in assign(&runners, &queue, &running) {
                let asker = open[runner];
                answers[asker] = claim_one(tx, &askers[asker], jobs[job], projects, now)?;
            }
            open.retain(|member| answers[*member].is_none());
            Ok(open.is_empty())
        })?;
    }
    Ok(answers)
}

fn claim_one(
    tx: &mut dyn Tx,
    asker: &Asker,
    candidate: &Candidate,
    projects: &HashMap<ProjectId, ProjectFacts>,
    now: Timestamp,
) -> Result<Option<Job>> {
    let project = projects
        .get(&candidate.project_id)
        .map_or(0, |facts| facts.settings.build_timeout_seconds);
    let maximum = asker.runner.maximum_timeout_seconds;
    let claim = Claim {
        runner_id: asker.runner.id,
        runner_manager_id: asker.manager,
        acknowledged: false,
        timeout_seconds: schedule::timeout::effective_seconds(None, project, maximum),
        now,
    };
    let Some(mut job) = ops::queue::claim(tx, candidate.id, claim)? else {
        return Ok(None);
    };
    let definition = ops::definitions::get(tx, job.definition_id)?;
    if let Some(own) = definition.and_then(|definition| definition.timeout_seconds) {
        job.timeout_seconds = Some(schedule::timeout::effective_seconds(Some(own), project, maximum));
        ops::jobs::save(tx, &job)?;
    }
    Ok(Some(job))
}

/// Requests by the part of the queue that they may see.
fn by_scope(askers: &[Asker]) -> Vec<(RunnerScope, Vec<usize>)> {
    let mut scopes: Vec<(RunnerScope, Vec<usize>)> = Vec::new();
    let mut known: HashMap<RunnerScope, usize> = HashMap::new();
    for (index, scope) in askers
        .iter()
        .enumerate()
        .filter_map(|(index, asker)| Some((index, asker.scope()?)))
    {
        let place = *known.entry(scope).or_insert_with(|| {
            scopes.push((scope, Vec::new()));
            scopes.len() - 1
        });
        scopes[place].1.push(index);
    }
    scopes
}

type List = fn(&mut dyn Tx, RunnerScope, model::JobId, i64) -> Result<Vec<Candidate>, store::StoreError>;

/// Calls `each` with page after page of the queue, small ones first, until it has enough.
fn pages(
    tx: &mut dyn Tx,
    scope: RunnerScope,
    askers: usize,
    list: List,
    mut each: impl FnMut(&mut dyn Tx, &[Candidate], &HashMap<ProjectId, ProjectFacts>) -> Result<bool>,
) -> Result<()> {
    let mut after = model::JobId(0);
    let mut projects = HashMap::new();
    let mut limit = i64::try_from(askers).unwrap_or(PAGE).clamp(FIRST_PAGE, PAGE);
    for _ in 0..PAGES {
        let page = list(tx, scope, after, limit)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let new: Vec<ProjectId> = page
            .iter()
            .map(|job| job.project_id)
            .filter(|id| !projects.contains_key(id))
            .collect();
        projects.extend(suitable::projects(tx, &new)?);
        let is_last = i64::try_from(page.len()).unwrap_or(PAGE) < limit;
        limit = PAGE;
        if each(tx, &page, &projects)? || is_last {
            return Ok(());
        }
    }
    Ok(())
}

/// Jobs, and the same jobs as the choice sees them; those of projects that are gone are left out.
fn queued<'a>(
    page: &'a [Candidate],
    projects: &'a HashMap<ProjectId, ProjectFacts>,
) -> (Vec<&'a Candidate>, Vec<Queued<'a>>) {
    let one = |job: &'a Candidate| {
        let facts = projects
            .get(&job.project_id)?
            .of_job(job.project_id, &job.tags, job.protected);
        Some((job, Queued { job: job.id, facts }))
    };
    page.iter().filter_map(one).unzip()
}

/// Jobs of each project with runners now; only instance runners look at that.
fn running(tx: &mut dyn Tx, scope: RunnerScope) -> Result<HashMap<ProjectId, u32>> {
    if scope != RunnerScope::Instance {
        return Ok(HashMap::new());
    }
    let running = ops::queue::executing_by_project(tx)?;
    Ok(running
        .into_iter()
        .map(|(id, count)| (id, u32::try_from(count).unwrap_or(u32::MAX)))
        .collect())
}
