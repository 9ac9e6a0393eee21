//! The two tasks of a connection: one writes frames, one reads them.
//!
//! The first of them to fail says why in `lost` and ends; the other ends because their shared queue
//! closes or the socket does.

use std::io::{self, IoSlice};
use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes, BytesMut};
use env::Net;
use env::net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use wire::{Piece, frame};

use super::{Outgoing, Waiter};
use crate::ClientError;

/// Frames that one write carries at most.
const FRAMES_PER_WRITE: usize = 64;
/// Slices that one vectored write takes; the kernel's limit is 1024.
const SLICES_PER_WRITE: usize = 128;
/// The read buffer grows by this at most, however much a frame declares.
const READ_STEP: usize = 256 * 1024;
/// There is room for this much before a read; most answers fit.
const READ_MIN: usize = 8 * 1024;

/// Connects to the first address behind a name that accepts.
pub(super) async fn connect(net: &Net, address: &str) -> Result<Stream, ClientError> {
    let resolve = |reason: String| ClientError::Resolve { address: address.to_owned(), reason };
    let found = net.resolve(address).await.map_err(|error| resolve(error.to_string()))?;
    let mut failure = resolve("the name has no address".to_owned());
    for socket_address in found {
        match net.connect(socket_address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                failure = ClientError::Connect {
                    address: address.to_owned(),
                    kind: error.kind(),
                    reason: error.to_string(),
                };
            }
        }
    }
    Err(failure)
}

/// Writes what comes through the queue until it is closed or the socket fails.
pub(super) async fn write(
    mut socket: WriteHalf<Stream>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    expect: mpsc::Sender<Waiter>,
    lost: Arc<OnceLock<String>>,
) {
    let mut frames = Vec::with_capacity(FRAMES_PER_WRITE);
    while outgoing.recv_many(&mut frames, FRAMES_PER_WRITE).await > 0 {
        let mut pieces = Vec::with_capacity(frames.len());
        for Outgoing { frame, waiter } in frames.drain(..) {
            if let Some(waiter) = waiter
                && expect.send(waiter).await.is_err()
            {
                // The reader ended and has said why.
                return;
            }
            pieces.extend(frame.into_pieces().filter_map(|piece| match piece {
                Piece::Bytes(bytes) => Some(bytes),
                // Requests carry no regions of files.
                Piece::External { .. } => None,
            }));
        }
        if let Err(error) = write_all(&mut socket, pieces).await {
            let _ = lost.set(error.to_string());
            return;
        }
    }
    let _ = socket.shutdown().await;
}

async fn write_all(socket: &mut WriteHalf<Stream>, pieces: Vec<Bytes>) -> io::Result<()> {
    let mut pieces = std::collections::VecDeque::from(pieces);
    while !pieces.is_empty() {
        let slices: Vec<_> =
            pieces.iter().take(SLICES_PER_WRITE).map(|piece| IoSlice::new(piece)).collect();
        let mut written = socket.write_vectored(&slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(first) = pieces.front_mut() {
            if written < first.len() {
                first.advance(written);
                break;
            }
            written -= first.len();
            pieces.pop_front();
        }
    }
    socket.flush().await
}

/// Reads answers and hands them out until the socket closes or says something it must not.
pub(super) async fn read(
    mut socket: ReadHalf<Stream>,
    mut expected: mpsc::Receiver<Waiter>,
    frame_len_max: usize,
    lost: Arc<OnceLock<String>>,
) {
    let reason = read_answers(&mut socket, &mut expected, frame_len_max).await;
    let _ = lost.set(reason);
    // Dropping the queue drops the waiters in it, whose senders then see `lost`.
}

/// Reads until the socket ends or fails; answers why.
async fn read_answers(
    socket: &mut ReadHalf<Stream>,
    expected: &mut mpsc::Receiver<Waiter>,
    frame_len_max: usize,
) -> String {
    let mut buffer = BytesMut::new();
    loop {
        if let Err(reason) = deliver_all(&mut buffer, expected, frame_len_max) {
            return reason;
        }
        let missing = match frame::peek_frame_len(&buffer, frame_len_max) {
            Ok(Some(len)) => (len + frame::LEN_SIZE).saturating_sub(buffer.len()),
            Ok(None) => READ_MIN,
            Err(error) => return error.to_string(),
        };
        buffer.reserve(missing.clamp(READ_MIN, READ_STEP));
        match socket.read_buf(&mut buffer).await {
            Ok(0) if buffer.is_empty() => return "the node closed it".to_owned(),
            Ok(0) => return "the node closed it in the middle of an answer".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
    }
}

fn deliver_all(
    buffer: &mut BytesMut,
    expected: &mut mpsc::Receiver<Waiter>,
    frame_len_max: usize,
) -> Result<(), String> {
    while let Some(answer) =
        frame::take_frame(buffer, frame_len_max).map_err(|error| error.to_string())?
    {
        deliver(answer, expected)?;
    }
    Ok(())
}

fn deliver(answer: Bytes, expected: &mut mpsc::Receiver<Waiter>) -> Result<(), String> {
    let Some(correlation_id) = frame::peek_correlation_id(&answer) else {
        return Err(format!("an answer of {} bytes", answer.len()));
    };
    match expected.try_recv() {
        Ok(waiter) if waiter.correlation_id == correlation_id => {
            // Whoever waited may have given up.
            let _ = waiter.answer.send(answer);
            Ok(())
        }
        Ok(waiter) => Err(format!(
            "the answer with number {correlation_id} came in the place of {}",
            waiter.correlation_id
        )),
        Err(_) => Err("an answer came to nothing that was asked".to_owned()),
    }
}
