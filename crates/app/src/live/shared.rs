//! Something that many viewers look at, read once for each change of it.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use crate::error::Result;

/// The newest version of a thing, as far as somebody has read it.
#[derive(Debug)]
pub(super) struct Shared<T> {
    changes: watch::Sender<u64>,
    kept: Mutex<Option<(u64, Arc<T>)>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared {
            changes: watch::Sender::new(0),
            kept: Mutex::new(None),
        }
    }
}

impl<T> Shared<T> {
    /// Returns what tells of changes from now on. Register first, then read, then wait.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says that what was read may be outdated.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    /// Returns the thing; whoever comes first after a change reads it for all.
    pub(super) async fn get(&self, read: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        let mut kept = self.kept.lock().await;
        // Before reading: a change that comes while it is read makes the next one read again.
        let version = *self.changes.borrow();
        if let Some((at, value)) = &*kept
            && *at == version
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(read.await?);
        *kept = Some((version, Arc::clone(&value)));
        Ok(value)
    }

    /// As [`get`](Shared::get), reading in any case: word of a change may still be under way.
    pub(super) async fn get_anew(&self, read: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        let mut kept = self.kept.lock().await;
        let version = *self.changes.borrow();
        let value = Arc::new(read.await?);
        *kept = Some((version, Arc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_change_is_read_once_however_many_look() {
        let (shared, reads) = (Shared::<usize>::default(), AtomicUsize::new(0));
        let read = || async { Ok(reads.fetch_add(1, Ordering::Relaxed)) };
        for expected in [0, 1] {
            for _ in 0..1000 {
                assert_eq!(*shared.get(read()).await.unwrap(), expected);
            }
            shared.changed();
        }
        assert_eq!(*shared.get_anew(read()).await.unwrap(), 2);
        assert_eq!(*shared.get_anew(read()).await.unwrap(), 3);
    }
}
