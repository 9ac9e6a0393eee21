//! What is pushed leaves in order, whole, and is counted until it is gone.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use broker::{ColdReads, Region};
use bytes::Bytes;
use env::disk::OpenMode;
use env::net::Stream;
use env::sim::SimDisk;
use env::{Disk, File};
use tokio::io::{AsyncReadExt, duplex};

use super::{FilePiece, Output, PIECE_BYTES, Piece, SENT_AT_ONCE_BYTES, SLICES_MAX};

fn bytes(bytes: &[u8]) -> Piece {
    Piece::Bytes(Bytes::copy_from_slice(bytes))
}

/// A file whose bytes count up.
fn file(len: u8) -> Arc<dyn File> {
    let disk = SimDisk::new();
    disk.create_dir_all("/f".as_ref()).unwrap();
    let file = disk.open("/f/f".as_ref(), OpenMode::CreateNew).unwrap();
    let content: Vec<u8> = (0..len).collect();
    file.write_all_at(&[std::io::IoSlice::new(&content)], 0).unwrap();
    file
}

fn region(file: &Arc<dyn File>, position: u64, len: usize) -> Piece {
    let region = Region { file: file.clone(), position, len };
    Piece::File(FilePiece { region, in_memory: 0 })
}

/// Sends through a pipe that takes few bytes at a time; gives what came out.
async fn through(output: &mut Output, pipe: usize) -> Vec<u8> {
    let (ours, mut theirs) = duplex(pipe);
    let send = async move {
        let (mut stream, mut sent) = (Stream::Simulated(ours), 0);
        let cold_reads = ColdReads::default();
        poll_fn(|context| output.poll_flush(context, &mut stream, &cold_reads, &mut sent))
            .await
            .unwrap();
        sent
    };
    let mut came = Vec::new();
    let (sent, read) = tokio::join!(send, theirs.read_to_end(&mut came));
    assert_eq!(sent, read.unwrap());
    came
}

#[tokio::test]
async fn pieces_leave_in_order_whatever_the_peer_takes() {
    let file = file(200);
    for pipe in [1, 2, 3, 7, 64, 4096] {
        let mut output = Output::default();
        let mut expected = Vec::new();
        for round in 0..100_u8 {
            output.push(bytes(&[round; 3]));
            expected.extend_from_slice(&[round; 3]);
            if round % 10 == 0 {
                output.push(region(&file, round.into(), 50));
                expected.extend(round..round + 50);
            }
        }
        assert_eq!(through(&mut output, pipe).await, expected, "through a pipe of {pipe} bytes");
        assert!(output.is_empty());
        assert_eq!(output.cost(), 0);
    }
}

#[test]
fn a_buffer_counts_whole_until_all_of_it_was_sent() {
    let mut output = Output::default();
    output.push(bytes(&[1; 1000]));
    output.push(bytes(&[]));
    output.push(bytes(&[2; 10]));
    assert_eq!(output.cost(), 1010 + 2 * PIECE_BYTES);
    output.advance(999);
    assert_eq!(output.cost(), 1010 + 2 * PIECE_BYTES);
    output.advance(1);
    assert_eq!(output.cost(), 10 + PIECE_BYTES);
    output.advance(10);
    assert_eq!(output.cost(), 0);
    assert!(output.is_empty());
}

#[test]
fn a_region_costs_its_handle() {
    let mut output = Output::default();
    output.push(region(&file(10), 0, 10));
    output.push(region(&file(10), 0, 0));
    assert_eq!(output.cost(), PIECE_BYTES);
}

#[tokio::test]
async fn a_file_that_is_too_short_ends_the_connection() {
    let mut output = Output::default();
    output.push(region(&file(10), 10, 10));
    let (ours, _theirs) = duplex(64);
    let mut context = Context::from_waker(Waker::noop());
    let flushed = output.poll_flush(
        &mut context,
        &mut Stream::Simulated(ours),
        &ColdReads::default(),
        &mut 0,
    );
    let Poll::Ready(Err(error)) = flushed else { panic!("sent what is not there: {flushed:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

/// The peer takes whatever is sent, and others have their turn all the same.
#[tokio::test]
async fn a_connection_that_never_waits_comes_again() {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Woken>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let mut output = Output::default();
    for _ in 0..SLICES_MAX * 4 {
        output.push(bytes(&[7; 16 << 10]));
    }
    let (ours, _theirs) = duplex(64 << 20);
    let mut stream = Stream::Simulated(ours);
    let mut turns = Vec::new();
    while !output.is_empty() {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        let mut sent = 0;
        let flushed = output.poll_flush(
            &mut Context::from_waker(&waker),
            &mut stream,
            &ColdReads::default(),
            &mut sent,
        );
        assert_eq!(flushed.is_pending(), !output.is_empty(), "{flushed:?}");
        assert_eq!(woken.0.load(Ordering::Relaxed), flushed.is_pending());
        turns.push(sent);
    }
    assert_eq!(turns, [SENT_AT_ONCE_BYTES; 4]);
}

#[tokio::test]
async fn a_peer_that_is_gone_is_an_error() {
    let mut output = Output::default();
    output.push(bytes(&[1]));
    let (ours, theirs) = duplex(64);
    drop(theirs);
    let mut context = Context::from_waker(Waker::noop());
    let flushed = output.poll_flush(
        &mut context,
        &mut Stream::Simulated(ours),
        &ColdReads::default(),
        &mut 0,
    );
    assert!(matches!(flushed, Poll::Ready(Err(_))), "{flushed:?}");
}
