//! Where runners ask for jobs. One task serves all requests of this process, those that are held too.
//!
//! A round looks at the queue once for everybody who waits, so a thousand idle runners and one new
//! job cost one look and one claim. Whether there may be work is remembered from wake-ups, so idle
//! polling costs no database at all; a slow poll behind that makes a lost wake-up harmless. The
//! queue itself is the `jobs` table: what is in memory here may vanish at any time.

mod round;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Job, Runner, RunnerManagerId};
use store::{Wake, ops};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tracing::{error, info};

use crate::App;
use crate::error::Result;
use crate::runners::desk::round::{Asker, Look, Told, claim, look};

/// Requests on their way to the task; further ones wait for a free place.
const INBOX: usize = 1024;

/// Time between two looks at the queue without a wake-up.
const POLL: Duration = Duration::from_secs(5);

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
    // Shared: each round lists everybody who waits.
    runner: Arc<Runner>,
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
            runner: Arc::new(runner),
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
        is_behind: false,
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
    /// Whether the last claim found something: the next one will too, so it is not looked before.
    is_behind: bool,
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
        for (ask, told) in asks.into_iter().zip(claimed) {
            match told {
                Told::Job(job) => self.deliver(ask, *job).await,
                Told::Nothing => left.push(ask),
                // Somebody who went away does not want the answer.
                Told::AskAgain => _ = ask.reply.send(None),
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
    async fn round(&mut self, asks: &[Ask]) -> Result<Vec<Told>> {
        let now = self.app.clock.now();
        let askers: Vec<Asker> = asks
            .iter()
            .map(|ask| Asker {
                runner: Arc::clone(&ask.runner),
                manager: ask.manager,
            })
            .collect();
        // A look takes no lock and disturbs no writer; but while there is a backlog it finds what the claim finds again.
        if !self.is_behind {
            let looked = askers.clone();
            let look = self.app.store.read(move |tx| look(tx, &looked)).await?;
            if look == Look::Nothing {
                self.may_have_work = false;
            }
            if look != Look::Work {
                return Ok(vec![Told::Nothing; asks.len()]);
            }
        }
        let claimed = self.app.store.write(move |tx| claim(tx, &askers, now)).await;
        self.is_behind = matches!(&claimed, Ok(jobs) if jobs.iter().all(|told| matches!(told, Told::Job(_))));
        claimed
    }
}
