//! The newest image, for everyone to read, and the ordered stream of changes.
//!
//! Reading is one atomic load. Changes are handed to observers under one lock, in the order of the
//! log, before whoever asked for them is answered.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{Delta, Image};

/// One step of the image.
#[derive(Clone, Debug)]
pub struct Change {
    /// The image after the step.
    pub image: Arc<Image>,
    /// What differs from the one before; empty when only the version moved.
    pub delta: Arc<Delta>,
}

/// Reacts to changes where they happen.
pub trait Observer: Send + Sync + 'static {
    /// Called for every change, in order, before its operation is answered: what is done here is done
    /// when [`crate::Quorum::submit`] returns. Everything else waits for it; do not block, and do not
    /// ask the quorum from within.
    fn changed(&self, change: &Change);
}

/// Every change since a moment, in order. What is not taken waits in memory.
#[derive(Debug)]
pub struct Watch {
    image: Arc<Image>,
    changes: mpsc::UnboundedReceiver<Change>,
}

impl Watch {
    /// The image from which the next change goes on.
    #[must_use]
    pub fn image(&self) -> &Arc<Image> {
        &self.image
    }

    /// The next change; `None` after the quorum has stopped.
    pub async fn next(&mut self) -> Option<Change> {
        let change = self.changes.recv().await?;
        self.image = change.image.clone();
        Some(change)
    }
}

#[derive(Default)]
pub(crate) struct Published {
    image: ArcSwap<Image>,
    observers: Mutex<Observers>,
}

#[derive(Default)]
struct Observers {
    inside: Vec<Arc<dyn Observer>>,
    watches: Vec<mpsc::UnboundedSender<Change>>,
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published")
            .field("version", &self.image().version())
            .finish_non_exhaustive()
    }
}

impl Published {
    pub(crate) fn new(image: Arc<Image>) -> Published {
        Published { image: ArcSwap::new(image), observers: Mutex::default() }
    }

    pub(crate) fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    pub(crate) fn publish(&self, change: &Change) {
        let mut observers = self.observers.lock();
        self.image.store(change.image.clone());
        for observer in &observers.inside {
            observer.changed(change);
        }
        observers.watches.retain(|watch| watch.send(change.clone()).is_ok());
    }

    /// The image from which the observer's first change goes on.
    pub(crate) fn observe(&self, observer: Arc<dyn Observer>) -> Arc<Image> {
        let mut observers = self.observers.lock();
        observers.inside.push(observer);
        self.image()
    }

    pub(crate) fn watch(&self) -> Watch {
        let (sender, changes) = mpsc::unbounded_channel();
        let mut observers = self.observers.lock();
        observers.watches.push(sender);
        Watch { image: self.image(), changes }
    }

    /// Lets go of all observers; watches end.
    pub(crate) fn close(&self) {
        *self.observers.lock() = Observers::default();
    }
}
