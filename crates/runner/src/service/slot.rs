//! One slot: asks for a job, runs it, and asks again while the job's end is still being reported.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{ActiveJobs, Order};
use crate::client::{CallError, Client, JobAnswer};
use crate::job::{self, Site};
use crate::keeper::Keeper;

/// Pause after the first failed request; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest pause after failed requests: how long a runner may stay away from a server that is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pause after another runner was faster.
const CONFLICT_PAUSE: Duration = Duration::from_millis(10);

/// A request that took this long was held by the server: the next one may follow at once.
const HELD: Duration = Duration::from_secs(1);

/// Ended jobs of one slot that are still being reported; more would hide an overloaded server.
const ENDINGS: usize = 8;

pub(super) struct Slot {
    index: usize,
    client: Arc<Client>,
    site: Arc<Site>,
    active: Arc<ActiveJobs>,
    /// Set once the server knows that this process has just started; no slot asks for a job before.
    introduced: Arc<OnceCell<()>>,
    orders: watch::Receiver<Order>,
    keeper: Option<Keeper>,
    pause: Duration,
}

impl Slot {
    pub(super) fn new(
        index: usize,
        client: Arc<Client>,
        site: Arc<Site>,
        active: Arc<ActiveJobs>,
        introduced: Arc<OnceCell<()>>,
        orders: watch::Receiver<Order>,
    ) -> Slot {
        Slot {
            index,
            client,
            site,
            active,
            introduced,
            orders,
            keeper: None,
            pause: FIRST_PAUSE,
        }
    }

    /// Works until told to stop, and returns when the last job has been reported.
    pub(super) async fn serve(mut self) {
        let mut endings = JoinSet::new();
        let mut orders = self.orders.clone();
        tokio::select! {
            _ = orders.wait_for(|order| *order > Order::Work) => return,
            () = self.introduce() => {}
        }
        while *self.orders.borrow() == Order::Work {
            while endings.len() >= ENDINGS {
                endings.join_next().await;
            }
            while endings.try_join_next().is_some() {}
            let mut orders = self.orders.clone();
            let told_to_stop = async move {
                let _ = orders.wait_for(|order| *order > Order::Work).await;
            };
            tokio::select! {
                () = told_to_stop => break,
                job = self.next_job() => if let Some((keeper, job)) = job {
                    self.run(keeper, *job, &mut endings).await;
                },
            }
        }
        drop(self.keeper.take());
        let mut orders = self.orders.clone();
        while !endings.is_empty() {
            tokio::select! {
                _ = endings.join_next() => {}
                // The deadline is the service's; being dropped is the end.
                _ = orders.changed() => {}
            }
        }
    }

    /// Tells the server that this process has just started, however long that takes; one slot does it for all.
    ///
    /// The server then ends the jobs that an earlier process with the same name has left behind.
    async fn introduce(&self) {
        let tell = || async {
            let mut pause = FIRST_PAUSE;
            while let Err(error) = self.client.verify(true).await {
                tracing::debug!(%error, "the server does not answer yet");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        self.introduced.get_or_init(tell).await;
    }

    /// Asks once; pauses where the answer or the lack of one wants it.
    async fn next_job(&mut self) -> Option<(Keeper, Box<wire::runner::Job>)> {
        let keeper = match self.keeper.take() {
            Some(keeper) => keeper,
            None => match Keeper::start(&self.site.config).await {
                Ok(keeper) => keeper,
                Err(error) => {
                    tracing::error!(%error, "slot {} cannot start its keeper", self.index);
                    self.wait_longer().await;
                    return None;
                }
            },
        };
        let asked = Instant::now();
        let answer = self.client.request_job().await;
        match answer {
            Ok(JobAnswer::Job(job)) => {
                self.pause = FIRST_PAUSE;
                return Some((keeper, job));
            }
            Ok(JobAnswer::None { changed }) => {
                self.keeper = Some(keeper);
                self.pause = FIRST_PAUSE;
                if !changed && asked.elapsed() < HELD {
                    sleep(self.site.config.check_interval).await;
                }
            }
            Ok(JobAnswer::Conflict) => {
                self.keeper = Some(keeper);
                sleep(CONFLICT_PAUSE).await;
            }
            Ok(JobAnswer::Forbidden) => {
                self.keeper = Some(keeper);
                tracing::error!(
                    "the server does not accept the token of runner `{}`",
                    self.site.config.name
                );
                self.wait_longer().await;
            }
            Err(error) => {
                self.keeper = Some(keeper);
                if !matches!(error, CallError::Timeout(_)) {
                    tracing::warn!(%error, "cannot ask for a job");
                }
                self.wait_longer().await;
            }
        }
        None
    }

    async fn run(&mut self, mut keeper: Keeper, job: wire::runner::Job, endings: &mut JoinSet<()>) {
        let id = job.id;
        let nudge = self.active.add(id);
        let mut orders = self.orders.clone();
        let interrupt = async move {
            if orders.wait_for(|order| *order == Order::Kill).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let place = job::Place {
            client: Arc::clone(&self.client),
            site: Arc::clone(&self.site),
            slot: self.index,
        };
        let (ending, healthy) = job::run(job, place, &mut keeper, Arc::clone(&nudge), interrupt).await;
        let active = Arc::clone(&self.active);
        endings.spawn(async move {
            let _ = ending.await;
            active.remove(id);
        });
        // A keeper with something that does not die under it is left to it.
        self.keeper = healthy.then_some(keeper);
    }

    async fn wait_longer(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}
