//! Numbers of every length both ways, and endless ones.

use super::*;
use proptest::prelude::*;

#[test]
fn known_encodings() {
    for (number, bytes) in [
        (0_i64, &[0x00_u8][..]),
        (-1, &[0x01]),
        (1, &[0x02]),
        (-64, &[0x7f]),
        (64, &[0x80, 0x01]),
        (300, &[0xd8, 0x04]),
        (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
    ] {
        let mut out = Vec::new();
        write_i64(&mut out, number);
        assert_eq!(out, bytes, "{number}");
        assert_eq!(read_i64(&mut &out[..]), Some(number));
    }
}

#[test]
fn refuses_what_does_not_fit() {
    assert_eq!(read_i32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None, "33 bits");
    assert_eq!(read_i32(&mut &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00][..]), None, "six bytes");
    assert_eq!(read_i64(&mut &[0xff; 10][..]), None, "never ends");
    let two_bits = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(read_i64(&mut &two_bits[..]), None, "65 bits");
    assert_eq!(read_i64(&mut &[0x80][..]), None, "cut");
    assert_eq!(read_i64(&mut &[][..]), None, "empty");
}

proptest! {
    #[test]
    fn round_trip(number in any::<i64>(), shift in 0_u32..64) {
        let number = number >> shift;
        let mut out = Vec::new();
        write_i64(&mut out, number);
        prop_assert_eq!(out.len(), len_i64(number));
        let mut left = &out[..];
        prop_assert_eq!(read_i64(&mut left), Some(number));
        prop_assert!(left.is_empty());
        if let Ok(small) = i32::try_from(number) {
            let mut out = Vec::new();
            write_i32(&mut out, small);
            prop_assert_eq!(out.len(), len_i32(small));
            prop_assert_eq!(read_i32(&mut &out[..]), Some(small));
        }
    }
}
