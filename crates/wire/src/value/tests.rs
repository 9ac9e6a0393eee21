//! What the derive makes of attributes, and each wire form byte by byte.

use bytes::Bytes;
use uuid::Uuid;

use crate::{DecodeReason, EncodeError, Message, Records, Str};

/// Something of everything the schemas have.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(versions = "1-4", flexible = "3+")]
struct Sample {
    #[field(versions = "2+", nullable = "3+", default = Str::EMPTY)]
    name: Option<Str>,
    #[field(versions = "1-2", default = -1)]
    strict: i32,
    #[field(versions = "1-2", default = -1, ignorable)]
    lax: i32,
    parts: Vec<Part>,
    #[field(versions = "4", tag = 5)]
    late: Option<Str>,
    #[field(versions = "3+", default = 7, ignorable, tag = 0)]
    early: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
struct Part {
    id: i8,
    #[field(versions = "2+")]
    inner: Option<Inner>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
struct Inner {
    flag: bool,
}

fn check(sample: &Sample, version: i16, expected: &[u8]) {
    let encoded = sample.encode(version).expect("encodes").to_bytes().expect("in memory");
    assert_eq!(encoded.as_ref(), expected, "version {version} of {sample:?}");
    let decoded = Sample::decode_exact(encoded, version).expect("decodes");
    assert_eq!(&decoded, sample, "version {version}");
}

fn fails(bytes: &[u8], version: i16) -> (&'static str, usize, DecodeReason) {
    let error = Sample::decode_exact(Bytes::copy_from_slice(bytes), version).expect_err("hostile");
    (error.field, error.position, error.reason)
}

#[test]
fn defaults_are_those_of_the_attributes() {
    let expected = Sample {
        name: Some(Str::EMPTY),
        strict: -1,
        lax: -1,
        parts: Vec::new(),
        late: None,
        early: 7,
    };
    assert_eq!(Sample::default(), expected);
}

#[test]
fn fields_come_and_go_with_versions() {
    let sample = Sample {
        name: Some("né".into()),
        strict: 1,
        lax: 2,
        parts: vec![Part { id: 9, inner: Some(Inner { flag: true }) }, Part::default()],
        ..Sample::default()
    };
    let one = Sample {
        name: Some(Str::EMPTY),
        parts: vec![Part { id: 9, inner: None }, Part::default()],
        ..sample.clone()
    };
    check(&one, 1, b"\0\0\0\x01\0\0\0\x02\0\0\0\x02\x09\0");
    check(&sample, 2, b"\0\x03n\xc3\xa9\0\0\0\x01\0\0\0\x02\0\0\0\x02\x09\x01\x01\0\xff");
    let three = Sample { strict: -1, lax: -1, ..sample };
    // Compact lengths; each struct ends in its tags.
    check(&three, 3, b"\x04n\xc3\xa9\x03\x09\x01\x01\0\0\0\xff\0\0");
    check(&Sample { name: None, ..three }, 4, b"\0\x03\x09\x01\x01\0\0\0\xff\0\0");
}

#[test]
fn tagged_fields_are_sent_in_order_and_only_if_set() {
    let sample = Sample { late: Some("x".into()), early: 1, ..Sample::default() };
    check(&sample, 4, b"\x01\x01\x02\x00\x08\0\0\0\0\0\0\0\x01\x05\x02\x02x");
    check(&Sample { early: 7, ..sample }, 4, b"\x01\x01\x01\x05\x02\x02x");
    check(&Sample::default(), 4, b"\x01\x01\0");
}

#[test]
fn unknown_tags_are_skipped() {
    // Tag 5 is not known in version 3, tag 300 in none.
    let bytes = b"\x01\x01\x03\x00\x08\0\0\0\0\0\0\0\x01\x05\x02\x02x\xac\x02\x03abc";
    let decoded = Sample::decode_exact(Bytes::from_static(bytes), 3).expect("decodes");
    assert_eq!(decoded, Sample { early: 1, ..Sample::default() });
}

#[test]
fn what_a_version_cannot_carry_is_an_error() {
    let error = |sample: Sample, version| sample.encode(version).expect_err("cannot be sent");
    let unsupported = |field, version| EncodeError::Unsupported { field, version };

    let named = Sample { name: Some("x".into()), ..Sample::default() };
    assert_eq!(error(named, 1), unsupported("Sample.name", 1));
    let strict = Sample { strict: 0, ..Sample::default() };
    assert_eq!(error(strict, 3), unsupported("Sample.strict", 3));
    let late = Sample { late: Some("x".into()), ..Sample::default() };
    assert_eq!(error(late.clone(), 3), unsupported("Sample.late", 3));
    assert_eq!(error(late, 2), unsupported("Sample.late", 2));
    let null = Sample { name: None, ..Sample::default() };
    assert_eq!(error(null, 2), EncodeError::Null { field: "Sample.name", version: 2 });
    let inner = Part { id: 0, inner: Some(Inner::default()) };
    let nested = Sample { parts: vec![inner], ..Sample::default() };
    assert_eq!(error(nested, 1), unsupported("Part.inner", 1));

    let lax = Sample { lax: 5, early: 5, ..Sample::default() };
    check(&Sample { lax: -1, ..lax.clone() }, 3, b"\x01\x01\x01\0\x08\0\0\0\0\0\0\0\x05");
    assert!(lax.encode(3).is_ok(), "an ignorable field is dropped");
    assert!(lax.encode(2).is_ok(), "an ignorable tagged field is dropped");
}

#[test]
fn text_beyond_its_length_field_is_an_error() {
    let sample = Sample { name: Some("x".repeat(0x8000).into()), ..Sample::default() };
    for version in [2, 3] {
        let error = sample.encode(version).expect_err("too long");
        assert_eq!(error, EncodeError::TooLong { what: "text", len: 0x8000 });
    }
    let longest = Sample { name: Some("x".repeat(0x7fff).into()), ..Sample::default() };
    for version in [2, 3] {
        let bytes = longest.encode(version).expect("fits").to_bytes().expect("in memory");
        assert_eq!(Sample::decode_exact(bytes, version).as_ref(), Ok(&longest));
    }
}

#[test]
fn malformed_bytes_say_where_and_why() {
    use DecodeReason::*;
    let name = "Sample.name";
    let parts = "Sample.parts";
    assert_eq!(fails(b"\0\x02a", 2), (name, 2, Truncated { needed: 2, left: 1 }));
    assert_eq!(fails(b"\0\x01\xff", 2), (name, 3, Utf8));
    assert_eq!(fails(b"\xff\xff", 2), (name, 2, Null));
    assert_eq!(fails(b"\xff\xfe", 2), (name, 2, Length(-2)));
    assert_eq!(fails(b"\x81\x80\x80\x80\x10", 3), (name, 5, Varint));
    assert_eq!(fails(b"\x80\x80\x80\x80\x80\x01", 3), (name, 5, Varint));
    assert_eq!(fails(b"\x81\x80\x02", 3), (name, 3, Length(0x8000)));
    assert_eq!(fails(b"\0\0", 3), (parts, 2, Null));
    assert_eq!(
        fails(b"\0\xff\xff\xff\xff\x0f\0\0\0", 3),
        (parts, 6, ArrayLength { declared: 0xffff_fffe, left: 3 }),
    );
    // Three parts take at least nine bytes.
    assert_eq!(
        fails(b"\0\x04\0\0\0\0\0\0\0\0", 3),
        (parts, 2, ArrayLength { declared: 3, left: 8 }),
    );
    assert_eq!(
        fails(b"\0\x01\x01\x00\x09\0\0\0\0\0\0\0\x01\0", 3),
        ("Sample.early", 14, TaggedSize { tag: 0, declared: 9 }),
    );
    // The field ends where its tag says, whatever comes after.
    assert_eq!(
        fails(b"\0\x01\x01\x00\x04\0\0\0\0\0\0\0\x01", 3),
        ("Sample.early", 5, Truncated { needed: 8, left: 4 }),
    );
    assert_eq!(fails(b"\0\x01\0\0", 3), ("Sample", 3, Trailing(1)));
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(versions = "0-1", flexible = "1+")]
struct Plain {
    id: Uuid,
    small: u16,
    large: u32,
    blob: Bytes,
    records: Option<Records>,
    numbers: Option<Vec<i16>>,
}

#[test]
fn plain_types_have_their_widths() {
    let plain = Plain {
        id: Uuid::from_u128(0x0102),
        small: 0xfffe,
        large: 3,
        blob: Bytes::from_static(b"b"),
        records: Some(Records::empty()),
        numbers: Some(vec![-2]),
    };
    let id = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02";
    let check = |plain: &Plain, version, rest: &[u8]| {
        let bytes = plain.encode(version).expect("encodes").to_bytes().expect("in memory");
        let mut expected = id.to_vec();
        expected.extend_from_slice(rest);
        assert_eq!(bytes, expected, "version {version}");
        assert_eq!(Plain::decode_exact(bytes, version).as_ref(), Ok(plain));
    };
    check(&plain, 0, b"\xff\xfe\0\0\0\x03\0\0\0\x01b\0\0\0\0\0\0\0\x01\xff\xfe");
    check(&plain, 1, b"\xff\xfe\0\0\0\x03\x02b\x01\x02\xff\xfe\0");
    let nulls = Plain { records: None, numbers: None, ..plain };
    check(&nulls, 0, b"\xff\xfe\0\0\0\x03\0\0\0\x01b\xff\xff\xff\xff\xff\xff\xff\xff");
    check(&nulls, 1, b"\xff\xfe\0\0\0\x03\x02b\0\0\0");
}
