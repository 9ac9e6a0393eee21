//! Which bytes are copied, which are passed on, and in what pieces they leave.

use bytes::Bytes;

use super::*;
use crate::Records;

fn large(fill: u8) -> Bytes {
    Bytes::from(vec![fill; SHARE_MIN])
}

#[test]
fn large_bytes_are_passed_on_and_small_ones_copied() {
    let (large, small) = (large(1), Bytes::from(vec![2; SHARE_MIN - 1]));
    let mut encoder = Encoder::default();
    encoder.put(b"head");
    encoder.put_shared(&large);
    encoder.put_shared(&small);
    encoder.put_external(7, 1 << 20);
    encoder.put(b"tail");
    let encoded = encoder.finish();
    assert_eq!(encoded.len(), 4 + SHARE_MIN + SHARE_MIN - 1 + (1 << 20) + 4);
    assert_eq!(
        encoded.pieces(),
        [
            Piece::Bytes(Bytes::from_static(b"head")),
            Piece::Bytes(large.clone()),
            Piece::Bytes(small),
            Piece::External { token: 7, len: 1 << 20 },
            Piece::Bytes(Bytes::from_static(b"tail")),
        ]
    );
    match encoded.pieces() {
        [_, Piece::Bytes(passed_on), ..] => assert_eq!(passed_on.as_ptr(), large.as_ptr()),
        pieces => panic!("{pieces:?}"),
    }
    assert_eq!(encoded.to_bytes(), None, "an external piece has no bytes here");
}

#[test]
fn counting_and_writing_agree() {
    fn put(sink: &mut impl Sink) {
        sink.put(b"abc");
        sink.put_shared(&large(0));
        sink.put_external(0, 99);
        for value in [0, 0x7f, 0x80, 0x3fff, 0x4000, u32::MAX] {
            sink.put_uvarint(value);
        }
    }
    let mut counter = Counter::default();
    put(&mut counter);
    let mut encoder = Encoder::with_capacity(counter.copied());
    put(&mut encoder);
    assert_eq!(encoder.len(), counter.total());
    assert_eq!(counter.copied(), 3 + 1 + 1 + 2 + 2 + 3 + 5);
}

#[test]
fn an_encoder_is_used_again() {
    let mut encoder = Encoder::with_capacity(8);
    encoder.put(b"one");
    assert_eq!(encoder.take().to_bytes().as_deref(), Some(&b"one"[..]));
    assert!(encoder.is_empty());
    assert!(encoder.take().is_empty());
    encoder.put(b"two");
    assert_eq!(encoder.finish().to_bytes().as_deref(), Some(&b"two"[..]));
}

#[test]
fn records_keep_the_order_of_their_pieces() {
    let records = Records::external([
        Piece::Bytes(Bytes::from_static(b"ab")),
        Piece::External { token: 1, len: 0 },
        Piece::Bytes(Bytes::from_static(b"c")),
    ]);
    assert_eq!(records.len(), 3);
    assert_eq!(records.pieces().len(), 2, "an empty piece is left out");
    assert_eq!(records.to_bytes().as_deref(), Some(&b"abc"[..]));
    assert!(Records::from(Bytes::new()).is_empty());
}
