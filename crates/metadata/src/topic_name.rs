//! What a topic may be called.
//!
//! A name becomes a folder and, with `.` turned into `_`, part of metric names: hence the characters,
//! the length and the rule that two names may not differ in `.` and `_` alone.

use crate::limits::TOPIC_NAME_CHARS_MAX;
use crate::{Image, Refusal};

/// Whether `name` may be a topic's at all, whatever else exists.
pub fn check_topic_name(name: &str) -> Result<(), Refusal> {
    let refuse = |reason: String| {
        Err(Refusal::InvalidTopicName { name: name.chars().take(300).collect(), reason })
    };
    match name {
        "" => refuse("the empty string is not allowed".to_owned()),
        "." | ".." => refuse(format!("'{name}' is not allowed")),
        _ if name.len() > TOPIC_NAME_CHARS_MAX => refuse(format!(
            "the length of {} is longer than the max allowed length {TOPIC_NAME_CHARS_MAX}",
            name.len()
        )),
        _ if !name.bytes().all(is_allowed) => refuse(format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        )),
        _ => Ok(()),
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// An existing topic whose name differs from `name` in `.` and `_` alone.
pub(crate) fn colliding<'a>(image: &'a Image, name: &str) -> Option<&'a str> {
    if !name.contains(['.', '_']) {
        return None;
    }
    image.topic_names().find(|other| *other != name && same_but_for_dots(other, name))
}

/// Whether two names are equal once `.` is read as `_`.
pub(crate) fn same_but_for_dots(left: &str, right: &str) -> bool {
    let fold = |byte: u8| if byte == b'.' { b'_' } else { byte };
    left.len() == right.len() && left.bytes().map(fold).eq(right.bytes().map(fold))
}
