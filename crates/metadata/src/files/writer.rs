//! The one thread that writes the log and the vote, one job after the other.
//!
//! Jobs answer when their bytes are durable, and when it is written down how far they are, which costs
//! no sync ([`durable_end`](super::durable_end)). After a failed write or sync nothing more is written:
//! what the disk holds then is unknown until the next start reads it (fsyncgate). Every later job
//! fails with the first failure's words.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use env::disk::{Disk, File, OpenMode};
use openraft::storage::LogFlushed;
use tokio::sync::oneshot;

use super::durable_end::{Claims, DurableEnd};
use super::recovery::Segment;
use super::segment::{self, Header, Origin};
use super::vote;
use crate::quorum::types::{LogId, Types, Vote};

/// The answer of a job, for whoever waits.
pub(crate) type Done = oneshot::Sender<io::Result<()>>;

pub(crate) enum Job {
    /// One frame; `first` and `last` of its entries.
    Append { frame: Vec<u8>, previous: Option<LogId>, last: LogId, done: LogFlushed<Types> },
    /// Go on behind `previous`, in a new segment.
    Begin { origin: Origin, previous: Option<LogId>, done: Done },
    /// Entries up to here are in a snapshot.
    Purge { upto: LogId, done: Done },
    /// A promise.
    Vote { vote: Vote, done: Done },
    /// Answer, and end.
    Stop { done: Done },
}

/// The way to the thread.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    pub(crate) fn send(&self, job: Job) -> io::Result<()> {
        self.jobs.send(job).map_err(|_| stopped())
    }

    /// Sends a job and waits for its answer.
    pub(crate) async fn run(&self, job: impl FnOnce(Done) -> Job) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        self.send(job(done))?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> io::Error {
    io::Error::other("the metadata log is closed")
}

/// What the thread works on.
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) segments: VecDeque<Segment>,
    /// When the next is begun.
    pub(crate) segment_bytes: u64,
    /// From which index on the log is kept, or `u64::MAX` when nobody has said; see
    /// [`super::snapshot::write`].
    pub(crate) keep_from: Arc<AtomicU64>,
}

/// Where nothing may be removed from the log yet.
pub(crate) const KEEP_ALL: u64 = u64::MAX;

/// Starts the thread.
pub(crate) fn start(files: Files) -> io::Result<(Writer, JoinHandle<()>)> {
    let (jobs, queue) = channel();
    let thread = std::thread::Builder::new().name("metadata-log".to_owned()).spawn(move || {
        let claims = Claims::default();
        Work { files, open: None, claims, failed: None }.run(&queue);
    })?;
    Ok((Writer { jobs }, thread))
}

struct Work {
    files: Files,
    /// The newest segment, once something was written to it.
    open: Option<Arc<dyn File>>,
    claims: Claims,
    failed: Option<String>,
}

impl Work {
    fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            match job {
                Job::Append { frame, previous, last, done } => {
                    let result = self.unless_failed(|work| work.append(&frame, previous, last));
                    done.log_io_completed(result);
                }
                Job::Begin { origin, previous, done } => {
                    let result = self.unless_failed(|work| work.begin(origin, previous));
                    let _ = done.send(result);
                }
                Job::Purge { upto, done } => {
                    let _ = done.send(self.unless_failed(|work| work.purge(upto)));
                }
                Job::Vote { vote, done } => {
                    let result = self.unless_failed(|work| {
                        vote::write(&*work.files.disk, &work.files.dir, &vote)
                            .map_err(io::Error::other)
                    });
                    let _ = done.send(result);
                }
                Job::Stop { done } => {
                    let _ = done.send(Ok(()));
                    return;
                }
            }
        }
    }

    fn unless_failed(&mut self, work: impl FnOnce(&mut Work) -> io::Result<()>) -> io::Result<()> {
        if let Some(reason) = &self.failed {
            return Err(io::Error::other(reason.clone()));
        }
        work(self).inspect_err(|error| {
            let dir = self.files.dir.display();
            tracing::error!(dir = %dir, %error, "metadata log fenced after a failed write");
            self.failed = Some(format!("{dir} is fenced after a failed write: {error}"));
        })
    }

    fn append(&mut self, frame: &[u8], previous: Option<LogId>, last: LogId) -> io::Result<()> {
        let added = u64::try_from(frame.len()).unwrap_or(u64::MAX);
        let full = self
            .files
            .segments
            .back()
            .is_none_or(|newest| newest.len.saturating_add(added) > self.files.segment_bytes);
        if full {
            self.begin(Origin::Full, previous)?;
        }
        let file = self.newest()?;
        let Some(newest) = self.files.segments.back_mut() else {
            return Err(io::Error::other("no segment to append to"));
        };
        file.write_all_at(&[IoSlice::new(frame)], newest.len)?;
        file.sync_data()?;
        newest.len += added;
        newest.last_index = Some(last.index);
        self.claim();
        Ok(())
    }

    /// Says that all there is in the segments is durable.
    fn claim(&mut self) {
        if let Some(Segment { sequence, len, .. }) = self.files.segments.back() {
            let end = DurableEnd { sequence: *sequence, len: *len };
            self.claims.put(&*self.files.disk, &self.files.dir, end);
        }
    }

    fn newest(&mut self) -> io::Result<Arc<dyn File>> {
        if let Some(file) = &self.open {
            return Ok(file.clone());
        }
        let sequence = self.files.segments.back().map_or(1, |newest| newest.sequence);
        let path = segment::path(&self.files.dir, sequence);
        let file = self.files.disk.open(&path, OpenMode::Write)?;
        self.open = Some(file.clone());
        Ok(file)
    }

    fn begin(&mut self, origin: Origin, previous: Option<LogId>) -> io::Result<()> {
        let sequence = self.files.segments.back().map_or(1, |newest| newest.sequence + 1);
        let header = Header { sequence, origin, previous }.encode();
        let path = segment::path(&self.files.dir, sequence);
        let file = self.files.disk.open(&path, OpenMode::CreateNew)?;
        file.write_all_at(&[IoSlice::new(&header)], 0)?;
        file.sync_data()?;
        self.files.disk.sync_dir(&self.files.dir)?;
        self.open = Some(file);
        let len = u64::try_from(header.len()).unwrap_or(u64::MAX);
        self.files.segments.push_back(Segment { sequence, last_index: None, len });
        self.claim();
        Ok(())
    }

    /// Removes segments from the front, one at a time and each for certain before the next, so that a
    /// crash never leaves a hole.
    fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let keep_from = match self.files.keep_from.load(Ordering::Acquire) {
            KEEP_ALL => return Ok(()),
            // The entry a kept snapshot ends with is in the snapshot.
            index => index + 1,
        };
        let keep_from = keep_from.min(upto.index.saturating_add(1));
        while self.files.segments.len() > 1 {
            let needed = |oldest: &Segment| oldest.last_index.is_some_and(|last| last >= keep_from);
            match self.files.segments.front() {
                Some(oldest) if !needed(oldest) => {
                    let path = segment::path(&self.files.dir, oldest.sequence);
                    self.files.disk.remove_file(&path)?;
                    self.files.disk.sync_dir(&self.files.dir)?;
                    self.files.segments.pop_front();
                }
                _ => break,
            }
        }
        Ok(())
    }
}
