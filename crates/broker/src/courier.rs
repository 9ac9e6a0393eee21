//! Takes the news of commits to the threads that serve connections.
//!
//! Told from the log's own threads, each producer that waits would wake a worker by itself. Here one
//! task is woken for a whole commit, and wakes the others on its own thread, which costs a push to a
//! queue.

use log::{Courier, News};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, error::SendError, unbounded_channel};

/// Tells news on the runtime. What waits here is bounded: a commit follows from appends, and those are
/// made by the same threads.
#[derive(Debug)]
pub(crate) struct ToWorkers(UnboundedSender<News>);

impl ToWorkers {
    /// Begins to tell, on the runtime that calls.
    pub fn start() -> ToWorkers {
        let (sender, inbox) = unbounded_channel();
        tokio::spawn(tell(inbox));
        ToWorkers(sender)
    }
}

impl Courier for ToWorkers {
    fn carry(&self, news: News) {
        // Without a runtime nobody serves, but what stops may still wait.
        if let Err(SendError(news)) = self.0.send(news) {
            news.tell();
        }
    }
}

async fn tell(mut inbox: UnboundedReceiver<News>) {
    while let Some(news) = inbox.recv().await {
        news.tell();
    }
}
