//! An operation on its way to a database thread and its answer on the way back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::tx::Tx;

/// What a database thread receives.
pub(crate) enum Message {
    /// Run this.
    Run(Box<dyn Operation>),
    /// Run what is waiting, then end.
    Close,
}

/// A closure with its result and the way to answer, its types forgotten.
pub(crate) trait Operation: Send {
    /// Runs the closure; may be called again, which forgets the earlier result.
    fn run(&mut self, tx: &mut dyn Tx) -> Outcome;

    /// Replaces the result by an error: a statement failed although the closure said `Ok`.
    fn refuse(&mut self, error: StoreError);

    /// Answers the caller: with the result when the commit went well, otherwise with the error.
    fn answer(self: Box<Self>, commit: Result<(), StoreError>);
}

/// What the closure asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Commit what it wrote.
    Keep,
    /// Roll back what it wrote.
    Undo,
}

/// Puts a closure into a box and returns the end at which its answer arrives.
pub(crate) fn boxed<T, E, F>(run: F) -> (Box<dyn Operation>, oneshot::Receiver<Result<T, E>>)
where
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    E: From<StoreError> + Send + 'static,
    T: Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (
        Box::new(Pending {
            run,
            result: None,
            reply,
        }),
        answer,
    )
}

struct Pending<T, E, F> {
    run: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Operation for Pending<T, E, F>
where
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send,
    E: From<StoreError> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut dyn Tx) -> Outcome {
        // The closure's own state may be torn after a panic, but it is not run again;
        // what it did to the database is rolled back by the driver.
        let result = catch_unwind(AssertUnwindSafe(|| (self.run)(tx))).unwrap_or_else(|panic| {
            Err(StoreError::Panicked {
                message: panic_message(&*panic),
            }
            .into())
        });
        let outcome = if result.is_ok() { Outcome::Keep } else { Outcome::Undo };
        self.result = Some(result);
        outcome
    }

    fn refuse(&mut self, error: StoreError) {
        self.result = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) {
        let result = match (self.result, commit) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(commit)) => Err(commit.into()),
            (Some(result), Ok(())) => result,
            (None, Ok(())) => Err(StoreError::Closed.into()),
        };
        // A caller that went away does not want its answer.
        let _ = self.reply.send(result);
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no message".to_owned()
    }
}
